"""Runs that meet in one project: `meltano el`, each with a state id."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailjet_sandbox import Build
from pipeline.processes import CommandError
from tests.simulation.schedule import start_date
from tests.support.pipeline import HOUR, PROD, PROD_SCHEMA, el, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.pipeline import Pipeline

TIMES = int(os.environ.get("TIMES_AT_ONCE", "10"))
AT_ONCE = 4


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Pipeline]:
    """Two days of messages."""
    with pipeline(tmp_path / "meltano", per_hour=30) as ground:
        yield ground


def test_four_at_once_have_each_their_own_state(ground: Pipeline) -> None:
    """Ten times: all exit with 0, each state is that of its own span, and nothing is missing."""
    ground.command = el()
    ground.run(TAP_MAILJET_SMS_END_DATE=start_date(ground.start + HOUR))  # makes the table
    began = time.monotonic()
    for turn in range(TIMES):
        with psycopg.connect(ground.uri) as warehouse:
            warehouse.execute(f"TRUNCATE {PROD_SCHEMA}.sms_messages")
        hours = (ground.end - ground.start) // AT_ONCE
        edges = [ground.start + number * hours for number in range(AT_ONCE + 1)]
        spans = {f"{PROD}:{turn}-{number}": edge for number, edge in enumerate(edges[:-1])}
        with ExitStack() as stack:
            runs = [
                stack.enter_context(
                    ground.running(
                        *el(state_id),
                        TAP_MAILJET_SMS_START_DATE=start_date(start),
                        TAP_MAILJET_SMS_END_DATE=start_date(start + hours),
                    )
                )
                for state_id, start in spans.items()
            ]
            outputs = [run.communicate(timeout=180)[0] for run in runs]
        assert [run.returncode for run in runs] == [0] * AT_ONCE, "\n".join(outputs)
        for state_id, start in spans.items():
            state = ground.state(state_id)
            assert state["replication_key_value"] == start_date(start + hours)
            assert state["read_from"] == start_date(start)
        assert ground.rows(PROD_SCHEMA) == ground.truth()
    logging.getLogger(__name__).info(
        "%d times %d at once: each exit code 0, each state its own, %d messages, %.0f s",
        *(TIMES, AT_ONCE, len(ground.truth()), time.monotonic() - began),
    )


def test_the_same_state_id_twice_is_refused(tmp_path: Path) -> None:
    """Meltano says that it is running; the one that runs goes on."""
    with pipeline(tmp_path / "meltano", per_hour=30, build=Build(seconds=5)) as ground:
        with ground.running(*el()) as first:
            wait_for_an_export(ground, 0)
            with ground.running(*el()) as second:
                output, _ = second.communicate(timeout=60)
            assert second.returncode == 1
            assert "already running" in output, output
            output, _ = first.communicate(timeout=120)
            assert first.returncode == 0, output
        assert ground.rows(PROD_SCHEMA).keys() == ground.truth().keys()


def test_after_sigkill_the_state_id_is_locked_for_five_minutes(tmp_path: Path) -> None:
    """Refused, in Meltano's words; taken with `--force`, and by itself after five minutes."""
    with pipeline(tmp_path / "meltano", per_hour=30, build=Build(seconds=2)) as ground:
        ground.command = el()
        kill_one(ground)
        with pytest.raises(CommandError, match="exit code 1"):
            ground.run()
        ground.command = el(PROD, "--force")
        ground.run()
        assert ground.rows(PROD_SCHEMA).keys() == ground.truth().keys()

        ground.command = el(f"{PROD}:other")
        kill_one(ground)
        killed = time.monotonic()
        refused = 0
        while time.monotonic() - killed < 7 * 60:
            with ground.running() as process:
                output, _ = process.communicate(timeout=120)
            if process.returncode == 0:
                break
            assert "already running" in output, output
            refused += 1
            time.sleep(10)
        locked = time.monotonic() - killed
        logging.getLogger(__name__).info("Locked for %.0f s, %d refused", locked, refused)
        assert refused > 3
        assert 4.5 * 60 < locked < 7 * 60


def kill_one(ground: Pipeline) -> None:
    """Begin to read, and end all of it with SIGKILL."""
    since = len(ground.backend.journal)
    with ground.running() as process:
        wait_for_an_export(ground, since)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def wait_for_an_export(ground: Pipeline, since: int) -> None:
    """A run has begun to read."""
    deadline = time.monotonic() + 60
    while not ground.asked(since):
        assert time.monotonic() < deadline
        time.sleep(0.05)
