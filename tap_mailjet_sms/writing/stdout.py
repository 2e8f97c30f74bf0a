"""The message writer: whole lines on stdout, whatever signal comes and whoever reads."""

from __future__ import annotations

import errno
import os
import select
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from singer_sdk.contrib.msgspec import MsgSpecWriter
from typing_extensions import override

from tap_mailjet_sms.exceptions import OutputClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.singerlib.messages import Message

#: Most bytes in one write: a signal waits for no longer than the reader takes for these.
PIECE = 1 << 18


class TerminatedError(SystemExit):
    """A signal ended the run: exit code 128 + signal, so that it does not look like a success."""

    def __init__(self, signum: int) -> None:
        """Take the signal's number."""
        super().__init__(128 + signum)
        self.signum = signum


class MessageWriter(MsgSpecWriter):
    """Writes single messages, as the SDK's writers do, and ready-made lines in bulk.

    A signal that comes while a piece is written waits until its last line is out: a reader never
    sees two messages spliced into one line. `on_end` is called as soon as a signal or a closed
    output ends the run: unwinding may take a while, and nothing may be asked of Mailjet meanwhile.
    """

    def __init__(self) -> None:
        """Start with nothing written."""
        super().__init__()
        self.on_end: Callable[[], None] = lambda: None
        #: Seconds for which writes have taken, so the reader has.
        self.waited = 0.0
        self._writing_since: float | None = None
        self._signal: int | None = None

    @contextmanager
    def telling_of_waits(self, tell: Callable[[float], None], *, every: float) -> Iterator[None]:
        """Meanwhile, tell for how many seconds the reader has taken nothing, every so many of them.

        It is told from another thread, since a write that waits does nothing else.
        """
        over = threading.Event()

        def watch() -> None:
            told = 0
            while not over.wait(every / 10):
                since = self._writing_since
                waited = 0.0 if since is None else time.monotonic() - since
                times = int(waited / every)
                if times > told:
                    tell(waited)
                told = times

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def terminate(self, signum: int) -> None:
        """End the run because of a signal, as soon as no line is cut by it; once is enough.

        Raises:
            TerminatedError: At once, or from the write that is under way.
        """
        self.on_end()
        is_first, self._signal = self._signal is None, signum
        if is_first and self._writing_since is None:
            raise TerminatedError(signum)

    @override
    def write_message(self, message: Message) -> None:
        """Write one message.

        Raises:
            OutputClosedError: If nobody reads any more, or there is no room for it.
        """
        self._write(bytes(self.format_message(message)))  # the SDK uses its buffer again

    def write_lines(self, lines: bytes) -> None:
        """Write messages that are JSON lines already, each with its line end.

        Raises:
            OutputClosedError: If nobody reads any more, or there is no room for it.
        """
        view, start = memoryview(lines), 0
        while start < len(lines):
            end = len(lines)
            if end - start > PIECE:
                end = lines.rfind(b"\n", start, start + PIECE) + 1 or lines.index(b"\n", start) + 1
            self._write(view[start:end])
            start = end

    def _write(self, lines: bytes | memoryview) -> None:
        """Write whole lines; in one piece of code, since single records pass here one by one."""
        began = self._writing_since = time.monotonic()
        try:
            if sys.stdout is None:  # Python's word for one that was closed before it began
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # noqa: TRY301
            sys.stdout.flush()
            # Looked up each time: tests redirect it.
            _write_all(sys.stdout.buffer, memoryview(lines))
        except OSError as error:
            self.on_end()
            msg = "The target has stopped reading the output: look for the reason in its log"
            if not isinstance(error, BrokenPipeError):
                msg = f"The output cannot be written ({error.strerror}): check where it goes to"
            raise OutputClosedError(msg) from None
        finally:
            self._writing_since = None
            self.waited += time.monotonic() - began
            if self._signal is not None:
                raise TerminatedError(self._signal)


def _write_all(output: BinaryIO, rest: memoryview) -> None:
    """Write all there is: a signal, or a pipe that does not block, can end a write halfway."""
    while True:
        try:
            written: int | None = output.write(rest)
            if written == len(rest):
                output.flush()
                return
        except BlockingIOError as full:
            written = full.characters_written
            select.select([], [output], [])
        if written is None:  # an unbuffered one says so that it would block
            select.select([], [output], [])
        rest = rest[written or 0 :]
