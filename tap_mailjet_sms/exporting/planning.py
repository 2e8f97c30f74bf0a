"""The plan of a run: which windows it reads, from where on, and why. Pure; time comes in as `now`.

Everything is decided here before anything is asked of Mailjet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING

from tap_mailjet_sms.exporting.lookback import Again, History, Lookback, without
from tap_mailjet_sms.exporting.windows import (
    SETTLING,
    Window,
    clocks_set_back,
    oldest_exportable,
    plan_windows,
)
from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.utc import EPOCH, iso, whole_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta, tzinfo

    from tap_mailjet_sms.exporting.job import ExportJob


@dataclass(frozen=True, slots=True)
class Scope:
    """What the settings want to have read; see there.

    With `max_run` the run may be one piece of several: it is cut then, if it still goes on. Where
    no bookmark is kept, as for a full table, each run reads all of it. `zone` is that of times in
    the CSV that have none.
    """

    start_date: datetime | None
    end_date: datetime | None
    lookback: Lookback
    longest: timedelta
    max_run: timedelta | None = None
    keeps_bookmark: bool = True
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run reads.

    Attributes:
        end: Up to where it reads.
        begin: From where on, if it reads anything.
        again: From where on it reads again what was read before, and why; None if it does not.
        windows: In order; no gap between them but spans that are not to be read.
        resumed: The exports of the state that bring some of the windows.
        later: The exports of the state that are left to a run with a later end.
        lost: What was to be read, but is older than what Mailjet exports.
        edges: Where reading begins, with nothing before that anybody wanted.
        history: What was read before, as far as it still holds; finished windows carry it on.
        notices: What the user should know.
        max_run: After how long the run is cut; None if it never is, as where it reads again.
    """

    end: datetime
    begin: datetime
    again: Again | None = None
    windows: tuple[Window, ...] = ()
    resumed: Mapping[Window, ExportJob] = field(default_factory=dict)
    later: tuple[ExportJob, ...] = ()
    lost: Window | None = None
    edges: frozenset[datetime] = frozenset()
    history: History = field(default_factory=History)
    notices: tuple[Notice, ...] = ()
    max_run: timedelta | None = None

    @property
    def span(self) -> Window | None:
        """From the begin of the first window to the end of the last; None without any."""
        if not self.windows:
            return None
        return Window(self.windows[0].start, self.windows[-1].end)

    def completes(self, window: Window) -> bool:
        """Whether all is read up to this run's end, and to the bookmark, with this window."""
        last = self.windows[-1].end if self.windows else self.end
        return window.end >= max(last, self.history.bookmark or last)


def plan_run(
    now: datetime, scope: Scope, history: History, pending: Iterable[ExportJob] = ()
) -> Plan:
    """Decide what a run at `now` reads.

    Args:
        now: The moment.
        scope: The settings.
        history: What the state says was read; without a bookmark on a first run and for a full
            table.
        pending: The exports of the state.
    """
    now, oldest = whole_moment(now), oldest_exportable(now)
    bookmark, start_date = history.bookmark, scope.start_date
    notices: list[Notice] = []
    end = _end(now, scope.end_date, notices)
    # What must be read begins at `wanted`; the lookback before it is a second reading.
    wanted = max((moment for moment in (bookmark, start_date) if moment), default=oldest)
    lost = Window(whole_moment(wanted), oldest) if wanted < oldest else None
    if lost is not None:
        text = f"Mailjet exports one year only: messages from {lost} are not read"
        notices.append(Notice(text, Weight.WARNING))
    begin = first = whole_moment(max(wanted, oldest))
    known = _as_of_now(history, now, end, scope, first=first)
    again = scope.lookback.due(known, now)
    # A piece of a long load would read the same again as the one before it: the last one does.
    puts_off = scope.max_run is not None and again is not None and end - first > scope.longest
    if puts_off:
        again = None
    gaps = known.skipped
    notices += _on_start_date(scope, bookmark, now, oldest)
    if bookmark is not None:
        if end < bookmark and scope.end_date is not None:
            notices.append(_on_end_date(end, bookmark))
        if again is not None:
            begin = again.start
        if first > bookmark:
            gaps = (*gaps, Window(bookmark, first))
    spans = without(Window(begin, end), gaps) if begin < end else []
    if bookmark is not None and spans:
        notices.append(_on_lookback(again, first, now, puts_off=puts_off))
    fresh = [
        job
        for job in pending
        if not scope.lookback.calls_for(job, now)
        and not any(clocks_set_back(job.window, scope.zone))
    ]
    floor = start_date if bookmark is None else known.read_from
    resumed = {job.window: job for job in _usable(fresh, spans, gaps, floor=floor)}
    windows = [
        window
        for span in spans
        for piece in span.cut(clocks_set_back(span, scope.zone))
        for window in plan_windows(piece, longest=scope.longest, fixed=resumed)
    ]
    max_run = scope.max_run if again is None and scope.keeps_bookmark else None
    if max_run is not None and len(windows) > 1:
        notices.append(_on_max_run(max_run))
    edges = {known.read_from, start_date, *(gap.end for gap in gaps)}
    return Plan(
        end=end,
        begin=min([begin, *(window.start for window in windows[:1])]),
        again=again if spans else None,
        windows=tuple(windows),
        resumed=resumed,
        later=tuple(job for job in pending if job.window.end > end),
        lost=lost,
        edges=frozenset(edge for edge in edges if edge is not None),
        history=known,
        notices=tuple(notices),
        max_run=max_run,
    )


def _usable(
    pending: Iterable[ExportJob],
    spans: list[Window],
    gaps: Iterable[Window],
    *,
    floor: datetime | None,
) -> list[ExportJob]:
    """The exports that bring a part of the spans, in order, and nothing of the gaps.

    They may begin before the first span, where earlier runs have read, but not before `floor`.
    """
    usable: list[ExportJob] = []
    for job in sorted(pending, key=lambda job: job.window):
        window = job.window
        unwanted = (*gaps, *(other.window for other in usable))
        if (
            any(window.overlaps(span) and window.end <= span.end for span in spans)
            and not any(window.overlaps(other) for other in unwanted)
            and not (floor is not None and window.start < floor)
        ):
            usable.append(job)
    return usable


def _end(now: datetime, end_date: datetime | None, notices: list[Notice]) -> datetime:
    latest = whole_moment(now - SETTLING)
    if end_date is None:
        return latest
    if end_date > latest:
        text = f"end_date {iso(end_date)} is later than five minutes before this run"
        notices.append(Notice(f"{text}: reading up to {iso(latest)} only"))
    return min(whole_moment(end_date), latest)


def _as_of_now(
    history: History, now: datetime, end: datetime, scope: Scope, *, first: datetime
) -> History:
    """What still holds of a history; `first` is where reading for the first time begins.

    It is stored before Mailjet has told its own time. So nothing in it may count as settled or lost
    because this machine's clock says so: that clock may be a year ahead.
    """
    bookmark, depth = history.bookmark, scope.lookback.depth
    if bookmark is None:
        return History(read_from=first, settled_until=first)
    # A reading of the future was made by another clock.
    readings = tuple(reading for reading in history.readings if reading.at <= now)
    read_from, settled = history.read_from, history.settled_until
    if read_from is None or settled is None:
        # Earlier versions read all of the lookback in every run, but nothing before start_date.
        begin = max(bookmark - depth, EPOCH)
        read_from = settled = max(begin, scope.start_date or begin)
    else:
        for reading in readings:  # a shorter lookback is sooner satisfied
            if reading.start <= settled:
                settled = max(settled, min(reading.end, reading.at - depth))
        settled = min(settled, bookmark)  # which a user may have set back
    if not scope.lookback.tiers:
        settled = max(settled, bookmark)
    elif settled > now - depth:
        settled = min(settled, end - depth)  # the lookback is longer now, or a clock was set back
    read_from = min(read_from, bookmark)
    return replace(
        history,
        read_from=read_from,
        settled_until=max(settled, read_from),
        readings=readings,
        skipped=tuple(gap for gap in history.skipped if gap.end <= bookmark),
    ).past_gaps()


def _on_start_date(
    scope: Scope, bookmark: datetime | None, now: datetime, oldest: datetime
) -> Iterator[Notice]:
    """What a start_date means beside a bookmark, and without one."""
    start_date = scope.start_date
    if start_date is None:
        return
    begin = iso(start_date)
    if start_date > now:
        text = f"start_date {begin} lies in the future: no message is read before then"
        yield Notice(text, Weight.WARNING)
    if bookmark is not None and start_date > bookmark:
        text = f"Messages from the bookmark {iso(bookmark)} to start_date {begin} are not read"
        yield Notice(f"{text}: start_date is the later one", Weight.WARNING)
    elif bookmark is not None:
        text = f"start_date {begin} is not later than the bookmark {iso(bookmark)}"
        yield Notice(f"{text}: it has no effect, this run goes on from the bookmark", Weight.DETAIL)
    elif oldest < start_date <= now and scope.keeps_bookmark and scope.lookback.tiers:
        # However long ago it is: another load may have read up to there a moment ago.
        text = (
            f"This first run begins at start_date {begin}: if another load has brought what lies"
            " before, begin with a copy of its state, or the statuses of its last lookback_days"
            " stay as they are"
        )
        yield Notice(text, Weight.WARNING)


def _on_end_date(end: datetime, bookmark: datetime) -> Notice:
    """What an end_date before the bookmark means: a reload would read nothing."""
    text = (
        f"end_date {iso(end)} is before the bookmark {iso(bookmark)}: all up to there was read "
        "before, and is read again only where it is due. To read it all again, run with a state of "
        "its own"
    )
    return Notice(text, Weight.WARNING)


def _on_lookback(again: Again | None, first: datetime, now: datetime, *, puts_off: bool) -> Notice:
    """How far a run reads again, and why."""
    if again is not None:
        return Notice(again.sentence(now))
    text = f"This run reads from {iso(first)} on"
    if puts_off:
        return Notice(f"{text}: what is due to be read again waits for the run that catches up")
    return Notice(f"{text}: nothing before is due to be read again")


def _on_max_run(max_run: timedelta) -> Notice:
    """That the run may read a piece of its span only."""
    text = f"After {max_run.total_seconds() / 60:g} minutes (max_run_minutes) this run asks for"
    return Notice(f"{text} no new export: if there is more to read then, run again")
