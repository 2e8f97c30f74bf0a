"""The stream `sms_messages`: every SMS of the account, kept current."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_mailjet_sms.exceptions import UnsoundFileError
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.counting import Tally, VerifyCounts
from tap_mailjet_sms.exporting.fetching import Fetcher
from tap_mailjet_sms.exporting.orchestrator import Orchestrator, TimeLimit
from tap_mailjet_sms.exporting.pace import Pace, Turn
from tap_mailjet_sms.exporting.planning import Plan, Scope, plan_run
from tap_mailjet_sms.exporting.preview import Preview, counted
from tap_mailjet_sms.exporting.progress import many
from tap_mailjet_sms.exporting.waiting import Clock, EndOfRun, Retrying, SystemClock
from tap_mailjet_sms.exporting.windows import Window, newest_hour, oldest_exportable
from tap_mailjet_sms.reading.rules import VerifyLayout
from tap_mailjet_sms.schema import (
    ACCOUNT_COLUMN,
    COLUMNS,
    MESSAGE_COLUMNS,
    TEXT_DECIMALS,
    stream_schema,
)
from tap_mailjet_sms.sdk.metrics import timed_call, timed_export
from tap_mailjet_sms.sdk.stream import WindowedStream
from tap_mailjet_sms.state import REPLICATION_KEY, STREAM, Bookmark
from tap_mailjet_sms.utc import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    import pyarrow as pa
    from requests.adapters import HTTPAdapter
    from singer_sdk.helpers.types import Context, Record

    from tap_mailjet_sms.exporting.client import Call
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.orchestrator import Arrival
    from tap_mailjet_sms.notices import Notice
    from tap_mailjet_sms.reading.counted import CountedRows
    from tap_mailjet_sms.reading.csv_file import Reading
    from tap_mailjet_sms.reading.layout import KnownLayout
    from tap_mailjet_sms.reading.window_check import FarTimes, WindowCheck
    from tap_mailjet_sms.sdk.stream import Batches, BatchSetting
    from tap_mailjet_sms.writing.batch_files import StagedFiles
    from tap_mailjet_sms.writing.hashing import HashedColumns

# pyarrow costs more to import than all the rest, and `--about` and `--discover` need none of it:
# so what needs it is imported where the first export is read.

Piece = TypeVar("Piece")
Piece_co = TypeVar("Piece_co", covariant=True)


class Kept(Protocol[Piece_co]):
    """The messages of a file that was read to its end, none of them out yet."""

    def __iter__(self) -> Iterator[Piece_co]:
        """Hand them out, piece by piece."""

    def close(self) -> None:
        """Give up what was not handed out."""


class SMSMessages(WindowedStream):
    """All SMS of an account, from Mailjet's asynchronous CSV export."""

    name = STREAM
    primary_keys = ("message_id",)
    replication_key = REPLICATION_KEY
    #: The columns are typed before they become records.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    #: Time, threads and network; a simulation has its own.
    clock_type: ClassVar[Callable[[EndOfRun], Clock]] = SystemClock
    executor_type: ClassVar[Callable[[int], Executor]] = ThreadPoolExecutor
    transport: ClassVar[HTTPAdapter | None] = None

    @cached_property
    @override
    def schema(self) -> dict[str, object]:
        """The columns, one more if the account is to be told, with costs as the setting says.

        For `--discover` the settings may be no good, so only these two are looked at.
        """
        columns = (*COLUMNS, ACCOUNT_COLUMN) if self.config.get("account") else COLUMNS
        return stream_schema(columns, text_decimals=self.config.get("decimals") == TEXT_DECIMALS)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Emit every message of the run, window by window.

        RECORD messages go out in bulk from here; single records are yielded only where something
        wants to see them: a stream map, flattening, or `--test`, which takes one.

        Raises:
            TapMailjetSMSError: If a window cannot be had; all windows before it are bookmarked.
        """
        records = self._records()
        if not self.is_test:
            yield from records
            return
        with closing(records):
            yield from islice(records, 1)

    def _records(self) -> Generator[Record]:
        """The messages of all windows, in bulk or one by one."""
        from tap_mailjet_sms.writing.kept import Spool  # noqa: PLC0415
        from tap_mailjet_sms.writing.lines import record_lines, single_records  # noqa: PLC0415

        hashed = self._hashed_columns()
        for job, batches in self._windows(lambda _, batches: Spool(batches)):
            fields = self._export_fields(job)
            for batch in hashed.of(batches):
                if self.bulk_writer is None:
                    yield from single_records(batch, export_fields=fields)
                else:
                    for lines in record_lines(batch, stream=self.name, export_fields=fields):
                        self.bulk_writer.write_lines(lines)
                    self.record_counter.increment(batch.num_rows)

    @override
    def get_batches(self, batch_config: BatchSetting, context: Context | None = None) -> Batches:
        """Write every message of the run to batch files, window by window.

        Raises:
            TapMailjetSMSError: If a window cannot be had or written; all before it are bookmarked.
        """
        from tap_mailjet_sms.writing.batch_files import BatchFiles, BatchWriter  # noqa: PLC0415

        self.write_starting_state(context)
        encoding, storage = batch_config.encoding, batch_config.storage
        wanted = BatchFiles(
            root=storage.root,
            prefix=storage.prefix or "",
            params=storage.params,
            format=encoding.format,
            compression=encoding.compression,
            rows_per_file=batch_config.batch_size,
        )
        writer = BatchWriter(wanted, name=f"{self.tap_name}--{self.name}")

        hashed = self._hashed_columns()

        def stage(job: ExportJob, batches: Iterator[pa.RecordBatch]) -> StagedFiles:
            return writer.stage(hashed.of(batches), export_fields=self._export_fields(job))

        for _, files in self._windows(stage):
            for url in files:
                yield encoding, [url]

    def _windows(
        self, keep: Callable[[ExportJob, Iterator[pa.RecordBatch]], Kept[Piece]]
    ) -> Iterator[tuple[ExportJob, Iterator[Piece]]]:
        """The messages of each window, in order, as `keep` hands them out, piece by piece.

        This loop is the tap's promise: a file is read to its end, checked, emitted, and only then
        bookmarked. `keep` reads all of it, since only at its end it is known to be sound; a window
        is bookmarked when the next one is asked for, so all of it must be out by then.
        """
        from tap_mailjet_sms.reading.counted import CountedRows  # noqa: PLC0415
        from tap_mailjet_sms.reading.window_check import FarTimes  # noqa: PLC0415
        from tap_mailjet_sms.writing.overlap import Overlap  # noqa: PLC0415

        _choose_memory_pool()
        begun = self._begun(partial(timed_call, stream=self.name))
        with begun as (bookmark, fetcher), self._telling_of(FarTimes()) as far_times:
            plan = self._plan(bookmark, fetcher)
            exports = self._orchestrator(plan, bookmark, fetcher)
            self.summarise = partial(self._summary, exports, bookmark)
            overlap = Overlap(begins_at=plan.edges)
            counts_ids = self.settings.verify_counts is not VerifyCounts.OFF
            for arrival in exports.files(plan.windows, plan.resumed):
                file, check = self._read(arrival, bookmark.layout, now=fetcher.clock.now())
                rows = CountedRows(file, tells_ids_apart=counts_ids)
                fresh = overlap.fresh(exports.meanwhile(rows), arrival.window)
                with ExitStack() as kept_open:
                    try:
                        kept = keep(arrival.job, self._selected(fresh))
                        kept_open.callback(kept.close)
                        arrival.verify(self._tally(rows, arrival.job))
                    except UnsoundFileError as error:
                        arrival.reject(error)
                        continue
                    overlap.end_window()
                    far_times.add(check)
                    self._tell_of(file)
                    yield arrival.job, exports.meanwhile(kept)
                bookmark.commit(arrival.job, file.layout)
                arrival.finish(overlap.messages)

    def _read(
        self, arrival: Arrival, before: KnownLayout | None, *, now: datetime
    ) -> tuple[Reading, WindowCheck]:
        """The messages of a file as they are read, and how far their times are off the window."""
        from tap_mailjet_sms.reading import csv_file  # noqa: PLC0415
        from tap_mailjet_sms.reading.window_check import WindowCheck  # noqa: PLC0415

        window, rules = arrival.window, self.settings.rules
        refuses = rules.verify is VerifyLayout.ERROR
        check = WindowCheck(window.start, window.end, now=now, refuses=refuses)
        listing = arrival.listing
        file = csv_file.read(arrival.file, rules, before=before, check=check, listing=listing)
        return file, check

    def _tally(self, rows: CountedRows, job: ExportJob) -> Tally:
        """What was counted of a file that was read to its end."""
        if rows.has_too_many:
            self.logger.info("The ids of %s are too many to count", job)
        return Tally(rows.rows, rows.distinct, rows.checksum)

    def _tell_of(self, file: Reading) -> None:
        """What the user should know of a file that is sound; what its columns are, for `--test`."""
        from tap_mailjet_sms.reading.proof_sentences import layout_lines  # noqa: PLC0415

        self._tell(file.notices)
        if self.is_test and file.layout is not None:
            for line in layout_lines(file.layout):
                self.logger.info(line)

    def _summary(self, exports: Orchestrator, bookmark: Bookmark) -> str:
        """A run in a line."""
        moved_to = "not moved" if bookmark.value is None else iso(bookmark.value)
        return exports.summary(for_target=self.waited_for_target, bookmark=moved_to)

    @contextmanager
    def _telling_of(self, far_times: FarTimes) -> Iterator[FarTimes]:
        """Warn of times off their windows, once they are all known, however the run ends."""
        try:
            yield far_times
        finally:
            if far_times.warning:
                self.logger.warning(far_times.warning)

    def _plan(self, bookmark: Bookmark, fetcher: Fetcher) -> Plan:
        """What the run reads, as the state says once it begins."""
        now, pending = fetcher.clock.now(), () if self.is_test else bookmark.pending
        plan = plan_run(now, self._scope, bookmark.history, pending)
        self._tell(plan.notices)
        if self.is_test:
            return self._plan_of_test(plan, fetcher)
        bookmark.begin(plan)
        if not plan.windows:
            self.logger.info(
                "There is nothing to read up to %s, where this run ends", iso(plan.end)
            )
        return plan

    @property
    def _scope(self) -> Scope:
        settings = self.settings
        return Scope(
            settings.start_date,
            settings.end_date,
            settings.lookback,
            settings.window,
            settings.max_run,
            self._moves_bookmark,
            settings.rules.zone,
        )

    def _plan_of_test(self, plan: Plan, fetcher: Fetcher) -> Plan:
        """The newest hour that has messages; none if there is none.

        Mailjet is asked for a count first, so that a wrong token costs no export; also where there
        is nothing to read, since the token is what is tested.
        """
        span = plan.span or Window(plan.end - timedelta(hours=1), plan.end)
        count = lru_cache(fetcher.count)
        hour = newest_hour(span, count)
        self.test_result = (
            f"The token is good. Mailjet counts {count(span):,} messages from {span}, "
            f"{'one of which was read' if hour else 'so none was read'}. A first run would ask for "
            f"{many(len(plan.windows), 'export')}"
        )
        return replace(plan, windows=(hour,) if hour else ())

    @override
    def preview(self) -> Preview:
        """What a run would do; Mailjet is asked for counts alone, and no message is written.

        Raises:
            TapMailjetSMSError: If the state or the token is wrong.
        """
        with self._begun(measured=nullcontext) as (bookmark, fetcher):
            now = fetcher.clock.now()
            plan = plan_run(now, self._scope, bookmark.history, bookmark.pending)
            if not self.selected:
                plan = Plan(end=plan.end, begin=plan.begin)
            found = counted(plan, fetcher.count)
        return Preview(self.name, plan, found, bookmark.value, self._moves_bookmark)

    @contextmanager
    def _begun(
        self, measured: Callable[[Call], AbstractContextManager[object]]
    ) -> Iterator[tuple[Bookmark, Fetcher]]:
        """What a run begins with: the bookmark as the state has it, and what asks Mailjet.

        Once a signal or a closed output ends the run, the latter waits no more and asks no more.
        `measured` is entered for the time of each call.

        Raises:
            InvalidStateError: If the state cannot be true.
        """
        settings, end = self.settings, EndOfRun()
        self.on_end(end.declare)
        clock = type(self).clock_type(end)
        moves = self._moves_bookmark
        bookmark = Bookmark(self, now=clock.now(), lookback=settings.lookback, moves=moves)
        at_once = settings.max_concurrent_exports
        pace = Pace(clock, end, patience=settings.poll.timeout, at_once=at_once)
        with closing(self._client(pace, measured)) as mailjet:
            yield bookmark, self._fetcher(mailjet, pace)

    def _client(
        self, pace: Pace, measured: Callable[[Call], AbstractContextManager[object]]
    ) -> MailjetClient:
        settings = self.settings
        return MailjetClient(
            api_url=settings.api_url,
            auth_token=settings.auth_token,
            request_timeout=settings.request_timeout,
            now=pace.clock.now,
            checkpoint=pace.end.check,
            another_turn=partial(pace.take_turn, Turn.FIRST),
            measured=measured,
            transport=self.transport,
        )

    def _fetcher(self, mailjet: MailjetClient, pace: Pace) -> Fetcher:
        settings = self.settings
        return Fetcher(
            mailjet=mailjet,
            clock=pace.clock,
            end=pace.end,
            pace=pace,
            schedule=settings.poll,
            retrying=Retrying(settings.max_attempts),
            verify_counts=settings.verify_counts,
            not_before=oldest_exportable(pace.clock.now()),
            timed=partial(timed_export, stream=self.name),
        )

    def _orchestrator(self, plan: Plan, bookmark: Bookmark, fetcher: Fetcher) -> Orchestrator:
        at_once, limit = self.settings.max_concurrent_exports, None
        if plan.max_run is not None:
            until = fetcher.clock.monotonic() + plan.max_run.total_seconds()
            limit = TimeLimit(until, bookmark.value)
        return Orchestrator(
            fetcher=fetcher,
            ledger=bookmark,
            executor=type(self).executor_type(at_once),
            max_concurrent_exports=at_once,
            display=self.display,
            time_limit=limit,
        )

    def _tell(self, notices: Iterable[Notice]) -> None:
        """Log what was not told in this run yet."""
        for notice in notices:
            if notice not in self._told:
                self._told.add(notice)
                self.logger.log(notice.weight, notice.text)

    @cached_property
    def _told(self) -> set[Notice]:
        return set()

    def _export_fields(self, job: ExportJob) -> dict[str, int | str | datetime | None]:
        """The selected columns that are the same for each message of an export."""
        fields: dict[str, int | str | datetime | None] = {
            "export_id": job.id,
            "exported_at": job.created_at,
            "from_ts": job.window.start,
            "to_ts": job.window.end,
        }
        if self.settings.account is not None:
            fields[ACCOUNT_COLUMN.name] = self.settings.account
        return {name: value for name, value in fields.items() if self.selects(name)}

    def _selected(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches with the selected columns only, as they leave but for hashes."""
        from tap_mailjet_sms.writing.lines import with_text_costs  # noqa: PLC0415

        selected = [column.name for column in MESSAGE_COLUMNS if self.selects(column.name)]
        for batch in batches:
            leaving = batch.select(selected)
            yield with_text_costs(leaving) if self.settings.text_decimals else leaving

    def _hashed_columns(self) -> HashedColumns:
        """What hashes columns on their way out."""
        from tap_mailjet_sms.writing.hashing import HashedColumns  # noqa: PLC0415

        return HashedColumns(self.settings.rules.hashed, self.settings.hash_key)

    @property
    def _moves_bookmark(self) -> bool:
        return self.replication_method != REPLICATION_FULL_TABLE and not self.is_test


def _choose_memory_pool() -> None:
    """Have Arrow hand memory back sooner than by default: 20 MiB less at the peak."""
    import pyarrow as pa  # noqa: PLC0415

    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:
        with suppress(NotImplementedError):  # not every build has it
            pa.set_memory_pool(pa.jemalloc_memory_pool())
