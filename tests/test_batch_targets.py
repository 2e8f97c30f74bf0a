"""Batch files into the real targets, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from pipeline.environments import environment
from pipeline.postgres import postgres, sqlalchemy_url
from pipeline.root import ROOT
from tap_mailjet_sms.schema import COLUMNS
from tests.support.account import Output, account, batch_config, comparable, records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.account import JSON

# Hostile text in unknown columns.
LAYOUT = "extra"
FAKE_SNOWFLAKE = ROOT / "tests" / "support" / "fake_snowflake.py"
NAMES = [column.name for column in COLUMNS]


def _in_postgres(record: JSON) -> JSON:
    """A record with its moments as Postgres has them: in UTC without saying so."""
    return {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in record.items()
    }


def expected() -> dict[str, JSON]:
    """What a warehouse must hold: the records of the RECORD lane, by their key."""
    with account(LAYOUT) as there:
        return {
            record["message_id"]: comparable(record)
            for record in records(there.run(there.config()))
        }


def messages(folder: Path, encoding: dict[str, str]) -> bytes:
    """What the tap writes to stdout, its batch files in a folder."""
    output = Output()
    with account(LAYOUT) as there:
        there.run(there.config(batch_config(folder, encoding, batch_size=400)), output=output)
    assert output.written.count(b'"BATCH"') > 2
    return bytes(output.written)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[str]:
    """An embedded Postgres."""
    with postgres() as uri:
        yield uri


@pytest.mark.parametrize(
    "encoding",
    [
        {"format": "jsonl", "compression": "gzip"},
        {"format": "jsonl", "compression": "none"},
        {"format": "parquet"},
        {"format": "parquet", "compression": "gzip"},
    ],
    ids=lambda encoding: "-".join(encoding.values()),
)
def test_target_postgres_loads_every_field(
    encoding: dict[str, str], warehouse: str, tmp_path: Path
) -> None:
    """In Postgres every row has the values of its record, with the same types for each encoding."""
    schema = "_".join(encoding.values())
    config = tmp_path / "config.json"
    url = sqlalchemy_url(warehouse)
    config.write_text(json.dumps({"sqlalchemy_url": url, "default_target_schema": schema}))

    done = subprocess.run(
        [environment("target-postgres") / "target-postgres", "--config", config],
        input=messages(tmp_path / "files", encoding),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    with psycopg.connect(warehouse) as connection:
        rows = connection.execute(
            f"SELECT {', '.join(NAMES)} FROM {schema}.sms_messages"  # noqa: S608 - our own names
        ).fetchall()
        kinds: dict[str, str] = dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = %s AND column_name = ANY(%s)",
                (schema, NAMES),
            ).fetchall()
        )
    loaded = {str(row[0]): dict(zip(NAMES, row, strict=True)) for row in rows}
    assert len(loaded) == len(rows)
    assert loaded == {key: _in_postgres(record) for key, record in expected().items()}
    assert kinds["cost_value"] == "numeric"
    assert kinds["extra"] == "jsonb"
    assert kinds["created_at"] == "timestamp without time zone"


@pytest.mark.parametrize(
    "encoding",
    [{"format": "arrow"}, {"format": "jsonl", "compression": "gzip"}],
    ids=lambda encoding: "-".join(encoding.values()),
)
def test_target_snowflake_stages_every_field(encoding: dict[str, str], tmp_path: Path) -> None:
    """The target makes the table, stages files with every row, and would merge them by key.

    As far as fakesnow goes: it cannot run a MERGE from a stage, so that the last step is only seen
    as a statement; see `tests/support/fake_snowflake.py`.
    """
    done = subprocess.run(
        [environment("target-snowflake") / "python", FAKE_SNOWFLAKE],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        input=messages(tmp_path / "files", encoding),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])  # after the STATE messages
    rows = {row["message_id"]: comparable(row) for row in found["rows"]}
    assert len(rows) == len(found["rows"])
    assert rows == expected()
    kinds = found["columns"]
    assert list(kinds) == [name.upper() for name in NAMES]
    assert kinds["CREATED_AT"].startswith("TIMESTAMP")
    assert kinds["MESSAGE_ID"].startswith("VARCHAR")
    assert kinds["STATUS_CODE"].startswith("NUMBER")
    assert len(found["merges"]) > 2
    assert all("on d.message_id = s.message_id when" in merge for merge in found["merges"])
