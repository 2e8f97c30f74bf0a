"""The plan of a run: what it reads, from where on, why, and what it takes up from the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.lookback import DEEPEST, History, Lookback, Reading
from tap_mailjet_sms.exporting.planning import Plan, Scope, plan_run
from tap_mailjet_sms.exporting.windows import Window, oldest_exportable
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.utc import EPOCH

if TYPE_CHECKING:
    from datetime import tzinfo

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
END = NOW - timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OLDEST = oldest_exportable(NOW)


def run(  # noqa: PLR0913 - each is one independent choice
    history: History | datetime | None = None,
    *pending: ExportJob,
    now: datetime = NOW,
    lookback: Lookback | timedelta = 3 * DAY,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    zone: tzinfo = UTC,
) -> Plan:
    """What a run at this moment reads; a bookmark alone is the state of an earlier version."""
    if not isinstance(history, History):
        history = History(history)
    if not isinstance(lookback, Lookback):
        lookback = Lookback(lookback)
    scope = Scope(start_date, end_date, lookback, 30 * DAY, zone=zone)
    return plan_run(now, scope, history, pending)


def days_ago(start: float, end: float) -> Window:
    """A window of the last days."""
    return Window(NOW - start * DAY, NOW - end * DAY)


def job(export_id: int, window: Window, requested_at: datetime = NOW) -> ExportJob:
    """An export under way."""
    return ExportJob(export_id, window, requested_at)


def hourly(**readings_ago: float) -> History:
    """An account read for 20 days; readings by their depth in hours, `h36=8` was 18 hours ago."""
    moments = {int(name[1:]): NOW - ago * HOUR for name, ago in readings_ago.items()}
    return History(
        bookmark=NOW - HOUR,
        read_from=NOW - 20 * DAY,
        settled_until=NOW - 3.5 * DAY,
        readings=tuple(Reading(at - depth * HOUR, at, at) for depth, at in moments.items()),
    )


# The span.


def test_a_first_run_reads_all_that_mailjet_exports() -> None:
    """Without a start_date, it begins a year ago, less the margin of an hour."""
    plan = run()

    assert plan.span == Window(OLDEST, END)
    assert NOW - plan.span.start < timedelta(days=365)
    assert plan.notices == ()


def test_a_first_run_begins_at_start_date() -> None:
    """start_date is where the user wants to have messages from."""
    plan = run(start_date=NOW - 10 * DAY, lookback=timedelta())

    assert plan.span == Window(NOW - 10 * DAY, END)
    assert plan.notices == ()


def test_a_first_run_warns_of_what_an_earlier_load_has_left() -> None:
    """However long before now that has ended, since it may have run a moment ago."""
    for start_date in (NOW - DAY, NOW - 300 * DAY):
        (warning,) = run(start_date=start_date).notices
        assert warning.weight is Weight.WARNING
        assert (
            "if another load has brought what lies before, begin with a copy of its state"
            in warning.text
        )

    lost = run(start_date=NOW - 400 * DAY).notices
    assert not any("another load" in notice.text for notice in lost), "nobody can read it again"
    full = Scope(NOW - DAY, None, Lookback(DAY), 30 * DAY, keeps_bookmark=False)
    assert plan_run(NOW, full, History()).notices == (), "each run reads all there is to read"


def test_a_start_date_not_later_than_the_bookmark_is_a_detail() -> None:
    """It bounds what is read for the first time, and whoever set it need not be told each time."""
    plan = run(hourly(h96=18), start_date=NOW - 2 * DAY)

    assert plan.begin == NOW - 3.5 * DAY
    detail, again = plan.notices
    assert "has no effect" in detail.text
    assert detail.weight is Weight.DETAIL
    assert again.weight is Weight.NEWS


def test_an_end_date_before_the_bookmark_warns_that_nothing_is_read_again() -> None:
    """A reload beside a bookmark would be silent, and read nothing."""
    plan = run(hourly(h96=18), start_date=NOW - 20 * DAY, end_date=NOW - 10 * DAY)
    (warning,) = [notice for notice in plan.notices if notice.weight is Weight.WARNING]
    assert not plan.windows
    assert "run with a state of its own" in warning.text
    bookmark = hourly(h96=18).bookmark
    assert not any(
        notice.weight is Weight.WARNING for notice in run(hourly(h96=18), end_date=bookmark).notices
    )


def test_a_start_date_later_than_the_bookmark_wins_with_a_warning() -> None:
    """The span that is skipped is named; what was read before it is read again until settled."""
    bookmark, start_date = NOW - 2 * DAY, NOW - DAY
    history = History(bookmark, NOW - 20 * DAY, NOW - 5 * DAY)

    plan = run(history, start_date=start_date)

    assert plan.windows == (days_ago(5, 2), Window(start_date, END))
    warning, _ = plan.notices
    assert warning.weight is Weight.WARNING
    assert "2026-11-19T16:00:00+00:00 to start_date 2026-11-20T16:00:00+00:00" in warning.text
    assert start_date in plan.edges


def test_a_span_that_was_skipped_is_never_read() -> None:
    """Also when what lies before it is read again; once that is settled, nobody asks any more."""
    history = History(NOW - 2 * DAY, NOW - 20 * DAY, NOW - 5 * DAY)
    plan = run(history, start_date=NOW - DAY)
    for window in plan.windows:
        history = history.after(window, settled=NOW - 3 * DAY)
    assert history.skipped == (days_ago(2, 1),)

    later = run(history, now=NOW + HOUR)
    assert later.windows == (
        days_ago(3, 2),
        Window(NOW - DAY, END + HOUR),
    )

    for window in later.windows:
        history = history.after(window, settled=NOW - 1.5 * DAY)
    assert (history.skipped, history.read_from, history.settled_until) == (
        (),
        NOW - DAY,
        NOW - DAY,
    )
    assert run(history, now=NOW + DAY, lookback=9 * DAY).begin == NOW - DAY


def test_a_start_date_in_the_future_is_warned_of() -> None:
    """A slip in the year would read nothing for ever, and each run would end well."""
    (warning,) = run(start_date=NOW + 400 * DAY).notices
    assert warning.weight is Weight.WARNING
    assert "lies in the future: no message is read before then" in warning.text


def test_a_start_date_in_the_future_loses_nothing() -> None:
    """Nothing new is read, and the bookmark stays; a run without it goes on from there."""
    history = History(NOW - DAY, NOW - 20 * DAY, NOW - 4 * DAY)

    plan = run(history, start_date=NOW + DAY)

    assert plan.windows == (days_ago(4, 1),)
    after = history.after(plan.windows[0], settled=NOW - 3 * DAY)
    assert (after.bookmark, after.skipped) == (NOW - DAY, ())


@pytest.mark.parametrize("setting", ["bookmark", "start_date"])
def test_what_is_older_than_a_year_is_lifted_with_a_warning(setting: str) -> None:
    """Mailjet no longer exports it; the span that is lost is named."""
    old = NOW - 400 * DAY
    plan = run(old) if setting == "bookmark" else run(start_date=old)

    assert plan.span == Window(OLDEST, END)
    assert plan.lost == Window(old, OLDEST)
    assert plan.notices[0].weight is Weight.WARNING
    assert f"{old.isoformat()} to {OLDEST.isoformat()}" in plan.notices[0].text


def test_a_bookmark_from_the_beginning_of_time_is_lifted() -> None:
    """As an old one is."""
    plan = run(datetime(1970, 1, 1, tzinfo=UTC), lookback=DEEPEST)

    assert plan.span == Window(OLDEST, END)
    assert plan.notices[0].weight is Weight.WARNING


def test_a_lookback_of_a_year_is_cut_silently() -> None:
    """Nothing is lost by that: all of it was read before. The next run need not read it again."""
    bookmark = NOW - DAY
    plan = run(bookmark, lookback=DEEPEST)

    assert plan.span == Window(max(OLDEST, bookmark - DEEPEST), END)
    assert not any(notice.weight is Weight.WARNING for notice in plan.notices)
    reading = Reading(plan.begin, plan.end, NOW)
    history = plan.history.without_older(OLDEST).after(plan.span, settled=NOW - DEEPEST)
    later = run(history.with_reading(reading, Lookback(DEEPEST)), now=NOW + HOUR, lookback=DEEPEST)
    assert later.begin > NOW - 2 * DAY


def test_an_end_date_bounds_the_run() -> None:
    """For a backfill."""
    assert run(start_date=NOW - 9 * DAY, end_date=NOW - 2 * DAY).span == days_ago(9, 2)


def test_a_late_end_date_is_lowered() -> None:
    """What was created within the last five minutes may not be in Mailjet's store yet."""
    plan = run(NOW - DAY, end_date=NOW + DAY)

    assert plan.end == END
    notice = plan.notices[0]
    assert "end_date" in notice.text
    assert notice.weight is not Weight.WARNING


def test_a_run_that_ends_before_the_bookmark_is_no_whole_reading() -> None:
    """Messages behind its end were not read again."""
    plan = run(hourly(), end_date=NOW - DAY)

    assert plan.windows == (days_ago(3.5, 1),)
    assert not plan.completes(plan.windows[-1])


def test_there_may_be_nothing_to_read() -> None:
    """With the bookmark at the end and no lookback, there is no window."""
    plan = run(END, lookback=timedelta())
    assert (plan.windows, plan.span, plan.again) == ((), None, None)


def test_edges_lie_on_whole_seconds() -> None:
    """Mailjet takes whole seconds: nothing is cut off at the start, nor promised at the end."""
    half = timedelta(seconds=0.5)
    plan = run(start_date=NOW - DAY + half, now=NOW + half, lookback=timedelta())

    assert plan.span == Window(NOW - DAY, END)


# How deep, and why.


@pytest.mark.parametrize(
    ("readings", "begins_ago", "why"),
    [
        ({}, 84, "from 2026-11-18T04:00:00+00:00: no earlier reading that deep is known"),
        ({"h96": 18}, 84, "from 2026-11-18T04:00:00+00:00: the last reading that deep is 18 h old"),
        ({"h96": 17}, 36, "the last reading that deep is 17 h old"),
        ({"h96": 17, "h36": 8}, 18, "the last reading that deep is 8 h old"),
        ({"h96": 17, "h36": 8, "h18": 4}, 9, "the last reading that deep is 4 h old"),
        ({"h96": 17, "h36": 8, "h18": 4, "h9": 2}, 4.5, "the last reading that deep is 2 h"),
        ({"h96": 1}, 2.25, "the last reading that deep is 60 min old"),
        ({"h96": 0.25}, 1, "2026-11-21T15:00:00+00:00 on: nothing before is due to be read again"),
        ({"h96": -1}, 84, "no earlier reading that deep is known"),
    ],
)
def test_a_run_reads_to_the_deepest_tier_that_is_due(
    readings: dict[str, float], begins_ago: float, why: str
) -> None:
    """In one span up to its end. A reading of the future counts as not made."""
    plan = run(hourly(**readings))

    assert plan.span == Window(NOW - begins_ago * HOUR, END)
    (notice,) = plan.notices
    assert why in notice.text
    assert notice.weight is not Weight.WARNING


def test_a_reading_from_the_bookmark_on_is_not_the_deepest_however_old_the_bookmark_is() -> None:
    """After a week without runs, what lies before the bookmark is not settled yet."""
    bookmark, settled = NOW - 7 * DAY, NOW - 10 * DAY
    history = History(
        bookmark, NOW - 20 * DAY, settled, (Reading(bookmark, NOW - HOUR, NOW - HOUR),)
    )

    assert run(history).begin == settled


def test_every_run_may_read_all_that_is_not_settled() -> None:
    """If `lookback_schedule` says so."""
    plan = run(hourly(h96=0.5), lookback=Lookback(3 * DAY, is_spaced=False))

    assert plan.begin == NOW - 72.5 * HOUR
    assert "every run does, as lookback_schedule says" in plan.notices[0].text


def test_a_young_account_is_not_read_again_and_again() -> None:
    """A reading from the very first message on is as deep as any can be."""
    first = NOW - 6 * HOUR
    history = History(NOW - HOUR, first, first, (Reading(first, NOW - HOUR, NOW - HOUR),))

    assert run(history).begin > first


def test_the_state_of_an_earlier_version_is_read_in_full() -> None:
    """Once: it does not say what was read when, nor from where on."""
    plan = run(NOW - DAY)
    assert plan.span == Window(NOW - 4 * DAY, END)
    assert plan.history.settled_until == plan.history.read_from == NOW - 4 * DAY
    assert run(NOW - DAY, start_date=NOW - 2 * DAY).begin == NOW - 2 * DAY
    assert run(NOW - 5 * DAY, start_date=NOW - 2 * DAY).begin == NOW - 2 * DAY


def test_a_longer_lookback_reaches_back_as_far_as_anything_was_read() -> None:
    """What was settled by the shorter one is so no more, and stays unsettled until it is."""
    plan = run(hourly(h96=1), lookback=7 * DAY)
    assert plan.begin == plan.history.settled_until == END - 7 * DAY

    assert run(hourly(h96=1), lookback=60 * DAY).begin == NOW - 20 * DAY


def test_a_shorter_lookback_is_sooner_satisfied() -> None:
    """By what was read when: so it gets past a window before the bookmark that always fails."""
    assert run(hourly(), lookback=DAY).begin == NOW - 3.5 * DAY
    assert run(hourly(h96=18), lookback=DAY).begin == NOW - 42 * HOUR
    assert run(hourly(h96=18, h36=2), lookback=DAY).begin == NOW - 42 * HOUR
    assert run(hourly(h96=18, h48=2), lookback=DAY).history.settled_until == NOW - 26 * HOUR


def test_a_shorter_lookback_is_satisfied_no_further_than_a_reading_went() -> None:
    """What lies behind its end was brought by an export that may be older than the reading."""
    history, end = hourly(), NOW - 2 * DAY
    bounded = replace(history, readings=(Reading(NOW - 4 * DAY, end, NOW - HOUR),))

    assert run(bounded, lookback=DAY / 2).history.settled_until == end


def test_a_clock_that_is_ahead_settles_nothing() -> None:
    """Until Mailjet's own time was seen: what a run stores at its begin is older than that."""
    history = hourly()
    plan = run(history, now=NOW + 366 * DAY)
    assert plan.begin == oldest_exportable(NOW + 366 * DAY)
    assert plan.history == history

    plan = run(NOW - DAY, now=NOW + 366 * DAY)
    assert plan.history.settled_until == NOW - 4 * DAY
    assert run(EPOCH).history.read_from == EPOCH, "none before can be stored"


def test_what_mailjet_exports_no_more_does_not_hold_up_the_settled_moment() -> None:
    """After more than a year without runs."""
    year = timedelta(days=365)
    for bookmark in (NOW - 1.2 * year, NOW - year + DAY):
        plan = run(History(bookmark, NOW - 2 * year, NOW - 1.5 * year))
        history = plan.history.without_older(OLDEST)
        for window in plan.windows:
            history = history.after(window, settled=NOW - 3 * DAY)
        assert history.settled_until == NOW - 3 * DAY


def test_without_a_lookback_all_is_settled_at_once() -> None:
    """Also what an earlier lookback had left; a later one does not go back to that."""
    plan = run(hourly(), lookback=timedelta())
    assert plan.begin == plan.history.settled_until == NOW - HOUR
    history = plan.history.after(plan.windows[0], settled=NOW)
    assert history.settled_until == END


def test_a_bookmark_that_was_set_back_is_where_reading_goes_on() -> None:
    """Whoever sets it back wants all from there on once more, skipped spans too."""
    history = History(
        bookmark=NOW - 9 * DAY,
        read_from=NOW - 20 * DAY,
        settled_until=NOW - 4 * DAY,
        readings=(Reading(NOW - 20 * DAY, NOW, NOW),),
        skipped=(days_ago(2, 1),),
    )
    assert run(history).windows == (Window(NOW - 9 * DAY, END),)


# The settled moment.


def test_the_settled_moment_follows_the_windows() -> None:
    """To the earlier of a window's end and what was old enough when it was asked for."""
    history = History(None, NOW - 9 * DAY, NOW - 9 * DAY)

    history = history.after(days_ago(9, 5), settled=NOW - 3 * DAY)
    assert history.settled_until == NOW - 5 * DAY
    history = history.after(days_ago(5, 2), settled=NOW - 3 * DAY)
    assert history.settled_until == NOW - 3 * DAY
    history = history.after(days_ago(2, 1), settled=NOW - 1.5 * DAY)
    assert history.settled_until == NOW - 3 * DAY, "there is a gap between the two"
    assert history.bookmark == NOW - DAY


def test_what_was_lost_on_the_way_does_not_hold_it_up() -> None:
    """A window whose begin became too old in the run is read from later on."""
    history = History(None, NOW - 9 * DAY, NOW - 9 * DAY)

    history = history.after(days_ago(8, 5), settled=NOW - 3 * DAY)

    assert (history.read_from, history.settled_until) == (NOW - 8 * DAY, NOW - 5 * DAY)
    assert history.skipped == ()


def test_of_the_readings_only_those_that_matter_are_kept() -> None:
    """For each tier the last one at least that deep."""
    lookback, history = Lookback(3 * DAY), hourly(h96=20)
    for hours, depth in [(19, 36), (18, 36), (10, 80), (9, 9), (8, 18), (1, 1)]:
        at = NOW - hours * HOUR
        history = history.with_reading(Reading(at - depth * HOUR, at, at), lookback)

    assert [(NOW - each.at) / HOUR for each in history.readings] == [10, 8, 1]


# Exports of the state.


def usable(
    *exports: ExportJob,
    history: History | datetime | None = None,
    start_date: datetime | None = NOW - 20 * DAY,
    end_date: datetime | None = None,
) -> list[int]:
    """The ids of the exports that a run takes up again."""
    plan = run(history, *exports, start_date=start_date, end_date=end_date)
    return [export.id for export in plan.resumed.values()]


def test_pending_exports_are_taken_up_again() -> None:
    """They are windows of the plan as they are."""
    first, second = job(1, days_ago(20, 10)), job(2, days_ago(2, 1))
    plan = run(None, first, second, start_date=NOW - 20 * DAY)

    assert plan.resumed == {first.window: first, second.window: second}
    assert plan.windows == (
        first.window,
        days_ago(10, 2),
        second.window,
        Window(NOW - DAY, END),
    )


def test_an_export_may_begin_before_the_span() -> None:
    """It is taken whole, not cut, and the reading is as deep as it is."""
    long_ago = History(
        NOW - HOUR, NOW - 20 * DAY, NOW - 3.5 * DAY, (Reading(NOW - 9 * DAY, NOW, NOW),)
    )
    export = job(1, days_ago(5, 0.02))
    plan = run(long_ago, export)
    assert plan.windows[0] == export.window
    assert plan.begin == NOW - 5 * DAY
    assert usable(job(1, days_ago(367, 350)), start_date=None) == [1], "a year has gone by"


def test_an_export_whose_window_would_be_due_again_is_not_used() -> None:
    """As if it had been read when it was asked for."""
    asked = NOW - 5 * DAY

    assert usable(job(1, days_ago(7, 6), asked)) == [], "one day old then, and due since"
    assert usable(job(2, days_ago(20, 8), asked)) == [2], "three days old when it was asked for"
    assert usable(job(3, days_ago(9, 3.5), NOW - 17 * HOUR)) == [3], "not due yet"
    assert usable(job(3, days_ago(9, 3.5), NOW - 18 * HOUR)) == []
    assert usable(job(4, days_ago(9, 1), NOW - 8 * HOUR)) == [4]
    assert usable(job(4, days_ago(9, 1), NOW - 9 * HOUR)) == [], "its newest messages are"
    assert usable(job(5, days_ago(2, 1), NOW + HOUR)) == [], "nobody knows how old it is"


def test_exports_outside_of_the_run_are_not_used() -> None:
    """Before its span, after its end, or before what is to be read at all."""
    assert usable(job(1, days_ago(30, 20))) == []
    assert usable(job(1, days_ago(2, 0)), end_date=NOW - DAY) == []
    assert usable(job(1, days_ago(9, 8)), start_date=NOW - 8.5 * DAY) == []
    assert usable(job(1, days_ago(21, 3)), history=hourly()) == []


def test_an_export_before_a_later_start_date_is_used_where_earlier_runs_have_read() -> None:
    """But not one that holds a part of what is skipped."""
    history = History(NOW - 2 * DAY, NOW - 20 * DAY, NOW - 5 * DAY)
    asked = NOW - timedelta(minutes=1)

    assert usable(job(1, days_ago(5, 4), asked), history=history, start_date=NOW - DAY) == [1]
    assert usable(job(1, days_ago(3, 1.5), asked), history=history, start_date=NOW - DAY) == []
    assert usable(job(1, days_ago(1.2, 0.5), asked), history=history, start_date=NOW - DAY) == []


def test_of_overlapping_exports_the_first_is_used() -> None:
    """Windows may not overlap, or rows would come twice."""
    assert usable(job(1, days_ago(9, 5)), job(2, days_ago(8, 4)), job(3, days_ago(5, 4))) == [1, 3]


def test_exports_behind_the_end_are_left_to_a_later_run() -> None:
    """Others of no use are not."""
    old, later = job(1, days_ago(30, 29)), job(2, days_ago(2, 0))

    assert run(NOW - 20 * DAY, old, later, end_date=NOW - DAY).later == (later,)


# Clocks.

PARIS = ZoneInfo("Europe/Paris")
#: From here on, clocks in Paris showed the hour from two to three once more.
SET_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)


def test_a_window_ends_where_clocks_are_set_back() -> None:
    """So that a window tells which of two moments a time without a zone means."""
    in_paris, in_utc = (run(start_date=NOW - 40 * DAY, zone=zone) for zone in (PARIS, UTC))

    assert SET_BACK in {window.end for window in in_paris.windows}
    assert SET_BACK not in {window.end for window in in_utc.windows}
    assert in_paris.span == in_utc.span
    assert all(a.end == b.start for a, b in pairwise(in_paris.windows))


def test_an_export_across_that_moment_is_not_used() -> None:
    """It was asked for with another `csv_time_zone`."""
    across = Window(SET_BACK - DAY, SET_BACK + DAY)
    before, behind = Window(SET_BACK - DAY, SET_BACK), Window(SET_BACK, SET_BACK + DAY)
    start = NOW - 40 * DAY

    for zone, expected in ((PARIS, set()), (UTC, {across})):
        assert set(run(None, job(1, across), start_date=start, zone=zone).resumed) == expected
    jobs = (job(1, before), job(2, behind))
    assert set(run(None, *jobs, start_date=start, zone=PARIS).resumed) == {before, behind}
