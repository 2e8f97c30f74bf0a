"""`MailjetClient`: the only HTTP. Four calls, each a single typed question to Mailjet.

A call makes one attempt; whether there is another one is its caller's business. Facts about the
API come from Mailjet's guide (documented) where not marked as a guess.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.auth import AuthBase
from typing_extensions import override

from tap_mailjet_sms.exceptions import (
    ClockError,
    DownloadBrokenError,
    DownloadGoneError,
    ExportNotFoundError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    UnexpectedAnswerError,
    WindowTooOldError,
    WrongWindowError,
)
from tap_mailjet_sms.exports import ExportJob, ExportStatus
from tap_mailjet_sms.settings import LOOPBACK_HOSTS
from tap_mailjet_sms.spool import spool_errors
from tap_mailjet_sms.windows import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests.adapters import HTTPAdapter

    from tap_mailjet_sms.windows import Window

    JSON = Mapping[str, "JSON"] | list["JSON"] | str | int | float | bool | None

logger = logging.getLogger("tap-mailjet-sms.client")

CHUNK = 1 << 18
MAX_REDIRECTS = 5
CLOCK_WARNING = 60.0
CLOCK_LIMIT = 300.0
#: Worth another attempt, like every 5xx.
RETRIABLE = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
STATUS_BY_CODE = {status.value: status for status in ExportStatus}


class BearerAuth(AuthBase):
    """The bearer token. As an `AuthBase` it also keeps `requests` from reading `~/.netrc`."""

    def __init__(self, token: str) -> None:
        """Take the token of Mailjet's SMS dashboard."""
        self._token = token

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """No credentials at all: for every origin that is not the API's."""

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


class MailjetClient:
    """Mailjet's SMS API, as far as the tap needs it. May be used from several threads."""

    def __init__(  # noqa: PLR0913 - each is one independent choice
        self,
        *,
        api_url: str,
        auth_token: str,
        request_timeout: float,
        now: Callable[[], datetime],
        checkpoint: Callable[[], None] = lambda: None,
        transport: HTTPAdapter | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            api_url: Root of the API, with its version.
            auth_token: The bearer token.
            request_timeout: Seconds to connect, and seconds without a byte, before giving up.
            now: The clock, to hold Mailjet's against.
            checkpoint: Called between two steps of a download; raises if it must not go on.
            transport: What carries the requests, where it is not the network.
        """
        self._root = api_url.rstrip("/")
        self._origin = _origin(urlsplit(api_url))
        self._token = auth_token
        self._auth = BearerAuth(auth_token)
        self._timeout = request_timeout
        self._now = now
        self._checkpoint = checkpoint
        self._warned_of_clock = False
        self._session = requests.Session()
        adapter = transport or requests.adapters.HTTPAdapter(pool_maxsize=32)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
            # It stays: a worker may still be in a request when the client is closed.
            logging.getLogger(name).addFilter(_LINKS)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request_export(self, window: Window, *, not_before: datetime) -> ExportJob:
        """Ask for a new export of the window; one attempt, since each may make a job at Mailjet.

        Mailjet is asked from a second before the window, but not from before `not_before`.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            WindowTooOldError: If the window begins more than one year ago by Mailjet's clock.
            RequestRefusedError: If Mailjet refused the request.
            WrongWindowError: If the answer names a window that does not cover this one.
        """
        what = f"The request for an export of {window}"
        span = window.with_overlap(not_before=not_before)
        requested_at = self._now()
        body = {"FromTS": int(span.start.timestamp()), "ToTS": int(span.end.timestamp())}
        answer = self._ask(what, "POST", "sms/export", json=body)
        return _export_job(answer, what, window=window, requested_at=requested_at)

    def get_export(self, job: ExportJob) -> ExportJob:
        """Read how far an export is; one attempt.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            ExportNotFoundError: If Mailjet does not know the export.
            RequestRefusedError: If Mailjet refused the request.
            WrongWindowError: If the answer names a window that does not cover the export's.
        """
        what = f"Reading the status of {job}"
        answer = self._ask(what, "GET", f"sms/export/{job.id}")
        fresh = _export_job(answer, what, window=job.window, requested_at=job.requested_at)
        if fresh.id != job.id:
            msg = f"{what} brought the status of another export ({fresh.id})"
            raise WrongWindowError(msg)
        return fresh

    def count(self, window: Window, *, not_before: datetime) -> int:
        """How many messages Mailjet counts for what an export of the window asks for.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            RequestRefusedError: If Mailjet refused the request.
        """
        what = f"Counting the messages of {window}"
        span = window.with_overlap(not_before=not_before)
        params = {"FromTS": int(span.start.timestamp()), "ToTS": int(span.end.timestamp())}
        count = _integer(_field(self._ask(what, "GET", "sms/count", params=params), "count"))
        if count is None or count < 0:
            msg = f"{what} brought an answer without a Count"
            raise UnexpectedAnswerError(msg)
        return count

    def download(self, job: ExportJob, into: BinaryIO) -> bool:
        """Download the export's CSV into an empty file; one attempt.

        Returns whether the answer told its own length (`Content-Length` or chunks): if so, the
        file is whole.

        Raises:
            DownloadBrokenError: If the file did not arrive whole.
            DownloadGoneError: If the link is no longer served.
            MailjetUnavailableError: If the server could not answer.
            UnexpectedAnswerError: If the link is not https, or redirects without an end.
            SpoolError: If the temporary folder cannot take the file.
        """
        what = f"The download of {job}"
        with (
            self._open_link(what, job.url or "") as response,
            _network_errors(what, DownloadBrokenError, self._timeout),
        ):
            for chunk in response.iter_content(CHUNK):
                self._checkpoint()
                with spool_errors():
                    into.write(chunk)
            headers = response.headers
            return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")

    @contextmanager
    def _open_link(self, what: str, url: str) -> Iterator[requests.Response]:
        """Open a download link; the token goes to the API's own origin only."""
        with_token = True
        for _ in range(MAX_REDIRECTS):
            self._checkpoint()
            url = self._checked_link(what, url)
            ours = with_token and _origin(urlsplit(url)) == self._origin
            with _network_errors(what, DownloadBrokenError, self._timeout):
                response = self._session.get(
                    url,
                    auth=self._auth if ours else NoAuth(),
                    headers={"Accept": "text/csv, */*;q=0.1"},
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
            with response:
                if response.is_redirect:
                    url = urljoin(url, response.headers["Location"])
                elif response.status_code in {401, 403} and ours:
                    with_token = False  # a signed link may refuse a second credential (a guess)
                else:
                    # The body may well repeat the link, so it is not shown.
                    text = f"{what} failed: HTTP {response.status_code}"
                    try:
                        self._raise_for_status(response, text)
                    except RequestRefusedError:
                        raise DownloadGoneError(text) from None
                    yield response
                    return
        msg = f"{what} was redirected more than {MAX_REDIRECTS} times"
        raise UnexpectedAnswerError(msg)

    def _checked_link(self, what: str, url: str) -> str:
        """The link in the form in which it is sent: that alone decides who gets the token."""
        plain_allowed = self._origin[0] == "http"  # the settings allow that for loopback only
        try:
            link = requests.Request("GET", url).prepare()
            _LINKS.hide(link.path_url)
            url = link.url or ""
            scheme, host, _ = _origin(urlsplit(url))
        except ValueError:
            host = ""
        if not host:
            msg = f"{what} failed: Mailjet's link is no URL"
            raise UnexpectedAnswerError(msg)
        is_local = scheme == "http" and plain_allowed and host in LOOPBACK_HOSTS
        if scheme != "https" and not is_local:
            msg = f"{what} was not tried: Mailjet's link is not https"
            raise UnexpectedAnswerError(msg)
        return url

    def _ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, int] | None = None,
        json: Mapping[str, int] | None = None,
    ) -> Mapping[str, JSON]:
        sent = self._now()
        with _network_errors(what, MailjetUnavailableError, self._timeout):
            response = self._session.request(
                method,
                f"{self._root}/{path}",
                params=params,
                json=json,
                auth=self._auth,
                headers={"Accept": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            )
        self._hold_clocks_together(response, sent=sent, received=self._now())
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            self._raise_for_status(response, _refusal(what, response).replace(self._token, "…"))
        answer = _json(response)
        if not isinstance(answer, dict):
            msg = f"{what} failed: Mailjet answered HTTP {response.status_code} without JSON"
            raise MailjetUnavailableError(msg)
        return answer

    def _raise_for_status(self, response: requests.Response, text: str) -> None:
        status = response.status_code
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status in RETRIABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            retry_after = _retry_after(response, now=self._now())
            raise MailjetUnavailableError(text, retry_after=retry_after)
        if status == HTTPStatus.UNAUTHORIZED:
            msg = f"{text}; check auth_token (made in the SMS dashboard, not the e-mail key pair)"
            raise NotAuthorisedError(msg)
        if status == HTTPStatus.NOT_FOUND:
            raise ExportNotFoundError(text)
        if status == HTTPStatus.BAD_REQUEST and "one year" in text:
            raise WindowTooOldError(text)
        raise RequestRefusedError(text)

    def _hold_clocks_together(
        self, response: requests.Response, *, sent: datetime, received: datetime
    ) -> None:
        """Windows end at our clock but are cut out by Mailjet's: they must agree."""
        try:
            theirs = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError, TypeError):
            return
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=UTC)
        apart = max((sent - theirs).total_seconds(), (theirs - received).total_seconds())
        if apart <= CLOCK_WARNING:
            return
        text = f"This machine's clock and Mailjet's are {apart:.0f} s apart"
        if apart > CLOCK_LIMIT:
            msg = f"{text}, and windows would be cut wrongly: set this machine's clock (NTP)"
            raise ClockError(msg)
        if not self._warned_of_clock:
            self._warned_of_clock = True
            logger.warning("%s: set this machine's clock (NTP)", text)


class _LinkFilter(logging.Filter):
    """Takes download links out of urllib3's debug log: whoever has one can read the file."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: deque[str] = deque(maxlen=1000)

    def hide(self, path: str) -> None:
        """Hide a link's path and query from now on."""
        if path != "/" and path not in self._secrets:
            self._secrets.append(path)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        # The longest first: one may be the beginning of another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "/…")
        record.msg, record.args = text, ()
        return True


_LINKS = _LinkFilter()


@contextmanager
def _network_errors(
    what: str, kind: type[MailjetUnavailableError | DownloadBrokenError], timeout: float
) -> Iterator[None]:
    """Turn the network's errors into one of ours; theirs carry the whole URL."""
    try:
        yield
    except requests.Timeout:
        msg = f"{what} failed: no answer within {timeout:g} s"
        raise kind(msg) from None
    except requests.exceptions.SSLError:
        msg = f"{what} failed: the server's certificate cannot be verified"
        raise kind(msg) from None
    except requests.exceptions.ProxyError:
        msg = f"{what} failed: the proxy does not answer"
        raise kind(msg) from None
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        msg = f"{what} failed: the answer was cut"
        raise kind(msg) from None
    except requests.ConnectionError as error:
        reason = "the connection was refused" if "refused" in str(error) else "no connection"
        msg = f"{what} failed: {reason}; check the network, and the setting api_url"
        raise kind(msg) from None
    except (requests.RequestException, ValueError, OSError) as error:
        msg = f"{what} failed: {type(error).__name__}"
        raise kind(msg) from None


def _refusal(what: str, response: requests.Response) -> str:
    """One sentence with the HTTP status and what Mailjet's error envelope says."""
    text = f"{what} failed: HTTP {response.status_code}"
    envelope = _json(response)
    fields = envelope if isinstance(envelope, dict) else {}
    message = _text(_field(fields, "errormessage"))
    notes = [
        f"{name} {value}"
        for name in ("ErrorCode", "ErrorIdentifier")
        if (value := _text(_field(fields, name.lower())))
    ]
    if not any(note.startswith("ErrorIdentifier") for note in notes):
        guid = _text(response.headers.get("X-Mj-Request-Guid"))
        notes += [f"X-Mj-Request-Guid {guid}"] if guid else []
    if message:
        text += f", Mailjet says “{message}”"
    return f"{text} ({', '.join(notes)})" if notes else text


def _retry_after(response: requests.Response, *, now: datetime) -> float | None:
    """What `Retry-After` says, in seconds: a number, or a date to hold against the answer's."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        then = parsedate_to_datetime(value)
        if "Date" in response.headers:
            now = parsedate_to_datetime(response.headers["Date"])
        return (then - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _export_job(
    answer: Mapping[str, JSON], what: str, *, window: Window, requested_at: datetime
) -> ExportJob:
    """Map Mailjet's words for an export to ours, whatever their case (documented and seen)."""
    export_id = _integer(_field(answer, "id"))
    status = _field(answer, "status")
    code = _integer(_field(status, "code") if isinstance(status, dict) else status)
    if export_id is None or export_id < 0 or code is None:
        msg = f"{what} brought an answer without {'an ID' if export_id is None else 'a Status'}"
        raise UnexpectedAnswerError(msg)
    job = ExportJob(
        id=export_id,
        window=window,
        requested_at=requested_at,
        status=STATUS_BY_CODE.get(code, code),
        url=_text(_field(answer, "url"), longest=8192) or None,
        created_at=_moment(_field(answer, "creationts")),
        expires_at=_moment(_field(answer, "expirationts")),
    )
    start, end = _moment(_field(answer, "fromts")), _moment(_field(answer, "tots"))
    if (start is not None and start > window.start) or (end is not None and end < window.end):
        echo = f"from {iso(start) if start else '?'} to {iso(end) if end else '?'}"
        msg = f"{what} brought {echo}, which does not cover the window"
        raise WrongWindowError(msg)
    return job


def _json(response: requests.Response) -> JSON:
    try:
        answer: JSON = response.json()
    except (ValueError, RecursionError, requests.RequestException):
        return None
    return answer


def _field(answer: Mapping[str, JSON], name: str) -> JSON:
    return next((value for key, value in answer.items() if key.lower() == name), None)


def _integer(value: JSON) -> int | None:
    """An integer of 64 bits, also where it comes as a string or with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    is_whole = isinstance(value, str) or number == value
    return number if is_whole and abs(number) < 1 << 63 else None


def _text(value: JSON, *, longest: int = 300) -> str:
    """A string on one line, of bounded length, and fit for a terminal."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value.split())[:longest]
    return "".join(letter if letter.isprintable() else "�" for letter in line)


def _moment(value: JSON) -> datetime | None:
    """The moment of a unix timestamp; None where there is none."""
    seconds = _integer(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    """What decides who gets the token: scheme, host and port."""
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.hostname or "", url.port or default
