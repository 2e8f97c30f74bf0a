"""Which cells each way into Postgres alters, of messages that a warehouse could get wrong.

The set that `tests/test_loading.py` holds the recommended ways to, in a database in Europe/Paris,
loaded twice.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg

from benchmarks import hostile
from benchmarks.export_server import serve
from benchmarks.warehouse import Database, Way, clear, run, sling, ways
from pipeline.postgres import postgres

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.hostile import Row
    from benchmarks.report import Table


def table(folder: Path) -> Table:
    """How many rows and how many altered cells the table has, by way, and in which columns."""
    file, rows = folder / "hostile.csv", hostile.messages()
    hostile.write_csv(file, rows)
    found = []
    with serve(file, rows=len(rows)) as url, postgres() as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER DATABASE postgres SET timezone TO 'Europe/Paris'")
        database = Database(uri)
        guessed = Way("sling, its own guess", [*sling(database), "guess"])
        for way in (*ways(database, folder), guessed):
            clear(database, folder)
            for _ in range(2):
                run(way, url, database, folder, hostile.window())
            loaded = _loaded(database, list(rows[0]))
            altered = _altered(rows, {row["message_id"]: row for row in loaded})
            columns = ", ".join(f"{name} {count}" for name, count in altered.items())
            found.append(
                {
                    "way": way.name,
                    "rows": len(loaded),
                    "cells": sum(map(len, rows)),
                    "altered": altered.total(),
                    "in": columns,
                }
            )
    return found


def _loaded(database: Database, names: list[str]) -> list[Row]:
    # In UTC: two hours of the night are equal to no moment of another zone in Python.
    with psycopg.connect(database.uri, options="-c timezone=UTC") as connection:
        query = f"SELECT {', '.join(names)} FROM loaded.sms_messages"  # noqa: S608 - its columns
        return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]


def _altered(rows: list[Row], loaded: dict[object, Row]) -> Counter[str]:
    """Cells that are not what they were, by column."""
    return Counter(
        name
        for row in rows
        for name, true in row.items()
        if not _same(true, loaded.get(row["message_id"], {}).get(name))
    )


def _same(true: object, found: object) -> bool:
    """Whether a cell is what it was: a number by its digits, a moment without a zone in UTC."""
    if isinstance(true, Decimal) and isinstance(found, float):
        return Decimal(repr(found)) == true
    if isinstance(found, datetime) and found.tzinfo is None:
        return found.replace(tzinfo=UTC) == true
    return found == true
