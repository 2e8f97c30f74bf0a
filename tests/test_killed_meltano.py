"""The real `meltano run` into Postgres, killed at random moments, with Meltano's own state.

Three deaths of each kind; more of them::

    KILLS=30 make test PYTEST_ARGS=tests/test_killed_meltano.py
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.meltano import TAP, TARGET
from tests.support import pipeline as support

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.pipeline import Pipeline

KILLS = int(os.environ.get("KILLS", "3"))


def end_at(pipeline: Pipeline, seconds: float, signum: int) -> bool:
    """Run, and end Meltano, tap and target at once, so long after Mailjet is first asked.

    Returns whether there was something to end.
    """
    asked = len(pipeline.backend.journal)
    with pipeline.running() as process:
        while len(pipeline.backend.journal) == asked and process.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)
        is_running = process.poll() is None
        if is_running:
            os.killpg(process.pid, signum)
            wait_for_the_tap_to_end(process.pid)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a target that hangs while it drains
    return is_running


def wait_for_the_tap_to_end(group: int) -> None:
    """The tap is gone within 5 s, whatever becomes of Meltano and the target."""
    deadline = time.monotonic() + 5
    while taps := [line for line in support.processes(group) if TAP in line and TARGET not in line]:
        assert time.monotonic() < deadline, taps
        time.sleep(0.05)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Everything, on fresh folders."""
    with support.pipeline(tmp_path_factory.mktemp("killed") / "meltano") as pipeline:
        yield pipeline


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_killed_runs_leave_the_truth_behind(pipeline: Pipeline, signum: int) -> None:
    """Killed at random moments and run once more, the table is equal to the truth."""
    dice = random.Random(int(signum))  # noqa: S311
    # The first is early enough for any machine; later runs have less to do, and may be over.
    moments = [1.0, *(dice.random() * 3 for _ in range(KILLS))]
    ended = sum(end_at(pipeline, moment, signum) for moment in moments)
    assert ended
    pipeline.run()
    assert len(pipeline.truth()) > 5000
    assert pipeline.rows() == pipeline.truth()
    pipeline.forget()
