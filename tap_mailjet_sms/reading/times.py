"""Moments, from every form that leaves no doubt which moment it means.

No message is older than this century. So a time of another one is zero, which says that nothing has
happened yet, or it is misread (a spreadsheet's day, or a number in another unit) and refused.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import TIMESTAMP
from tap_mailjet_sms.reading.cells import (
    CellError,
    OddTextError,
    are_numbers,
    bare,
    each,
    first,
    nulls,
    text,
)

if TYPE_CHECKING:
    from tap_mailjet_sms.reading.cells import Cells

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_FROM_SECOND, _TO_SECOND = int(_EARLIEST.timestamp()), int(_END.timestamp())
#: Seconds, milli-, micro- and nanoseconds, by how many are in a second. A number is a time of this
#: century in one of them at most, and in none if it is a date without marks.
_PER_SECOND = (1, 10**3, 10**6, 10**9)
#: Years between creation and sending mean that one of them is misread.
_FARTHEST = 366 * 86_400 * 10**6

_NUMBER = re.compile(r"(\d+)(?:[.,](\d*))?", re.ASCII)
#: Go's zero is that of year 1; in nanoseconds it does not fit into 64 bits, and becomes the last.
_ZERO = re.compile(
    r"0[-/:.,T +0]*(?:Z|UTC|GMT)?|-62135596800(?:0{3}|0{6})?(?:\.0*)?|-6795364578871345152",
    re.IGNORECASE,
)
_SECOND = r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
#: Behind the offset RFC 2822 has the zone's name in brackets; Go prints the offset once more if
#: the zone has no name.
_ZONE = (
    r"(?:\x20?(?P<offset>[+-]\d\d(?::?[0-5]\d)?))?"
    r"(?:\x20?(?P<bracket>\()?(?P<zone>Z|[A-Z]{3,5}|[+-]\d\d(?:\d\d)?)(?(bracket)\)))?"
)
_CLOCK = rf"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::{_SECOND})?)?{_ZONE}"
_COMPACT_CLOCK = rf"(?P<hour>\d\d)(?P<minute>\d\d)(?:{_SECOND})?{_ZONE}"
_ANY_CASE = re.ASCII | re.IGNORECASE
_FORMS = (
    # 2026-11-23T16:00:00Z, and as Go prints it: 2026-11-23 16:00:00 +0000 UTC
    re.compile(
        rf"(?P<year>\d{{4}})(?P<mark>[-/])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?:[T ]{_CLOCK})?",
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

#: What Arrow reads as we do.
_OF_ARROW = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_NO_NUMBER = pa.scalar(None, pa.uint64())
_NO_TIME = pa.scalar(None, TIMESTAMP)
_ZERO_NUMBER = pa.scalar(0, pa.uint64())
_ZEROS = pa.array([_EPOCH, datetime(1, 1, 1, tzinfo=UTC)], TIMESTAMP)


class Moments(NamedTuple):
    """A column of moments, and its limits in unix microseconds, None where all are null."""

    values: Cells
    earliest: int | None
    latest: int | None


def times(cells: Cells) -> Moments:
    """Moments of this century; empty, a null word, or zero in any form is null.

    From unix seconds, milli-, micro- or nanoseconds (and fractions of them), ISO 8601 (with or
    without marks), RFC 2822, or what Go prints. No zone means UTC. What is finer than a microsecond
    is cut off.

    Raises:
        CellError: The first cell that is no such moment.
    """
    filled = cells if are_numbers(cells) else text(cells)
    if are_numbers(cells) or not pc.ascii_is_decimal(filled).false_count:
        moments = _unix_times(filled)
    else:
        moments = _iso_times(filled)
    if moments is not None:
        return moments
    # Several forms in one block, an odd one, or none at all.
    (values,) = each(cells, lambda cell: (_time(cell),), "is no known form of time", TIMESTAMP)
    return Moments(values, *_limits(values.view(pa.int64())))


def required(moments: Moments) -> Moments:
    """The same moments, if none is null.

    Raises:
        CellError: The first null.
    """
    if moments.values.null_count:
        raise CellError(first(moments.values.is_null()), "is empty")
    return moments


def near(moments: Moments, created: Moments) -> Cells:
    """The moments, if each is within a year of its message's creation.

    Raises:
        CellError: The first that is not.
    """
    values, earliest, latest = moments
    if earliest is None or latest is None or created.earliest is None or created.latest is None:
        return values
    # As a rule the whole block spans less than that.
    if max(latest, created.latest) - min(earliest, created.earliest) <= _FARTHEST:
        return values
    apart = pc.abs(pc.subtract(values, created.values).view(pa.int64()))
    far = pc.greater(apart, pa.scalar(_FARTHEST, pa.int64()))
    if far.true_count:
        raise CellError(first(far), "is more than a year from the creation time")
    return values


def _unix_times(cells: Cells) -> Moments | None:
    try:
        numbers: Cells = cells.cast(pa.uint64())
    except pa.ArrowInvalid:
        return None
    smallest, largest = _limits(numbers)
    if smallest == 0:
        numbers = pc.if_else(pc.equal(numbers, _ZERO_NUMBER), _NO_NUMBER, numbers)
        smallest, largest = _limits(numbers)
    if smallest is None or largest is None:
        return Moments(nulls(len(cells), TIMESTAMP), None, None)
    for unit in _PER_SECOND:
        if _FROM_SECOND * unit <= smallest and largest < _TO_SECOND * unit:
            values = _microseconds(numbers.view(pa.int64()), unit).view(TIMESTAMP)
            return Moments(values, smallest * 10**6 // unit, largest * 10**6 // unit)
    return None


def _microseconds(numbers: Cells, per_second: int) -> Cells:
    if per_second > 10**6:
        return pc.divide(numbers, pa.scalar(per_second // 10**6, pa.int64()))
    return pc.multiply(numbers, pa.scalar(10**6 // per_second, pa.int64()))


def _iso_times(cells: Cells) -> Moments | None:
    # The first cell decides, as a cast that fails takes Arrow longer than the slow way.
    match = _OF_ARROW.fullmatch(cells[first(cells.is_valid())].as_py())
    if not match:
        return None
    try:
        values = cells.cast(TIMESTAMP if match["zone"] else pa.timestamp("us")).cast(TIMESTAMP)
    except pa.ArrowInvalid:
        return None
    limits = _limits(values.view(pa.int64()))
    if not _are_of_this_century(*limits):
        values = pc.if_else(pc.is_in(values, _ZEROS), _NO_TIME, values)
        limits = _limits(values.view(pa.int64()))
    return Moments(values, *limits) if _are_of_this_century(*limits) else None


def _are_of_this_century(earliest: int | None, latest: int | None) -> bool:
    if earliest is None or latest is None:
        return True
    return earliest >= _FROM_SECOND * 10**6 and latest < _TO_SECOND * 10**6


def _limits(numbers: Cells) -> tuple[int | None, int | None]:
    limits = pc.min_max(numbers)
    return limits["min"].as_py(), limits["max"].as_py()


def _time(cell: str) -> datetime | None:
    found = bare(cell)
    if _ZERO.fullmatch(found):
        return None
    number = _NUMBER.fullmatch(found)
    moment = _of_number(number) if number else None
    if moment is not None:
        return moment
    marked = number[1] if number and not (number[2] or "").strip("0") else found
    match = next(filter(None, (form.fullmatch(marked) for form in _FORMS)), None)
    if match:
        moment = _of_marks(match)
        if moment is None or _EARLIEST <= moment < _END:
            return moment
    if match or number:
        msg = "is no time of the years 2000 to 2099"
        raise OddTextError(msg)
    raise ValueError


def _of_number(match: re.Match[str]) -> datetime | None:
    """The moment that a number counts to, if it is one of this century in any unit."""
    number, millionths = int(match[1]), int(f"{match[2] or ''}000000"[:6])
    for unit in _PER_SECOND:
        if _FROM_SECOND * unit <= number < _TO_SECOND * unit:
            return _EPOCH + timedelta(microseconds=(number * 10**6 + millionths) // unit)
    return None


def _of_marks(match: re.Match[str]) -> datetime | None:
    """The moment of a date, with a time and a zone or without; none if it is a zero."""
    month = match["month"].lower()
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
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
    moment = naive.replace(tzinfo=_zone(match["offset"], match["zone"]))
    return None if moment == _EPOCH else moment.astimezone(UTC)


def _zone(offset: str | None, name: str | None) -> timezone:
    """The zone of an offset, of one of UTC's names, or of an offset with a name that agrees.

    Raises:
        ValueError: The two contradict each other, or there is a name alone, which says too little.
    """
    if offset is None:
        if name is not None and name.upper() not in _UTC:
            raise ValueError
        return UTC
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
