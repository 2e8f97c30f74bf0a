"""One moment, from any text that leaves no doubt which moment it means.

No message is older than this century. So a time of another one is zero, which says that nothing has
happened yet, or it is misread (a spreadsheet's day, or a number in another unit) and refused.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from tap_mailjet_sms.reading.cells import OddTextError, bare
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.utc import CENTURY_BEGINS, CENTURY_ENDS, EPOCH

if TYPE_CHECKING:
    from datetime import tzinfo

FROM_SECOND, TO_SECOND = int(CENTURY_BEGINS.timestamp()), int(CENTURY_ENDS.timestamp())
#: Seconds, milli-, micro- and nanoseconds, by how many are in a second. A number is a time of this
#: century in one of them at most, and in none if it is a date without marks.
PER_SECOND = (1, 10**3, 10**6, 10**9)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MINUTE, _WHOLE_SECOND = timedelta(minutes=1), timedelta(seconds=1)


class ReadTime(NamedTuple):
    """What a text says.

    `precision` is how much later the moment may have been: what is finer is not written. `later` is
    the moment once more where clocks were set back and the text means either; `has_zone` tells
    whether the text says itself which moment it is.
    """

    moment: datetime
    precision: timedelta
    has_zone: bool
    later: datetime | None = None

    @property
    def either(self) -> tuple[datetime, ...]:
        """The moments that the text may mean: one, or two where clocks were set back."""
        return (self.moment,) if self.later is None else (self.moment, self.later)


_NUMBER = re.compile(r"(\d+)(?:[.,](\d*))?", re.ASCII)
#: Go's zero is that of year 1; in nanoseconds it does not fit into 64 bits, and becomes the last.
_ZERO = re.compile(
    r"0[-/:.,T +0]*(?:Z|UTC|GMT)?|-62135596800(?:0{3}|0{6})?(?:\.0*)?|-6795364578871345152",
    re.IGNORECASE,
)
_SECOND = r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
_HALF = r"(?:\x20?(?P<half>[AP])\.?M\.?)?"
#: Behind the offset RFC 2822 has the zone's name in brackets; Go prints the offset once more if
#: the zone has no name.
_ZONE = (
    r"(?:\x20?(?P<offset>[+-]\d\d(?::?[0-5]\d)?))?"
    r"(?:\x20?(?P<bracket>\()?(?P<zone>Z|[A-Z]{3,5}|[+-]\d\d(?:\d\d)?)(?(bracket)\)))?"
)
_CLOCK = rf"(?P<hour>\d\d?)(?::(?P<minute>\d\d)(?::{_SECOND})?)?{_HALF}{_ZONE}"
_COMPACT_CLOCK = rf"(?P<hour>\d\d)(?P<minute>\d\d)(?:{_SECOND})?{_ZONE}"
_ANY_CASE = re.ASCII | re.IGNORECASE
_FORMS = (
    # 2026-11-23T16:00:00Z, and as Go prints it: 2026-11-23 16:00:00 +0000 UTC
    re.compile(
        rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?:[T ]{_CLOCK})?",
        _ANY_CASE,
    ),
    # 20261123T160000Z
    re.compile(
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:[T ]?{_COMPACT_CLOCK})?", _ANY_CASE
    ),
    # Mon, 23 Nov 2026 16:00:00 +0000, of RFC 2822
    re.compile(
        rf"(?:[A-Z]{{3}},? )?(?P<day>\d\d?) (?P<month>[A-Z]{{3}}) (?P<year>\d{{4}}) {_CLOCK}",
        _ANY_CASE,
    ),
)
_ORDERED = {
    # 23/11/2026 16:00 and 11/23/2026 4:00 PM
    order: re.compile(
        rf"(?P<{first}>\d\d?)(?P<mark>[-/.])(?P<{second}>\d\d?)(?P=mark)(?P<year>\d{{4}})"
        rf"(?:,?[T ]{_CLOCK})?",
        _ANY_CASE,
    )
    for order, first, second in (
        (DateOrder.DAY_FIRST, "day", "month"),
        (DateOrder.MONTH_FIRST, "month", "day"),
    )
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_UTC = ("Z", "UTC", "GMT")
#: The hours ahead of UTC of zones whose names mean the same everywhere.
_ZONES = {
    name: timedelta(hours=hours)
    for hours, names in (
        *((0, "Z UTC GMT WET"), (1, "CET WEST"), (2, "EET CEST"), (3, "EEST MSK")),
        *((-4, "EDT"), (-5, "EST CDT"), (-6, "MDT"), (-7, "PDT")),
    )
    for name in names.split()
}


def read_time(cell: str, form: TimeForm) -> ReadTime | None:
    """What a cell says; None if it says that there is no time.

    Raises:
        ValueError: It is no time, in a form that is known.
        OddTextError: It is one, but not of this century, or may be one of two.
    """
    found = bare(cell)
    if _ZERO.fullmatch(found):
        return None
    number = _NUMBER.fullmatch(found)
    moment = _of_number(number) if number else None
    if moment is not None:
        return ReadTime(moment, _WHOLE_SECOND, has_zone=True)
    marked = number[1] if number and not (number[2] or "").strip("0") else found
    match = next(filter(None, (pattern.fullmatch(marked) for pattern in _FORMS)), None)
    if match is None:
        match = _ordered(marked, form.order)
    if match:
        told = _of_marks(match, form.zone)
        if told is None or CENTURY_BEGINS <= told.moment < CENTURY_ENDS:
            return told
    if match or number:
        msg = "is no time of the years 2000 to 2099"
        raise OddTextError(msg)
    raise ValueError


def _ordered(text: str, order: DateOrder | None) -> re.Match[str] | None:
    """A date that does not begin with the year.

    Raises:
        OddTextError: It is one, and nothing tells its order.
    """
    if order is not None:
        return _ORDERED[order].fullmatch(text)
    if any(pattern.fullmatch(text) for pattern in _ORDERED.values()):
        msg = "may begin with the day or with the month, and no message of Mailjet's list tells"
        raise OddTextError(msg)
    return None


def _of_number(match: re.Match[str]) -> datetime | None:
    """The moment that a number counts to, if it is one of this century in any unit."""
    number, millionths = int(match[1]), int(f"{match[2] or ''}000000"[:6])
    for unit in PER_SECOND:
        if FROM_SECOND * unit <= number < TO_SECOND * unit:
            return EPOCH + timedelta(microseconds=(number * 10**6 + millionths) // unit)
    return None


def _of_marks(match: re.Match[str], zone: tzinfo) -> ReadTime | None:
    """The moment of a date, with a time and a zone or without; None if it is a zero."""
    parts = match.groupdict()
    month = match["month"].lower()
    minute, second = (int(match[name] or 0) for name in ("minute", "second"))
    hour = _hour(int(match["hour"] or 0), parts.get("half"))
    microsecond = int(f"{match['fraction'] or ''}000000"[:6])
    ends_day = hour == 24 and minute == second == microsecond == 0  # noqa: PLR2004
    naive = datetime(  # noqa: DTZ001
        int(match["year"]),
        _MONTHS.index(month) + 1 if month.isalpha() else int(month),
        int(match["day"]),
        0 if ends_day else hour,
        minute,
        second,
        microsecond,
    ) + timedelta(days=ends_day)
    if naive.date() == date.min or naive == datetime(1970, 1, 1):  # noqa: DTZ001
        return None
    precision = _precision(match)
    named = _zone(match["offset"], match["zone"])
    if named is not None:
        moment = naive.replace(tzinfo=named).astimezone(UTC)
        return None if moment == EPOCH else ReadTime(moment, precision, has_zone=True)
    moment, later = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if moment == EPOCH:
        return None
    return ReadTime(moment, precision, has_zone=False, later=later if later > moment else None)


def _precision(match: re.Match[str]) -> timedelta:
    units = (("second", _WHOLE_SECOND), ("minute", _MINUTE), ("hour", _HOUR))
    return next((length for name, length in units if match[name]), _DAY)


def _hour(hour: int, half: str | None) -> int:
    """The hour of the day, of one of twelve.

    Raises:
        ValueError: There is no such hour.
    """
    if half is None:
        return hour
    if not 1 <= hour <= 12:  # noqa: PLR2004
        raise ValueError
    return hour % 12 + 12 * (half in "Pp")


def _zone(offset: str | None, name: str | None) -> timezone | None:
    """The zone of an offset, of one of UTC's names, or of an offset with a name that agrees.

    None if there is none of these.

    Raises:
        ValueError: The two contradict each other, or there is a name alone, which says too little.
    """
    if offset is None:
        if name is not None and name.upper() not in _UTC:
            raise ValueError
        return None if name is None else UTC
    ahead = named = _ahead(offset)
    if name is not None:
        named = _ahead(name) if name[0] in "+-" else _ZONES.get(name.upper(), ahead)
    if named != ahead:
        raise ValueError
    return timezone(ahead)


def _ahead(offset: str) -> timedelta:
    digits = offset.replace(":", "")
    ahead = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:] or 0))
    return -ahead if digits[0] == "-" else ahead
