"""The pace of all calls of a run: Mailjet's limit is per token and second, and nobody knows it.

Calls go at will until Mailjet asks to slow down: 429, 503 with `Retry-After`. That is no failed
attempt. From then on all calls wait in one queue, with a gap between two of them: a wider one at
each such answer, a slightly smaller one with each call that is let through, until there is none.
"""

from __future__ import annotations

import enum
import logging
import random
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from tap_mailjet_sms.exceptions import MailjetBusyError, SlowDownError
from tap_mailjet_sms.exporting.waiting import MAX_BACKOFF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_mailjet_sms.exporting.waiting import Clock, EndOfRun

logger = logging.getLogger("tap-mailjet-sms.exports")

T = TypeVar("T")

#: What the limit counts in (documented), in seconds: so long Mailjet is left in peace where an
#: answer does not say how long, and what it let through in the last one is a guess at the limit.
LIMIT_PERIOD = 1.0
#: By how much the gap between two calls widens at each request to slow down. More, and what one
#: client gives up is taken by none for a while; less, and ever more calls are refused.
WIDENING = 1.25
#: While calls are let through, their rate doubles in so many seconds. Sooner, and one client alone
#: runs into the limit every few seconds, each time for a second at least.
DOUBLING = 20.0
#: … and grows by so many calls per second, each second, which matters to those who have little:
#: many clients that share a token find equal shares, and the last ones take over what others leave.
GAIN = 0.06
#: A gap that is smaller is none, in seconds.
SMALLEST_GAP = 0.01
#: Whoever waits in the queue looks again after so many seconds, since the gap changes meanwhile.
LOOK_AGAIN = 1.0


class Turn(enum.IntEnum):
    """Who goes first where calls have to wait: what moves data before what only asks for it."""

    FIRST = 0
    LATER = 1


def up_to(seconds: float) -> float:
    """What is added to a pause, so that clients that were refused together come back apart."""
    return random.uniform(0, seconds)  # noqa: S311


@dataclass(slots=True)
class Pace:
    """One pace for all calls of a run; may be used from several threads.

    `patience` says for how many seconds a call may be told to slow down before it gives up, since
    it was first sent: the time before, in our own queue, says nothing of Mailjet. `at_once` says
    how many may be under way at once, `refusals` how often any was told to slow down.
    """

    clock: Clock
    end: EndOfRun
    patience: float
    at_once: int
    jitter: Callable[[float], float] = up_to
    refusals: int = field(default=0, init=False)
    _under_way: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _queue: set[tuple[Turn, int]] = field(default_factory=set, init=False)
    _tickets: Iterator[int] = field(default_factory=count, init=False)
    _let_through: deque[float] = field(default_factory=deque, init=False)
    _gap: float = field(default=0.0, init=False)
    _next: float = field(default=0.0, init=False)
    _kept: float | None = field(default=None, init=False)
    _widened_at: float = field(default=float("-inf"), init=False)
    _good_since: float = field(default=0.0, init=False)

    def call(self, ask: Callable[[], T], turn: Turn) -> T:
        """Ask when it is this call's turn, and again for as long as Mailjet asks to slow down.

        Raises:
            MailjetBusyError: If Mailjet still does so after `patience` seconds.
            StoppedError: If the run is over.
        """
        made = None
        place = turn, next(self._tickets)
        while True:
            sent = self._wait_at(place)  # the same place again, or it might never be its turn
            made = sent if made is None else made
            try:
                with self._one_of_those_at_once():
                    answer = ask()
            except SlowDownError as error:
                self.slow_down(error, made=made, sent=sent)
            else:
                self.let_through()
                return answer

    @contextmanager
    def _one_of_those_at_once(self) -> Iterator[None]:
        """Wait until fewer calls than `at_once` are under way; what is asked here is one of them.

        Raises:
            StoppedError: If the run is over.
        """
        while not self._begins():
            self.clock.sleep(LOOK_AGAIN)
            self.end.check()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _begins(self) -> bool:
        with self._lock:
            is_free = self._under_way < self.at_once
            self._under_way += is_free
            return is_free

    def take_turn(self, turn: Turn) -> float:
        """Wait in the queue; the moment from which one request may be sent.

        Raises:
            StoppedError: If the run is over.
        """
        return self._wait_at((turn, next(self._tickets)))

    def _wait_at(self, place: tuple[Turn, int]) -> float:
        with self._lock:
            self._queue.add(place)
        try:
            while True:
                with self._lock:
                    now = self.clock.monotonic()
                    ahead = sum(other < place for other in self._queue)
                    wait = self._next + ahead * self._gap - now
                    if wait <= 0:
                        return self._take(now)
                self.clock.sleep(min(wait, LOOK_AGAIN))
                self.end.check()
        finally:
            with self._lock:
                self._queue.remove(place)

    def place_ahead(self) -> float:
        """The moment from which the caller may ask, without waiting for it here.

        The place is before all that wait in the queue, and is kept for the caller until it comes
        back at that moment or later, to be told the present one.
        """
        with self._lock:
            now = self.clock.monotonic()
            if self._kept is None:
                self._kept = self._take(now)
            if self._kept > now:
                return self._kept
            self._kept = None
            return now

    def _take(self, now: float) -> float:
        """The next free moment, which is nobody else's any more."""
        moment = max(now, self._next)
        self._next = moment + self._gap
        return moment

    def let_through(self) -> None:
        """Mailjet answered a call: a little more may be asked."""
        with self._lock:
            now = self.clock.monotonic()
            self._let_through.append(now)
            self._forget_let_through(now)
            if self._gap:
                # Halved at most, also after a long silence: that says nothing of the limit.
                good = min(max(0.0, now - self._good_since), DOUBLING)
                rate = 2 ** (good / DOUBLING) / self._gap + GAIN * good
                gap = max(self._gap / 2, 1 / rate)
                self._gap = gap if gap >= SMALLEST_GAP else 0.0
                self._good_since = max(now, self._good_since)

    def slow_down(self, error: SlowDownError, *, made: float, sent: float) -> None:
        """Mailjet asked a call, first and last sent at these moments, to slow down: all do.

        Raises:
            MailjetBusyError: If the call was first sent `patience` seconds ago.
        """
        with self._lock:
            now = self.clock.monotonic()
            self.refusals += 1
            # What was under way when the gap was widened last says nothing about the new one.
            if sent >= self._widened_at:
                self._widen(now)
            asked = LIMIT_PERIOD if error.retry_after is None else max(0.0, error.retry_after)
            asked = min(asked, MAX_BACKOFF)
            # Added, and never less than asked for: so clients that were refused come back apart.
            pause = asked + self.jitter(max(asked / 10, self._gap))
            self._next = max(self._next, now + pause)
            self._good_since = max(self._good_since, now + asked)
            self._kept = None
            wait = self._next - now
        self.check_patience(error, made=made)
        logger.info("%s; trying again in %.1f s", error, wait)

    def check_patience(self, error: SlowDownError, *, made: float) -> None:
        """Go on asking, if a call that was first sent at that moment may.

        Raises:
            MailjetBusyError: If that was `patience` seconds ago.
        """
        waited = self.clock.monotonic() - made
        if waited >= self.patience:
            msg = (
                f"{error}; Mailjet has asked to slow down for {waited:.0f} s: lower "
                "max_concurrent_exports, or let fewer programs share the token at the same time"
            )
            raise MailjetBusyError(msg)

    def _widen(self, now: float) -> None:
        self._forget_let_through(now)
        if self._gap:
            self._gap = min(self._gap * WIDENING, MAX_BACKOFF)
        else:
            self._gap = LIMIT_PERIOD / max(1, len(self._let_through))
        self._widened_at = now

    def _forget_let_through(self, now: float) -> None:
        while self._let_through and self._let_through[0] <= now - LIMIT_PERIOD:
            self._let_through.popleft()
