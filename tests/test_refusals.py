"""What an error says where the cause is not where it seems to be, and that it says no secret."""

from __future__ import annotations

import http.server
import io
import logging
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Fault, Operation, When
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import (
    ExitCode,
    ExportNotFoundError,
    InvalidSettingError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    SlowDownError,
    TapMailjetSMSError,
    UnexpectedAnswerError,
    WrongAddressError,
)
from tap_mailjet_sms.exporting.answers import refusal_sentence, refused_with
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tests.support.scripted import WINDOW as ANOTHER_WINDOW
from tests.support.scripted import Answer, Server, client, completed, export
from tests.support.served import LONG_AGO, NOW, WINDOW, mailjet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = When(on=frozenset({Operation.COUNT}), times=None)
ENVELOPE = {
    "ErrorIdentifier": "06df1144-c6f3-4ca7-8885-7ec5d4344113",
    "ErrorCode": "mj-0015",
    "ErrorMessage": "Not authorised.",
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefusedError),
        (401, NotAuthorisedError),
        (429, SlowDownError),
        (503, MailjetUnavailableError),
    ],
)
def test_an_error_envelope_with_status_200_is_a_refusal(
    status: int, kind: type[TapMailjetSMSError]
) -> None:
    """Of its own StatusCode; message, code and identifier are shown."""
    hidden = Fault(fx.Http(status, message="No.", code="mj-1", in_body=True), COUNT)
    with mailjet(hidden) as (asked, _), pytest.raises(kind) as caught:
        asked.count(WINDOW, not_before=LONG_AGO)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "failed: HTTP 200, Mailjet says “No.” (ErrorCode mj-1, ErrorIdentifier " in text
    assert f"StatusCode {status})" in text


@pytest.mark.parametrize(
    "code", [{}, {"StatusCode": None}, {"StatusCode": 200}, {"StatusCode": "x"}]
)
def test_an_error_envelope_without_a_status_is_an_error_that_shows_it(
    code: dict[str, object],
) -> None:
    """It is neither a count nor an export that lacks its id."""
    answer = Answer({**ENVELOPE, **code})
    with Server(answer) as server, pytest.raises(UnexpectedAnswerError) as caught:
        client(server).count(WINDOW, not_before=LONG_AGO)
    assert "HTTP 200, Mailjet says “Not authorised.” (ErrorCode mj-0015, E" in str(caught.value)


def test_an_export_with_an_error_beside_its_id_is_an_export() -> None:
    """It says why it failed, perhaps; its status says what it is."""
    failed = export(Status={"Code": 4}, ErrorMessage="Too many rows", StatusCode=500)
    with Server(Answer(failed)) as server:
        job = client(server).get_export(ExportJob(56660, ANOTHER_WINDOW, NOW))
    assert job.status is ExportStatus.ERROR
    assert refused_with(200, {"Count": 0, "ErrorMessage": "x"}) is None
    assert refused_with(200, {"ErrorMessage": "", "ErrorCode": None}) is None
    assert refused_with(200, None) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404])
def test_a_wrong_root_is_named(status: int) -> None:
    """Where nothing but the API's root can be wrong: with the setting, and its usual end."""
    moved = Answer(b"", status, {"Location": "https://elsewhere.example/v4"})
    with Server(moved) as server:
        asked = client(server)
        for call in (asked.request_export, asked.count):
            with pytest.raises(WrongAddressError, match=r"api_url: .* ends with /v4") as caught:
                call(WINDOW, not_before=LONG_AGO)
            assert caught.value.exit_code == ExitCode.CONFIGURATION
            assert "elsewhere" not in str(caught.value)


def test_an_export_that_is_gone_is_no_wrong_root() -> None:
    """It is asked for anew."""
    with Server(Answer(b"", 404)) as server, pytest.raises(ExportNotFoundError, match=r"HTTP 404$"):
        client(server).get_export(ExportJob(2, WINDOW, NOW))


def test_a_link_may_be_relative_to_the_api() -> None:
    """It leads to the API's own origin, so it gets the token."""
    with Server(Answer(b"ID\n1\n")) as server:
        file = io.BytesIO()
        client(server).download(completed("/v3/data/x.csv?sig=1"), file)
    assert file.getvalue() == b"ID\n1\n"
    (asked,) = server.asked
    assert (asked.path, asked.headers["Authorization"]) == ("/v3/data/x.csv?sig=1", "Bearer tok3n")


def test_a_link_without_a_scheme_leads_where_it_says() -> None:
    """Not to the API, so without the token."""
    with Server(Answer(b"ID\n1\n")) as other, Server(Answer()) as server:
        link = completed(other.url.removeprefix("http:") + "/x.csv")
        client(server).download(link, io.BytesIO())
    assert other.asked[0].headers["Authorization"] is None
    with pytest.raises(UnexpectedAnswerError, match="not a URL"):
        client(server).download(completed("//[/x.csv"), io.BytesIO())


# Certificates

#: Made for this test, and known to nobody: it opens nothing.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUAJaU674wRcvI8SfmS8fxhU1UZQkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTE4MjQwNFoYDzIxMjYxMTAx
MTgyNDA0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARtMELCkwFN/Q4AoXIbiqtyiXwYhRnt0hQRGEM+MyPBC2gY53VvSnoa
vEyzeurWe1y44xdMHBsul0kv9zczEDnfo2QwYjAdBgNVHQ4EFgQUGZUUNPlpdPn+
7IF56CRJsOwhJEYwHwYDVR0jBBgwFoAUGZUUNPlpdPn+7IF56CRJsOwhJEYwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0cAMEQC
ICZZSQfvIQR8dIohP25VrJhl5EmQioqHm0Lvxbg+GYXIAiBtRqPwhKJU+rnAUmpQ
b/sMVxpWja7lKrWROOw6O2gcZg==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLIMKQ4DFcC6cCdg4
kquMx0NTpYHGYVCsYT3drO1CpjGhRANCAARtMELCkwFN/Q4AoXIbiqtyiXwYhRnt
0hQRGEM+MyPBC2gY53VvSnoavEyzeurWe1y44xdMHBsul0kv9zczEDnf
-----END PRIVATE KEY-----
"""


@pytest.fixture
def secure_url(tmp_path: Path) -> Iterator[str]:
    """A server with a certificate that nobody vouches for."""
    pem = tmp_path / "certificate.pem"
    pem.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/v4"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no certificates yet."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def count(url: str) -> int:
    """Ask a server for its count."""
    asked = MailjetClient(api_url=url, auth_token="token", request_timeout=5, now=lambda: NOW)
    try:
        return asked.count(WINDOW, not_before=LONG_AGO)
    finally:
        asked.close()


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        ([], "if your network has certificates of its own, set REQUESTS_CA_BUNDLE to their file"),
        (["SSL_CERT_FILE"], "SSL_CERT_FILE is not read: set REQUESTS_CA_BUNDLE to that file"),
        (["CURL_CA_BUNDLE"], "check the file that the variable CURL_CA_BUNDLE names"),
        (["REQUESTS_CA_BUNDLE"], "check the file that the variable REQUESTS_CA_BUNDLE names"),
        (
            ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"],
            "the file that the variable REQUESTS_CA_BUNDLE names",
        ),
    ],
)
def test_a_certificate_that_is_not_trusted_names_what_says_so(
    names: list[str], advice: str, secure_url: str, variables: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable that `requests` goes by, or the one that would help."""
    damaged = tmp_path / "none.pem"
    damaged.write_text("no certificates\n")
    for name in names:
        variables.setenv(name, str(damaged))
    with pytest.raises(MailjetUnavailableError) as caught:
        count(secure_url)
    assert "the server's certificate cannot be verified" in str(caught.value)
    assert str(caught.value).endswith(advice)


def test_with_the_right_certificates_all_is_well(
    secure_url: str, variables: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So the variable that is named is the one that counts."""
    variables.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with pytest.raises(RequestRefusedError, match="HTTP 404"):
        count(secure_url)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_a_wrong_setting(
    name: str, secure_url: str, variables: pytest.MonkeyPatch
) -> None:
    """Of the environment: nothing that another attempt could cure."""
    variables.setenv(name, "/nowhere/ca.pem")
    with pytest.raises(
        InvalidSettingError, match=f"check the file that the variable {name} names$"
    ):
        count(secure_url)


# Secrets


@pytest.mark.parametrize("length", range(270, 320))
def test_a_long_message_that_repeats_the_token_shows_no_part_of_it(length: int) -> None:
    """It is hidden first, and cut then."""
    token = "s3cr3t-0123456789-abcdefghij"
    text = refusal_sentence(
        "The request",
        403,
        {"X-Mj-Request-Guid": f"{'x' * length} {token}"},
        {"ErrorMessage": f"{'x' * length} {token}", "ErrorCode": f"{'x' * length} {token}"},
        hide=lambda text: text.replace(token, "…"),
    )
    assert "s3c" not in text
    message = {"ErrorMessage": f"{'x' * length} tok3n-is-wrong"}
    with Server(Answer(message, 403)) as server, pytest.raises(RequestRefusedError) as caught:
        client(server).count(WINDOW, not_before=LONG_AGO)
    assert "tok" not in str(caught.value)


def test_a_message_that_repeats_a_link_is_shown_without_it() -> None:
    """Whoever has the link can read the file."""
    message = {"ErrorMessage": "No route for /v3/data/s3cr3t.csv"}
    with Server(Answer(b"ID\n1\n"), Answer(message, 404)) as server:
        asked = client(server)
        job = completed(f"{server.url}/v3/data/s3cr3t.csv")
        asked.download(job, io.BytesIO())
        with pytest.raises(ExportNotFoundError, match="“No route for /…”"):
            asked.get_export(job)


@pytest.mark.parametrize("link", ["https://elsewhere.example/s3cr3t.csv", "/s3cr3t.csv"])
def test_a_link_in_a_malformed_header_is_not_logged(
    link: str, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 warns of such with all that it could not read, and a traceback."""
    caplog.set_level(logging.DEBUG)
    broken = Answer(b"", 403, {"X": f"y\r\n no header: here\r\nbad line\r\nLocation: {link}"})
    with Server(broken) as server, pytest.raises(TapMailjetSMSError):
        client(server).download(completed(f"{server.url}/v3/data/s3cr3t.csv"), io.BytesIO())
    record = next(r for r in caplog.records if "Failed to parse headers" in r.getMessage())
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("/…): HeaderParsingError")
    assert record.exc_info is None
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_no_proxy_gets_what_is_meant_for_this_machine(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least of all the token, in plain text."""
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    with Server(Answer({"Count": 1})) as proxy, Server(Answer({"Count": 2})) as server:
        monkeypatch.setenv(variable, proxy.url)
        assert client(server).count(WINDOW, not_before=LONG_AGO) == 2
        client(server).download(completed(f"{server.url}/x.csv"), io.BytesIO())
    assert not proxy.asked


def test_another_host_is_asked_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment says: the rule is for loopback alone."""
    with Server(Answer(b"", 502)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(MailjetUnavailableError, match="the proxy does not answer"):
            count("https://mailjet.example/v4")
