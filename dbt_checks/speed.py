"""How long dbt takes on Postgres: `python -m dbt_checks.speed --rows 1000000`.

A full refresh, the next run with an hour of new messages while every row is younger than seven
days, which is the most that it can be, and the same once they are older.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from dbt_checks.warehouses import POSTGRES_TYPES
from dbt_checks.world import COLUMNS
from pipeline.dbt import Dbt, postgres_output
from pipeline.postgres import postgres
from pipeline.processes import exit_on_signals

# Half a year of messages. Numbers are spread as in life: as many beginnings as there can be.
FILL = """
INSERT INTO mailjet.sms_messages
SELECT md5(n::text), 'sender ' || n % 9,
       (ARRAY['+336', '+337', '+4477', '+1202', '+4917', '+346'])[1 + n % 6]
           || lpad(((n * 7919::bigint) % 100000000)::text, 8, '0'),
       CASE WHEN n % 5 = 0 THEN n % 17 ELSE 3 END, 'a name', 'a description',
       created_at, created_at + n % 300 * interval '1 second', 1 + n % 3,
       (ARRAY[0.045, 0.028, 0.0075])[1 + n % 3], (ARRAY['EUR', 'USD', 'GBP'])[1 + n % 3], NULL,
       1, {exported_at}, created_at, created_at + interval '5 days'
FROM (SELECT n, timestamp '2026-05-01' + n * interval '200 days' / {rows} AS created_at
      FROM generate_series({first}, {last}) AS numbers(n)) AS numbered
"""


def main() -> None:
    """Fill, run and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    exit_on_signals()
    with TemporaryDirectory() as folder, postgres() as uri:
        dbt = Dbt.prepare(Path(folder) / "dbt", postgres_output(uri))
        with psycopg.connect(uri, autocommit=True) as warehouse:
            columns = ", ".join(f"{name} {POSTGRES_TYPES.get(name, 'text')}" for name in COLUMNS)
            warehouse.execute("CREATE SCHEMA mailjet")
            warehouse.execute(f"CREATE TABLE mailjet.sms_messages ({columns})")
            hour = rows // (200 * 24)
            _fill(warehouse, rows, 1, rows, "timestamp '2026-11-20'")
            _run(dbt, "seed")
            _run(dbt, "run", "--full-refresh")
            _fill(warehouse, rows, rows + 1, rows + hour, "timestamp '2026-11-20 01:00'")
            _run(dbt, "run")
            _fill(warehouse, rows, rows + hour + 1, rows + 2 * hour, "timestamp '2026-11-30'")
            _run(dbt, "run")
            _fill(warehouse, rows, rows + 2 * hour + 1, rows + 3 * hour, "timestamp '2026-11-30'")
            _run(dbt, "run")


def _fill(
    warehouse: psycopg.Connection[tuple[object, ...]],
    rows: int,
    first: int,
    last: int,
    exported_at: str,
) -> None:
    statement = FILL.format(rows=rows, first=first, last=last, exported_at=exported_at)
    warehouse.execute(statement.encode())


def _run(dbt: Dbt, *arguments: str) -> None:
    said: list[str] = []
    started = time.monotonic()
    dbt.run(*arguments, variables={}, show=said.append)
    wall = time.monotonic() - started
    built = re.findall(r"OK created sql \w+ model \w+\.(\w+) .*? in ([\d.]+)s", "\n".join(said))
    print(f"dbt {' '.join(arguments)}: {wall:.1f} s", dict(built), flush=True)


if __name__ == "__main__":
    main()
