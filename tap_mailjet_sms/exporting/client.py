"""`MailjetClient`: the only HTTP. Six calls, each a single typed question to Mailjet.

A call makes one attempt; when it may, and whether there is another one, is its caller's business.
What an answer means is told by `answers`, which links are followed and who gets the token by
`links`. Any call may be asked to slow down, a kind of `MailjetUnavailableError`, and any is refused
with a `NotAuthorisedError` where Mailjet does not know the token.
"""

from __future__ import annotations

import json as jsonlib
import logging
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin

from tap_mailjet_sms.exceptions import (
    ClockError,
    DownloadBrokenError,
    MailjetUnavailableError,
    UnexpectedAnswerError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting.answers import (
    created_moments,
    download_refusal,
    export_job,
    listed_messages,
    message_count,
    refusal,
    refusal_sentence,
    refused_with,
    seconds_apart,
    seconds_to_wait,
)
from tap_mailjet_sms.exporting.bodies import PIECE, unpacked
from tap_mailjet_sms.exporting.links import (
    Credentials,
    NoAuth,
    Session,
    checked_link,
    keep_links_out_of_logs,
)
from tap_mailjet_sms.exporting.network import network_errors
from tap_mailjet_sms.exporting.patience import Patience, PatientAdapter
from tap_mailjet_sms.spool import spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    import requests
    from requests.adapters import HTTPAdapter

    from tap_mailjet_sms.exporting.answers import JSON
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.windows import Window
    from tap_mailjet_sms.witness import Witness

logger = logging.getLogger("tap-mailjet-sms.client")

MAX_REDIRECTS = 5
#: Seconds of a span that are nothing but its edges, and the one between them.
EDGES = 2
#: Messages wanted in one page of a list; Mailjet may give fewer.
PAGE = 100
#: Bytes of an answer other than a file, unpacked; an honest one has fewer than a thousand.
ANSWER_LIMIT = 1 << 20
#: Time-outs that an answer may take in all, or the head of a download: one to connect, one until
#: the first byte, one for the rest.
ANSWER_TIMEOUTS = 3
#: Bytes a second that a download must bring, a fraction of the slowest mobile line: a file that
#: comes more slowly would take longer than it is kept.
LEAST_RATE = 1024
#: The stretch for which that is held against a download: time-outs, and seconds at most. A server
#: may pause for some time-outs within, and one that dribbles costs a minute, not a night.
STRETCH_TIMEOUTS, LONGEST_STRETCH = 10, 60.0
#: Seconds that the clocks may be apart without a warning, and at all.
CLOCK_WARNING = 60.0
CLOCK_LIMIT = 300.0


@dataclass(slots=True)
class Call:
    """A question to Mailjet, for whoever measures them; what it was about is not in it.

    `status` is the last answer's, None if there was none, and `size` the bytes of its body.
    """

    endpoint: str
    status: int | None = None
    size: int = 0


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
        another_turn: Callable[[], object] = lambda: None,
        measured: Callable[[Call], AbstractContextManager[object]] = nullcontext,
        transport: HTTPAdapter | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            api_url: Root of the API, with its version.
            auth_token: The bearer token.
            request_timeout: Seconds to connect, and seconds without a byte, before giving up;
                a whole answer has three times as long.
            now: The clock, to hold Mailjet's against.
            checkpoint: Called between two steps of a download; raises if it must not go on.
            another_turn: Called before each further request of a download that takes several; may
                wait, or raise if it must not go on.
            measured: What is entered for the time of each call; it fails where that raises.
            transport: What carries the requests, where it is not the network.
        """
        self._root = api_url.rstrip("/")
        self._credentials = Credentials(api_url, auth_token)
        self._timeout = request_timeout
        self._now = now
        self._checkpoint = checkpoint
        self._another_turn = another_turn
        self._measured = measured
        self._warned_of_clock = False
        self._session = Session()
        # What comes packed all the same is unpacked to its last byte, see `bodies`.
        self._session.headers["Accept-Encoding"] = "identity"
        adapter = transport or PatientAdapter(pool_maxsize=32)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        keep_links_out_of_logs()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request_export(self, window: Window, *, not_before: datetime) -> ExportJob:
        """Ask for a new export of the window; one attempt, since each may make a job at Mailjet.

        Mailjet is asked from a second before the window, but not from before `not_before`.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            TooManyExportsError: If Mailjet makes no more exports at the same time.
            WindowTooOldError: If the window begins more than one year ago by Mailjet's clock.
            WindowTooLongError: If the window is longer than Mailjet exports at once.
            RequestRefusedError: If Mailjet refused the request.
            WrongWindowError: If the answer names a window that does not cover this one.
        """
        what = f"The request for an export of {window}"
        requested_at = self._now()
        answer = self._ask(what, "sms/export", json=_asked_for(window, not_before))
        return export_job(answer, what, window=window, requested_at=requested_at)

    def get_export(self, job: ExportJob) -> ExportJob:
        """Read how far an export is; one attempt.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            ExportNotFoundError: If Mailjet does not know the export.
            RequestRefusedError: If Mailjet refused the request.
            WrongWindowError: If the answer names a window that does not cover the export's.
        """
        what = f"Reading the status of {job}"
        answer = self._ask(what, f"sms/export/{job.id}", names_export=True)
        fresh = export_job(answer, what, window=job.window, requested_at=job.requested_at)
        if fresh.id != job.id:
            msg = f"{what} failed: Mailjet answered for another export ({fresh.id})"
            raise WrongWindowError(msg)
        return fresh

    def count(self, window: Window, *, not_before: datetime, edges: bool = True) -> int:
        """How many messages Mailjet counts for what an export of the window asks for.

        Without `edges`, not for the first and last second of that, if there is more of it.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            RequestRefusedError: If Mailjet refused the request.
        """
        what = f"Counting the messages of {window}"
        asked = _asked_for(window, not_before)
        if not edges and asked["ToTS"] - asked["FromTS"] > EDGES:
            asked = {"FromTS": asked["FromTS"] + 1, "ToTS": asked["ToTS"] - 1}
        answer = self._ask(what, "sms/count", params=asked)
        return message_count(answer, what)

    def list_created(self, window: Window, *, not_before: datetime, offset: int) -> list[datetime]:
        """When messages of what an export asks for were created: one page of them, newest first.

        An empty page is behind the last one; how many a page has is for Mailjet to say.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            RequestRefusedError: If Mailjet refused the request.
            UnexpectedAnswerError: If the answer is no list of messages.
        """
        what = f"Listing the messages of {window}"
        params = {**_asked_for(window, not_before), "Limit": PAGE, "Offset": offset}
        return created_moments(self._ask(what, "sms", params=params), what)

    def list_messages(self, window: Window, *, not_before: datetime, limit: int) -> list[Witness]:
        """The newest messages of what an export of the window asks for, so many at most.

        Mailjet may give fewer in one answer, though there are more.

        Raises:
            MailjetUnavailableError: If there was no usable answer.
            RequestRefusedError: If Mailjet refused the request.
            UnexpectedAnswerError: If the answer is no list of messages.
        """
        what = f"Listing the messages of {window}"
        params = {**_asked_for(window, not_before), "Limit": limit}
        return listed_messages(self._ask(what, "sms", params=params), what)

    def download(self, job: ExportJob, into: BinaryIO) -> bool:
        """Download the export's CSV into an empty file; one attempt.

        Returns whether the answer told its own end (`Content-Length`, chunks, or the end of what
        was packed): if so, the file is what was sent.

        Raises:
            DownloadBrokenError: If the file did not arrive whole, or too slowly.
            DownloadGoneError: If the link is no longer served.
            MailjetUnavailableError: If the server could not answer.
            UnexpectedAnswerError: If the link is not https, or redirects without an end.
            SpoolError: If the temporary folder cannot take the file.
        """
        what, call = f"The download of {job}", Call("download")
        patience = self._patience()
        with (
            self._measured(call),
            self._open_link(what, job.url or "", patience, call) as response,
            network_errors(what, DownloadBrokenError, self._timeout, patience),
        ):
            stretch = min(STRETCH_TIMEOUTS * self._timeout, LONGEST_STRETCH)
            patience.go_on(seconds=stretch, least=stretch * LEAST_RATE)
            tells_end = _tells_end(response)
            for piece in _body(response):
                self._checkpoint()
                call.size += len(piece)
                with spool_errors():
                    into.write(piece)
            return tells_end

    @contextmanager
    def _open_link(
        self, what: str, url: str, patience: Patience, call: Call
    ) -> Iterator[requests.Response]:
        """Open a download link, wherever it redirects to; each step is checked by itself."""
        token_refused = False
        if url.startswith("/"):
            url = _joined(self._root, url)  # at the API's own origin (a guess)
        for step in range(MAX_REDIRECTS):
            if step:
                self._another_turn()
                patience.restart()  # what that took is not held against the answer
            self._checkpoint()
            url = checked_link(what, url, api=self._credentials.origin)
            auth = NoAuth() if token_refused else self._credentials.for_link(url)
            with (
                network_errors(what, DownloadBrokenError, self._timeout, patience),
                patience.in_force(),
            ):
                response = self._session.get(
                    url,
                    auth=auth,
                    headers={"Accept": "text/csv, */*;q=0.1"},
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
            status, headers = response.status_code, response.headers
            call.status = status
            with response:
                if response.is_redirect:
                    url = _joined(url, headers["Location"])
                elif status in {401, 403} and auth is self._credentials.bearer:
                    token_refused = True  # a signed link may refuse a second credential (a guess)
                elif status != HTTPStatus.OK:
                    raise download_refusal(what, status, headers, now=self._now())
                else:
                    yield response
                    return
        msg = f"{what} was redirected more than {MAX_REDIRECTS} times"
        raise UnexpectedAnswerError(msg)

    def _ask(
        self,
        what: str,
        path: str,
        *,
        params: Mapping[str, int] | None = None,
        json: Mapping[str, int] | None = None,
        names_export: bool = False,
    ) -> Mapping[str, JSON]:
        """Mailjet's answer to one request with the token: a JSON object."""
        call = Call("sms/export/{id}" if names_export else path)
        sent, patience = self._now(), self._patience()
        answer: JSON = None
        with self._measured(call):
            with (
                network_errors(what, MailjetUnavailableError, self._timeout, patience),
                patience.in_force(),
            ):
                response = self._session.request(
                    "GET" if json is None else "POST",
                    f"{self._root}/{path}",
                    params=params,
                    json=json,
                    auth=self._credentials.bearer,
                    headers={"Accept": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
            status, headers = response.status_code, response.headers
            call.status = status
            with response:
                apart = seconds_apart(headers, sent=sent, received=self._now())
                self._hold_clocks_together(apart)
                try:
                    with network_errors(what, MailjetUnavailableError, self._timeout, patience):
                        answer = _decoded(what, response, call)
                except MailjetUnavailableError:
                    if refused_with(status, None) is None:
                        raise  # a refusal is one without its envelope, too
        refused = refused_with(status, answer)
        if refused is not None:
            hide = self._credentials.without_secrets
            text = refusal_sentence(what, status, headers, answer, hide=hide)
            raise refusal(
                refused,
                text,
                retry_after=seconds_to_wait(headers, now=self._now()),
                names_export=names_export,
                asks_for_export=json is not None,  # nothing else has a body
            )
        if not isinstance(answer, dict):
            msg = f"{what} failed: Mailjet answered HTTP {status} without JSON"
            raise MailjetUnavailableError(msg)
        return answer

    def _patience(self) -> Patience:
        """For one answer, or for the head of a download; it begins at once."""
        return Patience(ANSWER_TIMEOUTS * self._timeout)

    def _hold_clocks_together(self, apart: float | None) -> None:
        """Windows end at our clock but are cut out by Mailjet's: they must agree.

        Raises:
            ClockError: If they are so many seconds apart that windows would be cut wrongly.
        """
        if apart is None or apart <= CLOCK_WARNING:
            return
        text = f"This machine's clock and Mailjet's are {apart:.0f} s apart"
        if apart > CLOCK_LIMIT:
            msg = f"{text}, and windows would be cut wrongly: set this machine's clock (NTP)"
            raise ClockError(msg)
        if not self._warned_of_clock:
            self._warned_of_clock = True
            logger.warning("%s: set this machine's clock (NTP)", text)


def _asked_for(window: Window, not_before: datetime) -> Mapping[str, int]:
    """The seconds that an export of the window is asked for, and that its count is."""
    span = window.with_overlap(not_before=not_before)
    return {"FromTS": int(span.start.timestamp()), "ToTS": int(span.end.timestamp())}


def _joined(base: str, link: str) -> str:
    """A link that may be relative; as it is if it is no URL, for `checked_link` to refuse."""
    try:
        return urljoin(base, link)
    except ValueError:
        return link


def _tells_end(response: requests.Response) -> bool:
    """Whether an answer that has not been read yet says where it ends."""
    has_length = response.raw.length_remaining is not None
    return bool(has_length or response.raw.chunked or _encoding(response))


def _body(response: requests.Response) -> Iterator[bytes]:
    """The body of an answer, unpacked, as it comes."""
    sent = response.raw.stream(PIECE, decode_content=False)
    return unpacked(sent, _encoding(response))


def _encoding(response: requests.Response) -> str:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _decoded(what: str, response: requests.Response, call: Call) -> JSON:
    """The JSON of an answer; None where it is none.

    Raises:
        MailjetUnavailableError: If it is longer than any that makes sense.
    """
    body = bytearray()
    for piece in _body(response):
        body += piece
        call.size += len(piece)
        if len(body) > ANSWER_LIMIT:
            msg = f"{what} failed: the answer is longer than {ANSWER_LIMIT} bytes"
            raise MailjetUnavailableError(msg)
    try:
        answer: JSON = jsonlib.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer
