"""What a worker does for one export: poll until it is finished, download it, ask for its count.

Workers hold no state of the run and decide nothing about windows: they bring a file, or raise what
came in the way.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from tap_mailjet_sms.exceptions import (
    CountMismatchError,
    DownloadBrokenError,
    DownloadGoneError,
    ExportLateError,
    MailjetBusyError,
    MailjetUnavailableError,
    RequestRefusedError,
    SlowDownError,
    UnexpectedAnswerError,
)
from tap_mailjet_sms.exporting.counting import NO_COUNT, VerifyCounts
from tap_mailjet_sms.exporting.job import (
    ExportJob,
    ExportStatus,
    Step,
    next_step,
)
from tap_mailjet_sms.exporting.pace import Turn
from tap_mailjet_sms.spool import open_spool, spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tap_mailjet_sms.exporting.pace import Pace
    from tap_mailjet_sms.exporting.waiting import Clock, EndOfRun, PollSchedule, Retrying
    from tap_mailjet_sms.exporting.windows import Window
    from tap_mailjet_sms.witness import Witness

logger = logging.getLogger("tap-mailjet-sms.exports")

T = TypeVar("T")

#: What no header is longer than, in bytes.
HEAD = 1 << 16
#: Pages of a list that are asked for at most: windows with few messages are meant.
PAGES = 4
#: How often a list is asked for that the run can do without.
LIST_ATTEMPTS = 2
_GZIP = b"\x1f\x8b"


class Mailjet(Protocol):
    """What the orchestrator asks of Mailjet; see `MailjetClient`."""

    def request_export(self, window: Window, *, not_before: datetime) -> ExportJob:
        """Ask for a new export."""

    def get_export(self, job: ExportJob) -> ExportJob:
        """Read how far one is."""

    def count(self, window: Window, *, not_before: datetime, edges: bool = True) -> int:
        """Count messages."""

    def list_created(self, window: Window, *, not_before: datetime, offset: int) -> list[datetime]:
        """List the times of messages."""

    def list_messages(self, window: Window, *, not_before: datetime, limit: int) -> list[Witness]:
        """List the newest messages."""

    def download(self, job: ExportJob, into: BinaryIO) -> bool:
        """Download an export's file."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a worker brings: the file (None for an export without any), and Mailjet's count.

    `within_edges` is how many messages lie off the first and last second that the export was asked
    for, None if that is not known. It is asked for where the file seems to have no rows: on those
    seconds there may be messages that a count includes and an export does not (neither is
    documented). `has_open_end` says that the
    file's last line has no line end, though all of it has come. `waited` is for how many seconds
    this run has waited for Mailjet to finish the export, and `size` that of the file, in bytes.
    """

    job: ExportJob
    file: BinaryIO | None
    expected: int | None
    within_edges: int | None = None
    has_open_end: bool = False
    waited: float = 0.0
    size: int = 0


@dataclass(slots=True)
class Fetcher:
    """Brings exports, one at a time for each worker that calls `fetch`."""

    mailjet: Mailjet
    clock: Clock
    end: EndOfRun
    pace: Pace
    schedule: PollSchedule
    retrying: Retrying
    verify_counts: VerifyCounts
    not_before: datetime
    timed: Callable[[ExportJob], AbstractContextManager[object]] = nullcontext
    retries: int = field(default=0, init=False)
    _stages: dict[int, str] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _has_warned_of_count: bool = field(default=False, init=False)

    def stage(self, job: ExportJob) -> str:
        """What of an export is being waited for: its status, or its file."""
        return self._stages.get(job.id, "its status is not known yet")

    def fetch(self, job: ExportJob) -> Fetched:
        """Poll until the export is finished, download its file, and ask for its count.

        Raises:
            ExportFailedError: If Mailjet reports an error.
            ExportLateError: If it is not finished in time.
            RequestRefusedError: If Mailjet does not know the export, or no longer has its file.
            TapMailjetSMSError: If anything else came in the way, as often as it was tried.
            StoppedError: If the run is over.
        """
        try:
            return self._fetch(job)
        finally:
            self._stages.pop(job.id, None)

    def _fetch(self, job: ExportJob) -> Fetched:
        began = self.clock.monotonic()
        with self.timed(job):
            job = self._poll(job)
        waited = self.clock.monotonic() - began
        self._stages[job.id] = "its file is being downloaded"
        file = None if job.url is None else self._download(job)
        expected = self._expected_rows(job.window)
        within_edges, has_open = None, False
        if expected and (file is None or not _has_rows(file)):
            within_edges = self._within_edges(job.window, expected)
        elif file is not None:
            has_open = has_open_end(file)
        size = 0 if file is None else _size(file)
        return Fetched(job, file, expected, within_edges, has_open, waited, size)

    def _poll(self, job: ExportJob) -> ExportJob:
        began = read_at = self.clock.monotonic()
        deadline = began + self.schedule.timeout
        while (step := next_step(job, now=self.clock.now())) is Step.POLL:
            if job.status is not None:  # an export from the state is looked at without waiting
                self._stages[job.id] = f"Mailjet says {_status(job)}"
                # What held the last poll back is no fault of the export: only a later one tells.
                if read_at >= deadline:
                    raise self._too_late(job)
                now = self.clock.monotonic()
                pause = self.schedule.pause(now - began)
                self.clock.sleep(min(pause, max(0.0, deadline - now)))
                self.end.check()
            read_at, job = self._retry(partial(self._read_status, job), job.fields)
        if step is Step.REQUEST:
            msg = f"The file of {job} has expired at Mailjet"
            raise DownloadGoneError(msg)
        return job

    def _read_status(self, job: ExportJob) -> tuple[float, ExportJob]:
        """The export as it is, and the moment when that was asked."""
        return self.clock.monotonic(), self.mailjet.get_export(job)

    def _too_late(self, job: ExportJob) -> ExportLateError:
        msg = (
            f"Mailjet has not finished {job} within {self.schedule.timeout:g} s ({_status(job)}); "
            "if this happens often, raise poll_timeout_seconds or lower window_days"
        )
        return ExportLateError(msg)

    def _download(self, job: ExportJob) -> BinaryIO:
        """The export's file, from a fresh link where the first one is no longer served."""
        try:
            return self._retry(lambda: self._download_once(job), job.fields, Turn.FIRST)
        except DownloadGoneError as error:
            logger.info("%s; asking Mailjet for a fresh link", error, extra=job.fields)
        fresh = self._retry(lambda: self.mailjet.get_export(job), job.fields)
        if next_step(fresh, now=self.clock.now()) is not Step.DOWNLOAD or fresh.url is None:
            msg = f"The file of {job} is no longer at Mailjet"
            raise DownloadGoneError(msg)
        return self._retry(lambda: self._download_once(fresh), job.fields, Turn.FIRST)

    def _download_once(self, job: ExportJob) -> BinaryIO:
        """One attempt to download an export, into a file of its own, at its start.

        Raises:
            DownloadBrokenError: If it did not arrive whole, or perhaps not: only its length tells a
                last line that was cut from one that is written so.
        """
        with spool_errors(), ExitStack() as unless_whole:
            file = unless_whole.enter_context(open_spool())
            tells_end = self.mailjet.download(job, file)
            if not tells_end and has_open_end(file):
                msg = f"The download of {job} does not end with a line end and may be incomplete"
                raise DownloadBrokenError(msg)
            file.seek(0)
            unless_whole.pop_all()
            return file

    def _expected_rows(self, window: Window, *, edges: bool = True) -> int | None:
        """How many messages Mailjet counts; None where that is not to be had, or not wanted."""
        if self.verify_counts is VerifyCounts.OFF:
            return None
        try:
            return self.count(window, edges=edges)
        except NO_COUNT as error:
            if self.verify_counts is VerifyCounts.ERROR:
                # Nothing is wrong with the export, whatever the status says.
                msg = f"{error}; set verify_counts to warn or off to go on without it"
                raise CountMismatchError(msg) from None
            if not self._has_warned_of_count:
                self._has_warned_of_count = True
                logger.warning(
                    "%s; this export's number of rows is not verified", error, extra=window.fields
                )
            return None

    def _within_edges(self, window: Window, expected: int) -> int | None:
        """See `Fetched`. A count shows that there are some, but not that there are none.

        If it leaves out the seconds that it is asked from and to, it leaves out more than is meant.
        So only where it shows none, the messages are listed, with their times.
        """
        counted = self._expected_rows(window, edges=False)
        if counted != 0:
            return counted
        created: list[datetime] = []
        try:
            for _ in range(PAGES):
                ask = partial(self._list_created, window, len(created))
                page = self._retry(ask, window.fields)
                created += page
                if not page or len(created) >= expected:
                    asked = window.with_overlap(not_before=self.not_before)
                    return sum(asked.start < then < asked.end for then in created)
        except RequestRefusedError as error:
            if self.verify_counts is VerifyCounts.WARN:  # not every token may list messages
                logger.info("%s; going by Mailjet's count alone", error, extra=window.fields)
                return 0
        except (MailjetUnavailableError, MailjetBusyError, UnexpectedAnswerError) as error:
            text = "%s; it is not known where the messages of %s lie"
            logger.info(text, error, window, extra=window.fields)
        return None

    def _list_created(self, window: Window, offset: int) -> list[datetime]:
        return self.mailjet.list_created(window, not_before=self.not_before, offset=offset)

    def count(self, window: Window, *, edges: bool = True) -> int:
        """How many messages Mailjet counts for what an export of the window asks for.

        Without `edges`, not for the first and last second of that.

        Raises:
            RequestRefusedError: If Mailjet refuses to answer.
            MailjetUnavailableError: If there was no usable answer to any of the attempts.
            MailjetBusyError: If Mailjet asked to slow down all the time.
        """
        ask = partial(self.mailjet.count, window, not_before=self.not_before, edges=edges)
        return self._retry(ask, window.fields)

    def newest(self, span: Window, *, limit: int) -> list[Witness]:
        """The newest messages of a span in Mailjet's own list; two attempts are enough for that.

        Raises:
            RequestRefusedError: If Mailjet refuses to answer.
            MailjetUnavailableError: If there was no usable answer.
            MailjetBusyError: If Mailjet asked to slow down both times.
            UnexpectedAnswerError: If the answer is no list of messages.
        """
        refused = count(1)

        def ask() -> list[Witness]:
            try:
                return self.mailjet.list_messages(span, not_before=self.not_before, limit=limit)
            except SlowDownError as error:
                if next(refused) == LIST_ATTEMPTS:
                    raise MailjetBusyError(str(error)) from None
                raise

        attempts = min(LIST_ATTEMPTS, self.retrying.max_attempts)
        return self._retry(ask, span.fields, attempts=attempts)

    def _retry(
        self,
        ask: Callable[[], T],
        fields: dict[str, object],
        turn: Turn = Turn.LATER,
        attempts: int | None = None,
    ) -> T:
        """Ask until there is a usable answer, at the run's pace.

        So many times at most, or `max_attempts` times.
        """
        for attempt in range(1, attempts or self.retrying.max_attempts):
            self.end.check()
            try:
                return self.pace.call(ask, turn)
            except (MailjetUnavailableError, DownloadBrokenError) as error:
                pause = self.retrying.pause(attempt, error)
                with self._lock:
                    self.retries += 1
                logger.info("%s; trying again in %.1f s", error, pause, extra=fields)
            self.clock.sleep(pause)
        self.end.check()
        return self.pace.call(ask, turn)


def _status(job: ExportJob) -> str:
    if isinstance(job.status, ExportStatus):
        return f"status {job.status.name}"
    is_name = isinstance(job.status, str)
    return f"status with the unknown {'name' if is_name else 'code'} {job.status}"


def _size(file: BinaryIO) -> int:
    """How many bytes a file at its start has."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _has_rows(file: BinaryIO) -> bool:
    """Whether there is more than one line in a file at its start, where it is left."""
    head = file.read(HEAD)
    file.seek(0)
    return len(head) == HEAD or len(head.splitlines()) > 1


def has_open_end(file: BinaryIO) -> bool:
    """Whether the last line of a file has no line end, as if it were cut; the file is rewound.

    A file without a byte has no line. UTF-16 ends a line with two bytes; a file that is packed
    itself tells its end by itself.
    """
    with spool_errors():
        file.seek(0)
        is_packed = file.read(len(_GZIP)) == _GZIP
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2))
        last = file.read(2).strip(b"\0")
        file.seek(0)
    return size > 0 and not is_packed and not last.endswith((b"\n", b"\r"))
