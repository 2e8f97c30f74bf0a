"""What arrives: every cell of a hostile set, through each way into Postgres, in a zone not UTC's.

The real target, in a database in Europe/Paris, with messages around the October night, in which two
hours of UTC are one and the same there.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from benchmarks import hostile
from pipeline.environments import environment
from pipeline.postgres import postgres, sqlalchemy_url
from pipeline.root import ROOT
from tests.support.exported import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.hostile import Row

    Config = dict[str, object]

TARGET = "target-postgres"
FAKE_SNOWFLAKE = ROOT / "tests" / "support" / "fake_snowflake.py"
#: What meltano.yml recommends, whose loader says what its process must have.
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
(LOADER,) = [entry for entry in MELTANO["plugins"]["loaders"] if entry["name"] == TARGET]
FAST: Config = {"validate_records": False, "sanitize_null_text_characters": True}
TEXT_COSTS: Config = {"decimals": "x-singer.decimal"}
COPY: Config = {**FAST, "use_copy": True}


def files(form: str) -> Config:
    """A setting of the tap for batch files; the test says where."""
    return {"batch_config": {"encoding": {"format": form}, "batch_size": 40}}


def environment_of(name: str) -> Config:
    """What an environment of meltano.yml sets, of all its plugins."""
    (found,) = [entry for entry in MELTANO["environments"] if entry["name"] == name]
    kinds = found["config"]["plugins"].values()
    return {name: value for kind in kinds for one in kind for name, value in one["config"].items()}


@pytest.fixture(scope="module")
def paris() -> Iterator[str]:
    """A database in Europe/Paris."""
    with postgres() as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER DATABASE postgres SET timezone TO 'Europe/Paris'")
        with psycopg.connect(uri) as connection:
            assert connection.execute("SHOW timezone").fetchone() == ("Europe/Paris",)
        yield uri


def load(
    uri: str, folder: Path, output: bytes, config: Config, variables: dict[str, str]
) -> list[Row]:
    """Load what the tap wrote with the real target, and give what the table has then."""
    schema = folder.name.replace("-", "_")
    path = folder / "target.json"
    own = {"sqlalchemy_url": sqlalchemy_url(uri), "default_target_schema": schema}
    path.write_text(json.dumps({**own, **config}), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "PGTZ"}
    done = subprocess.run(
        [environment(TARGET) / TARGET, "--config", path],
        env=kept | variables,
        input=output,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    names = list(hostile.messages()[0])
    with psycopg.connect(uri) as connection:
        found = connection.execute(
            f"SELECT {', '.join(names)} FROM {schema}.sms_messages ORDER BY 1"  # noqa: S608
        ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def in_postgres(rows: list[Row]) -> list[Row]:
    """The truth with its moments as the table has them: in UTC without saying so."""
    return [
        {
            name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def tap_output(folder: Path, rows: list[Row], more: Config) -> bytes:
    """What the tap writes of these rows, its batch files in this folder."""
    hostile.write_csv(folder / "export.csv", rows)
    if isinstance(batches := more.get("batch_config"), dict):
        storage = {"storage": {"root": (folder / "files").as_uri()}}
        more = {**more, "batch_config": {**batches, **storage}}
    output = written(folder / "export.csv", rows, more)
    kind = b'"type":"BATCH"' if "batch_config" in more else b'"type":"RECORD"'
    assert output.count(kind) >= len(rows) / 40
    return output


@pytest.mark.parametrize(
    ("target", "tap"),
    [
        ({}, {}),
        (FAST, {}),
        (FAST, TEXT_COSTS),
        (FAST, files("jsonl")),
        (FAST, files("parquet")),
        (FAST, {**TEXT_COSTS, **files("jsonl")}),
    ],
    ids=["defaults", "fast", "fast-texts", "jsonl", "parquet", "jsonl-texts"],
)
def test_every_cell_arrives_as_it_was(
    target: Config, tap: Config, paris: str, tmp_path: Path
) -> None:
    """Texts, costs of up to 38 digits, times of the October night, nulls and objects."""
    rows = hostile.messages()

    found = load(paris, tmp_path, tap_output(tmp_path, rows, tap), target, LOADER["env"])

    assert len(found) > 90
    assert found == in_postgres(rows)


@pytest.mark.parametrize("tap", [{}, files("jsonl")], ids=["records", "jsonl"])
def test_copy_keeps_costs_of_15_digits(tap: Config, paris: str, tmp_path: Path) -> None:
    """With `use_copy` the target makes a floating point number of each cost; all else arrives."""
    rows = hostile.messages(hostile.SHORT_COSTS)

    found = load(paris, tmp_path, tap_output(tmp_path, rows, tap), COPY, LOADER["env"])

    assert found == in_postgres(rows)


@pytest.mark.parametrize("tap", [{}, TEXT_COSTS], ids=["numbers", "texts"])
def test_copy_rounds_longer_costs(tap: Config, paris: str, tmp_path: Path) -> None:
    """As the documents say; once it does not any more, they can say better."""
    rows = hostile.messages(("0.12345678901234567",))

    found = load(paris, tmp_path, tap_output(tmp_path, rows, tap), COPY, LOADER["env"])

    assert {row["cost_value"] for row in found} == {Decimal("0.12345678901234566")}


def test_a_zone_in_the_address_does_as_well(paris: str, tmp_path: Path) -> None:
    """For a project whose loader has no such variable: `options` in its `sqlalchemy_url`."""
    rows = hostile.messages()
    url = f"{sqlalchemy_url(paris)}&options=-c%20timezone%3DUTC"

    found = load(paris, tmp_path, tap_output(tmp_path, rows, {}), {"sqlalchemy_url": url}, {})

    assert found == in_postgres(rows)


def test_without_a_zone_two_hours_become_one(paris: str, tmp_path: Path) -> None:
    """What that cures; once the target does so itself, nobody needs it."""
    rows = hostile.messages()

    found = load(paris, tmp_path, tap_output(tmp_path, rows, {}), FAST, {})

    assert len({row["created_at"] for row in rows}) == len(rows)
    assert len({row["created_at"] for row in found}) == len(rows) - 12


def test_nullif_tells_rows_without_extra(paris: str, tmp_path: Path) -> None:
    """The target stores JSON's `null` where there is no object, which is a value to Postgres."""
    rows = hostile.messages()
    hostile.write_csv(tmp_path / "export.csv", rows, notes=False)
    output = written(tmp_path / "export.csv", rows)

    load(paris, tmp_path, output, FAST, LOADER["env"])

    schema = tmp_path.name.replace("-", "_")
    with psycopg.connect(paris) as connection:
        counts = connection.execute(
            "SELECT count(*), count(extra), count(nullif(extra, 'null'))"  # noqa: S608
            f" FROM {schema}.sms_messages"
        ).fetchone()
    assert counts == (len(rows), len(rows), 0)


@pytest.mark.parametrize("lane", ["files", "records"])
def test_snowflake_would_hold_every_cell(lane: str, tmp_path: Path) -> None:
    """As its environment in meltano.yml says, and with single records: costs to all their digits.

    As far as fakesnow goes, which reads what the target's MERGE selects of the staged rows.
    """
    own = environment_of("snowflake")
    batches = own["batch_config"]
    assert isinstance(batches, dict)
    assert batches["encoding"] == {"format": "jsonl", "compression": "gzip"}
    tap: Config = {"decimals": own["decimals"]}
    if lane == "files":
        tap["batch_config"] = {**batches, "batch_size": 40}
    rows = hostile.messages()
    output = tap_output(tmp_path, rows, tap)

    found = in_fake_snowflake(output, tmp_path)

    names = list(rows[0])
    kinds = found["columns"]
    assert kinds["COST_VALUE"] == "NUMBER(38,20)"
    loaded = [dict(zip(names, row, strict=False)) for row in found["loaded"]]
    assert sorted(map(hostile.comparable, loaded)) == [hostile.comparable(row) for row in rows]
    # One of each for a file; for single records, one for `batch_size_rows` of them.
    assert len(found["puts"]) == len(found["merges"]) == (3 if lane == "files" else 1)
    if lane == "files":
        assert not list((tmp_path / "files").iterdir())


def test_numbers_are_floats_in_snowflake(tmp_path: Path) -> None:
    """What `decimals` is for."""
    found = in_fake_snowflake(tap_output(tmp_path, hostile.messages(), {}), tmp_path)

    assert found["columns"]["COST_VALUE"] == "FLOAT"


def in_fake_snowflake(output: bytes, folder: Path) -> Any:  # noqa: ANN401 - JSON
    """What the real target makes of what the tap wrote; see `fake_snowflake.py`."""
    done = subprocess.run(
        [environment("target-snowflake") / "python", FAKE_SNOWFLAKE],
        env=os.environ
        | {"TMPDIR": str(folder), "TARGET_SNOWFLAKE_CONFIG": '{"validate_records": false}'},
        input=output,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return json.loads(done.stdout.splitlines()[-1])  # after the STATE messages


def test_jsonl_holds_every_cell(tmp_path: Path) -> None:
    """In its pinned version in meltano.yml: the records as they left, those of each run anew."""
    rows = hostile.messages()
    output = tap_output(tmp_path, rows, {})
    config = tmp_path / "target.json"
    config.write_text(json.dumps({"destination_path": str(tmp_path), "do_timestamp_file": False}))

    for _ in range(2):
        subprocess.run(
            [environment("target-jsonl") / "target-jsonl", "--config", config],
            input=output,
            capture_output=True,
            check=True,
        )

    lines = (tmp_path / "sms_messages.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    records = [json.loads(line, parse_float=Decimal) for line in lines]
    assert len(records) == 2 * len(rows)
    for record in records:
        for name in ("created_at", "sent_at"):
            moment = record[name] and datetime.fromisoformat(record[name])
            record[name] = moment and moment.astimezone(UTC)
    found = [hostile.comparable({name: record[name] for name in rows[0]}) for record in records]
    assert found == [hostile.comparable(row) for row in rows] * 2
