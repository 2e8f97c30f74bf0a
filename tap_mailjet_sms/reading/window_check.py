"""Times of creation, held against the window that the export was asked for.

A time can be read in more ways than one: in another zone, in another unit, of another file. What
was asked for is known, so a time that lies far from it was read wrongly, or belongs to no message
that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import TIMESTAMP
from tap_mailjet_sms.reading.cells import CellError
from tap_mailjet_sms.utc import EPOCH

if TYPE_CHECKING:
    from typing import Any

    from tap_mailjet_sms.reading.times import Moments

#: Clocks may differ by so much, and what a window's edges mean is not known.
TOLERANCE = timedelta(minutes=5)
#: No zone is so far from UTC: what lies further off was not asked for.
LIMIT = timedelta(days=1)

#: An export is asked for from a second before its window on.
_BEFORE = timedelta(seconds=1)
_QUARTER = timedelta(minutes=15)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class WindowCheck:
    """Holds the times of a file against its window, batch by batch.

    `now` is the moment at which the file was read: nothing was created later. Where `refuses` is
    off, nothing is refused, however far off: where Mailjet's own list says the same, for example.
    `farthest` is how far outside of the window a time was found: negative before it, positive
    after it. `doubtful` counts those that may be an hour later, since clocks were set back within
    the window.
    """

    start: datetime
    end: datetime
    now: datetime
    refuses: bool = True
    farthest: timedelta = field(default=timedelta(0), init=False)
    doubtful: int = field(default=0, init=False)

    def settled(self, created: Moments) -> Moments:
        """A batch's times of creation, of two that one may mean the first that the export can have.

        A run's windows end where clocks are set back, so that none has room for both.
        """
        if created.later is None:
            return created
        begin, end = (pa.scalar(edge, TIMESTAMP) for edge in (self.start - _BEFORE, self.end))
        # Whether an export has the very end of its window is not known.
        fits = pc.less_equal(created.later, end)
        later = pc.if_else(fits, created.later, pa.scalar(None, TIMESTAMP))
        settled = created._replace(later=later).not_before(begin)
        if settled.later is not None:
            self.doubtful += settled.later.is_valid().true_count
        return settled

    def hold(self, created: pa.Array[Any]) -> None:
        """Look at a batch's times of creation, none null.

        Raises:
            CellError: If one of them lies more than a day from the window, or in the future.
        """
        # As numbers: Arrow makes a time Python's with the file of its zone, one more to be open.
        microseconds = created.view(pa.int64())
        limits = pc.min_max(microseconds)
        for name in ("min", "max"):
            extreme = limits[name]
            if not extreme.is_valid:
                return
            moment = EPOCH + timedelta(microseconds=extreme.as_py())
            distance = self._distance(moment)
            is_future = moment > self.now + TOLERANCE
            if self.refuses and (self.is_far(moment) or is_future):
                row = pc.index(microseconds, extreme).as_py()
                raise CellError(row, self._problem(moment, distance, is_future=is_future))
            self.farthest = max(self.farthest, distance, key=abs)

    def is_far(self, moment: datetime) -> bool:
        """Whether a moment lies more than a day from the window."""
        return abs(self._distance(moment)) > LIMIT

    def _distance(self, moment: datetime) -> timedelta:
        """How far outside of the window: negative before it, positive after it."""
        return min(moment - self.start, timedelta(0)) or max(moment - self.end, timedelta(0))

    def _problem(self, moment: datetime, distance: timedelta, *, is_future: bool) -> str:
        if is_future:
            ahead = moment - self.now
            return f"lies {_length(ahead)} in the future: {_causes(ahead)}"
        return (
            f"lies {_off(distance)} the window that the export was asked for: {_causes(distance)}"
        )


@dataclass(slots=True)
class FarTimes:
    """How far off their windows the times of a run were at most."""

    farthest: timedelta = timedelta(0)

    def add(self, check: WindowCheck) -> None:
        """Take in what was found in one more file."""
        self.farthest = max(self.farthest, check.farthest, key=abs)

    @property
    def warning(self) -> str | None:
        """What the user should read of times that lie off the window; None if all is well."""
        if abs(self.farthest) <= TOLERANCE:
            return None
        return (
            f"Messages were created up to {_off(self.farthest)} the window that their export was"
            f" asked for, by the times in Mailjet's CSV: {_causes(self.farthest)}"
        )


def _causes(distance: timedelta) -> str:
    """What may have brought a time so far off."""
    off = abs(distance)
    if off > LIMIT:
        return (
            "it may be in another unit, or in another form than it seems, or the file is that of"
            " another window"
        )
    from_quarter = off % _QUARTER
    in_quarters = min(from_quarter, _QUARTER - from_quarter) <= TOLERANCE
    cause = "the file may be that of another window"
    if in_quarters:
        cause = "it may be in another zone than UTC"
    return f"{cause}, or Mailjet exports by another time than that of creation"


def _off(distance: timedelta) -> str:
    """A distance from a window, in words."""
    return f"{_length(abs(distance))} {'after' if distance > timedelta(0) else 'before'}"


def _length(length: timedelta) -> str:
    """A length of time in words."""
    if length >= timedelta(days=2):
        return f"{length.days} days"
    return f"{timedelta(seconds=round(length / _SECOND))}"
