"""The status dictionary without dbt: the SQL files are the seeds, and right on a loaded table."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pytest

from pipeline.environments import environment
from pipeline.postgres import postgres
from scripts.write_dictionary import DICTIONARY, PREFIXES, SEEDS, TABLES, WAREHOUSES, dictionary
from tests.support.history import (
    COUNTRIES,
    FAULTS,
    Sms,
    history,
    load_duckdb,
    load_postgres,
)

if TYPE_CHECKING:
    from pathlib import Path

QUERY = (
    "SELECT outcome, is_final, fault, country_code, message_id FROM mailjet.sms_messages_explained"
)
FAKE_SNOWFLAKE = """
import json, sys
import fakesnow
messages, script, query = json.load(sys.stdin)
with fakesnow.patch():
    from snowflake.connector import connect
    connection = connect(database="raw", schema="mailjet")
    cursor = connection.cursor()
    columns = "message_id text, recipient text, status_code number"
    cursor.execute(f"create table sms_messages ({columns})")
    cursor.executemany("insert into sms_messages values (%s, %s, %s)", messages)
    for _ in range(2):
        for statement in script.split(";\\n"):
            if statement.strip():
                cursor.execute(statement)
    print(json.dumps(cursor.execute(query).fetchall()))
"""


def read_seed(name: str) -> list[dict[str, str]]:
    """The rows of a seed."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def messages() -> list[Sms]:
    """All statuses and one that is not known, and a number of each country; some have neither."""
    found = history(days=10)
    like = found[0]
    strange: list[dict[str, Any]] = [
        {"status_code": 99},
        {"status_code": None},
        {"recipient": None},
        {"recipient": ""},
        {"recipient": "+"},
        {"recipient": "+33 6 12"},
        {"recipient": "+999123456789"},
        {"recipient": "33612345678"},
    ]
    found += [replace(like, message_id=f"strange {n}", **row) for n, row in enumerate(strange)]
    numbers = [f"+{row['prefix']:0<12}" for row in read_seed(PREFIXES)]
    return found + [
        replace(like, message_id=f"prefix {n}", recipient=number)
        for n, number in enumerate(numbers)
    ]


def expected(messages: list[Sms]) -> list[list[Any]]:
    """What the view must say: statuses by Mailjet's codes, countries by the longest prefix."""
    countries = {row["prefix"]: row["country_code"] for row in read_seed(PREFIXES)}
    rows: list[list[Any]] = []
    for sms in messages:
        code = sms.status_code
        outcome = {0: "unconfirmed", 1: "pending", 2: "pending", 3: "delivered"}.get(
            99 if code is None else code, "unconfirmed" if code in {None, 99} else "failed"
        )
        digits = (sms.recipient or "").removeprefix("+")
        begins = [digits[:n] for n in range(8, 0, -1)] if digits.isdecimal() else []
        country = next((countries[b] for b in begins if b in countries), "ZZ")
        final = outcome in {"delivered", "failed"}
        fault = "unknown" if code == 0 else FAULTS.get(-1 if code is None else code)
        rows.append([outcome, final, fault, country, sms.message_id])
    return sorted(rows, key=lambda row: row[-1])


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_files_are_what_make_docs_writes(warehouse: str) -> None:
    """The SQL files follow the seeds, all rows and all columns."""
    text = (DICTIONARY / f"{warehouse}.sql").read_text(encoding="utf-8")
    assert text == dictionary(warehouse), "run `make docs`"
    for table, columns in TABLES.items():
        assert [*read_seed(table)[0]] == [*columns]


def test_on_postgres(messages: list[Sms]) -> None:
    """Run twice, the view tells what each message is, and loses and doubles none."""
    with postgres() as uri:
        load_postgres(uri, messages)
        with psycopg.connect(uri, autocommit=True) as connection:
            for _ in range(2):
                connection.execute(_script("postgres").encode())
            rows = connection.execute(QUERY.encode()).fetchall()
            connection.execute("ALTER TABLE mailjet.sms_messages ADD extra jsonb")
            connection.execute(_script("postgres").encode())
            with_extra = connection.execute("TABLE mailjet.sms_messages_explained LIMIT 1")
            assert [column.name for column in with_extra.description or ()][-1] == "extra"
    assert sorted(map(list, rows), key=lambda row: row[-1]) == expected(messages)


def test_on_duckdb(messages: list[Sms], tmp_path: Path) -> None:
    """The same in a DuckDB file."""
    file = tmp_path / "warehouse.duckdb"
    load_duckdb(file, messages)
    with duckdb.connect(file) as connection:
        for _ in range(2):
            connection.execute(_script("duckdb"))
        rows = connection.execute(QUERY).fetchall()
    assert sorted(map(list, rows), key=lambda row: row[-1]) == expected(messages)


def test_on_a_snowflake_that_is_made_up(messages: list[Sms]) -> None:
    """The same under fakesnow, which finds mistakes, and proves nothing of the real one."""
    given = [(sms.message_id, sms.recipient, sms.status_code) for sms in messages]
    done = subprocess.run(
        [environment("target-snowflake") / "python", "-c", FAKE_SNOWFLAKE],
        input=json.dumps([given, _script("snowflake"), QUERY]),
        check=True,
        capture_output=True,
        text=True,
    )
    rows = json.loads(done.stdout)
    assert sorted(rows, key=lambda row: row[-1]) == expected(messages)


def test_the_countries_of_the_histories_are_those_of_the_seed() -> None:
    """What tests say of a number is what the seed says."""
    known = {row["prefix"]: row["country_code"] for row in read_seed(PREFIXES)}
    for prefix, (code, _) in COUNTRIES.items():
        longest = next(known[prefix[:n]] for n in range(len(prefix), 0, -1) if prefix[:n] in known)
        assert longest == code


def _script(warehouse: str) -> str:
    return (DICTIONARY / f"{warehouse}.sql").read_text(encoding="utf-8")
