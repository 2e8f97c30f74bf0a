"""Windows: what a run reads, cut into spans that Mailjet is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.exporting.windows import (
    Plan,
    Window,
    newest_hour,
    oldest_exportable,
    plan_run,
    plan_windows,
)

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
END = NOW - timedelta(minutes=5)
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


def run(
    *,
    bookmark: datetime | None = None,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    lookback: timedelta = 3 * DAY,
) -> Plan:
    """What a run at this moment has to read."""
    return plan_run(
        now=NOW, bookmark=bookmark, start_date=start_date, end_date=end_date, lookback=lookback
    )


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


@given(span=windows, longest=lengths, fixed=st.lists(windows, max_size=4))
def test_windows_cover_the_span(span: Window, longest: timedelta, fixed: list[Window]) -> None:
    """They cover the span without a gap or an overlap, none too long but those fixed before."""
    planned = plan_windows(span, longest=longest, fixed=fixed)

    assert all(before.end == after.start for before, after in pairwise(planned))
    assert planned[0].start <= span.start
    assert planned[-1].end >= span.end
    chosen = [window for window in planned if window not in fixed]
    assert all(window.length <= longest for window in chosen)
    assert all(span.start <= window.start and window.end <= span.end for window in chosen)
    overlapping = [window for window in fixed if window.overlaps(span)]
    if overlapping:
        assert min(overlapping) in planned, "the first export under way is not asked for anew"


@given(window=windows, floor=moments)
def test_neighbouring_exports_share_a_second(window: Window, floor: datetime) -> None:
    """Whether edges are inclusive is unknown, so an export begins a second early, if it may."""
    asked = window.with_overlap(not_before=floor)

    assert asked.end == window.end
    assert asked.start == window.start - timedelta(seconds=1) or (
        asked.start == window.start and floor > window.start - timedelta(seconds=1)
    )


def test_a_first_run_reads_all_that_mailjet_exports() -> None:
    """Without a start_date, it begins a year ago, less the margin of an hour."""
    plan = run()

    assert plan.span == Window(oldest_exportable(NOW), END)
    assert NOW - plan.span.start < timedelta(days=365)
    assert plan.notices == ()


def test_a_first_run_begins_at_start_date() -> None:
    """start_date is where the user wants to have messages from."""
    plan = run(start_date=NOW - 10 * DAY)

    assert plan.span == Window(NOW - 10 * DAY, END)
    assert plan.notices == ()


def test_later_runs_read_the_lookback_again() -> None:
    """Statuses and costs change after creation."""
    assert run(bookmark=NOW - DAY).span == Window(NOW - 4 * DAY, END)


def test_the_lookback_does_not_reach_before_start_date() -> None:
    """No run reads before start_date; what is cut off by that is said."""
    plan = run(bookmark=NOW - DAY, start_date=NOW - 2 * DAY)

    assert plan.span == Window(NOW - 2 * DAY, END)
    (notice,) = plan.notices
    assert "shortens the lookback, which would begin at 2026-11-17T16:00:00+00:00" in notice.text
    assert not notice.is_warning


def test_a_start_date_moved_back_changes_nothing() -> None:
    """The bookmark is where the stream goes on."""
    plan = run(bookmark=NOW - DAY, start_date=NOW - 20 * DAY)

    assert plan.span == Window(NOW - 4 * DAY, END)
    (notice,) = plan.notices
    assert "has no effect" in notice.text
    assert not notice.is_warning


def test_a_start_date_later_than_the_bookmark_wins_with_a_warning() -> None:
    """The span that is skipped is named."""
    plan = run(bookmark=NOW - 10 * DAY, start_date=NOW - 2 * DAY)

    assert plan.span == Window(NOW - 2 * DAY, END)
    (notice,) = plan.notices
    assert notice.is_warning
    assert "2026-11-11T16:00:00+00:00 to start_date 2026-11-19T16:00:00+00:00" in notice.text


@pytest.mark.parametrize("setting", ["bookmark", "start_date"])
def test_what_is_older_than_a_year_is_lifted_with_a_warning(setting: str) -> None:
    """Mailjet no longer exports it; the span that is lost is named."""
    old = NOW - 400 * DAY
    plan = run(bookmark=old) if setting == "bookmark" else run(start_date=old)

    assert plan.span == Window(oldest_exportable(NOW), END)
    (notice,) = plan.notices
    assert notice.is_warning
    assert f"{old.isoformat()} to {oldest_exportable(NOW).isoformat()}" in notice.text


def test_a_bookmark_from_the_beginning_of_time_is_lifted() -> None:
    """As an old one is."""
    plan = run(bookmark=datetime(1970, 1, 1, tzinfo=UTC), lookback=400 * DAY)

    assert plan.span == Window(oldest_exportable(NOW), END)
    assert plan.notices[0].is_warning


def test_a_lookback_of_more_than_a_year_is_cut_silently() -> None:
    """Nothing is lost by that: all of it was read before."""
    plan = run(bookmark=NOW - DAY, lookback=500 * DAY)

    assert plan.span == Window(oldest_exportable(NOW), END)
    assert plan.notices == ()


def test_an_end_date_bounds_the_run() -> None:
    """For a backfill."""
    assert run(start_date=NOW - 9 * DAY, end_date=NOW - 2 * DAY).span == Window(
        NOW - 9 * DAY, NOW - 2 * DAY
    )


def test_a_late_end_date_is_lowered() -> None:
    """What was created within the last five minutes may not be in Mailjet's store yet."""
    plan = run(bookmark=NOW - DAY, end_date=NOW + DAY)

    assert plan.end == END
    (notice,) = plan.notices
    assert "end_date" in notice.text
    assert not notice.is_warning


def test_there_may_be_nothing_to_read() -> None:
    """With the bookmark at the end and no lookback, there is no span."""
    assert run(bookmark=END, lookback=timedelta()).span is None


def test_edges_lie_on_whole_seconds() -> None:
    """Mailjet takes whole seconds: nothing is cut off at the start, nor promised at the end."""
    half = timedelta(seconds=0.5)
    plan = plan_run(
        now=NOW + half,
        bookmark=None,
        start_date=NOW - DAY + half,
        end_date=None,
        lookback=timedelta(),
    )

    assert plan.span == Window(NOW - DAY, END)


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
