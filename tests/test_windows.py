"""Windows: what a run reads, cut into spans that Mailjet is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.exporting.windows import (
    Window,
    clocks_set_back,
    newest_hour,
    plan_windows,
)

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)

moments = st.integers(0, 10_000_000).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
windows = (
    st.tuples(moments, moments)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: Window(min(pair), max(pair)))
)
lengths = st.integers(60, 10_000_000).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def windows_apart(draw: st.DrawFn) -> list[Window]:
    """Windows that do not overlap each other; some have an edge in common."""
    edges = sorted(draw(st.sets(moments, max_size=6)))
    return [Window(*pair) for pair in pairwise(edges) if draw(st.booleans())]


@pytest.mark.parametrize(
    "edges",
    [
        (NOW, NOW),
        (NOW, NOW - DAY),
        (NOW.replace(tzinfo=None), (NOW + DAY).replace(tzinfo=None)),
        (NOW.astimezone(timezone(timedelta(hours=1))), NOW + DAY),
        (NOW, NOW + timedelta(seconds=1.5)),
    ],
)
def test_a_window_is_a_span_of_whole_seconds_in_utc(edges: tuple[datetime, datetime]) -> None:
    """What is empty, reversed, not in UTC or not on whole seconds is no window."""
    with pytest.raises(ValueError, match=r"is empty|whole seconds"):
        Window(*edges)


@given(span=windows, longest=lengths, fixed=windows_apart())
def test_windows_cover_the_span(span: Window, longest: timedelta, fixed: list[Window]) -> None:
    """They cover the span without a gap or an overlap, none too long but those fixed before."""
    planned = plan_windows(span, longest=longest, fixed=fixed)

    assert all(before.end == after.start for before, after in pairwise(planned))
    assert planned[0].start <= span.start
    assert planned[-1].end >= span.end
    chosen = [window for window in planned if window not in fixed]
    assert all(window.length <= longest for window in chosen)
    assert all(span.start <= window.start and window.end <= span.end for window in chosen)
    taken_up = [window for window in planned if window in fixed]
    assert taken_up == [window for window in fixed if window.overlaps(span)]


@given(window=windows, floor=moments)
def test_neighbouring_exports_share_a_second(window: Window, floor: datetime) -> None:
    """Whether edges are inclusive is unknown, so an export begins a second early, if it may."""
    asked = window.with_overlap(not_before=floor)

    assert asked.end == window.end
    assert asked.start == window.start - timedelta(seconds=1) or (
        asked.start == window.start and floor > window.start - timedelta(seconds=1)
    )


@given(hours=st.integers(1, 9000), newest=st.none() | st.integers(0, 9000 * 3600 - 1))
def test_the_newest_hour_with_messages_is_found(hours: int, newest: int | None) -> None:
    """In a few counts, whether it is the last hour or one a year ago; none in an empty span."""
    span = Window(NOW - timedelta(hours=hours), NOW)
    message = None if newest is None else NOW - timedelta(seconds=newest + 1)
    asked = []

    def count(window: Window) -> int:
        asked.append(window)
        return int(message is not None and window.start <= message < window.end)

    found = newest_hour(span, count)

    if message is None or message < span.start:
        assert found is None
    else:
        assert found is not None
        assert found.length <= timedelta(hours=1)
        assert found.start <= message < found.end
    assert len(asked) < 40


@pytest.mark.parametrize(
    ("zone", "moments"),
    [
        ("UTC", []),
        ("Asia/Kolkata", []),
        ("Europe/Paris", ["2025-10-26T01:00", "2026-10-25T01:00"]),
        ("America/New_York", ["2025-11-02T06:00", "2026-11-01T06:00"]),
        ("Australia/Lord_Howe", ["2026-04-04T15:00"]),  # by half an hour
        ("Africa/Casablanca", ["2026-02-15T02:00"]),  # for Ramadan
    ],
)
def test_it_is_known_when_clocks_were_set_back(zone: str, moments: list[str]) -> None:
    """Not when they were put forward, whatever the span begins or ends with."""
    span = Window(datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    expected = [datetime.fromisoformat(f"{moment}+00:00") for moment in moments]

    assert [*clocks_set_back(span, ZoneInfo(zone))] == expected
    second = timedelta(seconds=1)
    for moment in expected:
        for around, found in (
            (Window(moment - second, moment + second), [moment]),
            (Window(moment - second, moment), []),  # a window that ends there is not cut
            (Window(moment, moment + second), []),
        ):
            assert [*clocks_set_back(around, ZoneInfo(zone))] == found


def test_a_window_is_cut_at_moments_within() -> None:
    """Those outside of it, and on its edges, cut nothing."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    a, b, c, d = (start + timedelta(days=days) for days in (0, 1, 2, 3))

    assert [*Window(a, d).cut([a, b, c, d])] == [Window(a, b), Window(b, c), Window(c, d)]
    assert [*Window(b, c).cut([a, d])] == [Window(b, c)]
