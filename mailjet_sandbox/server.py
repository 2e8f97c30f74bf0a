"""The sandbox on a socket: plays each :class:`~mailjet_sandbox.wire.Response`, broken ones too."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import socket
import socketserver
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from mailjet_sandbox.backend import Backend
from mailjet_sandbox.messages import Messages
from mailjet_sandbox.wire import CHUNK, Ending, Framing, Request, StoredFile

if TYPE_CHECKING:
    from types import TracebackType

    from mailjet_sandbox.wire import Response

#: History goes back a bit further than an export can.
HISTORY = 400 * 86_400


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection, kept alive between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def handle_one_request(self) -> None:
        """Read a request and play the answer; a client that is gone ends the connection."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer any method: the backend decides what there is."""
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command,
            url.path,
            dict(parse_qsl(url.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        response = self.server.backend.handle(request)
        if self.server.verbose:
            status = "nothing" if response.unanswered else response.status
            sys.stderr.write(f"{self.command} {url.path}: {status} ({response.ending.value})\n")
        self._play(response)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing of bad requests: what is answered is logged in one place."""

    def _play(self, response: Response) -> None:
        if not response.unanswered:
            lines = [
                f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, '')}",
                *(f"{name}: {value}" for name, value in response.wire_headers.items()),
            ]
            head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
            if response.pause:
                self._write_slowly(head if response.slow_head else b"", response.pause)
                self.wfile.write(b"" if response.slow_head else head)
                self._send_body(response)
            elif isinstance(response.body, StoredFile) or response.framing is Framing.CHUNKED:
                self.wfile.write(head)
                self._send_body(response)
            else:
                # In one packet, so that no answer waits for an acknowledgement.
                self.wfile.write(head + b"".join(response.chunks()))
        if response.ending is not Ending.WHOLE or response.framing is Framing.CLOSE:
            self.close_connection = True
        match response.ending:
            case Ending.RESET | Ending.REFUSED:
                # Closing with a zero linger time sends a reset. A listener cannot refuse a single
                # connection, so a refused one is reset as well.
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            case Ending.HANG:
                self.connection.recv(1)  # returns when the client gives up, or the sandbox ends

    def _write_slowly(self, data: bytes, pause: float) -> None:
        """Write byte by byte; a client that is gone, or the end of the sandbox, ends it."""
        for start in range(len(data)):
            self.wfile.write(data[start : start + 1])
            time.sleep(pause)

    def _send_body(self, response: Response) -> None:
        if response.pause:
            for chunk in response.chunks():
                self._write_slowly(chunk, response.pause)
        elif response.framing is Framing.CHUNKED:
            for chunk in response.chunks():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if response.ending is Ending.WHOLE:
                self.wfile.write(b"0\r\n\r\n")
        elif isinstance(response.body, StoredFile):
            start = 0
            while start < response.length:
                size = min(CHUNK, response.length - start)
                start += os.sendfile(self.connection.fileno(), response.body.fileno(), start, size)


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts connections, and ends them all when it is closed."""

    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = False  # so that closing waits for them

    def __init__(self, host: str, port: int, backend: Backend, *, verbose: bool) -> None:
        super().__init__((host, port), _Handler)
        self.backend = backend
        self.verbose = verbose
        self.origin = f"http://{host}:{self.socket.getsockname()[1]}"
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=self.origin)
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection, and remember it."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close at once: a polite shutdown would send a FIN where a reset is meant."""
        if isinstance(request, socket.socket):
            self._connections.discard(request)
            request.close()

    def close(self) -> None:
        """Stop accepting, hang up on everyone, and wait for the threads to end."""
        self.shutdown()
        self._thread.join()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Sandbox:
    """A backend on a free port of this machine, and on a second one as "another host"."""

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        verbose: bool = False,
    ) -> None:
        """Prepare to serve; without a backend, an account with a year of messages."""
        self.backend = backend or Backend(
            data=Messages(since=int(time.time()) - HISTORY), clock=time.time
        )
        self._host, self._port, self._verbose = host, port, verbose
        self._listeners: list[_Listener] = []

    @property
    def origin(self) -> str:
        """Where it is served, without a path."""
        return self._listeners[0].origin

    @property
    def url(self) -> str:
        """The root of the API, for the tap's `api_url`."""
        return f"{self.origin}/v4"

    def __enter__(self) -> Self:
        """Begin to serve."""
        for port in (self._port, 0):
            listener = _Listener(self._host, port, self.backend, verbose=self._verbose)
            self._listeners.append(listener)
        self.backend.public_url = self.url
        self.backend.elsewhere = self._listeners[1].origin
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all connections and threads."""
        while self._listeners:
            self._listeners.pop().close()
