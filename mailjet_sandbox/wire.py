"""Requests and answers as plain data, and how an answer may break on its way.

Nothing here knows sockets: :mod:`mailjet_sandbox.server` plays these on a connection, and a test
may play them inside its own process.
"""

from __future__ import annotations

import enum
import json
import os
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CHUNK = 1 << 20


class Framing(enum.Enum):
    """How the receiver can tell where the body ends."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class Ending(enum.Enum):
    """What happens to the connection, once `Response.sent` bytes of the body are out."""

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"
    HANG = "hang"
    REFUSED = "refused"


class StoredFile:
    """A body that is too big for memory: an unlinked file that many threads can read at once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Store the pieces one after the other."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this object)
        for piece in pieces:
            self._file.write(piece)
        self._file.flush()
        self._size = self._file.tell()

    def __del__(self) -> None:
        """Give the room back with the last reader."""
        self._file.close()

    def __len__(self) -> int:
        """Return the size in bytes."""
        return self._size

    def fileno(self) -> int:
        """Return the descriptor, for `sendfile`; its position means nothing."""
        return self._file.fileno()

    def read(self, start: int, size: int) -> bytes:
        """Read without moving a position that other threads share."""
        return os.pread(self._file.fileno(), size, start)


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names are in lower case, the path has no query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, with how it is framed and how it breaks.

    `ending` other than WHOLE breaks the connection after `sent` bytes of the body; `sent` None
    means that not even the status line goes out. With a `pause` of some seconds the body goes out
    byte by byte, and so does the head before it if `slow_head`.
    """

    status: int
    headers: dict[str, str]
    body: bytes | StoredFile = b""
    framing: Framing = Framing.LENGTH
    ending: Ending = Ending.WHOLE
    sent: int | None = None
    pause: float = 0
    slow_head: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether the connection breaks before any answer."""
        return self.ending is not Ending.WHOLE and self.sent is None

    @property
    def length(self) -> int:
        """How many bytes of the body really go out."""
        return len(self.body) if self.sent is None else min(self.sent, len(self.body))

    @property
    def wire_headers(self) -> dict[str, str]:
        """All headers as sent, with those of the framing."""
        match self.framing:
            case Framing.LENGTH:
                return {**self.headers, "Content-Length": str(len(self.body))}
            case Framing.CHUNKED:
                return {**self.headers, "Transfer-Encoding": "chunked"}
            case Framing.CLOSE:
                return {**self.headers, "Connection": "close"}

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes that go out, which are not all of them if the answer breaks."""
        for start in range(0, self.length, size):
            end = min(start + size, self.length)
            body = self.body
            yield body[start:end] if isinstance(body, bytes) else body.read(start, end - start)

    def json(self) -> object:
        """Read the body as JSON."""
        document: object = json.loads(b"".join(self.chunks()))
        return document


def json_response(status: int, document: object) -> Response:
    """Answer with a JSON document."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8"}, body)
