"""The client, over a real socket: what it asks, what it makes of answers, who gets the token."""

from __future__ import annotations

import io
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import (
    ClockError,
    DownloadBrokenError,
    DownloadGoneError,
    ExportNotFoundError,
    ForbiddenError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    SlowDownError,
    TapMailjetSMSError,
    TooManyExportsError,
    UnexpectedAnswerError,
    WindowTooOldError,
    WrongAddressError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tests.support.scripted import (
    FROM,
    LONG_AGO,
    START,
    TO,
    TOKEN,
    WINDOW,
    Answer,
    Server,
    client,
    completed,
    export,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def request_export(
    answer: object, status: int = 200, headers: dict[str, str] | None = None
) -> ExportJob:
    """What the client makes of the answer to a request for an export."""
    with Server(Answer(answer, status, headers or {})) as server:
        return client(server).request_export(WINDOW, not_before=LONG_AGO)


def test_an_export_is_requested_as_documented() -> None:
    """Bearer token, unix seconds, nothing else; from a second before the window."""
    with Server(Answer(export())) as server:
        job = client(server).request_export(WINDOW, not_before=LONG_AGO)

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v4/sms/export")
    assert json.loads(asked.body) == {"FromTS": FROM - 1, "ToTS": TO}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["Content-Type"] == "application/json"
    assert job == ExportJob(56660, WINDOW, START, ExportStatus.PENDING)


def test_a_completed_export_is_read_whatever_its_spelling() -> None:
    """Numbers may be strings, and field names in any case."""
    answer = {
        "id": "7",
        "creationts": "1700000000",
        "EXPIRATIONTS": 1700600000.0,
        "status": {"code": "3"},
        "url": "https://api.mailjet.com/v3/data/x.csv",
        "fromts": str(FROM),
        "TOTS": TO + 5,
    }
    assert request_export(answer) == ExportJob(
        7,
        WINDOW,
        START,
        ExportStatus.COMPLETED,
        "https://api.mailjet.com/v3/data/x.csv",
        datetime.fromtimestamp(1700000000, UTC),
        datetime.fromtimestamp(1700600000, UTC),
    )


def test_an_unknown_status_is_kept_as_its_number() -> None:
    """Whoever waits for the export decides."""
    assert request_export(export(Status={"Code": 9})).status == 9


def test_a_missing_echo_is_accepted() -> None:
    """Only one that contradicts is not."""
    assert request_export(export(FromTs=None, ToTs=None)).id == 56660


@pytest.mark.parametrize("echo", [{"FromTs": FROM + 1}, {"ToTs": TO - 1}])
def test_an_export_of_another_window_is_refused(echo: dict[str, object]) -> None:
    """Its file would lack messages."""
    with pytest.raises(WrongWindowError, match="does not cover the window"):
        request_export(export(**echo))


def test_the_status_of_another_export_is_refused() -> None:
    """It would bring another window's messages."""
    with Server(Answer(export(ID=1))) as server, pytest.raises(WrongWindowError, match="another"):
        client(server).get_export(ExportJob(2, WINDOW, START))


@pytest.mark.parametrize("answer", [{}, export(ID=None), export(Status=None), export(ID=-1), []])
def test_an_answer_without_id_or_status_is_an_error(answer: object) -> None:
    """Which says what is missing."""
    with pytest.raises(
        (UnexpectedAnswerError, MailjetUnavailableError), match=r"without JSON|has no (ID|Status)"
    ):
        request_export(answer)


ENVELOPE = {
    "ErrorIdentifier": "06df1144-c6f3-4ca7-8885-7ec5d4344113",
    "ErrorCode": "mj-0015",
    "StatusCode": "401",
    "ErrorMessage": "Not authorised.",
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefusedError),
        (401, NotAuthorisedError),
        (403, ForbiddenError),
        (404, WrongAddressError),
        (302, WrongAddressError),
        (409, TooManyExportsError),
        (429, SlowDownError),
        (500, MailjetUnavailableError),
        (503, MailjetUnavailableError),
    ],
)
def test_a_refusal_shows_what_mailjet_says(status: int, kind: type[Exception]) -> None:
    """HTTP status, message, code and identifier, and what was asked."""
    with pytest.raises(kind) as caught:
        request_export(ENVELOPE, status)

    text = str(caught.value)
    assert type(caught.value) is kind
    assert f"HTTP {status}, Mailjet says “Not authorised.”" in text
    assert "ErrorCode mj-0015, ErrorIdentifier 06df1144-c6f3-4ca7-8885-7ec5d4344113" in text
    assert str(WINDOW) in text
    assert ("auth_token" in text) == (status == 401)
    assert ("api_url" in text) == (status in {302, 404})


def test_an_export_that_mailjet_does_not_know_is_told_apart() -> None:
    """Only what is asked for by an id can be missing there."""
    with Server(Answer(ENVELOPE, 404)) as server, pytest.raises(ExportNotFoundError) as caught:
        client(server).get_export(ExportJob(2, WINDOW, START))
    assert "api_url" not in str(caught.value)


def test_a_refusal_without_an_envelope_shows_the_status_and_the_request_guid() -> None:
    """Support can ask for it."""
    with pytest.raises(RequestRefusedError, match=r"HTTP 403 \(X-Mj-Request-Guid abc\)$"):
        request_export(b"<html>no</html>", 403, {"X-Mj-Request-Guid": "abc"})


def test_a_window_that_is_too_old_is_told_by_the_message() -> None:
    """Its code is not documented."""
    with pytest.raises(WindowTooOldError):
        request_export({"ErrorMessage": "FromTS must not be older than one year."}, 400)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 20 Nov 2026 00:00:09 GMT"}, 9),
        (
            {
                "Date": "Fri, 20 Nov 2026 00:00:00 GMT",
                "Retry-After": "Fri, 20 Nov 2026 00:00:09 GMT",
            },
            9,
        ),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, or a date to hold against the answer's own."""
    with pytest.raises(MailjetUnavailableError) as caught:
        request_export(b"", 429, headers)

    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"ID": 1, "Sta', b"", b"\xff\xfe"])
def test_a_page_with_status_200_is_no_answer(body: bytes) -> None:
    """A proxy's, perhaps: worth another attempt."""
    with pytest.raises(MailjetUnavailableError, match="without JSON"):
        request_export(body)


def test_nobody_there_is_said_without_the_url() -> None:
    """With the setting to look at."""
    with Server(Answer()) as server:
        pass
    with pytest.raises(MailjetUnavailableError, match=r"refused; check .* api_url") as caught:
        client(server).count(WINDOW, not_before=LONG_AGO)

    assert "127.0.0.1" not in str(caught.value)


def test_the_count_is_asked_for_what_the_export_was() -> None:
    """With the same FromTS and ToTS."""
    with Server(Answer({"Count": 31})) as server:
        assert client(server).count(WINDOW, not_before=LONG_AGO) == 31

    assert server.asked[0].path == f"/v4/sms/count?FromTS={FROM - 1}&ToTS={TO}"


def test_a_count_that_is_none_is_an_error() -> None:
    """It is not taken for zero."""
    with Server(Answer({"Count": None})) as server, pytest.raises(UnexpectedAnswerError):
        client(server).count(WINDOW, not_before=LONG_AGO)


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another host, as far as the token is concerned: another port."""
    with Server(Answer(b"ID\n1\n")) as server:
        yield server


def download(server: Server, url: str) -> bytes:
    """The file that a link leads to."""
    file = io.BytesIO()
    assert client(server).download(completed(url), file)
    return file.getvalue()


def test_a_download_from_the_api_s_own_host_has_the_token() -> None:
    """Whether it needs it is not known."""
    with Server(Answer(b"ID\n1\n")) as server:
        assert download(server, f"{server.url}/v3/data/x.csv") == b"ID\n1\n"

    assert server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_another_host_never_gets_the_token(elsewhere: Server) -> None:
    """Neither by its link nor by a redirect."""
    redirect = Answer(b"", 302, {"Location": f"{elsewhere.url}/x.csv"})
    with Server(redirect) as server:
        assert download(server, f"{elsewhere.url}/x.csv") == b"ID\n1\n"
        assert download(server, f"{server.url}/v3/data/x.csv") == b"ID\n1\n"

    assert [asked.headers["Authorization"] for asked in elsewhere.asked] == [None, None]


def test_the_token_goes_by_the_host_that_is_really_asked(elsewhere: Server) -> None:
    """A backslash, or what else parsers disagree about, does not lead it to another host."""
    with Server(Answer()) as server:
        link = f"{elsewhere.url}\\@{server.url.removeprefix('http://')}/x.csv"
        for answer in (link, f"{elsewhere.url}/\\@{server.url.removeprefix('http://')}/x.csv"):
            with suppress(TapMailjetSMSError):
                download(server, answer)

    assert elsewhere.asked, "that is where such a link leads"
    assert {asked.headers["Authorization"] for asked in elsewhere.asked} == {None}


def test_an_error_page_of_a_download_is_not_quoted() -> None:
    """It may well repeat the link."""
    page = Answer({"ErrorMessage": "No route for /v3/data/s3cr3t.csv"}, 404)
    with Server(page) as server, pytest.raises(DownloadGoneError) as caught:
        download(server, f"{server.url}/v3/data/s3cr3t.csv")

    assert str(caught.value).endswith("failed: HTTP 404")


def test_a_message_that_repeats_the_token_is_shown_without_it() -> None:
    """As a proxy's may."""
    with pytest.raises(RequestRefusedError, match=r"“Bad token …”") as caught:
        request_export({"ErrorMessage": f"Bad token {TOKEN}"}, 403)

    assert TOKEN not in str(caught.value)


def test_a_link_that_refuses_the_token_is_tried_once_without() -> None:
    """A signed link may take no second credential."""
    with Server(Answer(b"", 403), Answer(b"ID\n1\n")) as server:
        assert download(server, f"{server.url}/v3/data/x.csv") == b"ID\n1\n"

    assert [asked.headers["Authorization"] for asked in server.asked] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_is_gone_is_told_apart(status: int) -> None:
    """It can be replaced by a fresh one."""
    with Server(Answer(b"", status)) as server, pytest.raises(DownloadGoneError):
        download(server, f"{server.url}/v3/data/x.csv")


@pytest.mark.parametrize(
    "url", ["http://mailjet.example/x.csv", "ftp://mailjet.example/x", "nonsense", "", "http://[x"]
)
def test_a_link_that_is_not_https_is_refused(url: str) -> None:
    """Without a request, and without showing it."""
    with Server(Answer()) as server, pytest.raises(UnexpectedAnswerError, match=r"https|not a URL"):
        download(server, url)


def test_redirects_have_an_end() -> None:
    """A loop is an error."""
    with (
        Server(Answer(b"", 302, {"Location": "/again"})) as server,
        pytest.raises(UnexpectedAnswerError, match="redirected more than 5 times"),
    ):
        download(server, f"{server.url}/x.csv")
    assert len(server.asked) == 5


def test_a_download_that_is_cut_is_told() -> None:
    """By its Content-Length."""
    cut = Answer(b"ID\n1\n", headers={"Content-Length": "100", "Connection": "close"})
    with (
        Server(cut) as server,
        pytest.raises(DownloadBrokenError, match=r"ended too early|no answer"),
    ):
        MailjetClient(
            api_url=server.url, auth_token=TOKEN, request_timeout=0.2, now=lambda: START
        ).download(completed(f"{server.url}/x.csv"), io.BytesIO())


def date_header(ahead: int) -> dict[str, str]:
    """Mailjet's clock, ahead of ours."""
    return {"Date": f"{START + timedelta(seconds=ahead):%a, %d %b %Y %H:%M:%S} GMT"}


@pytest.mark.parametrize("ahead", [0, 59, -59])
def test_clocks_may_differ_a_little(ahead: int, caplog: pytest.LogCaptureFixture) -> None:
    """Up to a minute."""
    request_export(export(), headers=date_header(ahead))

    assert caplog.text == ""


@pytest.mark.parametrize("ahead", [90, -90])
def test_clocks_a_minute_apart_are_warned_of(ahead: int, caplog: pytest.LogCaptureFixture) -> None:
    """Once."""
    with Server(Answer(export(), headers=date_header(ahead))) as server:
        mailjet = client(server)
        mailjet.request_export(WINDOW, not_before=LONG_AGO)
        mailjet.request_export(WINDOW, not_before=LONG_AGO)

    assert caplog.text.count("90 s apart") == 1


@pytest.mark.parametrize("ahead", [301, -301])
def test_clocks_minutes_apart_end_the_run(ahead: int) -> None:
    """Windows would be cut wrongly."""
    with pytest.raises(ClockError, match=r"301 s apart.*NTP"):
        request_export(export(), headers=date_header(ahead))


def test_urllib3_s_debug_log_does_not_show_a_link(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has the link can read the file."""
    caplog.set_level(logging.DEBUG)
    links = (
        "/v3/data/s3cr3t.csv?signature=s3cr3t",
        "/a%2fb%41/s3cr3t.csv?sig=s3cr3t%2b",
        "/a b|c/s3cr3t.csv",
        "/x/../s3cr3t",
        "?s3cr3t",
    )
    with Server(Answer(b"ID\n1\n")) as server:
        for link in links:
            download(server, f"{server.url}{link}")

    assert caplog.text.count("GET /… HTTP/1.1") == len(links)
    assert "s3cr3t" not in caplog.text


def test_netrc_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither in place of the token, nor for another host."""
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login me password pw\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Server(Answer({"Count": 1})) as other, Server(Answer({"Count": 1})) as server:
        mailjet = client(server)
        mailjet.count(WINDOW, not_before=LONG_AGO)
        mailjet.download(completed(f"{other.url}/x.csv"), io.BytesIO())

    assert server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert other.asked[0].headers["Authorization"] is None
