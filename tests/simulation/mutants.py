"""The tap with a classic bug in it: the simulation must find each of them."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms import streams
from tap_mailjet_sms.exceptions import DownloadBrokenError, MailjetBusyError
from tap_mailjet_sms.exporting import counting, orchestrator, windows
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.counting import Finding
from tap_mailjet_sms.exporting.fetching import Fetcher
from tap_mailjet_sms.exporting.orchestrator import Orchestrator
from tap_mailjet_sms.exporting.pace import Pace
from tap_mailjet_sms.exporting.requesting import Requests
from tap_mailjet_sms.exporting.waiting import EndOfRun
from tap_mailjet_sms.reading import csv_file, layout
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
    from tap_mailjet_sms.exporting.orchestrator import Arrival
    from tap_mailjet_sms.exporting.pace import Turn
    from tap_mailjet_sms.exporting.windows import Plan, Window
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
            self.ledger.commit(arrival.window)
            yield arrival

    return patch.object(Orchestrator, "files", files)


def bookmark_goes_back() -> AbstractContextManager[object]:
    """The windows of the lookback move the bookmark back."""

    def commit(self: Bookmark, window: Window, _: KnownLayout | None) -> None:
        self._pending.pop(window, None)
        self.value = window.end
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
    return patch.object(Bookmark, "usable_exports", lambda *_, **__: {})


def pending_windows_skipped() -> AbstractContextManager[object]:
    """The windows of the state's exports are taken for done."""
    honest = windows.plan_windows

    def plan_windows(span: Window, *, longest: timedelta, fixed: Iterable[Window]) -> list[Window]:
        skipped = set(fixed)
        tiles = honest(span, longest=longest, fixed=skipped)
        return [tile for tile in tiles if tile not in skipped]

    return patch.object(streams, "plan_windows", plan_windows)


def stale_exports_taken() -> AbstractContextManager[object]:
    """An export of the state is good, however old the statuses in it are."""
    honest = Bookmark.usable_exports

    def usable_exports(
        self: Bookmark,
        plan: Plan,
        *,
        start_date: datetime | None,
        lookback: timedelta,  # noqa: ARG001 - that is the bug
    ) -> dict[Window, ExportJob]:
        return honest(self, plan, start_date=start_date, lookback=timedelta(0))

    return patch.object(Bookmark, "usable_exports", usable_exports)


def good_exports_dropped() -> AbstractContextManager[object]:
    """What was too young in an export counts against it, although the next run reads that again."""
    honest = Bookmark.usable_exports

    def usable_exports(
        self: Bookmark, plan: Plan, *, start_date: datetime | None, lookback: timedelta
    ) -> dict[Window, ExportJob]:
        usable = honest(self, plan, start_date=start_date, lookback=lookback)
        return {
            window: job
            for window, job in usable.items()
            if window.start >= plan.end - lookback or window.end <= job.requested_at - lookback
        }

    return patch.object(Bookmark, "usable_exports", usable_exports)


def no_lookback() -> AbstractContextManager[object]:
    """Nothing before the bookmark is read again."""
    honest = windows.plan_run

    def plan_run(
        *,
        now: datetime,
        bookmark: datetime | None,
        start_date: datetime | None,
        end_date: datetime | None,
        lookback: timedelta,  # noqa: ARG001 - that is the bug
    ) -> Plan:
        return honest(
            now=now,
            bookmark=bookmark,
            start_date=start_date,
            end_date=end_date,
            lookback=timedelta(0),
        )

    return patch.object(streams, "plan_run", plan_run)


def no_settling() -> AbstractContextManager[object]:
    """The run reads up to this very moment."""
    return patch.object(windows, "SETTLING", timedelta(0))


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
    return patch.object(Orchestrator, "hold_against_count", lambda *_: None)


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

    return patch.object(orchestrator, "hold", hold)


def ids_not_told_apart() -> AbstractContextManager[object]:
    """A message that comes twice in an export stands for one that is missing."""
    return patch.object(CountedRows, "distinct", property(lambda _: None))


def renamed_columns_not_noticed() -> AbstractContextManager[object]:
    """Each file's layout is as good as any: what it lacks is null."""
    honest = layout.settle

    def settle(
        proven: Proven,
        *,
        told: Mapping[str, bool],
        column_map: Mapping[str, str | None],
        before: KnownLayout | None,  # noqa: ARG001 - that is the bug
    ) -> tuple[KnownLayout, list[Notice]]:
        return honest(proven, told=told, column_map=column_map, before=None)

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

    def wait_for_room(_: Requests, error: Exception, under_way: int, *, made: float) -> None:
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
