"""Real processes that die: killed, terminated, without a reader, without room on the disk."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import (
    Backend,
    Build,
    Ending,
    Fault,
    Messages,
    Operation,
    Sandbox,
    Scenario,
    When,
)
from mailjet_sandbox import effects as fx
from tests.support.program import TAP, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mailjet_sandbox import Asked

NOW = int(time.time())
HOUR = 3600
START, END = NOW - 25 * HOUR, NOW - HOUR
WINDOWS = 4
#: What the operating system must do with an ended process, and no more, in seconds.
AT_ONCE = 5


@dataclass(slots=True)
class KilledAccount:
    """An account on a socket, a folder for temporary files, and what came out of runs so far."""

    sandbox: Sandbox
    folder: Path
    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    state: dict[str, object] | None = None

    @property
    def backend(self) -> Backend:
        """The account."""
        return self.sandbox.backend

    @contextmanager
    def tap(
        self,
        *,
        before: Callable[[], None] | None = None,
        unbuffered: bool = True,
        **settings: object,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run the tap from the last state while the block lasts."""
        state = self.folder.parent / "state.json"
        state.write_text(json.dumps(self.state or {}))
        temporary = {
            "TMPDIR": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1" if unbuffered else "",
        }
        process = subprocess.Popen(
            [*TAP, "--config", "ENV", "--state", state],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=before,  # noqa: PLW1509 - no thread of ours matters to it
            env=environment(self.settings | settings) | temporary,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()

    @property
    def settings(self) -> dict[str, object]:
        """A day in four windows."""
        return {
            "api_url": self.sandbox.url,
            "auth_token": self.backend.token,
            "start_date": moment(START),
            "end_date": moment(END),
            "window_days": 1 / WINDOWS,
            "lookback_days": 0.1,
            "poll_interval_seconds": 0.1,
        }

    def take(self, output: bytes) -> list[dict[str, object]]:
        """Upsert what came out, up to the last whole line, and keep the last state."""
        messages = [json.loads(line) for line in output[: output.rfind(b"\n") + 1].splitlines()]
        for message in messages:
            if message["type"] == "RECORD":
                self.rows[message["record"]["message_id"]] = message["record"]
            elif message["type"] == "STATE":
                self.state = message["value"]
        return messages

    def finish(self) -> None:
        """Run to the end; then everything must be there, and the folder empty."""
        known = {job["id"]: job for job in self.pending}
        before = len(self.journal("request"))
        with self.tap() as process:
            output, log = process.communicate(timeout=60)
        assert process.returncode == 0, log.decode()
        self.take(output)
        truth = {message.message_id for message in self.backend.truth(START, END)}
        assert len(truth) > 1000
        assert set(self.rows) == truth
        assert not list(self.folder.iterdir())
        # What was in the state is not asked for again.
        windows = {(unix(job["from_ts"]), unix(job["to_ts"])) for job in known.values()}
        for asked in self.journal("request")[before:]:
            assert asked.from_ts is not None
            assert (asked.from_ts + 1, asked.to_ts) not in windows
        assert not known.keys() - self.read_exports(), "an export of the state was not used"

    @property
    def pending(self) -> list[dict[str, object]]:
        """The exports in the state."""
        bookmarks = (self.state or {}).get("bookmarks", {})
        assert isinstance(bookmarks, dict)
        exports: list[dict[str, object]] = bookmarks.get("sms_messages", {}).get(
            "pending_exports", []
        )
        return exports

    def read_exports(self) -> set[object]:
        """The ids of the exports that rows came from, or that hold none."""
        used = {row["export_id"] for row in self.rows.values()}
        return used | {asked.export_id for asked in self.journal("download")}

    def journal(self, operation: str) -> list[Asked]:
        """What was asked of Mailjet."""
        return [asked for asked in self.backend.journal if asked.operation == operation]


def moment(seconds: float) -> str:
    """A setting's date-time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def unix(value: object) -> int:
    """The unix seconds of a date-time."""
    return int(datetime.fromisoformat(str(value)).timestamp())


@pytest.fixture
def account(tmp_path: Path) -> Iterator[KilledAccount]:
    """An account with about a hundred messages an hour."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    backend = Backend(
        data=Messages(since=START - HOUR, per_hour=500),
        clock=time.time,
        build=Build(seconds=0.3),
    )
    with Sandbox(backend) as sandbox:
        yield KilledAccount(sandbox, folder)


def read_some(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Read so many bytes of the output, a little at a time: a slow reader."""
    assert process.stdout is not None
    some = b""
    while len(some) < size:
        piece = os.read(process.stdout.fileno(), min(8192, size - len(some)))
        if not piece:
            break
        some += piece
    return some


def size_of_a_run(account: KilledAccount) -> int:
    """About how many bytes a run writes."""
    return sum(1 for _ in account.backend.truth(START, END)) * 480


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_nothing_is_lost(account: KilledAccount, seed: int) -> None:
    """SIGKILL at a random moment, while a slow reader takes the output: the next run completes it.

    No export whose id was in the state is asked for again, and no temporary file is left.
    """
    dice = random.Random(seed)  # noqa: S311
    for _ in range(2):
        with account.tap() as process:
            output = read_some(process, dice.randrange(size_of_a_run(account)))
            time.sleep(dice.random() * 0.02)
            process.kill()
            rest, _ = process.communicate(timeout=AT_ONCE)
        account.take(output + rest)
        assert not list(account.folder.iterdir())
    account.finish()


@pytest.mark.parametrize("seed", range(2))
def test_terminated_at_any_moment_nothing_is_lost(account: KilledAccount, seed: int) -> None:
    """SIGTERM and SIGINT end a run with 143 and 130 within 5 s, at the end of a line."""
    dice = random.Random(seed)  # noqa: S311
    for signum in (signal.SIGTERM, signal.SIGINT):
        with account.tap(unbuffered=seed % 2 == 0) as process:
            output = read_some(process, dice.randrange(1, size_of_a_run(account) // 2))
            for _ in range(1 + seed):  # whoever is impatient asks twice
                process.send_signal(signum)
            rest, log = process.communicate(timeout=AT_ONCE)
        assert process.returncode == 128 + signum, log.decode()
        assert f"Ended by signal {signum:d}" in log.decode()
        assert b"Traceback" not in log
        output += rest
        assert output.endswith(b"\n")
        messages = account.take(output)  # every line is a whole message
        assert messages[0]["type"] in {"SCHEMA", "STATE"}
        assert not list(account.folder.iterdir())
    account.finish()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(fx.Late(None), When(times=None)),
        Fault(fx.Broken(Ending.HANG), When(frozenset({Operation.REQUEST}), times=None)),
        Fault(fx.Broken(Ending.HANG), When(frozenset({Operation.STATUS}), times=None)),
        Fault(fx.Cut(0.5, ending=Ending.HANG), When(times=None)),
        Fault(fx.Http(503, 100), When(frozenset({Operation.REQUEST}), times=None)),
    ],
    ids=["waiting", "request hangs", "poll hangs", "download hangs", "backing off"],
)
def test_a_signal_ends_every_wait(account: KilledAccount, fault: Fault, signum: int) -> None:
    """Whatever the tap waits for: a signal ends it within 5 s, and no new request is made."""
    account.backend.scenario = Scenario((fault,))
    with account.tap(poll_interval_seconds=2) as process:
        wait_until(lambda: bool(account.backend.journal))
        time.sleep(0.5)
        process.send_signal(signum)
        asked = len(account.backend.journal)
        output, log = process.communicate(timeout=AT_ONCE)
    assert process.returncode == 128 + signum
    assert b"Traceback" not in log
    assert len(account.backend.journal) - asked <= 4  # what was on its way already
    assert not list(account.folder.iterdir())
    account.take(output)
    account.backend.scenario = Scenario()


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_signals_ends_a_run_once(account: KilledAccount, seed: int) -> None:
    """Dozens of them within moments, wherever each of them meets the run: 143 or 130 within 5 s."""
    dice = random.Random(seed)  # noqa: S311
    with account.tap(poll_interval_seconds=0.001) as process:
        output = read_some(process, dice.randrange(1, size_of_a_run(account) // 2))
        for _ in range(60):
            process.send_signal(dice.choice((signal.SIGTERM, signal.SIGINT)))
            time.sleep(dice.random() * 0.002)
        rest, log = process.communicate(timeout=AT_ONCE)
    assert process.returncode in {143, 130}, log.decode()
    assert log.decode().count("Ended by signal") == 1
    assert b"Traceback" not in log
    output += rest
    assert output.endswith(b"\n")
    account.take(output)
    account.finish()


def interruptible() -> None:
    """What is started in the background may ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_run_ends_it(account: KilledAccount, signum: int) -> None:
    """Before anything is loaded, it ends the process as it ends any."""
    with account.tap(before=interruptible) as process:
        process.send_signal(signum)
        output, _ = process.communicate(timeout=AT_ONCE)
    assert process.returncode in {-signum, 128 + signum}
    assert not account.backend.journal
    assert not output


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_first_word_ends_the_run(account: KilledAccount, signum: int) -> None:
    """Once the log has its first byte, the run may have begun: what is out are whole lines."""
    with account.tap(before=interruptible) as process:
        assert process.stderr is not None
        assert os.read(process.stderr.fileno(), 1)
        process.send_signal(signum)
        output, _ = process.communicate(timeout=AT_ONCE)
    assert process.returncode in {-signum, 128 + signum}
    account.take(output)
    assert output.endswith(b"\n") or not output


def test_a_good_run_waits_for_no_thread() -> None:
    """One that is alive at the end would hold it up, or end it with SIGABRT."""
    program = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "from tap_mailjet_sms.tap import TapMailjetSMS\n"
        "TapMailjetSMS.cli()\n"
    )
    done = subprocess.run(
        [TAP[0], "-c", program, "--discover"], capture_output=True, timeout=40, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["streams"]


def test_an_error_does_not_wait_for_slow_answers(account: KilledAccount) -> None:
    """An error ends the run at once, also while another export's answer hangs."""
    status = frozenset({Operation.STATUS})
    refused = Fault(fx.Http(403), When(status, export=1))
    hung = Fault(fx.Broken(Ending.HANG), When(status, times=None))
    account.backend.scenario = Scenario((refused, hung))
    with account.tap(request_timeout_seconds=60) as process:
        wait_until(lambda: any(asked.status == 403 for asked in account.backend.journal))
        _, log = process.communicate(timeout=AT_ONCE)
    assert process.returncode == 77
    assert b"HTTP 403" in log


def wait_until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def test_a_reader_that_dies_ends_the_run(account: KilledAccount) -> None:
    """The target died: one line says so, exit 74, no traceback, and nothing is asked any more."""
    with account.tap(max_concurrent_exports=1) as process:
        output = read_some(process, 100_000)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        log = process.stderr.read().decode()
        assert process.wait(AT_ONCE) == 74
    errors = [
        line for line in log.splitlines() if "The target has stopped reading the output" in line
    ]
    assert len(errors) == 1
    assert "Traceback" not in log
    assert "BrokenPipe" not in log
    ended = time.time()
    assert len(account.journal("request")) < WINDOWS
    time.sleep(0.5)
    assert all(asked.time < ended for asked in account.backend.journal)
    account.take(output)
    account.finish()


def test_a_reader_that_stops_costs_mailjet_nothing(account: KilledAccount) -> None:
    """While nobody reads, no connection is held: what is ahead lies on disk, in few files."""
    with account.tap(max_concurrent_exports=2, max_attempts=1) as process:
        # The window being written, and two ahead; the fourth is not asked for.
        wait_until(lambda: len(account.journal("count")) == 3)
        time.sleep(1)
        assert len(account.journal("request")) == 3
        assert len(deleted_files(process.pid, account.folder)) <= 3
        account.sandbox.__exit__(None, None, None)  # Mailjet is gone, and they do not miss it
        output, log = process.communicate(timeout=60)
    assert process.returncode == 69
    assert b"check the network" in log
    account.take(output)
    end = START + (END - START) * 3 // WINDOWS
    assert set(account.rows) == {m.message_id for m in account.backend.truth(START, end)}


def deleted_files(pid: int, folder: Path) -> set[str]:
    """The files without a name that a process holds in a folder; none are known without /proc."""
    descriptors = f"/proc/{pid}/fd"
    if not os.path.isdir(descriptors):  # noqa: PTH112
        return set()
    links = []
    for name in os.listdir(descriptors):  # noqa: PTH208
        try:
            links.append(os.readlink(f"{descriptors}/{name}"))  # noqa: PTH115
        except FileNotFoundError:
            continue
    return {link for link in links if link.startswith(str(folder))}


@pytest.mark.parametrize("room", [0, 4096, 200_000], ids=["unwritable", "full at once", "full"])
def test_a_full_disk_is_told(account: KilledAccount, room: int) -> None:
    """No room in the temporary folder: one clear error, the bookmark unmoved, nothing left."""
    with account.tap(before=limit_files(room)) as process:
        output, log = process.communicate(timeout=60)
    assert process.returncode == 74
    text = log.decode()
    assert "The temporary folder cannot take an export" in text
    assert "set TMPDIR" in text
    assert "Traceback" not in text
    messages = account.take(output)
    assert not [message for message in messages if message["type"] == "RECORD"]
    assert not re.search(r'"replication_key_value"', output.decode())
    assert not list(account.folder.iterdir())
    account.finish()


def limit_files(size: int) -> Callable[[], None]:
    """Files end at this size, as if the disk were full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
