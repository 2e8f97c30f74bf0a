"""Time and patience: the clock, the end of the run, and when to try once more."""

from __future__ import annotations

import os
import random
import select
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import backoff

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

#: Longest wait before another attempt, also where `Retry-After` asks for more, in seconds.
MAX_BACKOFF = 120.0
#: A wait between two polls is shortened to between these parts of it, so that exports do not keep
#: in step: by nearly 10 % always, since that sees an export's end sooner for few more polls.
JITTER = (0.90, 0.92)


class StoppedError(Exception):
    """The run is over: a worker must not go on."""


class EndOfRun:
    """Tells all that work for a run when it is over: from then on nobody may go on.

    A signal's handler declares it, in the middle of anything. So there is no lock in it, which the
    interrupted code might hold: those who wait look at a pipe that is closed when the run is over.
    """

    def __init__(self) -> None:
        """Begin a run."""
        self._is_declared = False
        self._waiting, self._open = os.pipe()

    def __del__(self) -> None:
        """Give the pipe back."""
        self.declare()
        os.close(self._waiting)

    def declare(self) -> None:
        """The run is over, for whatever reason; as often as one likes."""
        if not self._is_declared:
            self._is_declared = True
            os.close(self._open)

    def is_declared(self, *, within: float = 0) -> bool:
        """Whether the run is over, or will be within so many seconds, which are waited for."""
        if not self._is_declared and within > 0:
            closed = select.poll()
            closed.register(self._waiting, 0)  # it is told in any case that the other end is closed
            closed.poll(within * 1000)
        return self._is_declared

    def check(self) -> None:
        """Go on, if that may be.

        Raises:
            StoppedError: If the run is over.
        """
        if self.is_declared():
            raise StoppedError


class Clock(Protocol):
    """Time, and the waiting for it."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""

    def sleep(self, seconds: float) -> None:
        """Let a worker wait; no longer than the run."""

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Let the main thread wait until it is woken, `seconds` at most."""


class SystemClock:
    """The real time."""

    def __init__(self, end: EndOfRun) -> None:
        """Know the end of the run, which ends all waiting of workers."""
        self._end = end

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, no longer than the run."""
        self._end.is_declared(within=seconds)

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Wait until woken, `seconds` at most."""
        woken.wait(seconds)


def shortened(seconds: float) -> float:
    """A wait between two polls, with its jitter."""
    return seconds * random.uniform(*JITTER)  # noqa: S311


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """How long to wait between two polls, in seconds."""

    interval: float
    max_interval: float
    timeout: float
    jitter: Callable[[float], float] = shortened

    def pause(self, waited: float) -> float:
        """The next pause after `waited` seconds: a tenth of them, so never 10 % late or more."""
        most = max(self.interval, self.max_interval)
        return self.jitter(min(max(self.interval, waited / 10), most))


@dataclass(frozen=True, slots=True)
class Retrying:
    """When to try once more: exponential backoff with full jitter, or what `Retry-After` says."""

    max_attempts: int
    jitter: Callable[[float], float] = backoff.full_jitter

    def pause(self, attempt: int, error: Exception | None = None) -> float:
        """Seconds to wait after the `attempt`-th try (from 1) has failed with `error`."""
        wait = self.jitter(min(2.0 ** min(attempt - 1, 10), MAX_BACKOFF))
        retry_after = getattr(error, "retry_after", None)
        if retry_after is None:
            return wait
        # A limit "per second" can say zero: without backoff all attempts would be gone at once.
        return max(min(float(retry_after), MAX_BACKOFF), wait)
