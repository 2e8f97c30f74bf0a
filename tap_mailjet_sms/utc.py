"""Moments in UTC: as text in ISO 8601, to the whole second, and as clocks of a zone show them.

Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

#: Nothing of Mailjet's is older, and no state may be.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: No message is older than this century: a time of another one is misread, or is none.
CENTURY_BEGINS, CENTURY_ENDS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

_SECOND = timedelta(seconds=1)
#: No zone changes its clocks twice within.
_BETWEEN_CHANGES = timedelta(days=7)


class ClockChange(NamedTuple):
    """From `moment` on clocks of a zone were `after` ahead of UTC, not `before` any more."""

    moment: datetime
    before: timedelta
    after: timedelta


def iso(moment: datetime) -> str:
    """A moment in the form that state, records and messages have: `2026-11-21T16:00:00+00:00`."""
    return moment.isoformat()


def moment_of(value: object) -> datetime | None:
    """The moment of a date or date-time in ISO 8601; one without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def second_of(value: object) -> datetime | None:
    """The whole second of a date or date-time in ISO 8601; None before unix time begins."""
    moment = moment_of(value)
    return whole_moment(moment) if moment is not None and moment >= EPOCH else None


def whole_moment(moment: datetime) -> datetime:
    """The last whole second in UTC that is not after `moment`."""
    return moment.astimezone(UTC).replace(microsecond=0)


def whole_second(length: timedelta) -> timedelta:
    """The length without its fraction of a second."""
    return timedelta(seconds=int(length.total_seconds()))


def clock_changes(begin: datetime, end: datetime, zone: tzinfo) -> Iterator[ClockChange]:
    """When clocks of a zone were put forward or set back, between two whole seconds in UTC.

    In order; what falls on one of the two is left out.
    """

    def ahead_at(moment: datetime) -> timedelta:
        return moment.astimezone(zone).utcoffset() or timedelta(0)

    known, before = begin, ahead_at(begin)
    while known < end:
        earlier, later = known, min(known + _BETWEEN_CHANGES, end)
        known, after = later, ahead_at(later)
        if after != before:
            while later - earlier > _SECOND:
                middle = whole_moment(earlier + (later - earlier) / 2)
                if ahead_at(middle) == before:
                    earlier = middle
                else:
                    later = middle
            if later < end:
                yield ClockChange(later, before, after)
        before = after
