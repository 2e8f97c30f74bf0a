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
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailjet_sandbox import Backend, Build, Messages, Sandbox, Unknowns
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url
from tests.simulation.schedule import start_date

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = int(os.environ.get("KILLS", "3"))
NOW = int(time.time())
HOUR = 3600
START, END = NOW - 49 * HOUR, NOW - HOUR


class Pipeline:
    """A local Mailjet, a warehouse, and `meltano run` between them."""

    def __init__(self, backend: Backend, url: str, uri: str, meltano: Meltano) -> None:
        self.backend = backend
        self.meltano = meltano
        self.uri = uri
        self.settings = {
            "TAP_MAILJET_SMS_API_URL": url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": backend.token,
            "TAP_MAILJET_SMS_START_DATE": start_date(START),
            "TAP_MAILJET_SMS_END_DATE": start_date(END),
            "TAP_MAILJET_SMS_WINDOW_DAYS": "0.4",
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": "0.5",
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(uri),
            "TARGET_POSTGRES_BATCH_SIZE_ROWS": "1000",
        }
        # A killed Meltano cannot say that it is gone: for some minutes it counts as running.
        self.command = ("run", "--force", TAP, TARGET)

    def run(self) -> None:
        """Run to the end."""
        self.meltano.run(*self.command, settings=self.settings, show=print)

    def end_at(self, seconds: float, signum: int) -> bool:
        """Run, and end Meltano, tap and target at once, so long after Mailjet is first asked.

        Returns whether there was something to end.
        """
        asked = len(self.backend.journal)
        with self.meltano.running(*self.command, settings=self.settings) as process:
            while len(self.backend.journal) == asked and process.poll() is None:
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

    def rows(self) -> dict[str, int]:
        """The statuses in the warehouse, by message."""
        with psycopg.connect(self.uri) as warehouse:
            found = warehouse.execute(
                "SELECT message_id, status_code FROM mailjet_dev.sms_messages"
            ).fetchall()
        by_id: dict[str, int] = dict(found)
        assert len(by_id) == len(found), "a message is there twice"
        return by_id

    def forget(self) -> None:
        """Begin anew: no table, and no state."""
        with psycopg.connect(self.uri) as warehouse:
            warehouse.execute("DROP TABLE IF EXISTS mailjet_dev.sms_messages")
        state_id = f"dev:{TAP}-to-{TARGET}"
        self.meltano.run("state", "clear", "--force", state_id, settings={}, show=print)


def wait_for_the_tap_to_end(group: int) -> None:
    """The tap is gone within 5 s, whatever becomes of Meltano and the target."""
    deadline = time.monotonic() + 5
    while taps := [line for line in processes(group) if TAP in line and TARGET not in line]:
        assert time.monotonic() < deadline, taps
        time.sleep(0.05)


def processes(group: int) -> list[str]:
    """The command lines of the living processes of a group."""
    ps = ["ps", "-A", "-o", "pgid=,stat=,args="]
    lines = subprocess.run(ps, capture_output=True, check=True, text=True).stdout.splitlines()
    fields = [line.split(maxsplit=2) for line in lines]
    # A dead process without a parent that asks for it is still listed in some containers.
    return [args for pgid, stat, args in fields if pgid == str(group) and stat[0] != "Z"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Install what is needed, then start everything on fresh folders."""
    install(print)
    with ExitStack() as stack:
        backend = Backend(
            data=Messages(since=START - HOUR, per_hour=150),
            clock=lambda: NOW,
            build=Build(seconds=0),
            # Its clock stands still, which after five minutes would look like a wrong one.
            unknowns=Unknowns(date_header=False),
        )
        sandbox = stack.enter_context(Sandbox(backend))
        uri = stack.enter_context(postgres())
        meltano = Meltano.prepare(tmp_path_factory.mktemp("killed") / "meltano")
        yield Pipeline(backend, sandbox.url, uri, meltano)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_killed_runs_leave_the_truth_behind(pipeline: Pipeline, signum: int) -> None:
    """Killed at random moments and run once more, the table is equal to the truth."""
    dice = random.Random(int(signum))  # noqa: S311
    ended = sum(pipeline.end_at(dice.random() * 3, signum) for _ in range(KILLS))
    assert ended
    pipeline.run()
    truth = {m.message_id: m.status for m in pipeline.backend.truth(START, END)}
    assert len(truth) > 5000
    assert pipeline.rows() == truth
    pipeline.forget()
