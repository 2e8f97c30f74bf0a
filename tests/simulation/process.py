"""A simulated process: virtual time, threads that take turns, and interruptions where they hurt.

Of all threads of a run one runs at a time, until it waits; then the one whose moment comes first
goes on. So a schedule plays the same way each time, and no real second goes by.
"""

from __future__ import annotations

import enum
import heapq
import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tap_mailjet_sms.exporting.waiting import EndOfRun

P = ParamSpec("P")
T = TypeVar("T")

#: More steps than any honest run takes: beyond it, the run is going round in circles.
MOST_EFFECTS = 20_000
#: More waits without an effect than any honest run has: nothing will ever wake it.
MOST_IDLE_WAITS = 500


class Killed(BaseException):
    """The process is dead: nothing of it has any effect from here on."""


class Kind(enum.Enum):
    """How a process is interrupted."""

    KILL = "kill"
    TERMINATE = "terminate"
    CLOSE_OUTPUT = "close the output"


@dataclass(frozen=True, slots=True)
class Interruption:
    """What happens instead of the n-th effect, from 1."""

    at: int
    kind: Kind


@dataclass(slots=True)
class Timeline:
    """The time in unix seconds, which goes on from run to run."""

    now: float


@dataclass(slots=True, eq=False)
class _Thread:
    """A worker's thread; `turn` is released when it may go on."""

    turn: threading.Lock = field(default_factory=threading.Lock)


class Process:
    """One run of the tap, as the operating system sees it."""

    def __init__(
        self, time: Timeline, random: random.Random, interruption: Interruption | None = None
    ) -> None:
        """Begin with the calling thread as the main thread."""
        self.time = time
        self.random = random
        self.effects = 0
        self._idle_waits = 0
        self.is_dead = False
        self.output_is_closed = False
        self.on_signal: Callable[[], None] | None = None
        self._interruption = interruption
        self._signal_waits = False
        self._main = threading.Lock()
        self._main.acquire()
        self._current: _Thread | None = None
        self._asleep: list[tuple[float, float, int, _Thread]] = []
        self._ticket = 0

    # What the simulated world calls.

    def effect(self) -> None:
        """Stand between two effects: here the process may be interrupted.

        Raises:
            Killed: If it is dead.
            AssertionError: If it never comes to an end.
        """
        if self.is_dead:
            raise Killed
        self.effects += 1
        self._idle_waits = 0
        assert self.effects < MOST_EFFECTS, "the run goes round in circles"
        due = self._interruption
        if due is None or self.effects != due.at:
            return
        match due.kind:
            case Kind.KILL:
                self.is_dead = True
                raise Killed
            case Kind.CLOSE_OUTPUT:
                self.output_is_closed = True
            case Kind.TERMINATE:
                self._signal_waits = True
                self._deliver_signal()

    def pass_time(self, seconds: float) -> None:
        """Let time go by for the calling thread, and others run meanwhile."""
        if self._current is None:
            deadline = self.time.now + seconds
            while self._step(deadline):
                pass
            self.time.now = max(self.time.now, deadline)
        else:
            self._give_up_turn(self._current, seconds)

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Let the main thread wait until it is woken, `seconds` at most.

        Raises:
            AssertionError: If nothing can wake it any more.
        """
        # The run wakes itself each minute, to say what it is waiting for.
        self._idle_waits += 1
        assert self._idle_waits < MOST_IDLE_WAITS, "the run waits for ever"
        deadline = float("inf") if seconds is None else self.time.now + seconds
        while not woken.is_set():
            if not self._step(deadline):
                assert seconds is not None, "the run waits for ever"
                self.time.now = max(self.time.now, deadline)
                return

    def start(self, work: Callable[[], None]) -> None:
        """Start a thread, which begins when the calling one waits."""
        thread = _Thread()
        thread.turn.acquire()

        def body() -> None:
            thread.turn.acquire()
            try:
                if not self.is_dead:
                    work()
            except Killed:
                pass
            finally:
                self._main.release()

        threading.Thread(target=body, daemon=True).start()
        self._sleep_until(self.time.now, thread)

    def run_on(self, seconds: float) -> None:
        """Let the workers go on for a moment after the main thread has ended."""
        self._interruption = None
        self._signal_waits = False
        self.pass_time(seconds)

    def end(self) -> None:
        """Leave no thread behind."""
        self.is_dead = True
        while self._asleep:
            *_, thread = heapq.heappop(self._asleep)
            self._hand_over(thread)

    # How threads take turns.

    def _step(self, until: float) -> bool:
        """Let the next worker run until it waits; whether there was one."""
        if not self._asleep or self._asleep[0][0] > until:
            return False
        moment, _, _, thread = heapq.heappop(self._asleep)
        self.time.now = max(self.time.now, moment)
        self._hand_over(thread)
        if self.is_dead:
            raise Killed
        self._deliver_signal()
        return True

    def _hand_over(self, thread: _Thread) -> None:
        self._current = thread
        thread.turn.release()
        self._main.acquire()
        self._current = None

    def _give_up_turn(self, thread: _Thread, seconds: float) -> None:
        self._sleep_until(self.time.now + seconds, thread)
        self._main.release()
        thread.turn.acquire()
        if self.is_dead:
            raise Killed

    def _sleep_until(self, moment: float, thread: _Thread) -> None:
        # Threads that wake at the same moment come in any order.
        self._ticket += 1
        heapq.heappush(self._asleep, (moment, self.random.random(), self._ticket, thread))

    def _deliver_signal(self) -> None:
        """Run the signal's handler, which happens in the main thread only."""
        if self._signal_waits and self._current is None and self.on_signal is not None:
            self._signal_waits = False
            self.on_signal()


class SimulatedClock:
    """The clock of a simulated process."""

    def __init__(self, process: Process, end: EndOfRun) -> None:
        self._process = process
        self._end = end

    def now(self) -> datetime:
        """The virtual moment."""
        return datetime.fromtimestamp(self._process.time.now, UTC)

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._process.time.now

    def sleep(self, seconds: float) -> None:
        """Let a worker wait, unless the run is over."""
        if not self._end.is_declared() and seconds > 0:
            self._process.pass_time(seconds)

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Let the main thread wait."""
        self._process.wait(woken, seconds)


class SimulatedExecutor(Executor):
    """Runs so many tasks at once, each in a thread that takes its turn."""

    def __init__(self, process: Process, max_workers: int) -> None:
        self._process = process
        self._free = max_workers
        self._queue: list[Callable[[], None]] = []

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a task."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = fn(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 - as every executor does
                    future.set_exception(error)
                else:
                    future.set_result(result)
            self._free += 1
            self._start_next()

        self._queue.append(work)
        self._start_next()
        return future

    @override
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Forget what has not begun."""
        if cancel_futures:
            self._queue.clear()

    def _start_next(self) -> None:
        if self._queue and self._free:
            self._free -= 1
            self._process.start(self._queue.pop(0))
