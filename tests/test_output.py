"""The output of a process: closed, or of a kind that does not block."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Backend, Messages, Sandbox
from tests.support.program import TAP, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = 3000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """More messages than a pipe holds."""
    since = int(time.time()) - 30 * 3600
    with Sandbox(Backend(data=Messages(since=since, per_hour=120), clock=time.time)) as served:
        yield served


def settings(sandbox: Sandbox) -> dict[str, str]:
    """An environment to read a day of them."""
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 26 * 3600))
    return environment(
        {
            "auth_token": sandbox.backend.token,
            "api_url": sandbox.url,
            "start_date": start,
            "poll_interval_seconds": 0.1,
        }
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_does_not_block_is_waited_for(sandbox: Sandbox, unbuffered: str) -> None:
    """A parent in Node.js hands such on; its reader may be slower than the tap."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    read: list[bytes] = []

    def slowly() -> None:
        while piece := os.read(reader, 20_000):
            read.append(piece)
            time.sleep(0.001)

    with subprocess.Popen(
        [*TAP, "--config", "ENV"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=settings(sandbox) | {"PYTHONUNBUFFERED": unbuffered},
    ) as process:
        os.close(writer)
        thread = threading.Thread(target=slowly)
        thread.start()
        _, log = process.communicate(timeout=120)
        thread.join()
    os.close(reader)

    assert process.returncode == 0, log.decode()
    lines = b"".join(read).splitlines()
    assert sum(line.startswith(b'{"type":"RECORD"') for line in lines) > MESSAGES
    assert all(line.endswith(b"}") for line in lines)


@pytest.mark.parametrize("options", [("--config", "ENV"), ("--discover",), ("--about",)])
def test_a_closed_output_is_told(options: tuple[str, ...], sandbox: Sandbox) -> None:
    """`>&-`: one line, before anything is asked of Mailjet."""
    asked = len(sandbox.backend.journal)
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *TAP, *options],
        stderr=subprocess.PIPE,
        text=True,
        env=settings(sandbox),
        check=False,
    )

    errors = [line.split("|")[-1].strip() for line in done.stderr.splitlines() if "ERROR" in line]
    assert errors == [
        "The output cannot be written (Bad file descriptor): check where it goes to",
        "Ended with exit code 74 (input output)",
    ]
    assert done.returncode == 74
    assert len(sandbox.backend.journal) == asked


def test_a_reader_of_text_that_stops_is_told() -> None:
    """`--about | head -1`: not a traceback."""
    with subprocess.Popen(
        [*TAP, "--about", "--format=markdown"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        log = process.stderr.read().decode()
    assert "Traceback" not in log
    assert process.returncode == 74


@pytest.mark.parametrize("files", [7, 8, 9])
def test_too_few_open_files_are_told(sandbox: Sandbox, files: int) -> None:
    """`ulimit -n`: one line that names it."""
    code, log = run_with(files, sandbox)
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert code == 74, log
    assert "Traceback" not in log
    assert "ulimit -n" in errors[0]
    assert len(errors) == 2


def test_few_open_files_are_enough(sandbox: Sandbox) -> None:
    """No more are needed for a run than its connections and spools."""
    code, log = run_with(20, sandbox)
    assert code == 0, log


def run_with(files: int, sandbox: Sandbox) -> tuple[int, str]:
    """The exit code and the log of a run that may have so many files open."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *TAP, "--config", "ENV"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=settings(sandbox),
        check=False,
    )
    return done.returncode, done.stderr
