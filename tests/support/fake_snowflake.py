"""Run the real target-snowflake against fakesnow, in an environment that has both.

`python fake_snowflake.py` reads Singer messages from stdin and prints as JSON what became of them.
What fakesnow cannot do is left out, and noted here: it knows no user stage (`@~`), so files go to a
named one; it drops no file format and removes no staged file; and it cannot read rows out of a
stage, so of each MERGE only the statement is kept. The rows are those of the staged files, and what
the table would have of them (`loaded`) is what the MERGE selects of each, cast as it says, in
fakesnow's own reading.

What `TARGET_SNOWFLAKE_CONFIG` holds as JSON is added to the target's configuration.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import fakesnow
import pyarrow as pa
import pyarrow.parquet as pq
from fakesnow.transforms import stage
from sqlalchemy import text

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

STAGE = "DB.SMS.STAGED"
CONFIG = {
    "user": "user",
    "password": "password",
    "account": "account",
    "database": "DB",
    "default_target_schema": "SMS",
    "add_record_metadata": False,
    **json.loads(os.environ.get("TARGET_SNOWFLAKE_CONFIG", "{}")),
}


def main() -> None:
    """Load stdin, then tell what is there."""
    with fakesnow.patch():
        # After the patch: they take the connector's functions by name.
        from snowflake.connector import connect  # noqa: PLC0415
        from target_snowflake.connector import SnowflakeConnector  # noqa: PLC0415
        from target_snowflake.target import TargetSnowflake  # noqa: PLC0415

        merges: list[str] = []
        puts: list[str] = []

        def merge(connector: SnowflakeConnector, **arguments: object) -> int:
            merges.append(str(connector._get_merge_from_stage_statement(**arguments)[0]))
            return 0

        def put(_: SnowflakeConnector, sync_id: str, file_uri: str) -> tuple[object, object]:
            del sync_id  # a folder of the stage
            puts.append(file_uri)
            return text(f"put '{file_uri}' @{STAGE}"), {}

        SnowflakeConnector._get_put_statement = put
        SnowflakeConnector.remove_staged_files = lambda _, **__: None
        SnowflakeConnector.drop_file_format = lambda _, **__: None
        SnowflakeConnector.merge_from_stage = merge

        cursor = connect(user="user", account="account", database="DB", schema="SMS").cursor()
        for statement in ("database if not exists db", "schema if not exists db.sms"):
            cursor.execute(f"create {statement}")
        cursor.execute(f"create stage {STAGE}")
        TargetSnowflake(config=CONFIG).listen(sys.stdin)
        columns = cursor.execute("describe table db.sms.sms_messages").fetchall()
        rows = [
            row for path in sorted(Path(stage.internal_dir(STAGE)).iterdir()) for row in read(path)
        ]
        loaded = as_selected(cursor, merges[0], rows)
    found = {
        "columns": {row[0]: row[1] for row in columns},
        "puts": puts,
        "merges": merges,
        "rows": rows,
        "loaded": loaded,
    }
    json.dump(found, sys.stdout, default=str)


def as_selected(
    cursor: SnowflakeCursor, merge: str, rows: list[dict[str, object]]
) -> list[tuple[object, ...]]:
    """What the columns of a MERGE would be of these rows, in their order."""
    match = re.search(r"using \(select (.*?) from '@", merge)
    columns = match[1].replace("$1:", "line:") if match else ""
    found = []
    for row in rows:
        query = f"select {columns} from (select parse_json(%s) as line)"  # noqa: S608 - the target's
        cursor.execute(query, (json.dumps(row, default=str),))
        found += cursor.fetchall()
    return found


def read(path: Path) -> list[dict[str, object]]:
    """The rows of a staged file, which may have been compressed on its way."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    if content.startswith(b"PAR1"):
        return pq.read_table(pa.BufferReader(content), use_threads=False).to_pylist()
    return [json.loads(line) for line in content.split(b"\n") if line]


if __name__ == "__main__":
    main()
