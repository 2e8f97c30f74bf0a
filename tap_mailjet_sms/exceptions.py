"""What can go wrong, sorted by what to do next.

Every error says in one sentence what failed, where, and what to do, and never shows a token, a
download URL, a phone number or a row. All of them are a :class:`TapMailjetSMSError`, which the
command line turns into one log line and exit code 1::

    TapMailjetSMSError
    ├── fix the set-up
    │   ├── InvalidSettingError         a setting is missing, unknown or wrong
    │   ├── InvalidStateError           what was passed in is not a state, or damaged
    │   ├── ClockError                  this machine's clock is minutes apart from Mailjet's
    │   ├── SpoolError                  no room for an export's file in the temporary folder
    │   ├── BatchStorageError           the storage of `batch_config` does not take a file
    │   └── OutputClosedError           whatever reads our output has stopped
    ├── fix the account or the request
    │   ├── RequestRefusedError         Mailjet answered 4xx: its message is shown
    │   │   ├── NotAuthorisedError      401: a wrong token
    │   │   ├── WindowTooOldError       400: the window begins more than a year ago
    │   │   ├── ExportNotFoundError     404: no such export, or no longer
    │   │   └── DownloadGoneError       401, 403, 404 or 410 to a download
    │   └── CSVHeaderError              the CSV's header has no known id or creation time
    ├── run again later
    │   ├── MailjetUnavailableError     no usable answer, though asked `max_attempts` times
    │   ├── ExportFailedError           Mailjet reports an ERROR
    │   │   └── EmptyExportError (*)    a file without rows, though there must be some
    │   ├── ExportLateError             not finished within `poll_timeout_seconds`
    │   └── DownloadBrokenError (*)     the file did not arrive whole
    │       ├── NotCSVError             a page came instead of a CSV
    │       └── OpenEndError            its last line alone has no line end
    └── tell us, and Mailjet
        ├── UnexpectedAnswerError       an answer that contradicts what is known of the API
        │   └── WrongWindowError        an export of another window than the one asked for
        ├── CSVFormatError (*)          a row or cell of the CSV cannot be read
        └── CountMismatchError (*)      an export and `/sms/count` disagree, or the latter fails

Those with (*) are an :class:`UnsoundFileError`, too: what Mailjet sent for a window is of no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TapMailjetSMSError(Exception):
    """Any error of this tap; its text is fit for a log as it stands."""


class UnsoundFileError(TapMailjetSMSError):
    """What Mailjet sent for a window is of no use: it must come once more, or the run ends."""


class InvalidSettingError(TapMailjetSMSError):
    """Settings are missing, unknown or wrong: `errors` has a sentence for each."""

    def __init__(self, errors: Sequence[str]) -> None:
        """Take a sentence for each mistake."""
        super().__init__("; ".join(errors))
        self.errors = list(errors)


class InvalidStateError(TapMailjetSMSError):
    """What was passed in is not a state, or cannot be true."""


class ClockError(TapMailjetSMSError):
    """This machine's clock and Mailjet's are too far apart to plan windows."""


class SpoolError(TapMailjetSMSError):
    """The temporary folder cannot take an export's file."""


class BatchStorageError(TapMailjetSMSError):
    """The storage that `batch_config` names does not take a file."""


class OutputClosedError(TapMailjetSMSError):
    """The reader of our output is gone, so no record would arrive."""


class RequestRefusedError(TapMailjetSMSError):
    """Mailjet refused a request, and would again: HTTP status 4xx."""


class NotAuthorisedError(RequestRefusedError):
    """Mailjet does not know the token: HTTP status 401."""


class WindowTooOldError(RequestRefusedError):
    """The window begins more than one year ago by Mailjet's clock."""


class ExportNotFoundError(RequestRefusedError):
    """Mailjet does not know the export (any more): HTTP status 404."""


class DownloadGoneError(RequestRefusedError):
    """The download link is no longer served: HTTP status 401, 403, 404 or 410."""


class CSVHeaderError(TapMailjetSMSError):
    """The CSV's header cannot be mapped to the stream's columns."""


class MailjetUnavailableError(TapMailjetSMSError):
    """No usable answer: network trouble, 429, 5xx, or something that is no JSON.

    `retry_after` is what the answer's `Retry-After` says, in seconds.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Take the sentence for the user, and what `Retry-After` says, in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class ExportFailedError(TapMailjetSMSError):
    """An export ended in ERROR at Mailjet."""


class EmptyExportError(ExportFailedError, UnsoundFileError):
    """An export has no rows, although Mailjet counts some."""


class ExportLateError(TapMailjetSMSError):
    """An export was not finished within `poll_timeout_seconds`."""


class DownloadBrokenError(UnsoundFileError):
    """A download did not arrive whole."""


class NotCSVError(DownloadBrokenError):
    """A page (HTML or JSON) came instead of a CSV."""


class OpenEndError(DownloadBrokenError):
    """The last line of a file has no line end, as if it were cut before it was sent."""


class UnexpectedAnswerError(TapMailjetSMSError):
    """An answer of Mailjet contradicts what is known of its API."""


class WrongWindowError(UnexpectedAnswerError):
    """Mailjet's answer names a window that does not cover the one asked for."""


class CSVFormatError(UnsoundFileError):
    """A row or a cell of the CSV cannot be read; names row and column, not the value."""


class CountMismatchError(UnsoundFileError):
    """An export holds fewer messages than Mailjet counts, or the count cannot be had."""
