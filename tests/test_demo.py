"""The demo's own promises: its comparison can fail, and it leaves nothing running."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from demo.report import Figures, differences, mailjet_figures
from pipeline.meltano import Meltano, install
from pipeline.processes import CommandError, exit_on_signals, running

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATED = datetime(2026, 11, 1, 12, tzinfo=UTC)
MESSAGES = [
    {
        "status_code": 3,
        "status_name": "delivered",
        "cost_value": cost,
        "cost_currency": "EUR",
        "created_ts": int(CREATED.timestamp()) + second,
    }
    for second, cost in enumerate(["0.1", "0.2"])
]
FIGURES = Figures(
    rows=2,
    first_created=CREATED,
    last_created=CREATED + timedelta(seconds=1),
    statuses={(3, "delivered"): 2},
    costs={"EUR": Decimal("0.3")},
)
# A parent that starts a child, says its id, and sleeps; both ignore a polite request to end.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
print(subprocess.Popen([sys.executable, "-c", sleep]).pid, flush=True)
time.sleep(60)
"""


def test_figures_of_mailjet_are_exact() -> None:
    """Counting the local Mailjet's messages adds costs up exactly."""
    assert mailjet_figures(MESSAGES) == FIGURES
    assert differences(FIGURES, mailjet_figures(MESSAGES)) == []


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (replace(FIGURES, rows=3), "rows"),
        (replace(FIGURES, first_created=CREATED - timedelta(seconds=1)), "first message"),
        (replace(FIGURES, last_created=CREATED), "last message"),
        (replace(FIGURES, statuses={(2, "sent"): 2}), "rows per status"),
        (replace(FIGURES, costs={"EUR": Decimal("0.30000001")}), "cost per currency"),
    ],
)
def test_each_wrong_figure_is_named(wrong: Figures, name: str) -> None:
    """No figure of the warehouse can be wrong without being told."""
    (difference,) = differences(wrong, FIGURES)
    assert difference.startswith(f"{name}: ")


def test_a_process_is_ended_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a child that ignores SIGTERM, and its own child, are gone after the block."""
    monkeypatch.setattr("pipeline.processes.GRACE_SECONDS", 0.2)
    with running([sys.executable, "-c", STUBBORN], cwd=Path.cwd()) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        assert child.is_running()
    gone, alive = psutil.wait_procs([child], timeout=10)
    assert gone
    assert not alive
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """Leave the test runner's own signal handlers as they were."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("restored_signals")
def test_a_signal_leaves_every_block_and_a_second_one_is_ignored() -> None:
    """SIGTERM ends the demo with exit code 143, and another one cannot cut the clearing up."""
    exit_on_signals()
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    signal.raise_signal(signal.SIGINT)  # raises nothing
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_callers_settings_do_not_reach_meltano(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real token in the environment never gets into the demo, and a failed run is an error."""
    monkeypatch.setenv("TAP_MAILJET_SMS_AUTH_TOKEN", "a-real-token")
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "nowhere")
    install(print)
    lines: list[str] = []
    meltano = Meltano.prepare(tmp_path / "meltano")
    show = ("config", "print", "tap-mailjet-sms")
    meltano.run(*show, settings={}, show=lines.append)
    assert any('"api_url"' in line for line in lines)
    assert not any('"auth_token"' in line for line in lines)
    meltano.run(*show, settings={"TAP_MAILJET_SMS_AUTH_TOKEN": "other"}, show=lines.append)
    assert any('"auth_token"' in line for line in lines)
    with pytest.raises(CommandError, match="exit code"):
        meltano.run("run", "no-such-plugin", settings={}, show=lines.append)


def test_nothing_is_written_to_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meltano keeps a log of each run, there by itself; it goes with the rest."""
    install(print)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    meltano = Meltano.prepare(tmp_path / "meltano")
    run = ("run", "--no-install", "tap-mailjet-sms", "target-postgres")
    # Nobody listens there: the tap ends at once.
    settings = {
        "TAP_MAILJET_SMS_API_URL": "http://127.0.0.1:9/v4",
        "TAP_MAILJET_SMS_AUTH_TOKEN": "token",
        "TAP_MAILJET_SMS_MAX_ATTEMPTS": "1",
    }
    with pytest.raises(CommandError, match="exit code"):
        meltano.run(*run, settings=settings, show=print)
    assert list(home.rglob("*")) == []
    assert list((tmp_path / "meltano" / "state").rglob("*.log"))
