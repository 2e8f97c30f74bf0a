"""Windows: which spans of time a run asks Mailjet for. Pure; time comes in as `now`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tap_mailjet_sms.utc import clock_changes, iso, whole_moment, whole_second

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo

#: `FromTS` may lie at most one year back (documented).
ONE_YEAR = timedelta(days=365)
#: Mailjet's clock decides what one year is, and exports wait their turn: stay clear of the edge.
ONE_YEAR_MARGIN = timedelta(hours=1)
#: A message created a moment ago may not be in Mailjet's store yet (a guess, on the safe side).
SETTLING = timedelta(minutes=5)
#: Whether Mailjet's edges are inclusive is not known, so neighbouring exports share a second.
OVERLAP = timedelta(seconds=1)
#: The shortest window that may be asked for, and the one that a failing export is halved down to;
#: shorter ones cost an export each for next to nothing.
SHORTEST = timedelta(hours=1)

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time, `start <= t < end`: aware UTC, whole seconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse what is no window.

        Raises:
            ValueError: If an edge is not in UTC or not a whole second, or the window is empty.
        """
        if any(edge.tzinfo is not UTC or edge.microsecond for edge in (self.start, self.end)):
            msg = f"{self} does not lie on whole seconds in UTC"
            raise ValueError(msg)
        if self.start >= self.end:
            msg = f"{self} is empty"
            raise ValueError(msg)

    def __str__(self) -> str:
        """Both edges in ISO 8601, as they stand in messages to the user."""
        return f"{iso(self.start)} to {iso(self.end)}"

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    @property
    def fields(self) -> dict[str, object]:
        """What a log in JSON has of it, named as the columns are."""
        return {"from_ts": iso(self.start), "to_ts": iso(self.end)}

    def overlaps(self, other: Window) -> bool:
        """Whether the two have a moment in common."""
        return self.start < other.end and other.start < self.end

    def split(self, longest: timedelta) -> Iterator[Window]:
        """Cut into windows of at most `longest`, from the start on; the last may be shorter."""
        step = max(whole_second(longest), _SECOND)
        start = self.start
        while start < self.end:
            end = min(start + step, self.end)
            yield Window(start, end)
            start = end

    def cut(self, moments: Iterable[datetime]) -> Iterator[Window]:
        """Cut at these moments, in order, those that lie within."""
        start = self.start
        for moment in moments:
            if start < moment < self.end:
                yield Window(start, moment)
                start = moment
        yield Window(start, self.end)

    def with_overlap(self, *, not_before: datetime) -> Window:
        """The span to ask Mailjet for: from a second earlier, but not before `not_before`."""
        start = max(self.start - OVERLAP, min(whole_moment(not_before), self.start))
        return Window(start, self.end)


def oldest_exportable(now: datetime) -> datetime:
    """The earliest moment that an export may begin at: a year ago, less a margin of one hour."""
    return whole_moment(now - ONE_YEAR + ONE_YEAR_MARGIN) + _SECOND


def clocks_set_back(span: Window, zone: tzinfo) -> Iterator[datetime]:
    """When a zone's clocks were set back within a span: they showed what they had shown before.

    A time without a zone tells which of the two it means where no window goes beyond that moment.
    """
    changes = clock_changes(span.start, span.end, zone)
    return (change.moment for change in changes if change.after < change.before)


def plan_windows(span: Window, *, longest: timedelta, fixed: Iterable[Window]) -> list[Window]:
    """Cut the span into windows of at most `longest`, in order, around the `fixed` ones.

    A fixed window (an export asked for earlier) is kept as it is, even where it begins before the
    span. The fixed ones do not overlap each other.
    """
    windows: list[Window] = []
    covered = span.start
    for window in sorted(fixed):
        if not window.overlaps(span):
            continue
        if window.start > covered:
            windows += Window(covered, window.start).split(longest)
        windows.append(window)
        covered = window.end
    if covered < span.end:
        windows += Window(covered, span.end).split(longest)
    return windows


def newest_hour(span: Window, count: Callable[[Window], int]) -> Window | None:
    """The newest window of an hour or less that holds messages; None if the span has none.

    Asks for about as many counts as the hours of the span have binary digits, twice over.
    """
    hour = timedelta(hours=1)
    if not count(span):
        return None
    empty_from, length = span.end, hour
    while True:
        newest = Window(max(span.start, span.end - length), span.end)
        if newest == span or count(newest):
            break
        empty_from, length = newest.start, 2 * length
    found = Window(newest.start, empty_from)
    while found.length > hour:
        middle = whole_moment(found.start + found.length / 2)
        newer = Window(middle, found.end)
        found = newer if count(newer) else Window(found.start, middle)
    return found
