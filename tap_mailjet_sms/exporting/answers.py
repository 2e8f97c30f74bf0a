"""What Mailjet's answers mean: jobs, counts, refusals, and how far its clock is from ours. Pure.

Decoded JSON, an HTTP status, headers and moments go in; values, sentences and errors come out.
Headers are looked up as `requests` gives them, whatever their case. Facts about the API come from
Mailjet's guide (documented) where not marked as seen or as a guess.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import (
    DownloadBrokenError,
    DownloadGoneError,
    ExportNotFoundError,
    ForbiddenError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    SlowDownError,
    TooManyExportsError,
    UnexpectedAnswerError,
    WindowTooLongError,
    WindowTooOldError,
    WrongAddressError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tap_mailjet_sms.exporting.moments import moment
from tap_mailjet_sms.utc import iso
from tap_mailjet_sms.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_mailjet_sms.exporting.windows import Window

    JSON = Mapping[str, "JSON"] | list["JSON"] | str | int | float | bool | None
    Headers = Mapping[str, str]

#: Worth another attempt, like every 5xx.
RETRIABLE = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
#: How Mailjet may say that a window is longer than it exports at once (a guess: nothing is known).
_TOO_LONG = re.compile(
    r"too (long|large|big|wide)|maximum|at most|exceed|longer than", re.IGNORECASE
)
_SPAN = re.compile(r"window|period|interval|range|span|days?\b|months?\b|dates?\b", re.IGNORECASE)
STATUS_BY_CODE = {status.value: status for status in ExportStatus}

#: What a status may be called that is not documented.
_STATUS_NAME = re.compile(r"[A-Z]{2,15}(?:[ _-][A-Z]{2,15}){0,3}", re.IGNORECASE)
#: What an error envelope has of its own.
_ENVELOPE = ("errormessage", "errorcode", "erroridentifier")


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
    answer = _entry(answer, "id")
    export_id = _whole_number(_field_in_any_case(answer, "id"))
    if export_id is None or export_id < 0:
        msg = f"{what} failed: Mailjet's answer has no ID"
        raise UnexpectedAnswerError(msg)

    def time(name: str) -> datetime | None:
        try:
            return moment(_field_in_any_case(answer, name.lower()))
        except ValueError:
            msg = f"{what} failed: Mailjet's answer has a {name} that cannot be read as a time"
            raise UnexpectedAnswerError(msg) from None

    job = ExportJob(
        id=export_id,
        window=window,
        requested_at=requested_at,
        status=_status(_field_in_any_case(answer, "status"), what),
        url=_printable_line(_field_in_any_case(answer, "url"), longest=8192) or None,
        created_at=time("CreationTS"),
        expires_at=time("ExpirationTS"),
    )
    start, end = time("FromTs"), time("ToTs")
    if (start is not None and start > window.start) or (end is not None and end < window.end):
        echo = f"from {iso(start) if start else '?'} to {iso(end) if end else '?'}"
        msg = f"{what} failed: Mailjet's answer is about {echo}, which does not cover the window"
        raise WrongWindowError(msg)
    return job


def _status(value: JSON, what: str) -> ExportStatus | int | str:
    """The status of an export: an object, or its code or name alone; a code counts before a name.

    One that is not documented stays what it is.

    Raises:
        UnexpectedAnswerError: If there is none.
    """
    fields = value if isinstance(value, dict) else {"code": value, "name": value}
    code = _whole_number(_field_in_any_case(fields, "code"))
    name = _printable_line(_field_in_any_case(fields, "name"), longest=50)
    if code is not None:
        return STATUS_BY_CODE.get(code, code)
    if not name:
        msg = f"{what} failed: Mailjet's answer has no Status"
        raise UnexpectedAnswerError(msg)
    if not _STATUS_NAME.fullmatch(name):  # it may be anything, so it is not shown
        msg = f"{what} failed: Mailjet's answer has a Status that is neither a code nor a name"
        raise UnexpectedAnswerError(msg)
    return ExportStatus.__members__.get(re.sub(r"[\W_]+", "_", name).upper(), name)


def message_count(answer: Mapping[str, JSON], what: str) -> int:
    """The number of messages in an answer of `/sms/count`.

    Raises:
        UnexpectedAnswerError: If there is none; it is not taken for zero.
    """
    count = _whole_number(_field_in_any_case(_entry(answer, "count"), "count"))
    if count is None or count < 0:
        msg = f"{what} failed: Mailjet's answer has no Count"
        raise UnexpectedAnswerError(msg)
    return count


def created_moments(answer: Mapping[str, JSON], what: str) -> list[datetime]:
    """When the messages in an answer of `/sms` were created.

    Raises:
        UnexpectedAnswerError: If it is no list of messages, or one of them has no such time.
    """
    listed = _field_in_any_case(answer, "data")
    try:
        found = [
            moment(_field_in_any_case(message, "creationts") if isinstance(message, dict) else None)
            for message in (listed if isinstance(listed, list) else [None])
        ]
    except ValueError:
        found = [None]
    created = [then for then in found if then is not None]
    if len(created) < len(found):
        msg = f"{what} failed: Mailjet's answer is not a list of messages with a CreationTS each"
        raise UnexpectedAnswerError(msg)
    return created


def listed_messages(answer: Mapping[str, JSON], what: str) -> list[Witness]:
    """The messages in an answer of `/sms`, under each name that is documented or was seen.

    One without an id or a creation time is left out; of the rest, a field that cannot be read is
    as good as missing.

    Raises:
        UnexpectedAnswerError: If it is no list of messages.
    """
    listed = _field_in_any_case(answer, "data")
    if not isinstance(listed, list):
        msg = f"{what} failed: Mailjet's answer is not a list of messages"
        raise UnexpectedAnswerError(msg)
    found = [_witness(message) for message in listed if isinstance(message, dict)]
    return [witness for witness in found if witness is not None]


def _witness(message: Mapping[str, JSON]) -> Witness | None:
    def field(name: str, of: JSON = message) -> JSON:
        return _field_in_any_case(of, name) if isinstance(of, dict) else None

    def time(name: str) -> datetime | None:
        try:
            return moment(field(name))
        except ValueError:
            return None

    status, cost = field("status"), field("cost")
    ids = [_text(field(name)) for name in ("id", "messageid")]
    message_id = next((found for found in ids if found), None)
    created_at = time("creationts")
    if message_id is None or created_at is None:
        return None
    return Witness(
        message_id=message_id,
        created_at=created_at,
        sender=_text(field("from")),
        recipient=_text(field("to")),
        status_code=_whole_number(field("code", status)),
        status_name=_text(field("name", status)),
        status_description=_text(field("description", status)),
        sent_at=time("sentts"),
        sms_count=_whole_number(field("smscount")) or None,  # none has no part
        cost_value=_amount(field("value", cost)),
        cost_currency=_text(field("currency", cost)),
    )


def _text(value: JSON) -> str | None:
    """A text, or a number in its place; an empty one is none."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = str(value).strip() if is_number or isinstance(value, str) else ""
    return text or None


def _amount(value: JSON) -> Decimal | None:
    """A number as it was written: a float's shortest text is that."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def is_refusal(status: int) -> bool:
    """Whether an HTTP status brings nothing of what was asked for: no redirect is followed."""
    return not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def refused_with(status: int, answer: JSON) -> int | None:
    """The status of a refusal; None for an answer to what was asked.

    With a good HTTP status Mailjet's error envelope is one too (a guess), of its own `StatusCode`
    if that says so. An export that failed may well have an error beside its id.
    """
    if is_refusal(status):
        return status
    fields = answer if isinstance(answer, dict) else {}
    if not any(_field_in_any_case(fields, name) for name in _ENVELOPE):
        return None
    if any(_field_in_any_case(fields, name) is not None for name in ("id", "count", "data")):
        return None
    own = _whole_number(_field_in_any_case(fields, "statuscode"))
    return own if own is not None and is_refusal(own) else status


def refusal_sentence(
    what: str, status: int, headers: Headers, envelope: JSON, *, hide: Callable[[str], str]
) -> str:
    """One sentence with the HTTP status and what Mailjet's error envelope says, if there is one.

    `hide` takes secrets out of a text. It gets each as a whole: a part of a secret, left by a cut,
    would not be found.
    """
    fields = envelope if isinstance(envelope, dict) else {}

    def said(value: JSON) -> str:
        return _printable_line(hide(value) if isinstance(value, str) else None)

    message = said(_field_in_any_case(fields, "errormessage"))
    notes = [
        f"{name} {value}"
        for name in ("ErrorCode", "ErrorIdentifier")
        if (value := said(_field_in_any_case(fields, name.lower())))
    ]
    if not any(note.startswith("ErrorIdentifier") for note in notes):
        guid = said(headers.get("X-Mj-Request-Guid"))
        notes += [f"X-Mj-Request-Guid {guid}"] if guid else []
    own = _whole_number(_field_in_any_case(fields, "statuscode"))
    if own is not None and own != status:
        notes.append(f"StatusCode {own}")
    text = f"{what} failed: HTTP {status}"
    if message:
        text += f", Mailjet says “{message}”"
    return f"{text} ({', '.join(notes)})" if notes else text


def refusal(
    status: int,
    text: str,
    *,
    retry_after: float | None = None,
    names_export: bool = False,
    asks_for_export: bool = False,
) -> MailjetUnavailableError | NotAuthorisedError | RequestRefusedError | UnexpectedAnswerError:
    """The error for a refusal, by what to do next; `text` is its sentence.

    `retry_after` is for how many seconds Mailjet asks to wait, if it does.
    The status decides, since the envelope may be missing. Only a window that is too old (seen; its
    code is not documented) or too long (a guess) is told by the message. `names_export` says that
    an export was asked for by its id: nothing else can be missing at Mailjet, so there a 404 is a
    wrong root. `asks_for_export` says that a new one was asked for.
    """
    is_busy = status == HTTPStatus.CONFLICT and asks_for_export  # a guess
    if is_busy or status in RETRIABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _worth_another_try(status, text, retry_after)
    kind: type[NotAuthorisedError | RequestRefusedError | UnexpectedAnswerError]
    kind = UnexpectedAnswerError
    is_elsewhere = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.UNAUTHORIZED:
        kind = NotAuthorisedError
        text += "; check auth_token: a token made in the SMS dashboard, not the e-mail key pair"
    elif status == HTTPStatus.FORBIDDEN:
        kind = ForbiddenError
    elif status == HTTPStatus.NOT_FOUND and names_export:
        kind = ExportNotFoundError
    elif status == HTTPStatus.NOT_FOUND or is_elsewhere:
        kind = WrongAddressError
        text += "; check the setting api_url: the root of Mailjet's API ends with /v4, as in"
        text += " https://api.mailjet.com/v4"
    elif status == HTTPStatus.BAD_REQUEST and "one year" in text:
        kind = WindowTooOldError
    elif status == HTTPStatus.BAD_REQUEST and asks_for_export and _says_too_long(text):
        kind = WindowTooLongError
    elif is_refusal(status):
        kind = RequestRefusedError
    return kind(text)


def _worth_another_try(
    status: int, text: str, retry_after: float | None
) -> MailjetUnavailableError:
    kind = MailjetUnavailableError
    if status == HTTPStatus.CONFLICT:
        kind = TooManyExportsError
    elif status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None
    ):
        kind = SlowDownError
    return kind(text, retry_after=retry_after)


def _says_too_long(sentence: str) -> bool:
    """Whether what Mailjet says in a sentence is that the window is too long."""
    message = sentence.partition("“")[2]
    return bool(_TOO_LONG.search(message) and _SPAN.search(message))


def download_refusal(
    what: str, status: int, headers: Headers, *, now: datetime
) -> MailjetUnavailableError | DownloadGoneError | DownloadBrokenError:
    """The error for a download that is not the file: worth another attempt, or a fresh link.

    Only 200 is the file: 206 is a part of it, and the others promise one at most. The answer's
    body may well repeat the link, so it is not asked for.
    """
    text = f"{what} failed: HTTP {status}"
    if not is_refusal(status):
        return DownloadBrokenError(f"{text}, which is not the whole file")
    error = refusal(status, text, retry_after=seconds_to_wait(headers, now=now))
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


def seconds_to_wait(headers: Headers, *, now: datetime) -> float | None:
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


def _entry(answer: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    """What has the field: the answer, or the one entry of its `Data` (a guess, as of messages)."""
    data = _field_in_any_case(answer, "data")
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    has_field = _field_in_any_case(answer, name) is not None
    return data if isinstance(data, dict) and not has_field else answer


def _whole_number(value: JSON) -> int | None:
    """An integer of 64 bits, also where it comes as a string or with a point."""
    if isinstance(value, str) and not re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value, re.ASCII):
        return None
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
