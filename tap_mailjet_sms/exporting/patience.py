"""How long an answer may take in all: a limit beside the time-out, which each byte sets back.

`requests` knows time-outs between two pieces alone, so a byte now and then is never given up. Here
every read from a connection asks first whether the answer has come fast enough so far, its head
and the framing of its body included.
"""

from __future__ import annotations

import http.client
import io
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer
    from urllib3 import PoolManager


@dataclass(slots=True)
class Patience:
    """How long to wait for an answer: `seconds` in all, or for each `least` bytes of it.

    By a `clock` that is never set back. `lost` is what is to be said of an answer that was given
    up; None as long as none was.
    """

    seconds: float
    least: float = inf
    clock: Callable[[], float] = time.monotonic
    lost: str | None = field(default=None, init=False)
    _began: float = field(init=False)
    _received: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Waiting begins now."""
        self.restart()

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Have it hold for the requests that this thread sends here."""
        token = _PATIENCE.set(self)
        try:
            yield
        finally:
            _PATIENCE.reset(token)

    def go_on(self, *, seconds: float, least: float) -> None:
        """The answer's head is here: from now on, so many bytes in so many seconds."""
        self.seconds, self.least = seconds, least
        self.restart()

    def restart(self) -> None:
        """Another answer is waited for, or another stretch of one: it has all the time again."""
        self._began, self._received = self.clock(), 0

    def received(self, size: int) -> None:
        """Note that so many bytes have come."""
        self._received += size

    def left(self) -> float:
        """The seconds that the next piece may take; infinite once enough has come for now.

        Raises:
            TimeoutError: If too little has come in time.
        """
        left = self._began + self.seconds - self.clock()
        if self._received >= self.least:
            if left <= 0:
                self.restart()
            return inf
        if left <= 0:
            self.lost = (
                f"no whole answer within {self.seconds:g} s"
                if self.least == inf
                else f"fewer than {self.least:.0f} bytes came within {self.seconds:g} s"
            )
            raise TimeoutError(self.lost)
        return left


_PATIENCE: ContextVar[Patience | None] = ContextVar("patience", default=None)


class PatientAdapter(HTTPAdapter):
    """Carries requests, and gives up what comes too slowly for the `Patience` in force."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Reader(io.RawIOBase):
    """What comes from a connection, as fast as it must."""

    def __init__(self, connection: socket.socket, pieces: io.RawIOBase, patience: Patience) -> None:
        super().__init__()
        self._connection = connection
        self._pieces = pieces
        self._patience = patience

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int | None:
        timeout = self._connection.gettimeout()
        left = self._patience.left()
        self._connection.settimeout(timeout if left == inf else min(left, timeout or inf))
        try:
            size: int | None = self._pieces.readinto(buffer)
        except TimeoutError:
            self._patience.left()
            raise
        finally:
            self._connection.settimeout(timeout)
        self._patience.received(size or 0)
        return size

    @override
    def close(self) -> None:
        self._pieces.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read through a `_Reader`."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        patience = _PATIENCE.get()
        if patience is not None:
            self.fp = io.BufferedReader(_Reader(sock, self.fp.detach(), patience))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}
