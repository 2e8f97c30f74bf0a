"""Answers without bound: how long one may take in all, and how big it may be."""

from __future__ import annotations

import io
import socket
import threading
import time
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Fault, Operation, When
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import (
    DownloadBrokenError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.exporting.client import ANSWER_LIMIT, LEAST_RATE, MailjetClient
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.patience import Patience
from tests.support.served import LONG_AGO, NOW, WINDOW, download, mailjet

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = When(on=frozenset({Operation.COUNT}), times=None)
DOWNLOAD = When(on=frozenset({Operation.DOWNLOAD}), times=None)


def took(since: float) -> float:
    """Seconds since then."""
    return time.monotonic() - since


@pytest.mark.parametrize("head", [False, True])
def test_an_answer_that_dribbles_is_given_up(*, head: bool) -> None:
    """After three time-outs in all, though no two bytes are a time-out apart."""
    slow = Fault(fx.Slow(0.25, head=head), COUNT)
    with mailjet(slow, timeout=0.5) as (client, _):
        began = time.monotonic()
        with pytest.raises(MailjetUnavailableError, match=r"failed: no whole answer within 1\.5 s"):
            client.count(WINDOW, not_before=LONG_AGO)
        assert 1.4 < took(began) < 8


@pytest.mark.parametrize("head", [False, True])
def test_a_download_that_dribbles_is_given_up(*, head: bool) -> None:
    """Its head within three time-outs, its body at a least rate over ten of them."""
    slow = Fault(fx.Slow(0.05, head=head), DOWNLOAD)
    with mailjet(slow, timeout=0.5) as (client, _):
        began = time.monotonic()
        reason = r"no whole answer within 1\.5 s" if head else r"fewer than 5120 bytes .* 5 s"
        with pytest.raises(DownloadBrokenError, match=f"failed: {reason}"):
            download(client)
        assert took(began) < (8 if head else 12)


def test_a_slow_answer_that_comes_in_time_is_read() -> None:
    """The limit is on the whole, not on the pace."""
    slow = Fault(fx.Slow(0.01), COUNT)
    with mailjet(slow, timeout=1) as (client, _):
        assert client.count(WINDOW, not_before=LONG_AGO) > 0


def test_a_connection_is_used_again() -> None:
    """What is read to its end leaves the connection open, with its own time-out."""
    with mailjet(timeout=0.5) as (client, sandbox):
        for _ in range(3):
            client.count(WINDOW, not_before=LONG_AGO)
            download(client)
        connections = sandbox._listeners[0]._connections
        assert len(connections) == 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_huge_answer_is_given_up(*, packed: bool) -> None:
    """After a mebibyte, unpacked."""
    huge = Fault(fx.Huge(4 << 20, packed=packed), COUNT)
    with (
        mailjet(huge, timeout=30) as (client, _),
        pytest.raises(MailjetUnavailableError, match=f"longer than {ANSWER_LIMIT} bytes"),
    ):
        client.count(WINDOW, not_before=LONG_AGO)


@contextmanager
def sender(*pieces: bytes, pause: float = 0, endless: bytes = b"") -> Iterator[str]:
    """A server that sends these bytes, each after a pause, and then some more without an end."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def send(connection: socket.socket) -> None:
        with connection:
            try:
                while not over.is_set() and connection.recv(65_536):
                    for piece in pieces:
                        connection.sendall(piece)
                        over.wait(pause)
                    while endless and not over.is_set():
                        connection.sendall(endless)
                        over.wait(pause)
            except OSError:
                return

    def serve() -> None:
        while not over.is_set():
            connection, _ = listener.accept()
            connections.append(connection)
            threads.append(threading.Thread(target=send, args=(connection,)))
            threads[-1].start()

    connections: list[socket.socket] = []
    threads = [threading.Thread(target=serve)]
    threads[0].start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    socket.create_connection(listener.getsockname()).close()
    threads[0].join()
    for connection in connections:  # a client may keep one open
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


@pytest.mark.parametrize(
    "endless",
    [
        (HEAD + b"X: ", b"x"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", b"name"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["header", "headers", "chunk size", "trailers", "gzip head", "continue"],
)
@pytest.mark.parametrize("pause", [0.02, 0])
def test_no_part_of_an_answer_is_without_an_end(endless: tuple[bytes, bytes], pause: float) -> None:
    """Slowly or as fast as it can be sent: framing counts as well."""
    start, more = endless
    with sender(start, endless=more, pause=pause) as url:
        client = MailjetClient(
            api_url=url, auth_token="token", request_timeout=0.3, now=lambda: NOW
        )
        began = time.monotonic()
        with pytest.raises(TapMailjetSMSError):
            client.count(WINDOW, not_before=LONG_AGO)
        assert took(began) < 3
        client.close()


def test_the_body_of_a_redirect_is_not_read() -> None:
    """However long it is, wherever it leads: only its head counts."""
    packed = zlib.compress(bytes(100 << 20), wbits=31)
    head = (
        b"HTTP/1.1 302 Found\r\nLocation: https://[::1/\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n"
    ) % len(packed)
    with sender(head + packed) as url:
        client = MailjetClient(api_url=url, auth_token="token", request_timeout=30, now=lambda: NOW)
        tracemalloc.start()
        try:
            with pytest.raises(RequestRefusedError, match="check the setting api_url"):
                client.count(WINDOW, not_before=LONG_AGO)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 20 << 20


def test_memory_does_not_follow_what_is_packed() -> None:
    """Some hundred kilobytes of packed blanks are given up like any other long answer."""
    packer = zlib.compressobj(wbits=31)
    blanks = bytes(1 << 20)
    body = b"".join(packer.compress(blanks) for _ in range(200)) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with sender(head + body) as url:
        client = MailjetClient(api_url=url, auth_token="token", request_timeout=30, now=lambda: NOW)
        tracemalloc.start()
        try:
            with pytest.raises(MailjetUnavailableError, match=f"longer than {ANSWER_LIMIT} bytes"):
                client.count(WINDOW, not_before=LONG_AGO)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        client.close()
    assert peak < 8 << 20


def test_a_download_may_pause_and_go_on() -> None:
    """Where enough has come in a stretch, a pause shorter than a time-out is no matter."""
    row = b"x" * 1000
    pieces = [HEAD + b"Content-Length: 8000\r\n\r\n", *8 * [row]]
    with sender(*pieces, pause=0.2) as url:
        client = MailjetClient(api_url=url, auth_token="token", request_timeout=1, now=lambda: NOW)
        file = io.BytesIO()
        job = ExportJob(7, WINDOW, NOW, url=f"{url}/x.csv")
        assert client.download(job, file)
        assert file.getvalue() == 8 * row
        client.close()


def test_a_refusal_is_one_without_its_envelope_too() -> None:
    """However big the page is that comes with it, or how slowly."""
    big = b"HTTP/1.1 401 No\r\nContent-Length: 99999999\r\n\r\n"
    for pause in (0, 0.02):
        with sender(big, endless=b"<html>" * 1000, pause=pause) as url:
            client = MailjetClient(
                api_url=url, auth_token="token", request_timeout=0.3, now=lambda: NOW
            )
            with pytest.raises(NotAuthorisedError, match="HTTP 401; check auth_token"):
                client.count(WINDOW, not_before=LONG_AGO)
            client.close()


def test_the_rate_is_held_against_each_stretch() -> None:
    """What came before does not make up for a standstill."""
    now = 100.0
    patience = Patience(60, LEAST_RATE, clock=lambda: now)
    patience.received(10 * LEAST_RATE)
    now += 60
    assert patience.left() == inf
    assert patience.left() == 60
    now += 59
    assert patience.left() == 1
    now += 1
    with pytest.raises(TimeoutError, match="fewer than 1024 bytes came within 60 s"):
        patience.left()
