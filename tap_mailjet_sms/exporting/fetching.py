"""What a worker does for one export: poll until it is finished, download it, ask for its count.

Workers hold no state of the run and decide nothing about windows: they bring a file, or raise what
came in the way.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from tap_mailjet_sms.exceptions import (
    CountMismatchError,
    DownloadBrokenError,
    DownloadGoneError,
    ExportLateError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    UnexpectedAnswerError,
)
from tap_mailjet_sms.exporting.job import (
    ExportJob,
    ExportStatus,
    Step,
    VerifyCounts,
    next_step,
)
from tap_mailjet_sms.spool import open_spool, spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tap_mailjet_sms.exporting.waiting import Clock, EndOfRun, PollSchedule, Retrying
    from tap_mailjet_sms.exporting.windows import Window

logger = logging.getLogger("tap-mailjet-sms.exports")

T = TypeVar("T")

#: What no header is longer than, in bytes.
HEAD = 1 << 16


class Mailjet(Protocol):
    """What the orchestrator asks of Mailjet; see `MailjetClient`."""

    def request_export(self, window: Window, *, not_before: datetime) -> ExportJob: ...  # noqa: D102
    def get_export(self, job: ExportJob) -> ExportJob: ...  # noqa: D102
    def count(self, window: Window, *, not_before: datetime, edges: bool = True) -> int: ...  # noqa: D102
    def download(self, job: ExportJob, into: BinaryIO) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a worker brings: the file (None for an export without any), and Mailjet's count.

    `within_edges` is the count without the first and last second that the export was asked for. It
    is known where the file seems to have no rows: on those seconds there may be messages that a
    count includes and an export does not (neither is documented).
    """

    job: ExportJob
    file: BinaryIO | None
    expected: int | None
    within_edges: int | None = None


@dataclass(slots=True)
class Fetcher:
    """Brings exports, one at a time for each worker that calls `fetch`."""

    mailjet: Mailjet
    clock: Clock
    end: EndOfRun
    schedule: PollSchedule
    retrying: Retrying
    verify_counts: VerifyCounts
    not_before: datetime
    job_timer: Callable[[], AbstractContextManager[object]] = nullcontext
    _has_warned_of_count: bool = field(default=False, init=False)

    def fetch(self, job: ExportJob) -> Fetched:
        """Poll until the export is finished, download its file, and ask for its count.

        Raises:
            ExportFailedError: If Mailjet reports an error.
            ExportLateError: If it is not finished in time.
            RequestRefusedError: If Mailjet does not know the export, or no longer has its file.
            TapMailjetSMSError: If anything else came in the way, as often as it was tried.
            StoppedError: If the run is over.
        """
        with self.job_timer():
            job = self._poll(job)
        file = None if job.url is None else self._download(job)
        expected = self._expected_rows(job.window)
        if not expected or (file is not None and _has_rows(file)):
            return Fetched(job, file, expected)
        return Fetched(job, file, expected, self._expected_rows(job.window, edges=False))

    def _poll(self, job: ExportJob) -> ExportJob:
        began = self.clock.monotonic()
        while (step := next_step(job, now=self.clock.now())) is Step.POLL:
            if job.status is not None:  # an export from the state is looked at without waiting
                waited = self.clock.monotonic() - began
                if waited >= self.schedule.timeout:
                    raise self._too_late(job)
                pause = self.schedule.pause(waited)
                self.clock.sleep(min(pause, self.schedule.timeout - waited))
                self.end.check()
            job = self._retry(lambda job=job: self.mailjet.get_export(job))  # type: ignore[misc]
        if step is Step.REQUEST:
            msg = f"The file of {job} has expired at Mailjet"
            raise DownloadGoneError(msg)
        return job

    def _too_late(self, job: ExportJob) -> ExportLateError:
        is_name = isinstance(job.status, str)
        unknown = f"with the unknown {'name' if is_name else 'code'} {job.status}"
        status = job.status.name if isinstance(job.status, ExportStatus) else unknown
        msg = (
            f"Mailjet has not finished {job} within {self.schedule.timeout:g} s (status {status}); "
            "if this happens often, raise poll_timeout_seconds or lower window_days"
        )
        return ExportLateError(msg)

    def _download(self, job: ExportJob) -> BinaryIO:
        """The export's file, from a fresh link where the first one is no longer served."""
        try:
            return self._retry(_Download(self.mailjet, job), at_least=2)
        except DownloadGoneError as error:
            logger.info("%s; asking Mailjet for a fresh link", error)
        fresh = self._retry(lambda: self.mailjet.get_export(job))
        if next_step(fresh, now=self.clock.now()) is not Step.DOWNLOAD or fresh.url is None:
            msg = f"The file of {job} is no longer at Mailjet"
            raise DownloadGoneError(msg)
        return self._retry(_Download(self.mailjet, fresh), at_least=2)

    def _expected_rows(self, window: Window, *, edges: bool = True) -> int | None:
        """How many messages Mailjet counts; None where that is not to be had, or not wanted."""
        if self.verify_counts is VerifyCounts.OFF:
            return None
        try:
            return self.count(window, edges=edges)
        except NotAuthorisedError:
            raise
        except (RequestRefusedError, MailjetUnavailableError, UnexpectedAnswerError) as error:
            if self.verify_counts is VerifyCounts.ERROR:
                # Nothing is wrong with the export, whatever the status says.
                msg = f"{error}; set verify_counts to warn or off to go on without it"
                raise CountMismatchError(msg) from None
            if not self._has_warned_of_count:
                self._has_warned_of_count = True
                logger.warning("%s; this export's number of rows is not verified", error)
            return None

    def count(self, window: Window, *, edges: bool = True) -> int:
        """How many messages Mailjet counts for what an export of the window asks for.

        Without `edges`, not for the first and last second of that.

        Raises:
            RequestRefusedError: If Mailjet refuses to answer.
            MailjetUnavailableError: If there was no usable answer to any of the attempts.
        """
        ask = partial(self.mailjet.count, window, not_before=self.not_before, edges=edges)
        return self._retry(ask)

    def _retry(self, ask: Callable[[], T], *, at_least: int = 1) -> T:
        """Ask until there is a usable answer, `max_attempts` times at most."""
        for attempt in range(1, max(self.retrying.max_attempts, at_least)):
            self.end.check()
            try:
                return ask()
            except (MailjetUnavailableError, DownloadBrokenError) as error:
                pause = self.retrying.pause(attempt, error)
                logger.info("%s; trying again in %.1f s", error, pause)
            self.clock.sleep(pause)
        self.end.check()
        return ask()


def _has_rows(file: BinaryIO) -> bool:
    """Whether there is more than one line in a file at its start, where it is left."""
    head = file.read(HEAD)
    file.seek(0)
    return len(head) == HEAD or len(head.splitlines()) > 1


@dataclass(slots=True)
class _Download:
    """One attempt to download an export, each into a file of its own.

    A file that neither tells its length nor ends with a line is whole only if the next attempt
    brings the same.
    """

    mailjet: Mailjet
    job: ExportJob
    size: int | None = None

    def __call__(self) -> BinaryIO:
        """The file, at its start.

        Raises:
            DownloadBrokenError: If it did not arrive whole, or perhaps not.
        """
        with spool_errors(), ExitStack() as unless_whole:
            file = unless_whole.enter_context(open_spool())
            tells_length = self.mailjet.download(self.job, file)
            if not tells_length:
                self._compare(file)
            file.seek(0)
            unless_whole.pop_all()
            return file

    def _compare(self, file: BinaryIO) -> None:
        size, before, self.size = file.tell(), self.size, file.tell()
        file.seek(max(0, size - 1))
        if file.read(1) not in {b"\n", b"\r", b""} and size != before:
            msg = f"The download of {self.job} does not end with a line end and may be incomplete"
            raise DownloadBrokenError(msg)
