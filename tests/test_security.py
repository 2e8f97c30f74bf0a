"""What must not leak: the token, download links, phone numbers and rows, at any log level."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Backend, Ending, Fault, Framing, Link, Operation
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exporting.links import LinkFilter
from tests.support.on_socket import NOW, OnSocket
from tests.support.program import run_tap
from tests.support.story import ALWAYS, on

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "s3cret-token"

FAULTS = {
    "peace": (),
    "busy": (Fault(fx.Http(503), on(*Operation, times=3)),),
    "refused": (Fault(fx.Http(400), ALWAYS),),
    "not authorised": (Fault(fx.Http(401), on(Operation.STATUS)),),
    "reset": (Fault(fx.Broken(Ending.RESET), on(Operation.DOWNLOAD, times=None)),),
    "hung": (Fault(fx.Broken(Ending.HANG), on(Operation.DOWNLOAD, times=None)),),
    "cut": (Fault(fx.Cut(0.5), on(Operation.DOWNLOAD, times=None)),),
    "cut within a row": (Fault(fx.Cut(0.503, Framing.CLOSE), on(Operation.DOWNLOAD, times=None)),),
    "page": (Fault(fx.Page(fx.Body.HTML), on(Operation.DOWNLOAD, times=None)),),
    "bytes": (Fault(fx.Page(fx.Body.BYTES), on(Operation.DOWNLOAD, times=None)),),
    "gone": (Fault(fx.Http(404), on(Operation.DOWNLOAD, times=None)),),
    "expired": (Fault(fx.LinkExpires(0), ALWAYS),),
    "elsewhere": (Fault(fx.Linked(Link.OTHER_HOST), ALWAYS),),
    "redirected": (Fault(fx.Redirect(), on(Operation.DOWNLOAD, times=2)),),
    "redirected for ever": (Fault(fx.Redirect(), on(Operation.DOWNLOAD, times=None)),),
    "plain http": (Fault(fx.Linked(Link.PLAIN_HTTP), ALWAYS),),
    "miscounted": (Fault(fx.Counted(5), on(Operation.COUNT, times=None)),),
}


def secrets(backend: Backend) -> list[str]:
    """What may stand in the records at most: links, and all that is in a row of a message."""
    messages = list(backend.data.between(NOW - 90_000, NOW, at=NOW))
    rows = [text for m in messages for text in (m.message_id, m.recipient, m.recipient[1:])]
    return [backend.token, "/v3/data/", *backend._links, *rows]


def leaks(text: str, backend: Backend) -> list[str]:
    """Which secrets stand in a text."""
    return [secret for secret in secrets(backend) if secret in text]


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Every logger at DEBUG, and what it says."""
    for name in ("urllib3", "tap-mailjet-sms", "singer_sdk", "requests"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG)


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_no_log_and_no_error_shows_a_secret(
    faults: tuple[Fault, ...], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, also urllib3's and the SDK's debug logs show no secret."""
    socket = OnSocket(monkeypatch)
    socket.backend.token = TOKEN
    socket.run(*faults, verify_counts="error")
    assert "urllib3.connectionpool" in {record.name for record in caplog.records}
    assert len(secrets(socket.backend)) > 100
    assert not leaks(caplog.text, socket.backend)
    assert not leaks(socket.error or "", socket.backend)


@pytest.mark.usefixtures("everything")
def test_a_leak_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the tap's filter urllib3 would show the links."""
    monkeypatch.setattr(LinkFilter, "filter", lambda *_: True)
    socket = OnSocket(monkeypatch)
    socket.run()
    assert leaks(caplog.text, socket.backend)


@pytest.mark.parametrize("name", ["peace", "redirected", "cut within a row", "refused"])
def test_a_process_at_debug_level_shows_no_secret(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With every logger of the process at DEBUG, tracebacks too, stderr shows no secret."""
    logs = tmp_path / "logging.json"
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    root = {"level": "DEBUG", "handlers": ["all"]}
    config = {"version": 1, "disable_existing_loggers": False, "handlers": {"all": handler}}
    logs.write_text(json.dumps(config | {"root": root}))
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(logs))
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    monkeypatch.setenv("TAP_MAILJET_SMS_LOGLEVEL", "DEBUG")
    socket = OnSocket(monkeypatch)
    socket.backend.token = TOKEN
    with socket.open(*FAULTS[name]) as url:
        done = run_tap(**socket.settings(url, verify_counts="error", max_attempts=2))  # type: ignore[arg-type]
    assert (done.code == 0) == (name in {"peace", "redirected"})
    assert '"POST /v4/sms/export HTTP/1.1" ' in done.log  # urllib3's own log is there
    assert not leaks(done.log, socket.backend)
    states = [message for message in done.messages if message["type"] == "STATE"]
    assert states
    assert not leaks(json.dumps(states), socket.backend)
    assert TOKEN not in "".join(done.lines)


@pytest.mark.parametrize("name", ["elsewhere", "redirected", "redirected for ever"])
def test_the_token_stays_at_its_origin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other host gets the token: neither by a link, nor by a redirect."""
    socket = OnSocket(monkeypatch)
    socket.run(*FAULTS[name])
    own = socket.backend.public_url.split("/")[2]
    foreign = [asked for asked in socket.backend.journal if asked.host != own]
    assert foreign
    assert not any(asked.authorization for asked in foreign)


def test_netrc_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `~/.netrc` neither replaces the token nor goes to another host."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    socket = OnSocket(monkeypatch)
    got = socket.run(*FAULTS["elsewhere"])
    assert socket.is_complete(got)  # so the token was right
    own = socket.backend.public_url.split("/")[2]
    foreign = [asked for asked in socket.backend.journal if asked.host != own]
    assert foreign
    assert not any(asked.authorization for asked in foreign)


def test_a_refused_setting_does_not_show_the_token(tmp_path: Path) -> None:
    """A wrong setting beside the token, or a wrong token itself, is named without its value."""
    config = tmp_path / "config.json"
    for settings in (
        {"auth_token": TOKEN, "window_days": "many"},
        {"auth_token": [TOKEN]},
        {"auth_token": f"{TOKEN}\n{TOKEN}"},
        {"auth_token": TOKEN, "nonsense": TOKEN},
    ):
        config.write_text(json.dumps(settings))
        done = run_tap("--config", config)
        assert done.code == 78
        assert TOKEN not in done.log
        assert not re.search("Traceback", done.log)
