"""The package on fakesnow, as far as that goes: the first build and the data tests."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sms_report.figures import read

from dbt_checks.figures import MONEY, Settings, marts
from dbt_checks.world import loaded
from pipeline.dbt import PACKAGE
from pipeline.environments import environment

if TYPE_CHECKING:
    from dbt_checks.figures import Figures

PROGRAM = Path(__file__).with_name("fake_snowflake.py")


def test_the_first_build_and_its_figures(
    tmp_path: Path, figures_compared: dict[tuple[str, str], int]
) -> None:
    """Seeds, models, data tests and the report's queries run, and every figure equals Python's."""
    rows = loaded(300)
    command = [environment("dbt-snowflake") / "python", PROGRAM, PACKAGE, tmp_path]
    given = json.dumps(rows, default=str)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{"said"') :])
    statuses = Counter(status for _, status, _ in answer["said"])
    assert answer["problem"] is None
    # The models and seeds; tests; the new status of the world; the exposure.
    assert set(statuses) == {"success", "pass", "warn", "no-op"}, answer["said"]
    assert statuses["success"] == 8 + 2
    for name, expected in marts(rows, Settings()).items():
        found = answer["marts"][name]
        assert _comparable(found) == _comparable(expected), name
        figures_compared[name, "fakesnow"] = sum(len(row) for row in found)
    (report,) = answer["report"]
    figures = read(json.loads(report))
    assert figures is not None
    daily = answer["marts"]["mailjet_sms__daily"]
    assert sum(day.outcomes.messages for day in figures.days) == sum(d["messages"] for d in daily)


def _comparable(rows: list[Figures]) -> Counter[tuple[tuple[str, str], ...]]:
    """Rows as they are in JSON, whatever the order of rows and columns."""
    return Counter(tuple((name, _text(row[name])) for name in sorted(row)) for row in rows)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value.quantize(MONEY))
    if isinstance(value, float):
        return str(round(value, 9))
    return str(value) if isinstance(value, date | datetime) else repr(value).strip("'")
