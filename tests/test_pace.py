"""One pace for all calls of a run, in virtual time."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import (
    MailjetBusyError,
    MailjetUnavailableError,
    SlowDownError,
)
from tap_mailjet_sms.exporting.pace import Pace, Turn
from tap_mailjet_sms.exporting.waiting import EndOfRun, StoppedError
from tests.simulation.process import Process, SimulatedClock, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_000.0
PATIENCE = 600.0


@dataclass
class World:
    """Virtual time, and a server that lets so many calls a second through (None: all)."""

    per_second: int | None = None
    retry_after: float | None = None
    seed: int = 0
    answered: list[tuple[float, str]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin on a whole second."""
        self.process = Process(Timeline(START), random.Random(self.seed))  # noqa: S311

    @property
    def now(self) -> float:
        """The virtual moment."""
        return self.process.time.now

    def pace(self, end: EndOfRun | None = None, jitter: float | None = None) -> Pace:
        """The pace of a client; the jitter is drawn, or always this part of the most."""
        end = end or EndOfRun()
        dice = self.process.random
        return Pace(
            SimulatedClock(self.process, end),
            end,
            PATIENCE,
            at_once=16,
            jitter=lambda most: most * (dice.random() if jitter is None else jitter),
        )

    def call(self, name: str = "") -> str:
        """One call: answered, or refused."""
        second = [moment for moment, _ in self.answered if int(moment) == int(self.now)]
        if self.per_second is not None and len(second) >= self.per_second:
            self.refused.append(self.now)
            msg = "HTTP 429"
            raise SlowDownError(msg, retry_after=self.retry_after)
        self.answered.append((self.now, name))
        self.process.pass_time(0.01)
        return name

    def refuse(self, times: int, retry_after: float | None = None) -> Callable[[], str]:
        """A call that is refused so often before it is answered."""
        left = [times]

        def call() -> str:
            if left[0]:
                left[0] -= 1
                self.refused.append(self.now)
                msg = "HTTP 429"
                raise SlowDownError(msg, retry_after=retry_after)
            return self.call()

        return call


def test_nothing_waits_before_mailjet_asks_for_it() -> None:
    """An account without a limit costs nothing."""
    world = World()
    pace = world.pace()

    for _ in range(100):
        pace.call(world.call, Turn.LATER)
        assert pace.place_ahead() == world.now

    assert world.now == pytest.approx(START + 100 * 0.01)
    assert pace.refusals == 0


def test_to_be_asked_to_slow_down_is_no_failed_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """However often: the call goes on until it is answered, and says when it is tried again."""
    world = World()
    caplog.set_level(logging.INFO)
    pace = world.pace()

    pace.call(world.refuse(20), Turn.LATER)

    assert pace.refusals == 20
    assert caplog.messages[0].startswith("HTTP 429; trying again in 1.")
    assert "HTTP 429; trying again in " in caplog.messages[-1]


def test_any_other_failure_is_its_callers_business() -> None:
    """It is not tried again here."""
    world = World()

    def broken() -> None:
        msg = "HTTP 500"
        raise MailjetUnavailableError(msg)

    with pytest.raises(MailjetUnavailableError, match="HTTP 500"):
        world.pace().call(broken, Turn.LATER)
    assert world.now == START


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [(None, 1, 2), (0, 0, 1), (30, 30, 33), (86_400, 120, 132), (-5, 0, 1)],
)
def test_all_calls_wait_as_long_as_an_answer_says(
    retry_after: float | None, least: float, most: float
) -> None:
    """`Retry-After`, two minutes at most, or a second; and some jitter on top, never below."""
    waits = []
    for jitter in (0, 1):
        world = World()
        pace = world.pace(jitter=jitter)
        pace.slow_down(
            SlowDownError("HTTP 429", retry_after=retry_after), made=world.now, sent=world.now
        )
        pace.call(world.call, Turn.FIRST)
        ((moment, _),) = world.answered
        waits.append(moment - START)
    assert waits == pytest.approx([least, most])


def test_clients_that_are_refused_together_come_back_apart() -> None:
    """Each draws its own jitter."""
    world = World()
    moments = set()
    for _ in range(20):
        pace = world.pace()
        pace.slow_down(SlowDownError("HTTP 429", retry_after=60), made=world.now, sent=world.now)
        moments.add(round(pace.place_ahead() - world.now, 1))
    assert len(moments) > 10
    assert all(60 <= moment <= 66 for moment in moments)


def test_a_call_gives_up_by_time_and_not_by_count() -> None:
    """After `patience`, with what the user can change."""
    world = World()
    with pytest.raises(MailjetBusyError, match=r"slow down for 6\d\d s.*max_concurrent_exports"):
        world.pace().call(world.refuse(1000, 10), Turn.LATER)
    assert len(world.refused) > 20
    assert world.now - START >= PATIENCE


def test_a_call_that_was_only_held_back_does_not_give_up() -> None:
    """What is not refused after its time is answered, however long it had to wait."""
    world = World()
    pace = world.pace()
    for _ in range(10):
        pace.slow_down(SlowDownError("HTTP 429", retry_after=120), made=world.now, sent=world.now)
        world.process.time.now += 100
    made = world.now
    pace.call(world.call, Turn.LATER)
    assert world.now > made


def test_the_time_in_the_queue_costs_no_patience() -> None:
    """A call whose turn comes late, behind others, may be refused then as long as any other."""
    world = World()
    pace = world.pace()
    pace._next = world.now + PATIENCE + 1

    pace.call(world.refuse(1), Turn.LATER)

    assert len(world.refused) == 1


def test_downloads_and_requests_go_before_polls() -> None:
    """In the line that there is once Mailjet has asked to slow down."""
    world = World()
    pace = world.pace(jitter=0)
    pace.slow_down(SlowDownError("HTTP 429"), made=world.now, sent=world.now)

    def queue_up(name: str, turn: Turn) -> None:
        def call() -> None:
            pace.call(lambda: world.call(name), turn)

        world.process.start(call)

    for name, turn in [("poll", Turn.LATER)] * 3 + [("download", Turn.FIRST)] * 2:
        queue_up(name, turn)
        world.process.pass_time(0.01)
    request_at = pace.place_ahead()
    world.process.pass_time(60)

    assert [name for _, name in world.answered] == ["download"] * 2 + ["poll"] * 3
    assert request_at < world.answered[0][0]
    moments = [request_at, *(moment for moment, _ in world.answered)]
    assert all(later - earlier > 0.5 for earlier, later in pairwise(moments)), "one by one"


def test_a_place_is_kept_without_waiting_and_without_holding_others_up() -> None:
    """The main thread comes back when it can; if it never does, the others go on."""
    world = World()
    pace = world.pace(jitter=0)
    pace.slow_down(SlowDownError("HTTP 429"), made=world.now, sent=world.now)

    kept = pace.place_ahead()

    assert world.now == START, "it did not wait"
    assert kept == pace.place_ahead() == START + 1
    pace.call(world.call, Turn.FIRST)
    pace.call(world.call, Turn.LATER)
    assert world.answered[0][0] > kept
    assert pace.place_ahead() == world.now, "its place has come"


def test_the_end_of_the_run_ends_the_wait() -> None:
    """At once, and nothing is asked afterwards."""
    world, end = World(), EndOfRun()
    pace = world.pace(end)
    pace.slow_down(SlowDownError("HTTP 429", retry_after=100), made=world.now, sent=world.now)
    end.declare()
    with pytest.raises(StoppedError):
        pace.call(world.call, Turn.FIRST)
    assert not world.answered


def test_the_pace_recovers_until_nothing_waits() -> None:
    """Some calls after Mailjet has stopped asking to slow down."""
    world = World()
    pace = world.pace()
    pace.call(world.refuse(8), Turn.LATER)
    began = world.now
    for _ in range(2000):
        pace.call(world.call, Turn.LATER)
    moments = [moment for moment, _ in world.answered]
    assert moments[-1] - moments[-2] < 0.02
    assert world.now - began < 240


@pytest.mark.parametrize("retry_after", [None, 1])
@pytest.mark.parametrize(("per_second", "clients"), [(2, 1), (2, 4), (2, 8), (5, 1), (5, 8)])
def test_clients_that_share_a_limit_use_it(
    per_second: int, clients: int, retry_after: int | None
) -> None:
    """Together they take less than 1.5 times as long as the limit allows, on an average."""
    calls, took = 160, 0.0
    for seed in range(3):
        world = World(per_second, retry_after, seed)
        done = []
        for _ in range(clients):
            pace = world.pace()

            def work(pace: Pace = pace) -> None:
                for _ in range(calls // clients):
                    pace.call(world.call, Turn.FIRST)  # noqa: B023
                done.append(world.now)  # noqa: B023

            world.process.start(work)
        while len(done) < clients:
            world.process.pass_time(5)
        took += (max(done) - START) / (calls / per_second)
        assert len(world.refused) < calls
        world.process.end()
    assert took / 3 < 1.5
