"""The sandbox on a socket: what a client really sees, broken answers too."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mailjet_sandbox import (
    Asked,
    Backend,
    Build,
    Ending,
    Framing,
    Messages,
    Sandbox,
    Scenario,
    Unknowns,
)
from mailjet_sandbox.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = {"Authorization": "Bearer sandbox-token"}
COUNT = "/v4/sms/count"
SECONDS = 10


def backend(**options: object) -> Backend:
    """Open an account with some thousand messages and exports that are ready at once."""
    scenario = options.pop("scenario", [])
    unknowns = options.pop("unknowns", None)
    assert not options
    assert unknowns is None or isinstance(unknowns, Unknowns)
    return Backend(
        data=Messages(since=int(time.time()) - 10 * 86_400, per_hour=100),
        clock=time.time,
        build=Build(seconds=0),
        scenario=Scenario.from_json(scenario),
        unknowns=unknowns,
    )


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve an account where nothing goes wrong."""
    with Sandbox(backend()) as sandbox:
        yield sandbox


def connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    """Open a connection."""
    return http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=SECONDS)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: object = None
) -> tuple[int, bytes]:
    """Send a request with the token, and read the whole answer."""
    connection.request(method, path, None if body is None else json.dumps(body), TOKEN)
    answer = connection.getresponse()
    return answer.status, answer.read()


def ask_once(sandbox: Sandbox, path: str) -> tuple[int, bytes]:
    """Get something on a connection of its own."""
    with closing(connect(sandbox)) as connection:
        return ask(connection, "GET", path)


def export_path(connection: http.client.HTTPConnection, days: int = 5) -> str:
    """Have an export made, and give the path of its file."""
    now = int(time.time())
    window = {"FromTS": now - days * 86_400, "ToTS": now - 60}
    _, body = ask(connection, "POST", "/v4/sms/export", window)
    _, body = ask(connection, "GET", f"/v4/sms/export/{json.loads(body)['ID']}")
    url: str = json.loads(body)["URL"]
    return urlsplit(url).path


def test_many_requests_use_one_connection(sandbox: Sandbox) -> None:
    """Connections are kept alive, and the links lead back to the sandbox."""
    connection = connect(sandbox)
    path = export_path(connection)
    first = connection.sock
    status, file = ask(connection, "GET", path)
    assert status == 200
    assert file.startswith(b"ID,From,To,")
    assert file.count(b"\n") > 5 * 24 * 90
    assert connection.sock is first is not None
    connection.close()


@pytest.mark.parametrize("framing", Framing)
def test_a_file_arrives_whole_in_every_framing(framing: Framing) -> None:
    """With a length, in chunks, or up to the end of the connection."""
    with Sandbox(backend(unknowns=Unknowns(download_framing=framing))) as sandbox:
        connection = connect(sandbox)
        path = export_path(connection)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.length is not None) is (framing is Framing.LENGTH)
        assert bool(answer.getheader("Transfer-Encoding")) is (framing is Framing.CHUNKED)
        lines = answer.read().splitlines()
        now = int(time.time())
        truth = sandbox.backend.truth(now - 5 * 86_400 - SECONDS, now)
        assert {line[:36].decode() for line in lines[1:]} <= {m.message_id for m in truth}
        connection.close()


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET, Ending.HANG])
def test_a_download_breaks_as_a_client_sees_it(framing: Framing, ending: Ending) -> None:
    """Cut, reset and hung bodies, each in every framing; only a cut without length looks whole."""
    fault = {"fault": "cut", "after": 0.5, "framing": framing.value, "ending": ending.value}
    with Sandbox(backend(scenario=[fault])) as sandbox:
        connection = connect(sandbox)
        path = export_path(connection)
        connection.request("GET", path)
        assert connection.sock is not None
        connection.sock.settimeout(0.3 if ending is Ending.HANG else SECONDS)
        answer = None
        try:
            answer = connection.getresponse().read()
        except http.client.IncompleteRead:
            outcome = Ending.CUT
        except ConnectionResetError:
            outcome = Ending.RESET
        except TimeoutError:
            outcome = Ending.HANG
        else:
            outcome = Ending.WHOLE
        connection.close()
        if ending is Ending.CUT and framing is Framing.CLOSE:
            assert outcome is Ending.WHOLE
        else:
            assert outcome is ending
        _, whole = ask_once(sandbox, path)
        assert answer is None or answer == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        ("reset", ConnectionResetError),
        ("refused", ConnectionResetError),
        ("cut", http.client.RemoteDisconnected),
        ("hang", TimeoutError),
    ],
)
def test_a_request_may_get_no_answer(ending: str, error: type[Exception]) -> None:
    """The connection breaks before the status line; the next request is answered."""
    with Sandbox(backend(scenario=[{"fault": "broken", "ending": ending}])) as sandbox:
        connection = connect(sandbox)
        connection.timeout = 0.3 if ending == "hang" else SECONDS
        connection.request("GET", COUNT, headers=TOKEN)
        # A close without a reset is a kind of reset to http.client, so compare exactly.
        with pytest.raises(error) as caught:
            connection.getresponse()
        assert type(caught.value) is error
        connection.close()
        assert ask_once(sandbox, COUNT)[0] == 200


def test_another_host_serves_the_same_files() -> None:
    """A link may lead to a second port; the journal tells which host was asked, and the token."""
    with Sandbox(backend(scenario=[{"fault": "link", "to": "other_host"}])) as sandbox:
        connection = connect(sandbox)
        now = int(time.time())
        window = {"FromTS": now - 9999, "ToTS": now - 60}
        _, body = ask(connection, "POST", "/v4/sms/export", window)
        _, body = ask(connection, "GET", f"/v4/sms/export/{json.loads(body)['ID']}")
        url = urlsplit(json.loads(body)["URL"])
        assert url.netloc != urlsplit(sandbox.url).netloc
        other = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
        other.request("GET", url.path)
        assert other.getresponse().read().startswith(b"ID,")
        asked: Asked = sandbox.backend.journal[-1]
        assert (asked.host, asked.authorization) == (url.netloc, False)
        other.close()
        connection.close()


def test_many_clients_at_once_get_each_their_answer(sandbox: Sandbox) -> None:
    """Exports asked for by many threads have ids of their own and the same file."""

    def run(_: int) -> tuple[str, bytes]:
        connection = connect(sandbox)
        path = export_path(connection, days=1)
        file = ask(connection, "GET", path)[1]
        connection.close()
        return path, file

    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(run, range(48)))
    assert len({path for path, _ in runs}) == 48
    assert all(file.startswith(b"ID,") and file.endswith(b"\n") for _, file in runs)


def test_nothing_is_left_when_it_ends() -> None:
    """Idle and hung connections and all threads end at once."""
    before = threading.active_count()
    with Sandbox(backend(scenario=[{"fault": "broken", "ending": "hang"}])) as sandbox:
        hung, idle = connect(sandbox), connect(sandbox)
        hung.request("GET", COUNT, headers=TOKEN)
        while not sandbox.backend.journal:
            time.sleep(0.01)
        ask(idle, "GET", COUNT)
        assert threading.active_count() > before
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert threading.active_count() == before
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", idle.port), timeout=SECONDS)
    hung.close()
    idle.close()


def test_the_control_calls_need_no_token(sandbox: Sandbox) -> None:
    """Health, clock, truth, journal and scenario, as the demo uses them."""
    connection = connect(sandbox)

    def control(method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection.request(method, f"/_sandbox/{path}", None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert control("GET", "health") == (200, b'{"status": "ok"}')

    now = int(time.time())
    span = f"truth?FromTS={now - 7200}&ToTS={now - 60}"
    before = [json.loads(line) for line in control("GET", span)[1].splitlines()]
    clock = json.loads(control("POST", "clock", {"advance_delivery": 86_400})[1])
    assert clock["delivery_offset"] == 86_400
    after = [json.loads(line) for line in control("GET", span)[1].splitlines()]
    assert [row["message_id"] for row in before] == [row["message_id"] for row in after]
    assert [row["status_code"] for row in before] != [row["status_code"] for row in after]
    then = [json.loads(line) for line in control("GET", f"{span}&at={now}")[1].splitlines()]
    assert len(then) == len(before)
    assert json.loads(control("POST", "clock", {"advance_now": 3600})[1])["now"] > now + 3599
    assert json.loads(control("GET", "clock")[1])["now"] > now + 3599

    faults = {"seed": 3, "faults": [{"fault": "http", "status": 418, "times": None}]}
    assert json.loads(control("POST", "scenario", faults)[1]) == faults
    assert ask(connection, "GET", COUNT)[0] == 418
    assert json.loads(control("GET", "scenario")[1]) == faults
    assert json.loads(control("DELETE", "scenario")[1])["faults"] == []
    assert ask(connection, "GET", COUNT)[0] == 200

    journal = json.loads(control("GET", "journal")[1])
    assert [line["status"] for line in journal] == [418, 200]
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PUT", "clock", {}, 404),
        ("POST", "clock", {"advance": 3}, 400),
        ("POST", "clock", [], 400),
        ("POST", "scenario", [{"fault": "x"}], 400),
        ("GET", "truth", None, 400),
        ("GET", "truth?FromTS=a&ToTS=b", None, 400),
    ],
)
def test_a_wrong_control_call_says_so(
    sandbox: Sandbox, method: str, path: str, body: object, status: int
) -> None:
    """With an error as JSON, and nothing changed."""
    connection = connect(sandbox)
    got, answer = ask(connection, method, f"/_sandbox/{path}", body)
    assert (got, "error" in json.loads(answer)) == (status, True)
    assert json.loads(ask(connection, "GET", "/_sandbox/clock")[1])["delivery_offset"] == 0
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    """It prints its URL, takes its choices and a scenario, and ends without a trace."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text('[{"fault": "http", "status": 503}]')
    command = [sys.executable, "-m", "mailjet_sandbox", "--token", "mine", "--quiet"]
    command += ["--scenario", str(scenario), "--layout", "tab", "--edges", "both"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline().decode()
        netloc = urlsplit(line.split()[-1]).netloc
        connection = http.client.HTTPConnection(netloc, timeout=SECONDS)
        answers = []
        for _ in range(2):
            connection.request("GET", COUNT, headers={"Authorization": "Bearer mine"})
            answer = connection.getresponse()
            answers.append(answer.status)
            answer.read()
        os.kill(process.pid, number)
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == b""
    assert answers == [503, 200]
    connection.close()


def test_the_help_explains_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Options, control calls, faults and layouts are in the help."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "--build-polls",
        "/_sandbox/truth",
        "link_expires",
        "semicolon-dot",
        "longer_than",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scenario", '[{"fault": "x"}]'], "unknown fault"),
        (["--scenario", "no-such-file.json"], "No such file"),
        (["--since", "2026-01-01"], "time zone"),
        (["--edges", "all"], "--edges"),
        (["--layout", "none"], "--layout"),
    ],
)
def test_a_wrong_option_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is served."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err
