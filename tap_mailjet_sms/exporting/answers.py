"""What Mailjet's answers mean: jobs, counts, refusals, and how far its clock is from ours. Pure.

Decoded JSON, an HTTP status, headers and moments go in; values, sentences and errors come out.
Headers are looked up as `requests` gives them, whatever their case. Facts about the API come from
Mailjet's guide (documented) where not marked as seen or as a guess.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import (
    DownloadGoneError,
    ExportNotFoundError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    UnexpectedAnswerError,
    WindowTooOldError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tap_mailjet_sms.exporting.windows import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.exporting.windows import Window

    JSON = Mapping[str, "JSON"] | list["JSON"] | str | int | float | bool | None
    Headers = Mapping[str, str]

#: Worth another attempt, like every 5xx.
RETRIABLE = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
STATUS_BY_CODE = {status.value: status for status in ExportStatus}


def export_job(
    answer: Mapping[str, JSON], what: str, *, window: Window, requested_at: datetime
) -> ExportJob:
    """The export that an answer describes; field names in any case (documented and seen).

    Args:
        answer: Mailjet's export object.
        what: What was asked, as the beginning of a sentence.
        window: The window that the export was asked for.
        requested_at: When it was asked for.

    Raises:
        UnexpectedAnswerError: If the answer has no id or no status.
        WrongWindowError: If it echoes seconds that do not cover the window.
    """
    export_id = _whole_number(_field_in_any_case(answer, "id"))
    status = _field_in_any_case(answer, "status")
    code = _whole_number(_field_in_any_case(status, "code") if isinstance(status, dict) else status)
    if export_id is None or export_id < 0 or code is None:
        msg = f"{what} failed: Mailjet's answer has no {'ID' if export_id is None else 'Status'}"
        raise UnexpectedAnswerError(msg)
    job = ExportJob(
        id=export_id,
        window=window,
        requested_at=requested_at,
        status=STATUS_BY_CODE.get(code, code),
        url=_printable_line(_field_in_any_case(answer, "url"), longest=8192) or None,
        created_at=_unix_moment(_field_in_any_case(answer, "creationts")),
        expires_at=_unix_moment(_field_in_any_case(answer, "expirationts")),
    )
    start = _unix_moment(_field_in_any_case(answer, "fromts"))
    end = _unix_moment(_field_in_any_case(answer, "tots"))
    if (start is not None and start > window.start) or (end is not None and end < window.end):
        echo = f"from {iso(start) if start else '?'} to {iso(end) if end else '?'}"
        msg = f"{what} failed: Mailjet's answer is about {echo}, which does not cover the window"
        raise WrongWindowError(msg)
    return job


def message_count(answer: Mapping[str, JSON], what: str) -> int:
    """The number of messages in an answer of `/sms/count`.

    Raises:
        UnexpectedAnswerError: If there is none; it is not taken for zero.
    """
    count = _whole_number(_field_in_any_case(answer, "count"))
    if count is None or count < 0:
        msg = f"{what} failed: Mailjet's answer has no Count"
        raise UnexpectedAnswerError(msg)
    return count


def is_refusal(status: int) -> bool:
    """Whether an HTTP status brings nothing of what was asked for: no redirect is followed."""
    return status >= HTTPStatus.MULTIPLE_CHOICES


def refusal_sentence(what: str, status: int, headers: Headers, envelope: JSON) -> str:
    """One sentence with the HTTP status and what Mailjet's error envelope says, if there is one."""
    text = f"{what} failed: HTTP {status}"
    fields = envelope if isinstance(envelope, dict) else {}
    message = _printable_line(_field_in_any_case(fields, "errormessage"))
    notes = [
        f"{name} {value}"
        for name in ("ErrorCode", "ErrorIdentifier")
        if (value := _printable_line(_field_in_any_case(fields, name.lower())))
    ]
    if not any(note.startswith("ErrorIdentifier") for note in notes):
        guid = _printable_line(headers.get("X-Mj-Request-Guid"))
        notes += [f"X-Mj-Request-Guid {guid}"] if guid else []
    if message:
        text += f", Mailjet says “{message}”"
    return f"{text} ({', '.join(notes)})" if notes else text


def refusal(
    status: int, text: str, headers: Headers, *, now: datetime
) -> MailjetUnavailableError | RequestRefusedError:
    """The error for a refusal, by what to do next; `text` is its sentence.

    The status decides, since the envelope may be missing. Only a window that is too old is told by
    the message (seen; its code is not documented).
    """
    if status in RETRIABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return MailjetUnavailableError(text, retry_after=_retry_after(headers, now=now))
    if status == HTTPStatus.UNAUTHORIZED:
        return NotAuthorisedError(
            f"{text}; check auth_token: a token made in the SMS dashboard, not the e-mail key pair"
        )
    if status == HTTPStatus.NOT_FOUND:
        return ExportNotFoundError(text)
    if status == HTTPStatus.BAD_REQUEST and "one year" in text:
        return WindowTooOldError(text)
    return RequestRefusedError(text)


def download_refusal(
    what: str, status: int, headers: Headers, *, now: datetime
) -> MailjetUnavailableError | DownloadGoneError:
    """The error for a download that was refused: worth another attempt, or a fresh link.

    The answer's body may well repeat the link, so it is not asked for.
    """
    text = f"{what} failed: HTTP {status}"
    error = refusal(status, text, headers, now=now)
    return error if isinstance(error, MailjetUnavailableError) else DownloadGoneError(text)


def seconds_apart(headers: Headers, *, sent: datetime, received: datetime) -> float | None:
    """How far Mailjet's clock is from ours at least, by the answer's `Date`; None without one.

    Mailjet wrote it between the two moments on our clock, so a slow answer sets no clock apart:
    then it is negative.
    """
    try:
        theirs = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return max((sent - theirs).total_seconds(), (theirs - received).total_seconds())


def _retry_after(headers: Headers, *, now: datetime) -> float | None:
    """What `Retry-After` says, in seconds: a number, or a date to hold against the answer's."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        then = parsedate_to_datetime(value)
        if "Date" in headers:
            now = parsedate_to_datetime(headers["Date"])
        return (then - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _field_in_any_case(answer: Mapping[str, JSON], name: str) -> JSON:
    """The field whose name is this one in small letters; None where there is none."""
    return next((value for key, value in answer.items() if key.lower() == name), None)


def _whole_number(value: JSON) -> int | None:
    """An integer of 64 bits, also where it comes as a string or with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    is_whole = isinstance(value, str) or number == value
    return number if is_whole and abs(number) < 1 << 63 else None


def _printable_line(value: JSON, *, longest: int = 300) -> str:
    """A string on one line, of bounded length, and fit for a terminal."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value.split())[:longest]
    return "".join(letter if letter.isprintable() else "�" for letter in line)


def _unix_moment(value: JSON) -> datetime | None:
    """The moment of a unix timestamp; None where there is none."""
    seconds = _whole_number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
