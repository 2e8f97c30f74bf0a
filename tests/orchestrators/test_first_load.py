"""A first load of about eight minutes through the real Meltano, once for each kind of death.

Longer than the five minutes after which SDK targets tell a state by themselves. In pieces of a
minute (`max_run_minutes`), the load starts again at most one piece back.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from mailjet_sandbox import Build
from pipeline.meltano import TAP, TARGET
from tests.support.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Of 10 s each, one at a time: eight minutes.
WINDOWS = 48
PIECE_MINUTES = 1
#: No window at all could be kept without pieces.
DIES_AFTER = 4.5 * 60
JOB = ("run", "--force", "sms-first-load")


def plugin(process: subprocess.Popen[str], program: str) -> psutil.Process:
    """The tap's or the target's process."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if any(word.endswith(f"/bin/{program}") for word in child.cmdline()[:2]):
            return child
    pytest.fail(f"{program} does not run")


DEATHS: dict[str, Callable[[subprocess.Popen[str]], None]] = {
    "SIGKILL of all": lambda process: os.killpg(process.pid, signal.SIGKILL),
    "SIGTERM to Meltano": lambda process: process.terminate(),
    "SIGTERM to the group": lambda process: os.killpg(process.pid, signal.SIGTERM),
    "Ctrl-C": lambda process: os.killpg(process.pid, signal.SIGINT),
    "the target dies": lambda process: plugin(process, TARGET).kill(),
    "the tap dies": lambda process: plugin(process, TAP).kill(),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_first_load_that_dies_starts_one_piece_back(death: str, tmp_path: Path) -> None:
    """Whatever ends it; and the table equals the truth in the end."""
    with pipeline(tmp_path / "meltano", per_hour=20, build=Build(seconds=10)) as load:
        load.command = JOB
        load.settings |= {
            "TAP_MAILJET_SMS_WINDOW_DAYS": str(1 / 24),
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": "0",
            "TAP_MAILJET_SMS_MAX_CONCURRENT_EXPORTS": "1",
            "TAP_MAILJET_SMS_MAX_RUN_MINUTES": str(PIECE_MINUTES),
        }
        began = time.monotonic()
        with load.running() as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.communicate(timeout=DIES_AFTER)
            DEATHS[death](process)
            process.communicate(timeout=60)
        asked = load.asked()
        kept = str(load.state().get("replication_key_value"))
        load.run()
        minutes = (time.monotonic() - began) / 60
        again = [span for span in load.asked()[len(asked) :] if span in asked]

        logging.getLogger(__name__).info(
            "%s: %d exports asked for, bookmark %s, %d asked for again, %.1f minutes in all",
            *(death, len(asked), kept, len(again), minutes),
        )
        assert len(asked) > 15
        assert len(again) <= PIECE_MINUTES * 6 + 1
        assert load.rows().keys() == load.truth().keys()
        assert len(load.asked()) == WINDOWS + len(again)
