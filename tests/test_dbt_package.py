"""What can be told of the dbt package without dbt. The rest is `make dbt`."""

from __future__ import annotations

import csv

from pipeline.root import ROOT
from tap_mailjet_sms.schema import STATUS_NAMES

PACKAGE = ROOT / "dbt"


def test_the_statuses_of_the_seed_are_those_of_the_tap() -> None:
    """The package judges each status that the tap knows, by the same name, and no other."""
    with (PACKAGE / "seeds" / "mailjet_sms_statuses.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["status_code"]): row["status_name"] for row in rows} == STATUS_NAMES
    assert len(rows) == len(STATUS_NAMES)
