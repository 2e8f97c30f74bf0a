"""Time and patience: the clock, the waiting, and when to try once more."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import backoff

if TYPE_CHECKING:
    from collections.abc import Callable

#: Longest wait before another attempt, also where `Retry-After` asks for more, in seconds.
MAX_BACKOFF = 120.0


class Clock(Protocol):
    """Time, and the waiting for it."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""

    def sleep(self, seconds: float) -> None:
        """Let a worker wait; raises `StoppedError` once the run is over."""

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Let the main thread wait until it is woken, `seconds` at most."""

    def stop(self) -> None:
        """End the waiting of all workers."""


class StoppedError(Exception):
    """The run is over: a worker must not go on."""


class SystemClock:
    """The real time."""

    def __init__(self) -> None:
        """Start with nobody stopped."""
        self._stopped = threading.Event()

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `StoppedError` as soon as the run is over."""
        if self._stopped.wait(seconds):
            raise StoppedError

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Wait until woken, `seconds` at most."""
        woken.wait(seconds)

    def stop(self) -> None:
        """End the waiting of all workers."""
        self._stopped.set()


@dataclass(frozen=True, slots=True)
class Retrying:
    """When to try once more: exponential backoff with full jitter, or what `Retry-After` says."""

    max_attempts: int
    jitter: Callable[[float], float] = backoff.full_jitter

    def pause(self, attempt: int, error: Exception | None = None) -> float:
        """Seconds to wait after the `attempt`-th try (from 1) has failed with `error`."""
        backoff = self.jitter(min(2.0 ** min(attempt - 1, 10), MAX_BACKOFF))
        retry_after = getattr(error, "retry_after", None)
        if retry_after is None:
            return backoff
        # A limit "per second" can say zero: without backoff all attempts would be gone at once.
        return max(min(float(retry_after), MAX_BACKOFF), backoff)
