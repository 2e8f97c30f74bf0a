"""Postgres and DuckDB with a table as their Singer targets make it, and what is asked of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import duckdb
import psycopg

from dbt_checks.world import COLUMNS, MOMENTS
from pipeline.dbt import SCHEMA, duckdb_output, postgres_output
from pipeline.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dbt_checks.figures import Figures
    from dbt_checks.world import Row

# The types of target-postgres, and of target-duckdb.
POSTGRES_TYPES = {
    "status_code": "bigint",
    "sms_count": "bigint",
    "cost_value": "numeric",
    "extra": "jsonb",
    "export_id": "bigint",
    **dict.fromkeys(MOMENTS, "timestamp"),
}
DUCKDB_TYPES = {
    "status_code": "hugeint",
    "sms_count": "hugeint",
    "cost_value": "double",
    "extra": "json",
    "export_id": "hugeint",
    **dict.fromkeys(MOMENTS, "timestamp"),
}


class Warehouse(Protocol):
    """A database that dbt builds in."""

    @property
    def output(self) -> Mapping[str, object]:
        """The target of dbt's profile."""

    def load(
        self,
        schema: str,
        rows: Sequence[Row],
        *,
        columns: Sequence[str] = COLUMNS,
        zoned: bool = False,
    ) -> None:
        """Make the table `sms_messages` of a schema anew, with these rows.

        Args:
            schema: where.
            rows: what it holds.
            columns: which columns the table has.
            zoned: whether moments have a zone, as some targets make them.
        """

    def ask(self, query: str, schema: str = SCHEMA) -> list[Figures]:
        """The rows of a query, by column; tables are those of the schema."""


def _table(
    schema: str, types: Mapping[str, str], columns: Sequence[str], *, zoned: bool
) -> list[str]:
    """What makes the table where it is not there yet; in both warehouses, with their own types."""
    own = {**types, **dict.fromkeys(MOMENTS, "timestamptz")} if zoned else types
    definition = ", ".join(f"{name} {own.get(name, 'varchar')}" for name in columns)
    return [
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"CREATE TABLE IF NOT EXISTS {schema}.sms_messages ({definition})",
    ]


@dataclass(frozen=True, slots=True)
class Postgres:
    """An embedded PostgreSQL."""

    uri: str

    @property
    def output(self) -> Mapping[str, object]:
        """The target of dbt's profile."""
        return postgres_output(self.uri)

    def load(
        self,
        schema: str,
        rows: Sequence[Row],
        *,
        columns: Sequence[str] = COLUMNS,
        zoned: bool = False,
    ) -> None:
        """See `Warehouse`."""
        with psycopg.connect(self.uri) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            # Rows are replaced, the table is kept if it can be: views hang on it.
            for statement in _table(schema, POSTGRES_TYPES, columns, zoned=zoned):
                connection.execute(statement)
            connection.execute(f"TRUNCATE {schema}.sms_messages")
            with connection.cursor().copy(
                f"COPY {schema}.sms_messages ({', '.join(columns)}) FROM STDIN"
            ) as copy:
                for row in rows:
                    copy.write_row([row[name] for name in columns])

    def ask(self, query: str, schema: str = SCHEMA) -> list[Figures]:
        """See `Warehouse`."""
        with psycopg.connect(self.uri) as connection:
            connection.execute(f"SET search_path TO {schema}")
            cursor = connection.execute(query.encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class DuckDB:
    """A DuckDB file, closed whenever dbt may open it."""

    file: Path

    @property
    def output(self) -> Mapping[str, object]:
        """The target of dbt's profile."""
        return duckdb_output(self.file)

    def load(
        self,
        schema: str,
        rows: Sequence[Row],
        *,
        columns: Sequence[str] = COLUMNS,
        zoned: bool = False,
    ) -> None:
        """See `Warehouse`."""
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in _table(schema, DUCKDB_TYPES, columns, zoned=zoned):
                connection.execute(statement)
            connection.execute("BEGIN")
            connection.execute(f"DELETE FROM {schema}.sms_messages")
            places = ", ".join("?" for _ in columns)
            insert = f"INSERT INTO {schema}.sms_messages ({', '.join(columns)}) VALUES ({places})"
            if rows:
                connection.executemany(insert, [[row[name] for name in columns] for row in rows])
            connection.execute("COMMIT")

    def ask(self, query: str, schema: str = SCHEMA) -> list[Figures]:
        """See `Warehouse`."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute(f"SET search_path = '{schema}'")
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def warehouse(kind: str, folder: Path) -> Iterator[Warehouse]:
    """A fresh warehouse of a kind while the block lasts."""
    if kind == "duckdb":
        yield DuckDB(folder / "warehouse.duckdb")
    else:
        with postgres() as uri:
            yield Postgres(uri)
