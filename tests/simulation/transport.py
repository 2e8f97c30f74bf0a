"""From `requests` to the sandbox without a socket: each answer is played byte by byte.

What is broken about an answer reaches `http.client` and `urllib3` as it would from a connection,
so that their reading, not a copy of it, decides what becomes of a cut body.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from mailjet_sandbox import Ending, Framing, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Buffer

    from mailjet_sandbox import Backend, Response
    from tests.simulation.process import Process

#: How long an answer takes on its way, in seconds.
LATENCY = 0.05
#: Into so many pieces a body falls at least, each followed by a moment to be killed in.
PIECES = 3


class SimulatedTransport(HTTPAdapter):
    """Carries requests to a backend in the same process."""

    def __init__(
        self, backend: Backend, process: Process, on_request: Callable[[Request], None]
    ) -> None:
        super().__init__()
        self._backend = backend
        self._process = process
        self._on_request = on_request
        self._calls = 0
        self.most_calls = 0

    @override
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Ask the backend, and break the answer as it says.

        Raises:
            requests.ConnectionError: If the connection breaks before an answer.
            requests.ReadTimeout: If it hangs.
        """
        assert isinstance(timeout, int | float)
        self._calls += 1
        self.most_calls = max(self.most_calls, self._calls)
        try:
            return self._answer(request, timeout)
        finally:
            self._calls -= 1

    def _answer(self, request: requests.PreparedRequest, timeout: float) -> requests.Response:
        process = self._process
        process.effect()
        ask = _plain(request)
        self._on_request(ask)
        process.pass_time(LATENCY * process.random.random())
        answer = self._backend.handle(ask)
        process.effect()
        process.pass_time(LATENCY * process.random.random())
        if answer.unanswered:
            if answer.ending is Ending.HANG:
                process.pass_time(timeout)
                raise requests.ReadTimeout
            if answer.ending is Ending.REFUSED:
                reason = NewConnectionError(None, "[Errno 111] Connection refused")  # type: ignore[arg-type]
                raise requests.ConnectionError(MaxRetryError(None, ask.path, reason))  # type: ignore[arg-type]
            raise requests.ConnectionError(
                ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
            )
        parsed = http.client.HTTPResponse(
            _Connection(_Wire(answer, process, timeout)),  # type: ignore[arg-type]
            method=ask.method,
        )
        parsed.begin()
        return self.build_response(
            request,
            HTTPResponse(
                body=parsed,
                headers=HTTPHeaderDict(parsed.msg.items()),
                status=parsed.status,
                version=parsed.version,
                reason=parsed.reason,
                preload_content=False,
                decode_content=False,
                original_response=parsed,
                request_method=ask.method,
            ),
        )


class _Connection:
    """As much of a socket as `http.client` asks for."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self._wire, buffer_size=512)


class _Wire(io.RawIOBase):
    """The bytes of an answer, up to where it breaks."""

    def __init__(self, answer: Response, process: Process, timeout: float) -> None:
        super().__init__()
        self._answer = answer
        self._process = process
        self._timeout = timeout
        self._is_body = False
        lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.wire_headers.items()]
        self._left = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._body = _framed(answer)
        self._piece = max(64, len(self._body) // PIECES + 1)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if not self._left:
            if self._is_body:
                self._process.effect()
            self._is_body = True
            self._left, self._body = self._body[: self._piece], self._body[self._piece :]
        if not self._left:
            return self._break()
        view = memoryview(buffer)
        size = min(len(view), len(self._left))
        view[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def _break(self) -> int:
        if self._answer.ending is Ending.RESET:
            raise ConnectionResetError(104, "Connection reset by peer")
        if self._answer.ending is Ending.HANG:
            self._process.pass_time(self._timeout)
            raise TimeoutError
        return 0


def _framed(answer: Response) -> bytes:
    chunks = answer.chunks(1024)
    if answer.framing is not Framing.CHUNKED:
        return b"".join(chunks)
    last = b"0\r\n\r\n" if answer.ending is Ending.WHOLE else b""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + last


def _plain(request: requests.PreparedRequest) -> Request:
    url = urlsplit(request.url or "")
    body = request.body or b""
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Request(
        request.method or "GET",
        url.path,
        dict(parse_qsl(url.query, keep_blank_values=True)),
        headers | {"host": url.netloc},
        body.encode() if isinstance(body, str) else body,
    )
