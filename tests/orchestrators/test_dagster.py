"""`examples/dagster`, run by Dagster: months to backfill, a run that is ended, and an hour."""

from __future__ import annotations

import logging
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.environments import environment
from pipeline.processes import running
from tests.support.pipeline import PROD
from tests.support.scheduled import EXAMPLES, scheduled, tap_below, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.support.scheduled import Scheduled

DEFINITIONS = EXAMPLES / "dagster" / "definitions.py"
PATIENCE = 300
#: Evaluates a tick of the schedule, as the daemon does.
TICK = """\
import dagster as dg, runpy, sys
hourly = runpy.run_path(sys.argv[1])["hourly"]
defs = runpy.run_path(sys.argv[1])["defs"]
context = dg.build_schedule_context(repository_def=defs.get_repository_def())
print(hourly.cron_schedule, len(hourly.evaluate_tick(context).run_requests))
"""


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Scheduled]:
    """A Dagster that knows of our example alone."""
    with scheduled(tmp_path, environment("dagster")) as ground:
        home = tmp_path / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        first, _, _ = months_of(ground)
        ground.variables.update(
            {
                "DAGSTER_HOME": str(home),
                "MAILJET_FIRST": f"{first:%Y-%m-%d}",
                "NO_PROXY": "127.0.0.1",
            }
        )
        yield ground


def months_of(ground: Scheduled) -> tuple[datetime, datetime, datetime]:
    """The first days of the first and the last whole month of the history, and of the next one."""
    first = (ground.first.replace(day=1) + timedelta(days=32)).replace(day=1)
    after = ground.seam.replace(day=1)
    return first, (after - timedelta(days=1)).replace(day=1), after


def materialize(asset: str, *options: str) -> list[str | Path]:
    """The command that runs an asset."""
    return ["dagster", "asset", "materialize", "-f", DEFINITIONS, "--select", asset, *options]


def test_months_and_hours(ground: Scheduled, tmp_path: Path) -> None:
    """A range of months is one run, which may be ended; the table equals the truth, and later."""
    first, last, after = months_of(ground)
    months = f"--partition-range={first:%Y-%m-%d}...{last:%Y-%m-%d}"
    backfill = f"{PROD}:months-{first:%Y-%m}-{after:%Y-%m}"
    variables = ground.variables | {"LOG": str(tmp_path / "ended.log")}
    quiet = ["bash", "-c", 'exec "$@" >"$LOG" 2>&1', "dagster", *materialize("sms_history", months)]
    with running(quiet, cwd=tmp_path, env=variables) as process:
        dagster = psutil.Process(process.pid)
        said = (tmp_path / "ended.log").read_text
        wait_until(lambda: len(ground.load.asked()) > 3 and tap_below(dagster), PATIENCE, said)
        process.send_signal(signal.SIGINT)
        below = dagster.children(recursive=True)
        process.wait(PATIENCE)
        _, alive = psutil.wait_procs(below, timeout=30)
        assert not alive, said()
    before = ground.load.asked()
    assert ground.bookmark(backfill) < after.isoformat()
    ground.run(materialize("sms_history", months))
    assert ground.rows() == ground.truth(after.timestamp(), since=first.timestamp())
    again = [span for span in ground.load.asked()[len(before) :] if span in before]

    copy = ["meltano", "state", "copy", "--force", backfill, PROD]
    ground.run([copy[0], "--environment=prod", *copy[1:]])
    ground.load.backend.advance(delivery=86_400)
    ground.run(materialize("sms_messages"))
    assert ground.rows() == ground.truth(ground.load.end, since=first.timestamp())
    logging.getLogger(__name__).info(
        "%d exports asked for, %d of them again; %d messages, equal to the truth",
        *(len(ground.load.asked()), len(again), len(ground.rows())),
    )


def test_the_schedule_asks_for_a_run(ground: Scheduled) -> None:
    """Each hour one, at a minute that is not everybody's."""
    python = environment("dagster") / "python"
    said = ground.run([python, "-c", TICK, DEFINITIONS])
    assert said.splitlines()[-1] == "17 * * * * 1"
