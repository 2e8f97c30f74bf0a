"""Columns of moments, from every form that leaves no doubt which moment it means.

What most exports hold is converted in Arrow; `time_texts.py` reads the rest, text by text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import TIMESTAMP
from tap_mailjet_sms.reading.cells import CellError, are_numbers, each, first, nulls, text
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.reading.time_texts import FROM_SECOND, PER_SECOND, TO_SECOND, read_time
from tap_mailjet_sms.utc import EPOCH, clock_changes, whole_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from tap_mailjet_sms.reading.cells import Cells

#: Years between creation and sending mean that one of them is misread.
_FARTHEST = 366 * 86_400 * 10**6
#: No zone is further from UTC.
_FARTHEST_ZONE = timedelta(days=1)

#: What Arrow reads as we do.
_OF_ARROW = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = pa.scalar(timedelta(minutes=1), pa.duration("us"))
_NO_NUMBER = pa.scalar(None, pa.uint64())
_NO_TIME = pa.scalar(None, TIMESTAMP)
_ZERO_NUMBER = pa.scalar(0, pa.uint64())
_ZEROS = pa.array([EPOCH, datetime(1, 1, 1, tzinfo=UTC)], TIMESTAMP)
_YEAR_FIRST = {
    # Dates as most files write them, turned round for Arrow.
    DateOrder.DAY_FIRST: (r"^(\d\d)[-/.](\d\d)[-/.](\d{4})\b", r"\3-\2-\1"),
    DateOrder.MONTH_FIRST: (r"^(\d\d)[-/.](\d\d)[-/.](\d{4})\b", r"\3-\1-\2"),
}


class Moments(NamedTuple):
    """A column of moments, and its limits in unix microseconds, None where all are null.

    Where clocks were set back, a text without a zone means either of two moments: the earlier one
    is in `values`, and `later` has the other one, null elsewhere. It is None if there is none.
    """

    values: Cells
    earliest: int | None
    latest: int | None
    later: Cells | None = None

    def not_before(self, begin: Cells | pa.Scalar[Any]) -> Moments:
        """The same, the later one of two where the earlier one is before `begin`."""
        if self.later is None:
            return self
        too_early = pc.and_(pc.less(self.values, begin), self.later.is_valid())
        is_later = too_early.fill_null(False)  # noqa: FBT003 - where `begin` is null
        values = pc.if_else(is_later, self.later, self.values)
        still = pc.if_else(is_later, _NO_TIME, self.later)
        return Moments(values, *_limits(values.view(pa.int64())), still)


def times(cells: Cells, form: TimeForm) -> Moments:
    """Moments of this century; empty, a null word, or zero in any form is null.

    From unix seconds, milli-, micro- or nanoseconds (and fractions of them), ISO 8601 (with or
    without marks), RFC 2822, what Go prints, or dates in the order of `form`. What has no zone is
    in that of `form`. What is finer than a microsecond is cut off.

    Raises:
        CellError: The first cell that is no such moment.
    """
    filled = cells if are_numbers(cells) else text(cells)
    if are_numbers(cells) or not pc.ascii_is_decimal(filled).false_count:
        moments = _unix_times(filled)
    else:
        moments = _iso_times(filled, form)
    if moments is not None:
        return moments
    # Several forms in one block, an odd one, or none at all.
    values, later = each(
        cells, lambda cell: _moments(cell, form), "is no known form of time", TIMESTAMP, TIMESTAMP
    )
    is_unique = later.null_count == len(later)
    return Moments(values, *_limits(values.view(pa.int64())), None if is_unique else later)


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

    Of two that one may mean, the first that is not before it.

    Raises:
        CellError: The first that is not.
    """
    if moments.later is not None:  # times may be written without their seconds
        moments = moments.not_before(pc.subtract(created.values, _MINUTE))
    values, earliest, latest, _ = moments
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
    for unit in PER_SECOND:
        if FROM_SECOND * unit <= smallest and largest < TO_SECOND * unit:
            values = _microseconds(numbers.view(pa.int64()), unit).view(TIMESTAMP)
            return Moments(values, smallest * 10**6 // unit, largest * 10**6 // unit)
    return None


def _microseconds(numbers: Cells, per_second: int) -> Cells:
    if per_second > 10**6:
        return pc.divide(numbers, pa.scalar(per_second // 10**6, pa.int64()))
    return pc.multiply(numbers, pa.scalar(10**6 // per_second, pa.int64()))


def _iso_times(cells: Cells, form: TimeForm) -> Moments | None:
    if form.order is not None:
        pattern, turned = _YEAR_FIRST[form.order]
        cells = pc.replace_substring_regex(cells, pattern, turned)
    # The first cell decides, as a cast that fails takes Arrow longer than the slow way.
    match = _OF_ARROW.fullmatch(cells[first(cells.is_valid())].as_py())
    if not match:
        return None
    later: Cells | None = None
    try:
        if match["zone"]:
            values = cells.cast(TIMESTAMP)
        else:
            values, later = _in_zone(cells.cast(pa.timestamp("us")), form.zone)
    except pa.ArrowInvalid:
        return None
    limits = _limits(values.view(pa.int64()))
    if not _are_of_this_century(*limits):
        values = pc.if_else(pc.is_in(values, _ZEROS), _NO_TIME, values)
        limits = _limits(values.view(pa.int64()))
    return Moments(values, *limits, later) if _are_of_this_century(*limits) else None


def _in_zone(naive: Cells, zone: tzinfo) -> tuple[Cells, Cells | None]:
    """The moments that clocks of this zone showed, and the later ones of those that came twice."""
    if zone is UTC:
        return naive.cast(TIMESTAMP), None
    numbers = naive.view(pa.int64())
    earliest, latest = _limits(numbers)
    if earliest is None or latest is None:
        return nulls(len(naive), TIMESTAMP), None
    if not _are_of_this_century(earliest, latest):
        raise pa.ArrowInvalid  # with zeros among them: text by text
    first_time, second_time = ([*_offsets(earliest, latest, zone, fold)] for fold in (0, 1))
    values = _moved(numbers, first_time)
    if first_time == second_time:
        return values, None
    later = _moved(numbers, second_time)
    is_twice = pc.greater(later, values)  # not so where clocks were put forward
    return values, pc.if_else(is_twice, later, _NO_TIME) if is_twice.true_count else None


def _moved(numbers: Cells, offsets: Iterable[tuple[int, int]]) -> Cells:
    """The moments of what clocks showed, by how far ahead they were from which time on."""
    moved = numbers
    for begin, ahead in offsets:
        since = pc.greater_equal(numbers, pa.scalar(begin, pa.int64()))
        moved = pc.if_else(since, pc.subtract(numbers, pa.scalar(ahead, pa.int64())), moved)
    return moved.view(TIMESTAMP)


def _offsets(earliest: int, latest: int, zone: tzinfo, fold: int) -> Iterator[tuple[int, int]]:
    """From which time on a zone's clocks were how far ahead, both in microseconds.

    What they showed twice was the first time with a `fold` of 0, the second time with one of 1.
    """
    # What clocks showed, written as if they had shown UTC.
    begin, end = (EPOCH + timedelta(microseconds=shown) for shown in (earliest, latest))
    first = begin.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0)
    yield earliest, first // _MICROSECOND
    around = whole_moment(begin - _FARTHEST_ZONE), whole_moment(end + _FARTHEST_ZONE)
    for moment, before, after in clock_changes(*around, zone):
        # So it is where they skipped an hour, too (PEP 495).
        shown = moment + (min if fold else max)(before, after)
        if begin < shown <= end:
            yield (shown - EPOCH) // _MICROSECOND, after // _MICROSECOND


def _moments(cell: str, form: TimeForm) -> tuple[datetime | None, datetime | None]:
    found = read_time(cell, form)
    return (found.moment, found.later) if found else (None, None)


def _are_of_this_century(earliest: int | None, latest: int | None) -> bool:
    if earliest is None or latest is None:
        return True
    return earliest >= FROM_SECOND * 10**6 and latest < TO_SECOND * 10**6


def _limits(numbers: Cells) -> tuple[int | None, int | None]:
    limits = pc.min_max(numbers)
    return limits["min"].as_py(), limits["max"].as_py()
