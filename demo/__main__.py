"""Load Mailjet's SMS history into Postgres twice, and show what came of it.

A local Mailjet and an embedded Postgres are started, the real `meltano run` loads two weeks, the
deliveries of the last days move on, a second run catches up, and what is in the warehouse is
printed and held against what the local Mailjet knows. Then the dbt package is built on it, and the
last days of its daily table are printed. Nothing is left running, and nothing but the report in
`.demo/` is left behind.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg

from demo.marts import last_days, show_days
from demo.report import (
    changes,
    differences,
    mailjet_figures,
    remember_statuses,
    show_changes,
    show_figures,
    warehouse_figures,
)
from demo.sandbox import TOKEN, sandbox
from pipeline.dbt import SCHEMA, Dbt, postgres_output
from pipeline.environments import environment
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url
from pipeline.processes import CommandError, exit_on_signals
from pipeline.report import write_report
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

HISTORY = timedelta(days=14)
# All that the demo leaves behind.
REPORT = ROOT / ".demo" / "sms.html"
WINDOW_DAYS = 5
# The first run leaves the newest hour to the second one.
FIRST_RUN_LACKS = timedelta(hours=1)
DELIVERIES_ADVANCE = timedelta(hours=12)
# The tap leaves out the newest five minutes, which may not be in Mailjet's store yet.
NEWEST_LEFT_OUT = timedelta(minutes=6)
WIDTH = 110
# Where meltano.yml's environment has the target put the table.
LOADED = "mailjet_dev"
# Lines of Meltano's output that tell nobody anything.
DBT_SAYS = ("model", "seed file", "Error", "FAIL", "WARN", "Done.")
NOISE = ("METRIC", "Inserting with SQL", "Skipping parse of env var settings")


def main() -> int:
    """Run the demo; the exit code tells whether all of it was right."""
    exit_on_signals()
    started = time.monotonic()
    try:
        wrong = _demo()
    except CommandError as error:
        wrong = [str(error)]
    for line in wrong:
        _say(f"WRONG: {line}")
    _step(f"Done in {time.monotonic() - started:.0f} s; nothing is left running")
    return 1 if wrong else 0


def _demo() -> list[str]:
    """Run it all, and name what is wrong in the end."""
    _step(
        "Installing Meltano, the tap, the target and dbt (from the second time on they are there)"
    )
    install(_say)
    environment("dbt")
    with ExitStack() as stack:
        _step("Starting a local Mailjet and an embedded Postgres")
        folder = stack.enter_context(TemporaryDirectory(prefix="tap-mailjet-sms-demo-"))
        meltano = Meltano.prepare(Path(folder) / "meltano")
        mailjet = stack.enter_context(sandbox())
        uri = stack.enter_context(postgres())
        warehouse = stack.enter_context(psycopg.connect(uri, autocommit=True))
        warehouse.execute(f"SET search_path TO {LOADED}")
        start = _now() - HISTORY
        settings = {
            "TAP_MAILJET_SMS_API_URL": mailjet.api_url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": TOKEN,
            "TAP_MAILJET_SMS_START_DATE": start.isoformat(),
            "TAP_MAILJET_SMS_WINDOW_DAYS": str(WINDOW_DAYS),
            # Hours pass for the deliveries only: by the clock, nothing is due to be read again yet.
            "TAP_MAILJET_SMS_LOOKBACK_SCHEDULE": "every_run",
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(uri),
        }
        run = ("run", TAP, TARGET)

        _step(f"First load: meltano {' '.join(run)}")
        end = (_now() - FIRST_RUN_LACKS).isoformat()
        meltano.run(*run, settings=settings | {"TAP_MAILJET_SMS_END_DATE": end}, show=_log)
        remember_statuses(warehouse)

        _step("Time passes: messages of the last days are delivered, or fail")
        mailjet.advance_deliveries(DELIVERIES_ADVANCE)

        _step(f"Incremental run: meltano {' '.join(run)}")
        second_run = _now()
        meltano.run(*run, settings=settings, show=_log)

        _step("In the warehouse")
        loaded = warehouse_figures(warehouse)
        show_figures(loaded.figures, _say)
        _step("What the second run changed")
        changed = changes(warehouse)
        show_changes(changed, _say)

        _step("Comparing with what the local Mailjet knows")
        truth = mailjet.truth(start, loaded.end, at=loaded.exported_at)
        wrong = differences(loaded.figures, mailjet_figures(truth))
        if loaded.end < second_run - NEWEST_LEFT_OUT:
            wrong.append(f"the second run read up to {loaded.end} only")
        if not (changed.added and changed.updated):
            wrong.append("the second run added or updated nothing")
        if not wrong:
            _say("Every figure agrees.")

        _step("Building the dbt package on it: dbt build")
        dbt = Dbt.prepare(Path(folder) / "dbt", postgres_output(uri))
        variables = {"mailjet_sms_schema": LOADED}
        dbt.run("build", variables=variables, show=_log_dbt)
        _step("The last days of the table mailjet_sms__daily")
        days = last_days(warehouse, SCHEMA)
        show_days(days, _say)
        if not days:
            wrong.append("the daily table is empty")
        _report(dbt, variables)
        return wrong


def _report(dbt: Dbt, variables: Mapping[str, object]) -> None:
    """Write the report on what dbt built, and say where it is."""
    _step("A report that opens in any browser, without network")
    report = write_report(dbt, REPORT, variables)
    _say(f"{report} ({report.stat().st_size / 1024:.0f} KB)")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _say(line: str) -> None:
    print(f"   {line}", flush=True)


def _log(line: str) -> None:
    """Show a line of Meltano's output as it comes, cut to the width of a screen."""
    if not line.startswith(NOISE):
        print(f"   | {line[:WIDTH]}", flush=True)


def _log_dbt(line: str) -> None:
    """Show what dbt says in the end, and of what went wrong; not a line for each test."""
    if any(word in line for word in DBT_SAYS):
        _log(line)


if __name__ == "__main__":
    sys.exit(main())
