"""`graceful-meltano …`: the command `meltano …`, ended by a signal so that nothing is lost.

Meltano 4.4 hands a signal on to tap and target at once, and drops the state that the target tells
in its last moment: what was loaded is loaded again. Here the tap alone is ended. So the target's
input ends as always, the target loads what it has, and Meltano saves how far it got.

Meltano gets a session of its own: what is sent to the whole process group (Ctrl-C, Airflow) reaches
us alone. A second signal ends Meltano itself, and so does our own death, on Linux. Nothing of the
tap is imported: this runs beside it, in whatever environment, and has to be there at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TAP = "tap-mailjet-sms"
HELP = """\
graceful-meltano takes the arguments of meltano, which are below. At a signal it ends the tap alone,
so that what was loaded is kept; then, or at a second signal, Meltano ends. It ends with 143, 130 or
129 after a signal, with the tap's own exit code (with --log-format=json), or with Meltano's.
"""
#: Long enough for Meltano to save a state, or to start the next plugin.
IDLE_SECONDS = 2.0
POLL_SECONDS = 0.1
#: One signal may come as two: to us, and to our group or session.
SAME_SECONDS = 1.0
#: Codes above are the shell's for signals.
HIGHEST_CODE = 127
STDERR = 2
#: Of Linux's `prctl`: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run Meltano with the arguments of the command line, and end as it ended.

    Raises:
        SystemExit: With 143, 130 or 129, if a signal has cut the run; else with the tap's own exit
            code, where Meltano's JSON log tells it (`--log-format=json`); else with Meltano's.
    """
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(f"{HELP}\n")
        sys.stdout.flush()  # before Meltano's
    signals: list[tuple[int, float]] = []
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # as under nohup
            signal.signal(signum, lambda number, _: signals.append((number, time.monotonic())))
    try:
        meltano = Meltano(sys.argv[1:])
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError) and shutil.which("meltano") is None
        why = "is not on the PATH" if is_missing else f"cannot be started: {error.strerror}"
        sys.exit(f"graceful-meltano: the program meltano {why}")
    sys.exit(meltano.wait(signals))


class Meltano:
    """A running Meltano, and what its log tells of the tap."""

    def __init__(self, arguments: list[str]) -> None:
        """Start it.

        Raises:
            OSError: If there is no Meltano on the PATH, or it cannot be started.
        """
        self._process = subprocess.Popen(  # noqa: S603 - what the user asked for
            ["meltano", *arguments],  # noqa: S607
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_dying_with_parent(),  # noqa: PLW1509 - no thread has been started yet
        )
        self._ended: set[int] = set()
        self._tap_code = 0
        self._log = threading.Thread(target=self._pass_on, daemon=True)
        self._log.start()

    def wait(self, signals: list[tuple[int, float]]) -> int:
        """Wait until Meltano has ended; its exit code, or a better one.

        Args:
            signals: Those that came, and when; one that comes later is added meanwhile.
        """
        idle_since = time.monotonic()
        while (code := self._process.poll()) is None:
            time.sleep(POLL_SECONDS)
            if signals and signals[-1][1] - signals[0][1] >= SAME_SECONDS:
                self._end(self._process.pid)
            elif not signals or self._end_tap():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > IDLE_SECONDS:
                self._end(self._process.pid)  # it has not started a plugin yet, or runs none
        self._log.join()
        if code == 0:
            return 0
        if signals:
            return 128 + signals[0][0]
        return self._tap_code or (128 - code if code < 0 else code)

    def _end_tap(self) -> bool:
        """End the tap; whether there is something to wait for: it, or a target that loads."""
        plugins = list(_plugins_below(self._process.pid))
        for pid, name in plugins:
            if name.startswith("tap-"):
                self._end(pid)
        return bool(plugins or self._ended)

    def _end(self, pid: int) -> None:
        """Send SIGTERM, once."""
        if pid not in self._ended:
            self._ended.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _pass_on(self) -> None:
        """Hand the log on, line by line, and note what it says of the tap's exit code."""
        for line in self._process.stderr or ():
            with suppress(OSError):  # a reader that is gone, or never was, must not stop the run
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(STDERR, rest) :]
            with suppress(ValueError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("plugin_logger") == TAP:
                    code = entry.get("exit_code", 0)
                    if isinstance(code, int) and code <= HIGHEST_CODE:
                        self._tap_code = code


def _dying_with_parent() -> Callable[[], object] | None:
    """What has a new process end with us, also if we are killed; None where that cannot be had.

    It gets SIGTERM: so Meltano ends its plugins, and nothing is left running.
    """
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)  # it has died already

    return die_with_parent


def _plugins_below(pid: int) -> Iterator[tuple[int, str]]:
    """The living Singer plugins among the descendants of a process, by name."""
    children = defaultdict(list)
    for child, parent, words in _processes():
        children[parent].append((child, words))
    generations = [pid]
    while generations:
        for child, words in children[generations.pop()]:
            generations.append(child)
            # The program itself, or its script behind the interpreter.
            for name in (Path(word).name for word in words[:2]):
                if name.startswith(("tap-", "target-")):
                    yield child, name


def _processes() -> Iterator[tuple[int, int, list[str]]]:
    """Each living process, its parent and its command line: from /proc, else from `ps`."""
    proc = Path("/proc")
    if not (proc / "self" / "stat").exists():
        yield from _listed(("ps", "-A", "-o", "pid=,ppid=,args="))
        return
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError, ValueError):  # it has just ended
            # pid (name) state ppid …; the name can hold anything.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                words = (folder / "cmdline").read_bytes().split(b"\0")
                yield int(folder.name), int(parent), [os.fsdecode(word) for word in words]


def _listed(command: Iterable[str]) -> Iterator[tuple[int, int, list[str]]]:
    done = subprocess.run(list(command), check=False, capture_output=True, text=True)  # noqa: S603
    for line in done.stdout.splitlines():
        pid, parent, *words = line.split()
        yield int(pid), int(parent), words
