"""The same records through dlt, merged by their key: `python dlt_postgres.py URI SCHEMA FOLDER`.

They come as Singer messages on stdin; dlt gets them with the types of the columns.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import dlt

if TYPE_CHECKING:
    from collections.abc import Iterator

MOMENTS = ("created_at", "sent_at", "exported_at", "from_ts", "to_ts")
HINTS: dict[str, Any] = {
    **{name: {"data_type": "timestamp", "nullable": True} for name in MOMENTS},
    "cost_value": {"data_type": "decimal", "precision": 38, "scale": 20, "nullable": True},
    "status_description": {"data_type": "text", "nullable": True},
    "extra": {"data_type": "json", "nullable": True},
}


def records() -> Iterator[list[dict[str, object]]]:
    """Pages of records."""
    page: list[dict[str, object]] = []
    for line in sys.stdin.buffer:
        if b'"type":"RECORD"' in line:
            page.append(json.loads(line, parse_float=Decimal)["record"])
            if len(page) == 5000:
                yield page
                page = []
    yield page


def _with_host(uri: str) -> str:
    """The address of a server on a socket with the socket's folder where dlt wants the host."""
    folder = parse_qs(urlsplit(uri).query)["host"][0]
    return f"postgresql://postgres:none@{quote(folder, safe='')}:5432/postgres"


def main(uri: str, schema: str, folder: str) -> None:
    """Load them."""
    pipeline = dlt.pipeline(
        pipeline_name=schema,
        pipelines_dir=folder,
        destination=dlt.destinations.postgres(_with_host(uri)),
        dataset_name=schema,
    )
    resource = dlt.resource(
        records,
        name="sms_messages",
        primary_key="message_id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns=HINTS,
    )
    pipeline.run(resource)


if __name__ == "__main__":
    main(*sys.argv[1:])
