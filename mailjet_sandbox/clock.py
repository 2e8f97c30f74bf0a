"""The time of an account, and the age of its statuses, which can be moved on alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Tells the time, and how much older than that the statuses of messages are.

    A move of the statuses counts from the next whole second, and nothing that happens after it is
    stamped earlier. So a stamp in whole seconds, which is all that Mailjet gives, always tells
    which statuses were true.
    """

    def __init__(self, source: Callable[[], float]) -> None:
        """Follow a source of unix seconds."""
        self._source = source
        self._ahead = 0.0
        self._moves: list[tuple[int, int]] = []

    def now(self) -> float:
        """Return the time in unix seconds."""
        return self._source() + self._ahead

    def stamp(self, moment: float | None = None) -> int:
        """Return the whole second that `moment`, by default now, goes down as."""
        second = math.floor(self.now() if moment is None else moment)
        return max(second, self._moves[-1][0]) if self._moves else second

    def aged(self, stamp: int) -> int:
        """Return by how many seconds statuses were ahead at that stamp."""
        return next((by for moment, by in reversed(self._moves) if moment <= stamp), 0)

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        self._ahead += seconds

    def advance_delivery(self, seconds: int) -> None:
        """Let statuses move on as if so much time had passed."""
        moment = self.stamp() + 1
        self._moves.append((moment, self.aged(moment) + seconds))
