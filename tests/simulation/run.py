"""One run of the real tap in a simulated process."""

from __future__ import annotations

import enum
import io
import random
import signal
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import msgspec
from upath import UPath

from tap_mailjet_sms.exceptions import OutputClosedError, TapMailjetSMSError
from tap_mailjet_sms.settings import Settings
from tap_mailjet_sms.streams import SMSMessages
from tap_mailjet_sms.tap import TapMailjetSMS
from tap_mailjet_sms.writing.stdout import TerminatedError
from tests.simulation.process import Killed, SimulatedClock, SimulatedExecutor
from tests.simulation.transport import SimulatedTransport
from tests.support.account import captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mailjet_sandbox import Backend, Request
    from tests.simulation.process import Process

#: How long a worker could still do something after the main thread has given up, in seconds.
LAST_MOMENT = 1.0

Record = dict[str, object]
State = dict[str, object]


class Message(msgspec.Struct):
    """A line of the output, as far as it matters here."""

    type: str
    record: Record | None = None
    value: State | None = None
    manifest: list[str] = []

    @property
    def state(self) -> State | None:
        """The state, of a STATE message."""
        return self.value


_decoder = msgspec.json.Decoder(Message, float_hook=Decimal)


class Ending(enum.Enum):
    """How a run ended."""

    FINISHED = "finished"
    REFUSED = "ended with an error"
    KILLED = "killed"
    TERMINATED = "terminated"
    OUTPUT_CLOSED = "lost its reader"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    ending: Ending
    error: TapMailjetSMSError | None
    messages: list[Message]
    cut_line: bytes
    effects: int
    most_calls: int
    late_requests: int


class Output(io.RawIOBase):
    """The reader's end of stdout: what came out before the process died, byte by byte."""

    def __init__(self, process: Process, before_effect: Callable[[bytearray], None]) -> None:
        super().__init__()
        self.written = bytearray()
        self._process = process
        self._before_effect = before_effect

    def writable(self) -> bool:
        """As `io` wants to know."""
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Take bytes, in two parts: a process can die in the middle of a line.

        Raises:
            BrokenPipeError: If the reader is gone.
        """
        whole = bytes(data)
        if whole.startswith((b'{"type":"RECORD"', b'{"type":"BATCH"')):
            self._before_effect(self.written)
        middle = self._process.random.randrange(len(whole) + 1)
        for part in (whole[:middle], whole[middle:]):
            self._process.effect()
            if self._process.output_is_closed:
                raise BrokenPipeError
            self.written += part
        return len(whole)


def _opened(message: Message) -> Iterator[Message]:
    """The message, or the records of the files that it names."""
    if not message.manifest:
        yield message
    for name in message.manifest:
        file = UPath(name)
        for record in msgspec.json.Decoder(Record, float_hook=Decimal).decode_lines(
            file.read_bytes()
        ):
            yield Message("RECORD", record)
        file.unlink()


def _sync(tap: TapMailjetSMS) -> tuple[Ending, TapMailjetSMSError | None]:
    try:
        tap.sync_all()
    except Killed:
        return Ending.KILLED, None
    except TerminatedError:
        return Ending.TERMINATED, None
    except OutputClosedError as error:
        return Ending.OUTPUT_CLOSED, error
    except TapMailjetSMSError as error:
        return Ending.REFUSED, error
    return Ending.FINISHED, None


class _Messages(SMSMessages):
    """The real stream."""


class _Tap(TapMailjetSMS):
    """The real tap, with windows shorter than the hour that users have to keep to."""

    window: ClassVar[timedelta]

    @cached_property
    def settings(self) -> Settings:
        return replace(Settings.from_config(self.config), window=self.window)

    def discover_streams(self) -> Sequence[SMSMessages]:
        return [_Messages(self)]


def run_tap(
    backend: Backend,
    process: Process,
    *,
    config: Mapping[str, object],
    state: State | None,
    before_effect: Callable[[bytearray], None],
) -> Outcome:
    """Run the tap to its end, or to its interruption.

    Raises:
        Exception: If the run ends with anything but a clear error of the tap.
    """
    late_requests = 0
    is_over = False

    def asked(request: Request) -> None:
        nonlocal late_requests
        late_requests += is_over
        if request.method == "POST":
            before_effect(output.written)

    def terminate() -> None:
        nonlocal is_over
        try:
            tap._handle_termination(signal.SIGTERM, None)
        except TerminatedError:
            is_over = True
            raise

    output = Output(process, before_effect)
    transport = SimulatedTransport(backend, process, asked)
    _Messages.clock_type = lambda end: SimulatedClock(process, end)
    _Messages.executor_type = lambda workers: SimulatedExecutor(process, workers)
    _Messages.transport = transport
    dice = random.getstate()
    random.seed(process.random.random())  # the jitter of the tap's waits
    try:
        with captured(output):
            _Tap.window = timedelta(days=float(str(config["window_days"])))
            tap = _Tap(config={**config, "window_days": 1}, state=state)
            process.on_signal = terminate
            ending, error = _sync(tap)
    finally:
        random.setstate(dice)
    is_over = True
    process.on_signal = None
    if ending is not Ending.KILLED:
        # What the workers would do until the process has really ended.
        process.run_on(LAST_MOMENT)
    process.end()
    *lines, cut_line = bytes(output.written).split(b"\n")
    return Outcome(
        ending,
        error,
        [message for line in lines for message in _opened(_decoder.decode(line))],
        cut_line,
        process.effects,
        transport.most_calls,
        late_requests,
    )
