"""Every figure of every mart, on both databases, is what plain Python makes of the loaded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbt_checks.figures import Settings
from dbt_checks.world import COLUMNS, REQUIRED, late, loaded, moved, upserted
from pipeline.processes import CommandError

if TYPE_CHECKING:
    from dbt_checks.conftest import Bench

# The world has one status that the seed lacks.
NEW_STATUS = 1


def test_an_upserting_target_run_by_run(bench: Bench) -> None:
    """From an empty table on, each next build equals what all rows together make."""
    bench.warehouse.load("mailjet", [])
    bench.build()
    bench.compare([])

    rows = loaded()
    bench.warehouse.load("mailjet", rows)
    bench.build(warnings=NEW_STATUS)
    bench.compare(rows)

    after = upserted(rows, moved(rows))
    bench.warehouse.load("mailjet", after)
    bench.build(warnings=NEW_STATUS)
    bench.compare(after)


def test_an_appending_target_with_zones(bench: Bench) -> None:
    """Moments have a zone, the machine another, dates a third, and old states come late."""
    variables = {
        "mailjet_sms_schema": "zoned",
        "mailjet_sms_timezone": "America/New_York",
        "mailjet_sms_stale_hours": 7,
    }
    elsewhere = {"TZ": "Asia/Tokyo", "PGTZ": "Asia/Tokyo"}
    settings = Settings(timezone="America/New_York", stale=Settings().stale * 7 / 24)
    rows = loaded()
    bench.warehouse.load("zoned", rows, zoned=True)
    bench.build("--full-refresh", warnings=NEW_STATUS, variables=variables, environ=elsewhere)
    bench.compare(rows, settings)

    rows += late(rows) + moved(rows)
    bench.warehouse.load("zoned", rows, zoned=True)
    bench.build(warnings=NEW_STATUS, variables=variables, environ=elsewhere)
    bench.compare(rows, settings)


def test_deselected_columns(bench: Bench) -> None:
    """What the tap's catalog left out is null, down to the three columns that there must be."""
    rows = loaded(300)
    bench.warehouse.load("narrow", rows, columns=REQUIRED)
    bench.build("--full-refresh", variables={"mailjet_sms_schema": "narrow"})
    nothing = dict.fromkeys(COLUMNS)
    bench.compare([nothing | {name: row[name] for name in REQUIRED} for row in rows])


def test_a_required_column_is_missing(bench: Bench) -> None:
    """One clear error says which column is missing where, and what to do."""
    bench.warehouse.load("lacking", [], columns=["message_id", "to_ts", "sender"])
    with pytest.raises(CommandError) as refused:
        bench.dbt("compile", variables={"mailjet_sms_schema": "lacking"})
    (line,) = [line for line in str(refused.value).splitlines() if "mailjet_sms: the" in line]
    assert "the column `created_at` is missing in" in line
    assert '"lacking"."sms_messages"; select it in the tap' in line
