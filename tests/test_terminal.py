"""The progress bar, at a real terminal (a pty), and where there is none."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.sdk.terminal import BarDisplay
from tests.support.account import account
from tests.support.program import TAP, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.account import Account

COLOUR = re.compile(r"\x1b\[[\d;]*m")
BAR = re.compile(r"\[[# ]+\]\s+\d+%")


def at_terminal(
    there: Account,
    out: Path | None,
    more: Mapping[str, str] | None = None,
    columns: int = 100,
    options: tuple[str, ...] = (),
) -> str:
    """What a run shows at a terminal; its messages go into a file, or there, too."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = environment(there.config(windows=4))
    for name in ("NO_COLOR", *[name for name in env if name.startswith("MELTANO_")]):
        env.pop(name, None)
    env |= {"TERM": "xterm", **(more or {})}
    with (out or Path(os.ttyname(its))).open("wb") as output:
        tap = subprocess.Popen(
            [*TAP, "--config", "ENV", *options], stdout=output, stderr=its, env=env
        )
    os.close(its)
    shown = b""
    try:
        while piece := os.read(ours, 1 << 16):
            shown += piece
    except OSError:  # Linux: nobody writes there any more
        pass
    os.close(ours)
    assert tap.wait() == 0, shown
    return shown.decode()


def screen(shown: str) -> list[str]:
    """The lines that stand on a screen in the end."""
    lines = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        *_, last = line.split("\r\x1b[K")
        lines.append(COLOUR.sub("", last))
    return lines


def test_a_bar_grows_below_the_log(tmp_path: Path) -> None:
    """It is drawn anew below each line, and leaves nothing in the end."""
    with account() as there:
        shown = at_terminal(there, tmp_path / "out")

    drawn = [int(percent) for percent in re.findall(r"\]\s+(\d+)%", shown)]
    assert drawn[0] == 0
    assert drawn[-1] == 100
    assert drawn == sorted(drawn)
    assert {25, 50, 75} <= set(drawn)
    assert COLOUR.search(shown)
    lines = screen(shown)
    assert not [line for line in lines if BAR.search(line)]
    assert len([line for line in lines if "% of the span" in line]) == 4
    assert [line for line in lines if line][-1].split("|")[-1].startswith(" Read ")


def test_metrics_are_not_shown_above_a_bar(tmp_path: Path) -> None:
    """They are for programs."""
    with account() as there:
        assert "METRIC" not in at_terminal(there, tmp_path / "out")


def test_no_color_is_honoured(tmp_path: Path) -> None:
    """The bar is there, without colour; an empty variable is none."""
    with account() as there:
        shown = at_terminal(there, tmp_path / "out", {"NO_COLOR": "1"})
        coloured = at_terminal(there, tmp_path / "out", {"NO_COLOR": ""})

    assert BAR.search(shown)
    assert not COLOUR.search(shown)
    assert COLOUR.search(coloured)


def test_the_messages_are_those_of_a_run_without_a_bar(tmp_path: Path) -> None:
    """Nothing of it gets into the output."""
    with account() as there:
        at_terminal(there, tmp_path / "out")

    lines = (tmp_path / "out").read_text().splitlines()
    assert len([line for line in lines if json.loads(line)["type"] == "RECORD"]) > 1000


@pytest.mark.parametrize(
    "more", [{"TERM": "dumb"}, {"TERM": ""}, {"MELTANO_EXTRACTOR_NAME": "tap-mailjet-sms"}]
)
def test_no_bar_where_it_is_of_no_use(more: dict[str, str], tmp_path: Path) -> None:
    """A terminal that cannot move back; Meltano, which passes its own terminal on."""
    with account() as there:
        shown = at_terminal(there, tmp_path / "out", more)

    assert "\x1b" not in shown
    assert not BAR.search(shown)
    assert shown.count("% of the span") == 4


def test_no_bar_in_a_test_of_the_connection(tmp_path: Path) -> None:
    """It reads one record, and is no way along a span."""
    with account(per_hour=1) as there:
        shown = at_terminal(there, tmp_path / "out", options=("--test",))

    assert "The token is good" in shown
    assert not BAR.search(shown)


def test_no_bar_among_messages() -> None:
    """Where both outputs are the same terminal."""
    with account(per_hour=1) as there:
        shown = at_terminal(there, None)

    assert '"type":"RECORD"' in shown.replace(" ", "")
    assert "\x1b" not in shown


def test_a_line_fits_a_narrow_terminal() -> None:
    """What is waited for stands beside the bar, and is cut, so that both stay on their line."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with os.fdopen(its, "w") as terminal:
        bar = BarDisplay(logging.getLogger(), terminal)
        bar.waiting("window 1 of 13, and much more to say of it", 0.5, {})
        shown = ""
        while "50%" not in shown:  # a terminal gives what was written piece by piece
            shown += os.read(ours, 1 << 16).decode()
    os.close(ours)

    drawn = COLOUR.sub("", shown.split("\r\x1b[K")[-1])
    assert drawn.startswith("[###############---------------]   50%  window 1 of 13, a")
    assert len(drawn) < 60


def test_a_closed_stderr_ends_no_run() -> None:
    """There is nowhere to say anything, and nothing to say."""
    with account() as there:
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *TAP, "--config", "ENV"],
            stdout=subprocess.PIPE,
            env=environment(there.config()),
            check=False,
        )

    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "STATE"
