"""Write `docs/dictionary/*.sql`: the status dictionary for those who do not use dbt.

One file per warehouse, from the seeds of the dbt package: both tables, and one plain view on the
loaded table. The files differ by how a schema is chosen.
"""

from __future__ import annotations

import csv

from pipeline.root import ROOT

SEEDS = ROOT / "dbt" / "seeds"
DICTIONARY = ROOT / "docs" / "dictionary"
# How each warehouse makes a schema the current one.
WAREHOUSES = {
    "postgres": "SET search_path TO mailjet;",
    "snowflake": "USE SCHEMA mailjet;",
    "duckdb": "USE mailjet;",
}
STATUSES, PREFIXES = "mailjet_sms_statuses", "mailjet_sms_country_prefixes"
TABLES = {
    STATUSES: {
        "status_code": "integer NOT NULL",
        "status_name": "varchar(40) NOT NULL",
        "outcome": "varchar(12) NOT NULL",
        "is_final": "boolean NOT NULL",
        "reached_operator": "boolean NOT NULL",
        "fault": "varchar(12)",
        "is_retryable": "boolean NOT NULL",
    },
    PREFIXES: {
        "prefix": "varchar(8) NOT NULL",
        "country_code": "varchar(2) NOT NULL",
        "country_name": "varchar(60) NOT NULL",
    },
}
HEAD = """\
-- The meaning of Mailjet's statuses and the countries of phone numbers, and a view on the loaded
-- table that applies both. Made from dbt/seeds/ by scripts/write_dictionary.py; run it again as
-- often as you like. Countries are from the metadata of libphonenumber (Apache 2.0).

-- The schema of the loaded table:
"""
# Nothing of these texts comes from outside.
VIEW = f"""\
-- outcome: delivered, failed, pending (may still change) or unconfirmed (nobody knows). A message
-- that stays pending for longer than the tap's lookback is not read again: take it as unconfirmed.
-- fault: whose part a failure is; a judgement. country_code: ZZ for no, unknown or hashed number.
CREATE OR REPLACE VIEW sms_messages_explained AS
WITH beginnings AS (
    SELECT DISTINCT left(replace(recipient, '+', ''), 8) AS digits
    FROM sms_messages
    WHERE translate(recipient, '0123456789', '') IN ('', '+')
),
-- Looked up once per beginning and length, by equality; the longest prefix wins.
lengths AS (
    SELECT DISTINCT length(prefix) AS digits_taken FROM {PREFIXES}
),
tries AS (
    SELECT digits, digits_taken, left(digits, digits_taken) AS beginning
    FROM beginnings CROSS JOIN lengths
    WHERE length(digits) >= digits_taken
),
matches AS (
    SELECT
        tries.digits,
        prefixes.country_code,
        row_number() OVER (PARTITION BY tries.digits ORDER BY tries.digits_taken DESC) AS longest
    FROM tries
    JOIN {PREFIXES} AS prefixes ON prefixes.prefix = tries.beginning
)
SELECT
    coalesce(statuses.outcome, 'unconfirmed') AS outcome,
    coalesce(statuses.is_final, false) AS is_final,
    statuses.fault,
    coalesce(matches.country_code, 'ZZ') AS country_code,
    messages.*
FROM sms_messages AS messages
LEFT JOIN {STATUSES} AS statuses ON statuses.status_code = messages.status_code
LEFT JOIN matches
    ON matches.longest = 1
    AND matches.digits = left(replace(messages.recipient, '+', ''), 8)
    AND translate(messages.recipient, '0123456789', '') IN ('', '+');
"""  # noqa: S608


def dictionary(warehouse: str) -> str:
    """The SQL file for a warehouse."""
    parts = [f"{HEAD}{WAREHOUSES[warehouse]}\n"]
    for table, columns in TABLES.items():
        defined = ",\n".join(f"    {name} {kind}" for name, kind in columns.items())
        parts.append(f"CREATE TABLE IF NOT EXISTS {table} (\n{defined}\n);\n")
    parts.append("BEGIN;\n" + "".join(_filled(table) for table in TABLES) + "COMMIT;\n")
    parts.append(VIEW)
    return "\n".join(parts)


def _filled(table: str) -> str:
    columns = TABLES[table]
    with (SEEDS / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            ", ".join(_literal(row[name], kind) for name, kind in columns.items())
            for row in csv.DictReader(file)
        ]
    values = ",\n".join(f"    ({row})" for row in rows)
    names = ", ".join(columns)
    return f"DELETE FROM {table};\nINSERT INTO {table} ({names}) VALUES\n{values};\n"  # noqa: S608


def _literal(text: str, kind: str) -> str:
    if not text:
        return "NULL"
    if kind.startswith(("integer", "boolean")):
        return text
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def main() -> None:
    """Write the files."""
    DICTIONARY.mkdir(exist_ok=True)
    for warehouse in WAREHOUSES:
        (DICTIONARY / f"{warehouse}.sql").write_text(dictionary(warehouse), encoding="utf-8")


if __name__ == "__main__":
    main()
