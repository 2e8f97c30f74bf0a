"""Whatever Mailjet answers: a job, a count, a file, or a clear error. Never a crash or a hang."""

from __future__ import annotations

import io
import json
import logging
import random
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailjet_sandbox import Backend, Messages, Response
from tap_mailjet_sms.exceptions import (
    DownloadGoneError,
    ExportNotFoundError,
    ForbiddenError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    SlowDownError,
    TapMailjetSMSError,
    TooManyExportsError,
    WindowTooLongError,
    WindowTooOldError,
    WrongAddressError,
)
from tap_mailjet_sms.exporting.answers import download_refusal, is_refusal, refusal, seconds_apart
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.windows import Window
from tests.simulation.process import Process, Timeline
from tests.simulation.run import Ending, run_tap
from tests.simulation.schedule import DAY, EPOCH, SETTLING, start_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailjet_sandbox import Request

START = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
JOB = ExportJob(id=7, window=WINDOW, requested_at=START, url="http://127.0.0.1/v3/data/x.csv")
LONGEST_MESSAGE = 2000

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 10**30, -1, 0, 3, 4])
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=30)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
urls = st.sampled_from(
    ["http://[", "http://127.0.0.1:99999/", "//x", "http://\x00/", "http://127.0.0.1:9/\ud800"]
)


def field(*honest: object) -> st.SearchStrategy[object]:
    """An honest value, or anything at all."""
    return st.sampled_from(honest) | anything


exports = st.fixed_dictionaries(
    {},
    optional={
        "ID": field(7, "7"),
        "Status": field({"Code": 1}, {"Code": 3}, {"Code": 4}, 3),
        "URL": field(None, JOB.url) | urls,
        "CreationTS": field(None, 1_795_000_000),
        "ExpirationTS": field(None, 1_995_000_000),
        "FromTs": field(None, int(START.timestamp())),
        "ToTs": field(None, int(WINDOW.end.timestamp())),
    },
)
refusals = st.fixed_dictionaries(
    {},
    optional={
        "ErrorMessage": anything,
        "ErrorCode": anything,
        "ErrorIdentifier": anything,
        "StatusCode": anything,
    },
)
counts = st.fixed_dictionaries({}, optional={"Count": field(0, 48)})
documents = exports | refusals | counts | anything
json_bodies = documents.map(lambda document: json.dumps(document).encode())
bodies = (
    json_bodies
    | st.binary(max_size=200)
    | st.sampled_from([b"[" * 100_000, b'{"Count":' + b"9" * 5000 + b"}", b'{"ID":1e999}'])
)
statuses = st.sampled_from(
    [200, 200, 200, 200, 201, 204, 301, 302, 307, 400, 401, 404, 429, 500, 799]
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "Date", "Location", "Content-Type", "Content-Encoding", "Content-Length"]
    ),
    header_values
    | st.sampled_from(
        [
            "gzip",
            "-1",
            "1e9",
            "Sat, 99 Foo 2026 00:00:00",
            "Mon, 01 Jan 0001 00:00:00 -9999",
            "http://[",
            "http://[::1",
            "//",
            "http://127.0.0.1:x/",
            "https://a/\x7f",
        ]
    ),
)


class Server:
    """Sends the same bytes to whoever connects, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if not connection.recv(65_536):
                    return
                connection.sendall(self.answer)

    def close(self) -> None:
        """End."""
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Nothing of this is worth a log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that says anything."""
    server = Server()
    yield server
    server.close()


@contextmanager
def clear_errors() -> Iterator[None]:
    """Errors of ours only, each one printable line."""
    try:
        yield
    except TapMailjetSMSError as error:
        check_message(error)


def check_message(error: TapMailjetSMSError) -> None:
    """A message is one line that a terminal can show."""
    assert str(error).isprintable(), repr(str(error))
    assert len(str(error)) < LONGEST_MESSAGE


def ask(server: Server, answer: bytes) -> None:
    """Ask everything there is to ask, and get this answer."""
    server.answer = answer
    client = MailjetClient(
        api_url=f"http://127.0.0.1:{server.port}/v4",
        auth_token="token",
        request_timeout=2,
        now=lambda: START,
    )
    link = f"http://127.0.0.1:{server.port}/v3/data/x.csv"
    job = ExportJob(id=7, window=WINDOW, requested_at=START, url=link)
    calls: list[Callable[[], object]] = [
        lambda: client.request_export(WINDOW, not_before=START),
        lambda: client.get_export(job),
        lambda: client.count(WINDOW, not_before=START),
        lambda: client.download(job, io.BytesIO()),
    ]
    for call in calls:
        with clear_errors():
            result = call()
            assert isinstance(result, ExportJob | int | bool)
    client.close()


#: What each status means: for a request, and for a download.
REFUSALS = {
    300: (WrongAddressError, DownloadGoneError),
    304: (WrongAddressError, DownloadGoneError),
    400: (RequestRefusedError, DownloadGoneError),
    401: (NotAuthorisedError, DownloadGoneError),
    402: (RequestRefusedError, DownloadGoneError),
    403: (ForbiddenError, DownloadGoneError),
    404: (ExportNotFoundError, DownloadGoneError),
    405: (RequestRefusedError, DownloadGoneError),
    408: (MailjetUnavailableError, MailjetUnavailableError),
    409: (RequestRefusedError, DownloadGoneError),
    410: (RequestRefusedError, DownloadGoneError),
    422: (RequestRefusedError, DownloadGoneError),
    425: (MailjetUnavailableError, MailjetUnavailableError),
    429: (SlowDownError, SlowDownError),
    499: (RequestRefusedError, DownloadGoneError),
    500: (MailjetUnavailableError, MailjetUnavailableError),
    502: (MailjetUnavailableError, MailjetUnavailableError),
    503: (SlowDownError, SlowDownError),
    599: (MailjetUnavailableError, MailjetUnavailableError),
    799: (MailjetUnavailableError, MailjetUnavailableError),
}


@pytest.mark.parametrize(("status", "kinds"), REFUSALS.items())
def test_the_status_decides_what_to_do_next(
    status: int, kinds: tuple[type[Exception], type[Exception]]
) -> None:
    """Ask again, fix something, or get a fresh link; the wait comes with what is asked again."""
    errors = (
        refusal(status, "The sentence", retry_after=7, names_export=True),
        download_refusal("The download", status, {"Retry-After": "7"}, now=START),
    )
    assert is_refusal(status)
    assert tuple(type(error) for error in errors) == kinds
    waits = {error.retry_after for error in errors if isinstance(error, MailjetUnavailableError)}
    assert waits <= {7}


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_a_good_status_is_no_refusal(status: int) -> None:
    """Whatever the answer holds."""
    assert not is_refusal(status)


@pytest.mark.parametrize(("status", "kind"), [(400, WindowTooOldError), (403, ForbiddenError)])
def test_one_year_means_a_window_that_is_too_old_with_status_400_only(
    status: int, kind: type[Exception]
) -> None:
    """Seen so; elsewhere the words may mean something else."""
    text = "… failed: HTTP 400, Mailjet says “FromTS must not be older than one year.”"
    assert type(refusal(status, text)) is kind


def test_a_503_without_retry_after_is_a_failed_attempt() -> None:
    """With it, the server is well and wants to be asked later."""
    assert type(refusal(503, "The sentence")) is MailjetUnavailableError


def test_a_409_means_too_many_exports_where_one_was_asked_for() -> None:
    """A guess; to any other request it is a refusal, and its `Retry-After` is kept."""
    error = refusal(409, "…", retry_after=7, asks_for_export=True)
    assert type(error) is TooManyExportsError
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The time window is too large.", WindowTooLongError),
        ("The period between FromTS and ToTS exceeds 31 days.", WindowTooLongError),
        ("Maximum date range is 3 months", WindowTooLongError),
        ("The requested interval must not be longer than a week.", WindowTooLongError),
        ("FromTS must not be older than one year; the maximum period.", WindowTooOldError),
        ("FromTS must not be later than ToTS.", RequestRefusedError),
        ("The datetime value is not a valid RFC3339 datetime format.", RequestRefusedError),
        ("The body is too large.", RequestRefusedError),
    ],
)
def test_a_window_that_is_too_long_is_told_by_the_message(
    message: str, kind: type[Exception]
) -> None:
    """A guess: length and span must both be spoken of, by Mailjet and not by our own sentence."""
    text = f"The maximum range of days failed: HTTP 400, Mailjet says “{message}”"
    assert type(refusal(400, text, asks_for_export=True)) is kind
    if kind is WindowTooLongError:
        assert type(refusal(400, text)) is RequestRefusedError


@pytest.mark.parametrize(
    ("date", "apart"),
    [
        ("Fri, 20 Nov 2026 00:00:00 GMT", 0),
        ("Fri, 20 Nov 2026 00:00:00 -0000", 0),  # to Python, a time without a zone
        ("Fri, 20 Nov 2026 00:00:20 GMT", -10),
        ("Fri, 20 Nov 2026 00:01:00 GMT", 30),
        ("Fri, 20 Nov 2026 00:01:30 +0100", 3510),
        ("yesterday", None),
        (None, None),
    ],
)
def test_clocks_are_compared_with_the_whole_of_a_request(
    date: str | None, apart: float | None
) -> None:
    """An answer that took half a minute says nothing against a clock within that half minute."""
    headers = {} if date is None else {"Date": date}
    received = START + timedelta(seconds=30)
    assert seconds_apart(headers, sent=START, received=received) == apart


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=statuses, fields=headers, body=bodies)
@example(status=302, fields={"Location": "http://["}, body=b"")
@example(status=400, fields={}, body=b'{"ErrorMessage": "\\u001b[31m \\ud800"}')
def test_any_answer_is_read_or_refused(
    server: Server, status: int, fields: dict[str, str], body: bytes
) -> None:
    """Any JSON, any bytes, any status and header: a result or one clear error."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items())]
    ask(server, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"HTTP/1.1 200 " + b))
def test_any_bytes_on_the_wire_are_an_error_at_most(server: Server, answer: bytes) -> None:
    """What is no HTTP at all is one clear error."""
    ask(server, answer)


class Babbling(Backend):
    """An account that answers something else now and then."""

    def __init__(self, answers: Iterator[bytes | None], clock: Callable[[], float]) -> None:
        super().__init__(data=Messages(since=EPOCH - DAY, per_hour=1), clock=clock)
        self._other = answers

    def handle(self, request: Request) -> Response:
        """Answer, or babble."""
        other = next(self._other, None)
        answer = super().handle(request)
        return answer if other is None else Response(200, {}, other)


@settings(max_examples=100)
@given(answers=st.lists(st.none() | exports.map(lambda e: json.dumps(e).encode()) | bodies))
def test_a_run_ends_whatever_it_is_told(answers: list[bytes | None]) -> None:
    """With any answers in between, a run finishes or ends with one clear error, and does end."""
    timeline = Timeline(EPOCH)
    outcome = run_tap(
        Babbling(iter(answers), lambda: timeline.now),
        Process(timeline, random.Random(0)),  # noqa: S311
        config={
            "auth_token": "sandbox-token",
            "start_date": start_date(EPOCH - SETTLING - DAY // 2),
            "window_days": 0.3,
            "poll_timeout_seconds": 100,
            "max_attempts": 3,
        },
        state=None,
        before_effect=lambda _: None,
    )
    assert outcome.ending in {Ending.FINISHED, Ending.REFUSED}
    if outcome.error is not None:
        check_message(outcome.error)
