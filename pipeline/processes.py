"""Child processes that never outlive this one."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

GRACE_SECONDS = 10


class CommandError(RuntimeError):
    """A program is missing, or failed; the message says which, and what it printed."""


def run_checked(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    """Run a command to its end; its output is shown only if it fails.

    Raises:
        CommandError: The exit code is not 0.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        msg = f"`{' '.join(map(str, command))}` failed:\n{done.stdout}"
        raise CommandError(msg)


@contextmanager
def running(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a command while the block lasts, both its outputs in one pipe.

    The command gets a process group of its own, and the whole group is ended with the block:
    Meltano's tap and target too.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End a process and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def exit_on_signals() -> None:
    """Turn the signals that end a program into `SystemExit`, so that blocks are left in order."""

    def leave(signum: int, _: FrameType | None) -> NoReturn:
        # A second Ctrl-C must not cut the clearing up short.
        for other in signals:
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + signum)

    signals = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    for signum in signals:
        signal.signal(signum, leave)
