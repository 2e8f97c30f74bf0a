"""The tap with a classic bug in it: the simulation must find each of them."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms import streams, utc
from tap_mailjet_sms.exceptions import DownloadBrokenError, MailjetBusyError
from tap_mailjet_sms.exporting import checking, counting, planning, windows
from tap_mailjet_sms.exporting.checking import Checks
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.counting import Finding
from tap_mailjet_sms.exporting.fetching import Fetcher
from tap_mailjet_sms.exporting.lookback import History, Lookback
from tap_mailjet_sms.exporting.orchestrator import Orchestrator
from tap_mailjet_sms.exporting.pace import Pace
from tap_mailjet_sms.exporting.planning import Plan
from tap_mailjet_sms.exporting.requesting import Requests
from tap_mailjet_sms.exporting.waiting import EndOfRun
from tap_mailjet_sms.reading import csv_file, laying_out
from tap_mailjet_sms.reading.counted import CountedRows
from tap_mailjet_sms.state import Bookmark
from tap_mailjet_sms.writing.overlap import Overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tap_mailjet_sms.exceptions import SlowDownError
    from tap_mailjet_sms.exporting.counting import Tally
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.lookback import Again, Reading
    from tap_mailjet_sms.exporting.orchestrator import Arrival
    from tap_mailjet_sms.exporting.pace import Turn
    from tap_mailjet_sms.exporting.windows import Window
    from tap_mailjet_sms.notices import Notice
    from tap_mailjet_sms.reading.layout import KnownLayout, Proven


def bookmark_one_step_too_early() -> AbstractContextManager[object]:
    """The window is bookmarked when its records are about to be written."""
    honest = Orchestrator.files

    def files(
        self: Orchestrator, tiles: Iterable[Window], resumed: dict[Window, ExportJob]
    ) -> Iterator[Arrival]:
        for arrival in honest(self, tiles, resumed):
            assert isinstance(self.ledger, Bookmark)
            self.ledger.commit(arrival.job)
            yield arrival

    return patch.object(Orchestrator, "files", files)


def bookmark_goes_back() -> AbstractContextManager[object]:
    """The windows of the lookback move the bookmark back."""

    def commit(self: Bookmark, job: ExportJob, _: KnownLayout | None) -> None:
        self._pending.pop(job.window, None)
        self.history = replace(self.history, bookmark=job.window.end)
        self.write()

    return patch.object(Bookmark, "commit", commit)


def pending_id_dropped() -> AbstractContextManager[object]:
    """The id of an export never comes into the state."""
    return patch.object(Bookmark, "add", lambda *_: None)


def pending_id_written_late() -> AbstractContextManager[object]:
    """The id of an export comes into the state with the next commit only."""

    def add(self: Bookmark, job: ExportJob) -> None:
        self._pending[job.window] = job

    return patch.object(Bookmark, "add", add)


def pending_exports_ignored() -> AbstractContextManager[object]:
    """The exports of the state are asked for anew."""
    return patch.object(planning, "_usable", lambda *_, **__: [])


def pending_windows_skipped() -> AbstractContextManager[object]:
    """The windows of the state's exports are taken for done."""
    honest = windows.plan_windows

    def plan_windows(span: Window, *, longest: timedelta, fixed: Iterable[Window]) -> list[Window]:
        skipped = set(fixed)
        tiles = honest(span, longest=longest, fixed=skipped)
        return [tile for tile in tiles if tile not in skipped]

    return patch.object(planning, "plan_windows", plan_windows)


def stale_exports_taken() -> AbstractContextManager[object]:
    """An export of the state is good, however old the statuses in it are."""
    return patch.object(Lookback, "calls_for", lambda *_: False)


def good_exports_dropped() -> AbstractContextManager[object]:
    """What was too young in an export counts against it, although it is not due again yet."""

    def calls_for(self: Lookback, job: ExportJob, _: datetime) -> bool:
        return job.window.end > job.requested_at - self.depth

    return patch.object(Lookback, "calls_for", calls_for)


def no_lookback() -> AbstractContextManager[object]:
    """Nothing before the bookmark is read again."""
    return patch.object(Lookback, "due", lambda *_: None)


def tier_forgotten() -> AbstractContextManager[object]:
    """Messages of a certain age are read again as seldom as older ones."""
    honest = Lookback.due

    def due(self: Lookback, history: History, now: datetime) -> Again | None:
        again = honest(self, history, now)
        return None if again and len(self.tiers) > 1 and again.tier == self.tiers[1] else again

    return patch.object(Lookback, "due", due)


def reading_as_of_its_end() -> AbstractContextManager[object]:
    """Statuses are taken to be those of the moment when they were written."""

    def carry_on(self: Bookmark, window: Window, _: datetime) -> None:
        stream = self._stream
        assert isinstance(stream, streams.SMSMessages)
        now = type(stream).clock_type(EndOfRun()).now()
        honest(self, window, utc.whole_moment(now))

    honest = Bookmark._carry_on
    return patch.object(Bookmark, "_carry_on", carry_on)


def killed_reading_counted() -> AbstractContextManager[object]:
    """A reading counts although it was not read to its end."""
    return patch.object(Plan, "completes", lambda *_: True)


def reading_of_another_depth() -> AbstractContextManager[object]:
    """Any reading counts for all tiers."""

    def last_reading(self: History, _: timedelta | None) -> Reading | None:
        return max(self.readings, key=lambda reading: reading.at, default=None)

    return patch.object(History, "last_reading", last_reading)


def settled_moment_stuck() -> AbstractContextManager[object]:
    """The moment up to which all is settled stays where it was: ever more is read again."""
    honest = History.after

    def after(self: History, window: Window, *, settled: datetime) -> History:
        return replace(honest(self, window, settled=settled), settled_until=self.settled_until)

    return patch.object(History, "after", after)


def settled_moment_ahead() -> AbstractContextManager[object]:
    """All that was read is taken to be settled."""
    honest = History.after

    def after(self: History, window: Window, **_: datetime) -> History:
        return honest(self, window, settled=window.end)

    return patch.object(History, "after", after)


def settled_beyond_a_gap() -> AbstractContextManager[object]:
    """The settled moment moves with each window, although one before it was too young."""
    honest = History.after

    def after(self: History, window: Window, *, settled: datetime) -> History:
        after = honest(self, window, settled=settled)
        return replace(after, settled_until=min(window.end, settled))

    return patch.object(History, "after", after)


def no_settling() -> AbstractContextManager[object]:
    """The run reads up to this very moment."""
    return patch.object(planning, "SETTLING", timedelta(0))


def no_overlap() -> AbstractContextManager[object]:
    """Windows are asked for as if both of Mailjet's edges were known."""
    return patch.object(windows, "OVERLAP", timedelta(0))


def overlap_dropped_too_eagerly() -> AbstractContextManager[object]:
    """Every message of the overlap is dropped, also one that the window before did not bring."""

    def drop_repeated(_: Overlap, batch: pa.RecordBatch, window: Window) -> pa.RecordBatch:
        created = batch["created_at"]
        return batch.filter(pc.greater(created, pa.scalar(window.start, created.type)))

    return patch.object(Overlap, "drop_repeated", drop_repeated)


def overlap_not_dropped() -> AbstractContextManager[object]:
    """A message of the overlap comes twice."""
    return patch.object(Overlap, "drop_repeated", lambda _, batch, __: batch)


def cut_downloads_taken() -> AbstractContextManager[object]:
    """Of a download that broke off, the whole lines are taken."""
    honest = MailjetClient.download

    def download(self: MailjetClient, job: ExportJob, into: BinaryIO) -> bool:
        with suppress(DownloadBrokenError):
            return honest(self, job, into)
        into.seek(0)
        into.truncate(into.read().rfind(b"\n") + 1)
        into.seek(0, os.SEEK_END)
        return True

    return patch.object(MailjetClient, "download", download)


def counts_not_checked() -> AbstractContextManager[object]:
    """The number of rows is not held against Mailjet's count."""
    return patch.object(Checks, "hold_against_count", lambda *_: None)


def dispute_is_a_licence() -> AbstractContextManager[object]:
    """Once one window's count was found wrong, all others' are, however many rows are missing."""
    honest = counting.hold

    def hold(
        tally: Tally,
        expected: int | None,
        *,
        before: Tally | None,
        same_export: bool,
        forgiven: int,
    ) -> Finding:
        found = honest(tally, expected, before=before, same_export=same_export, forgiven=forgiven)
        return Finding.FORGIVEN if found is Finding.DISPUTED and forgiven else found

    return patch.object(checking, "hold", hold)


def ids_not_told_apart() -> AbstractContextManager[object]:
    """A message that comes twice in an export stands for one that is missing."""
    return patch.object(CountedRows, "distinct", property(lambda _: None))


def renamed_columns_not_noticed() -> AbstractContextManager[object]:
    """Each file's layout is as good as any: what it lacks is null."""
    honest = laying_out.settle

    def settle(
        proven: Proven,
        *,
        hosted: Mapping[str, bool],
        column_map: Mapping[str, str | None],
        before: KnownLayout | None,  # noqa: ARG001 - that is the bug
    ) -> tuple[KnownLayout, list[Notice]]:
        return honest(proven, hosted=hosted, column_map=column_map, before=None)

    return patch.object(csv_file, "settle", settle)


def slow_down_is_a_failure() -> AbstractContextManager[object]:
    """To be asked to slow down is a failed attempt like any other."""

    def call(self: Pace, ask: Callable[[], object], _: Turn) -> object:
        self.end.check()
        return ask()

    return patch.object(Pace, "call", call)


def patience_by_count() -> AbstractContextManager[object]:
    """A call gives up after it was asked to slow down a few times."""
    honest = Pace.slow_down
    times: dict[float, int] = defaultdict(int)

    def slow_down(self: Pace, error: SlowDownError, *, made: float, sent: float) -> None:
        times[made] += 1
        if times[made] > 3:
            raise MailjetBusyError(str(error))
        honest(self, error, made=made, sent=sent)

    return patch.object(Pace, "slow_down", slow_down)


def held_back_is_late() -> AbstractContextManager[object]:
    """An export is late when its time is up, although nobody has looked at it since."""
    honest = Fetcher._read_status

    def read_status(self: Fetcher, job: ExportJob) -> tuple[float, ExportJob]:
        waited = (self.clock.now() - job.requested_at).total_seconds()
        if job.status is not None and waited >= self.schedule.timeout:
            raise self._too_late(job)
        return honest(self, job)

    return patch.object(Fetcher, "_read_status", read_status)


def asked_in_vain_for_ever() -> AbstractContextManager[object]:
    """Where Mailjet makes no more exports at once, it is asked again without a pause."""

    def wait_for_room(
        _: Requests, error: Exception, window: Window, under_way: int, *, made: float
    ) -> None:
        """Forget it."""

    return patch.object(Requests, "_wait_for_room", wait_for_room)


def workers_never_stopped() -> AbstractContextManager[object]:
    """Workers go on after the run has ended."""
    return patch.object(EndOfRun, "declare", lambda _: None)


MUTANTS: tuple[Callable[[], AbstractContextManager[object]], ...] = (
    bookmark_one_step_too_early,
    bookmark_goes_back,
    pending_id_dropped,
    pending_id_written_late,
    pending_exports_ignored,
    pending_windows_skipped,
    stale_exports_taken,
    good_exports_dropped,
    no_lookback,
    tier_forgotten,
    reading_as_of_its_end,
    killed_reading_counted,
    reading_of_another_depth,
    settled_moment_stuck,
    settled_moment_ahead,
    settled_beyond_a_gap,
    no_settling,
    no_overlap,
    overlap_dropped_too_eagerly,
    overlap_not_dropped,
    cut_downloads_taken,
    counts_not_checked,
    dispute_is_a_licence,
    ids_not_told_apart,
    renamed_columns_not_noticed,
    slow_down_is_a_failure,
    patience_by_count,
    held_back_is_late,
    asked_in_vain_for_ever,
    workers_never_stopped,
)
