"""Times of creation that lie off the window that was asked for."""

from __future__ import annotations

import resource
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.reading.cells import CellError
from tap_mailjet_sms.reading.window_check import (
    LIMIT,
    TOLERANCE,
    FarTimes,
    WindowCheck,
)

START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(days=1)
NOW = END + timedelta(days=3)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def times(*moments: datetime) -> pa.TimestampArray:
    """A batch's times of creation."""
    array = pa.array(moments, pa.timestamp("us", "UTC"))
    assert isinstance(array, pa.TimestampArray)
    return array


def held(*moments: datetime, now: datetime = NOW, refuses: bool = True) -> FarTimes:
    """What a run says that had a file for each of these times."""
    found = FarTimes()
    for moment in moments:
        check = WindowCheck(START, END, now, refuses=refuses)
        check.hold(times(START, moment, END))
        found.add(check)
    return found


@given(off=st.timedeltas(-TOLERANCE, TOLERANCE))
def test_times_in_the_window_and_beside_it_are_right(off: timedelta) -> None:
    """Clocks differ by some minutes, and the edges are not known."""
    assert held((START if off < timedelta(0) else END) + off).warning is None


def test_a_batch_without_rows_is_right() -> None:
    """There is nothing to hold."""
    check = WindowCheck(START, END, NOW)
    check.hold(times())
    assert check.farthest == timedelta(0)


def test_no_file_is_opened() -> None:
    """Arrow makes a time Python's with the file of its zone: one more than may be had."""
    ZoneInfo.clear_cache()
    check, (soft, hard) = WindowCheck(START, END, NOW), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        check.hold(times(END + HOUR))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert check.farthest == HOUR


@pytest.mark.parametrize(
    ("moments", "told"),
    [
        ((START - 2 * HOUR, END + MINUTE), "up to 2:00:00 before the window that their export was"),
        ((END + 6 * MINUTE, END + 5.5 * HOUR), "up to 5:30:00 after the window"),
        ((START - LIMIT,), "up to 1 day, 0:00:00 before the window"),
    ],
)
def test_times_off_the_window_are_warned_of(moments: tuple[datetime, ...], told: str) -> None:
    """With the largest distance and what may be behind it, and no time of a message."""
    warning = str(held(*moments).warning)
    assert told in warning
    assert "another zone than UTC" in warning
    assert "2026" not in warning


def test_a_distance_that_is_no_zones_is_told_so() -> None:
    """Zones are whole quarters of an hour."""
    assert "zone" not in str(held(END + timedelta(hours=2, minutes=7)).warning)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (START - LIMIT - MINUTE, "lies 1 day, 0:01:00 before the window"),
        (START - timedelta(days=20_000), "lies 20000 days before the window"),
        (END + LIMIT + MINUTE, "lies 1 day, 0:01:00 after the window"),
        (NOW + 6 * MINUTE, "lies 0:06:00 in the future"),
    ],
)
def test_what_was_not_asked_for_is_refused(moment: datetime, told: str) -> None:
    """With its row in the batch; unless that is to be told only."""
    with pytest.raises(CellError) as caught:
        held(moment)
    assert caught.value.row == 1
    assert told in caught.value.problem
    assert "2026" not in caught.value.problem

    assert held(moment, refuses=False).warning is not None


def test_the_future_begins_at_the_moment_of_the_run() -> None:
    """A window ends some minutes before the run: what lies between is not of the future."""
    now = END + 2 * MINUTE
    assert held(now + TOLERANCE, now=now).warning is not None
    with pytest.raises(CellError, match="in the future"):
        held(now + TOLERANCE + timedelta(seconds=1), now=now)
