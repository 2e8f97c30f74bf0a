"""`graceful-meltano` around a program that stands for Meltano, with a plugin below it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.pipeline import GRACEFUL

if TYPE_CHECKING:
    from pathlib import Path

#: As Meltano does: it starts a tap, and saves a state when that has ended.
MELTANO = """
import pathlib, signal, subprocess, sys, time
here = pathlib.Path(__file__).parent
with subprocess.Popen([here / "tap-asleep"]) as tap:
    (here / "started").touch()
    tap.wait()
time.sleep(0.5)
(here / "saved").touch()
sys.exit(1)
"""
TAP = "import time; time.sleep(60)"
#: More than a pipe holds; the brackets are no JSON, and too deep to find that out.
TALKATIVE = """
import sys
print("[" * 100_000, file=sys.stderr)
for number in range(20_000):
    print("A line of the log", file=sys.stderr)
"""
#: Starts a program that hears when its terminal closes, though these tests may run below `nohup`.
HEARING = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def program(folder: Path, name: str, text: str, by: str = sys.executable) -> None:
    """Put a program there."""
    path = folder / name
    path.write_text(f"#!{by}\n{text}")
    path.chmod(0o755)


def started(folder: Path, **how: object) -> subprocess.Popen[bytes]:
    """`graceful-meltano`, with the programs of a folder first on the PATH."""
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.defpath}"}
    command = [sys.executable, "-c", HEARING, GRACEFUL, "run"]
    return subprocess.Popen(command, env=environ, **how)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a Meltano, and a tap."""
    program(tmp_path, "meltano", MELTANO)
    program(tmp_path, "tap-asleep", TAP)
    return tmp_path


@pytest.mark.parametrize(
    ("signums", "code"),
    [
        ([signal.SIGHUP], 129),
        ([signal.SIGTERM, signal.SIGTERM], 143),
        ([signal.SIGINT, signal.SIGTERM], 130),
    ],
    ids=["the terminal is closed", "to us and to our group", "Ctrl-C, and a scheduler's"],
)
def test_a_signal_ends_the_tap_alone(folder: Path, signums: list[int], code: int) -> None:
    """Also where it comes twice within a second: Meltano saves its state."""
    with started(folder) as process:
        deadline = time.monotonic() + 20
        while not (folder / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for signum in signums:
            process.send_signal(signum)
            time.sleep(0.2)
        assert process.wait(timeout=20) == code

    assert (folder / "saved").exists()


def test_a_log_that_nobody_reads_does_not_stop_the_run(folder: Path) -> None:
    """Whether there is no stderr at all, or its reader has gone."""
    program(folder, "meltano", TALKATIVE)
    closed = 'exec "$0" run 2>&-'
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.defpath}"}
    done = subprocess.run(["/bin/sh", "-c", closed, GRACEFUL], env=environ, check=False, timeout=30)
    assert done.returncode == 0

    with started(folder, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.wait(timeout=30) == 0


def test_a_meltano_that_cannot_be_started_is_said_so(tmp_path: Path) -> None:
    """In one line."""
    said = "graceful-meltano: the program meltano cannot be started: "
    for text, by in (("", "/nonexistent/python"), ("x", "")):
        program(tmp_path, "meltano", text, by)
        if not by:
            (tmp_path / "meltano").chmod(0o644)
        with started(tmp_path, stderr=subprocess.PIPE) as process:
            _, output = process.communicate(timeout=10)
        assert process.returncode == 1
        assert output.decode().startswith(said)
        assert output.count(b"\n") == 1


def test_its_help_comes_before_that_of_meltano(folder: Path) -> None:
    """What it does with a signal, and with which codes it ends."""
    program(folder, "meltano", 'echo "Meltano\'s help"', by="/bin/sh")
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.defpath}"}
    done = subprocess.run([GRACEFUL, "--help"], env=environ, capture_output=True, check=True)
    own, _, meltanos = done.stdout.decode().partition("\n\n")
    assert "It ends with 143" in own
    assert meltanos == "Meltano's help\n"
