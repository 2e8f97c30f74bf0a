"""What can go wrong, sorted by what to do next.

Every error says in one sentence what failed, where, and what to do, and never shows a token, a
download URL, a phone number or a row. All of them are a :class:`TapMailjetSMSError`, which the
command line turns into one log line and the exit code of its class::

    TapMailjetSMSError
    ├── fix the set-up
    │   ├── InvalidSettingError     78  a setting is missing, unknown or wrong
    │   ├── StreamMapError          78  an expression of `stream_maps` fails on a value
    │   ├── InvalidStateError       78  what was passed in is not a state, or damaged
    │   ├── ClockError              78  this machine's clock is minutes apart from Mailjet's
    │   ├── SpoolError              74  no room for an export's file in the temporary folder
    │   ├── BatchStorageError       74  the storage of `batch_config` does not take a file
    │   ├── OpenFilesError          74  this process may not open more files or connections
    │   └── OutputClosedError       74  whatever reads our output has stopped
    ├── fix the account or the request
    │   ├── NotAuthorisedError      77  401: a wrong token, so no request is of use
    │   ├── RequestRefusedError     78  Mailjet answered 4xx: its message is shown
    │   │   ├── ForbiddenError      77  403: the token may not do that
    │   │   ├── WrongAddressError   78  404 or a redirect: Mailjet's API is not at `api_url`
    │   │   ├── WindowTooOldError   78  400: the window begins more than a year ago
    │   │   ├── WindowTooLongError  78  400: the window is longer than Mailjet exports at once
    │   │   ├── ExportNotFoundError 69  404: no such export, or no longer
    │   │   └── DownloadGoneError   69  401, 403, 404 or 410 to a download
    │   ├── CSVHeaderError          65  the CSV has no known id or time, or lost a column
    │   └── CSVLayoutError          65  a column holds something else than its name says
    ├── run again later
    │   ├── MailjetUnavailableError 69  no usable answer, though asked `max_attempts` times
    │   │   └── SlowDownError       75  429, or 503 with `Retry-After`: see `exporting/pace.py`
    │   │       └── TooManyExportsError 75  409: Mailjet makes no more exports at once
    │   ├── MailjetBusyError        75  asked to slow down for `poll_timeout_seconds`
    │   ├── ExportFailedError       69  Mailjet reports an ERROR
    │   │   └── EmptyExportError    69  (*) a file without rows, though there must be some
    │   ├── ExportLateError         75  not finished within `poll_timeout_seconds`
    │   └── DownloadBrokenError     69  (*) the file did not arrive whole
    │       ├── NotCSVError         69  a page came instead of a CSV
    │       └── OpenEndError        69  its last line alone has no line end
    └── tell us, and Mailjet
        ├── UnexpectedAnswerError   65  an answer that contradicts what is known of the API
        │   └── WrongWindowError    65  an export of another window than the one asked for
        ├── CSVFormatError          65  (*) a row or cell of the CSV cannot be read
        └── CountMismatchError      65  (*) an export and `/sms/count` disagree, or the latter fails

Those with (*) are an :class:`UnsoundFileError`, too: what Mailjet sent for a window is of no use.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(IntEnum):
    """How a failed run ends, by what a scheduler can do: the numbers are those of `sysexits.h`.

    A signal ends a run with 128 + its number, a wrong command line with 2.
    """

    DATA_REFUSED = 65
    UNAVAILABLE = 69
    BUG = 70
    INPUT_OUTPUT = 74
    TRY_LATER = 75
    NOT_AUTHORISED = 77
    CONFIGURATION = 78

    def __str__(self) -> str:
        """The number and what it is about, as the last line of the log says it."""
        return f"{self.value} ({self.name.replace('_', ' ').lower()})"


class TapMailjetSMSError(Exception):
    """Any error of this tap; its text is fit for a log as it stands."""

    #: With which a run ends that this error ends; each kind has one.
    exit_code: ClassVar[ExitCode]


class UnsoundFileError(TapMailjetSMSError):
    """What Mailjet sent for a window is of no use: it must come once more, or the run ends."""

    exit_code = ExitCode.DATA_REFUSED


class InvalidSettingError(TapMailjetSMSError):
    """Settings are missing, unknown or wrong: `errors` has a sentence for each."""

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, errors: Sequence[str]) -> None:
        """Take a sentence for each mistake."""
        super().__init__("; ".join(errors))
        self.errors = list(errors)


class StreamMapError(TapMailjetSMSError):
    """An expression of `stream_maps` fails on a value; names stream and column, not the value."""

    exit_code = ExitCode.CONFIGURATION


class InvalidStateError(TapMailjetSMSError):
    """What was passed in is not a state, or cannot be true."""

    exit_code = ExitCode.CONFIGURATION


class ClockError(TapMailjetSMSError):
    """This machine's clock and Mailjet's are too far apart to plan windows."""

    exit_code = ExitCode.CONFIGURATION


class SpoolError(TapMailjetSMSError):
    """The temporary folder cannot take an export's file."""

    exit_code = ExitCode.INPUT_OUTPUT


class BatchStorageError(TapMailjetSMSError):
    """The storage that `batch_config` names does not take a file."""

    exit_code = ExitCode.INPUT_OUTPUT


class OpenFilesError(TapMailjetSMSError):
    """This process, or the machine, has too many files and connections open."""

    exit_code = ExitCode.INPUT_OUTPUT

    def __init__(self) -> None:
        """Say what to raise, or to lower."""
        super().__init__(
            "This process may not open more files and connections (too many are open): raise the"
            " limit (ulimit -n), or lower max_concurrent_exports"
        )

    @staticmethod
    def is_behind(error: BaseException) -> bool:
        """Whether another error, which may wrap the system's own, means this one."""
        codes = (errno.EMFILE, errno.ENFILE)
        return getattr(error, "errno", None) in codes or any(
            os.strerror(code) in str(error) for code in codes
        )


class OutputClosedError(TapMailjetSMSError):
    """The reader of our output is gone, so no record would arrive."""

    exit_code = ExitCode.INPUT_OUTPUT


class NotAuthorisedError(TapMailjetSMSError):
    """Mailjet does not know the token: HTTP status 401, which ends a run whatever was asked."""

    exit_code = ExitCode.NOT_AUTHORISED


class RequestRefusedError(TapMailjetSMSError):
    """Mailjet refused a request, and would again: HTTP status 4xx but 401."""

    exit_code = ExitCode.CONFIGURATION


class ForbiddenError(RequestRefusedError):
    """Mailjet knows the token, but it may not do that: HTTP status 403."""

    exit_code = ExitCode.NOT_AUTHORISED


class WrongAddressError(RequestRefusedError):
    """Nothing is there that takes the request: HTTP status 404, or a redirect."""


class WindowTooOldError(RequestRefusedError):
    """The window begins more than one year ago by Mailjet's clock."""


class WindowTooLongError(RequestRefusedError):
    """The window is longer than Mailjet exports at once (a guess, told by its message)."""


class ExportNotFoundError(RequestRefusedError):
    """Mailjet does not know the export (any more): HTTP status 404."""

    exit_code = ExitCode.UNAVAILABLE


class DownloadGoneError(RequestRefusedError):
    """The download link is no longer served: HTTP status 401, 403, 404 or 410."""

    exit_code = ExitCode.UNAVAILABLE


class CSVHeaderError(TapMailjetSMSError):
    """The CSV's header cannot be mapped to the stream's columns, or no longer to all of them."""

    exit_code = ExitCode.DATA_REFUSED


class CSVLayoutError(TapMailjetSMSError):
    """A column of the CSV contradicts its name, by messages of Mailjet's own list."""

    exit_code = ExitCode.DATA_REFUSED


class MailjetUnavailableError(TapMailjetSMSError):
    """No usable answer: network trouble, 5xx, or something that is no JSON.

    `retry_after` is what the answer's `Retry-After` says, in seconds.
    """

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Take the sentence for the user, and what `Retry-After` says, in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class SlowDownError(MailjetUnavailableError):
    """Mailjet asks to slow down: HTTP status 429, or 503 with `Retry-After`."""

    exit_code = ExitCode.TRY_LATER


class TooManyExportsError(SlowDownError):
    """Mailjet makes no more exports at the same time: HTTP status 409 to a request for one."""


class MailjetBusyError(TapMailjetSMSError):
    """Mailjet asked to slow down for as long as a call may wait."""

    exit_code = ExitCode.TRY_LATER


class ExportFailedError(TapMailjetSMSError):
    """An export ended in ERROR at Mailjet."""

    exit_code = ExitCode.UNAVAILABLE


class EmptyExportError(ExportFailedError, UnsoundFileError):
    """An export has no rows, although Mailjet counts some."""


class ExportLateError(TapMailjetSMSError):
    """An export was not finished within `poll_timeout_seconds`."""

    exit_code = ExitCode.TRY_LATER


class DownloadBrokenError(UnsoundFileError):
    """A download did not arrive whole."""

    exit_code = ExitCode.UNAVAILABLE


class NotCSVError(DownloadBrokenError):
    """A page (HTML or JSON) came instead of a CSV."""


class OpenEndError(DownloadBrokenError):
    """The last line of a file has no line end, as if it were cut before it was sent."""


class UnexpectedAnswerError(TapMailjetSMSError):
    """An answer of Mailjet contradicts what is known of its API."""

    exit_code = ExitCode.DATA_REFUSED


class WrongWindowError(UnexpectedAnswerError):
    """Mailjet's answer names a window that does not cover the one asked for."""


class CSVFormatError(UnsoundFileError):
    """A row or a cell of the CSV cannot be read; names row and column, not the value."""


class CountMismatchError(UnsoundFileError):
    """An export holds fewer messages than Mailjet counts, or the count cannot be had."""
