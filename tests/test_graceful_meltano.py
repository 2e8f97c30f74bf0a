"""What the real Meltano keeps of a run that is ended, with `graceful-meltano` and without."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from mailjet_sandbox import Build
from pipeline.meltano import TARGET
from tests.support.pipeline import HOUR, pipeline

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.support.pipeline import Pipeline

#: What a scheduler has to allow at the least.
WITHIN = 15


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Sixteen windows that Mailjet takes a while for."""
    home = tmp_path_factory.mktemp("graceful") / "meltano"
    with pipeline(home, hours=16, per_hour=30, build=Build(seconds=1)) as slow:
        slow.settings |= {
            "TAP_MAILJET_SMS_WINDOW_DAYS": str(1 / 24),
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": str(1 / 24),
            "TAP_MAILJET_SMS_MAX_CONCURRENT_EXPORTS": "2",
            "TARGET_POSTGRES_BATCH_SIZE_ROWS": "100000",
        }
        yield slow


def wait_for_windows(slow: Pipeline, number: int, since: int) -> None:
    """So many files were fetched, so that all but the last are surely out."""
    deadline = time.monotonic() + 60
    while sum(line.operation == "download" for line in slow.backend.journal[since:]) <= number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_ended(process: subprocess.Popen[str], below: list[psutil.Process]) -> tuple[int, str]:
    """The exit code, in time and with no child left, and what was said."""
    output, _ = process.communicate(timeout=WITHIN)
    _, alive = psutil.wait_procs(below, timeout=1)
    assert not alive
    return process.returncode, output


@pytest.mark.parametrize(
    ("signum", "to_group", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGTERM, True, 143), (signal.SIGINT, True, 130)],
    ids=["SIGTERM", "SIGTERM to its group", "Ctrl-C"],
)
def test_what_is_loaded_is_kept(slow: Pipeline, signum: int, to_group: bool, code: int) -> None:  # noqa: FBT001
    """The saved bookmark is the table's; only the lookback is asked for again."""
    since = len(slow.backend.journal)
    with slow.running(graceful=True) as process:
        wait_for_windows(slow, 2, since)
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) >= 3  # Meltano, the tap, the target
        (os.killpg if to_group else os.kill)(process.pid, signum)
        ended, output = has_ended(process, below)

    assert ended == code, output
    state, newest = slow.state(), slow.newest()
    assert state["replication_key_value"] == newest, output
    under_way = [entry["id"] for entry in state["pending_exports"]]  # type: ignore[attr-defined]
    asked_before = slow.asked(since)
    assert len(asked_before) in range(3, 15)
    assert under_way

    before = len(slow.backend.journal)
    slow.run()
    bookmark = max(to for _, to in asked_before[: -len(under_way)])
    again = [span for span in slow.asked(before) if span[0] + 1 < bookmark]
    assert all(start >= bookmark - HOUR - 1 for start, _ in again)
    assert not set(slow.asked(before)) & set(asked_before[-len(under_way) :])
    assert slow.rows().keys() == slow.truth().keys()
    slow.forget()


def test_a_signal_before_the_tap_is_there_ends_meltano(slow: Pipeline) -> None:
    """There is nothing to keep yet."""
    with slow.running(graceful=True) as process:
        time.sleep(0.5)
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        ended, output = has_ended(process, below)
    assert ended == 143, output


def test_a_second_signal_ends_meltano_at_once(slow: Pipeline) -> None:
    """Whoever cannot wait says it twice."""
    since = len(slow.backend.journal)
    with slow.running(graceful=True) as process:
        wait_for_windows(slow, 1, since)
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        time.sleep(1.2)
        process.send_signal(signal.SIGTERM)
        ended, output = has_ended(process, below)
    assert ended == 143, output
    slow.forget()


def test_nothing_is_left_running_by_one_that_is_killed(slow: Pipeline) -> None:
    """On Linux; nothing can be kept then, but the next run need not meet this one."""
    since = len(slow.backend.journal)
    with slow.running(graceful=True) as process:
        wait_for_windows(slow, 1, since)
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) >= 3
        process.kill()
        process.communicate(timeout=WITHIN)
        _, alive = psutil.wait_procs(below, timeout=WITHIN)
    assert not alive
    slow.forget()


@pytest.mark.parametrize(
    ("settings", "log_format", "code"),
    [
        ({"TAP_MAILJET_SMS_AUTH_TOKEN": "no such token"}, "json", 77),
        ({"TAP_MAILJET_SMS_WINDOW_DAYS": "1000"}, "json", 78),
        ({"TAP_MAILJET_SMS_AUTH_TOKEN": "no such token"}, "plain", 1),
        ({"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql+psycopg://localhost:1/none"}, "json", 1),
        ({}, "json", 0),
    ],
)
def test_the_exit_code_is_the_taps(
    slow: Pipeline, settings: dict[str, str], log_format: str, code: int
) -> None:
    """Where Meltano's JSON log tells it; Meltano itself makes 1 of all."""
    arguments = ("--log-format", log_format, *slow.command)
    quick = {"TAP_MAILJET_SMS_WINDOW_DAYS": "30"}
    with slow.running(*arguments, graceful=True, **(quick | settings)) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert ("METRIC" in output) or code, output


def test_without_meltano_it_says_so(slow: Pipeline) -> None:
    """One line, no traceback."""
    with slow.running(graceful=True, PATH="/nonexistent") as process:
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert output == "graceful-meltano: the program meltano is not on the PATH\n"


def test_a_target_that_is_ended_alone_looks_like_success(slow: Pipeline) -> None:
    """Meltano's verdict, not ours: 0, unless the tap was writing. The next run reads on."""
    slow.forget()
    since = len(slow.backend.journal)
    with slow.running() as process:
        wait_for_windows(slow, 2, since)
        meltano = psutil.Process(process.pid)
        (target,) = [c for c in meltano.children(recursive=True) if TARGET in str(c.cmdline())]
        target.terminate()
        output, _ = process.communicate(timeout=30)
    assert process.returncode in {0, 1}, output

    with psycopg.connect(slow.uri) as warehouse:
        has_table = warehouse.execute("SELECT to_regclass('mailjet_dev.sms_messages')").fetchone()
    assert has_table == (None,) or slow.rows().keys() < slow.truth().keys()
    slow.run()
    assert slow.rows().keys() == slow.truth().keys()


def test_a_run_that_is_killed_is_kept_up_to_its_last_piece(slow: Pipeline) -> None:
    """A target tells its state when its input ends: without pieces, all of a run is read again."""
    slow.forget()
    since = len(slow.backend.journal)
    pair = slow.command[2:]
    pieces = (*slow.command, *pair, *pair)
    with slow.running(*pieces, TAP_MAILJET_SMS_MAX_RUN_MINUTES="0.03") as process:
        for line in process.stdout or ():
            if "There is more to read: run again" in line:
                break
        wait_for_windows(slow, 1, len(slow.backend.journal))  # of the next piece
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)

    kept = str(slow.state()["replication_key_value"])
    first = slow.asked(since)[0]
    assert datetime.fromisoformat(kept).timestamp() >= first[1]
    before = len(slow.backend.journal)
    slow.run(TAP_MAILJET_SMS_LOOKBACK_DAYS="0")
    assert first not in slow.asked(before)
    assert slow.rows().keys() == slow.truth().keys()
