"""The same records through sling, merged by key: `python sling_postgres.py URI SCHEMA [guess]`.

They come as Singer messages on stdin; sling gets them as lines of JSON, with the types of the
columns unless it is to guess them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import IO, cast
from urllib.parse import urlsplit, urlunsplit

from sling_linux_amd64 import SLING_BIN

TYPES = {
    **dict.fromkeys(("message_id", "sender", "recipient", "cost_currency"), "text"),
    **dict.fromkeys(("status_name", "status_description"), "text"),
    **dict.fromkeys(("status_code", "sms_count", "export_id"), "bigint"),
    **dict.fromkeys(("created_at", "sent_at", "exported_at", "from_ts", "to_ts"), "timestampz"),
    "cost_value": "decimal",
    "extra": "json",
}


def main(uri: str, schema: str, types: str = "told") -> None:
    """Load them."""
    database = urlsplit(uri)
    address = urlunsplit(
        database._replace(scheme="postgres", query=f"{database.query}&sslmode=disable")
    )
    options = {"format": "jsonlines", "flatten": 1}
    command = [
        *(SLING_BIN, "run", "--src-options", json.dumps(options)),
        *("--tgt-conn", address, "--tgt-object", f"{schema}.sms_messages"),
        *("--mode", "incremental", "--primary-key", "message_id"),
    ]
    if types == "told":
        command += ["--columns", json.dumps(TYPES)]
    with tempfile.TemporaryDirectory() as home:
        own = {"SLING_HOME_DIR": home, "SLING_DISABLE_TELEMETRY": "true"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | own) as sling:
            into = cast("IO[bytes]", sling.stdin)
            for line in sys.stdin.buffer:
                if b'"type":"RECORD"' in line:
                    begin, end = line.index(b'"record":') + 9, line.rindex(b',"time_extracted":')
                    into.write(line[begin:end] + b"\n")
            into.close()
    sys.exit(sling.returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
