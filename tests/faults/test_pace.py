"""Mailjet limits calls per second, exports at once, or the length of a window."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Build, Fault, Operation, When
from mailjet_sandbox import effects as fx
from tests.simulation.run import Ending
from tests.support.on_socket import OnSocket
from tests.support.story import asked, is_complete, on, play, story

if TYPE_CHECKING:
    from collections.abc import Callable

ALWAYS = When(times=None)
TOO_LONG = "The time range must not exceed 4 hours."


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the run has logged, in the simulation."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(caplog.messages)


@pytest.mark.parametrize("retry_after", [None, 1])
@pytest.mark.parametrize("at_once", [1, 16])
def test_a_limit_per_second_is_kept_to(at_once: int, retry_after: int | None) -> None:
    """However few tries there are: all comes, with few refusals and in little more time."""
    simulation = story(
        windows=31,
        hours=2,
        build=Build(seconds=1),
        max_concurrent_exports=at_once,
        max_attempts=1,
    )
    play(simulation, Fault(fx.Rate(2, retry_after=retry_after), ALWAYS))
    assert is_complete(simulation)
    journal = simulation.backend.journal
    refused = sum(line.status == 429 for line in journal)
    answered = len(journal) - refused
    assert refused < 0.3 * answered
    if at_once > 1:
        assert journal[-1].time - journal[0].time < 1.5 * answered / 2


def test_others_that_use_up_the_limit_are_outlasted() -> None:
    """Up to all of it, in any second."""
    simulation = story(windows=8, hours=2, max_concurrent_exports=8, max_attempts=1)
    play(simulation, Fault(fx.Rate(2, others=2), ALWAYS))
    assert is_complete(simulation)


def test_a_limit_per_second_is_kept_to_on_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with threads, a real clock and real connections."""
    account = OnSocket(monkeypatch)
    busy = Fault(fx.Http(429, 0), When(skip=6, times=2))
    assert account.is_complete(account.run(busy, max_attempts=1))
    assert account.error is None


@pytest.mark.parametrize("operation", list(Operation)[:4])
def test_a_503_with_retry_after_is_no_failed_attempt(operation: Operation) -> None:
    """The server is well, and says when to come back; without it, it is one."""
    simulation = story(max_attempts=1)
    play(simulation, Fault(fx.Http(503, 2), on(operation, times=5)))
    assert is_complete(simulation)
    simulation = story(windows=1, max_attempts=1, verify_counts="error")
    twice = on(operation, times=2)  # a download has two attempts at least
    assert play(simulation, Fault(fx.Http(503), twice)).ending is Ending.REFUSED


def test_a_limit_that_never_ends_ends_the_run() -> None:
    """After `poll_timeout_seconds`, with what can be done about it, and the export in the state."""
    simulation = story(windows=1, poll_timeout_seconds=300)
    outcome = play(simulation, Fault(fx.Http(429), on(Operation.STATUS, times=None)))
    assert outcome.ending is Ending.REFUSED
    assert "has asked to slow down for 3" in str(outcome.error)
    assert "max_concurrent_exports" in str(outcome.error)
    assert len(asked(simulation, Operation.REQUEST)) == 1
    play(simulation)
    assert is_complete(simulation)
    first, second = asked(simulation, Operation.REQUEST)
    assert second.from_ts == (first.to_ts or 0) - 1, "the next run takes it up"


def test_what_the_pace_held_back_makes_no_export_late() -> None:
    """A poll that had to wait until after the deadline finds the export finished."""
    simulation = story(windows=1, poll_timeout_seconds=60)
    play(simulation, Fault(fx.Http(429, 100), on(Operation.STATUS)))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 1


def test_the_end_says_how_often_mailjet_was_too_busy(log: Callable[[], str]) -> None:
    """One line, where it was at all."""
    play(story())
    assert "asked this run to slow down" not in log()
    play(story(), Fault(fx.Http(429), When(times=3)))
    assert "Mailjet asked this run to slow down 3 times" in log()


@pytest.mark.parametrize("at_once", [1, 2])
def test_fewer_exports_at_once_than_allowed(at_once: int, log: Callable[[], str]) -> None:
    """A 409 waits for one of ours: all windows come, and the log names the setting, once."""
    simulation = story(windows=8, hours=2, max_concurrent_exports=4, max_attempts=1)
    play(simulation, Fault(fx.AtOnce(at_once), ALWAYS))
    assert is_complete(simulation)
    refused = [line for line in asked(simulation, Operation.REQUEST) if line.status == 409]
    assert 0 < len(refused) <= 8
    assert log().count("max_concurrent_exports") == 1


def test_room_that_others_take_up_is_waited_for(log: Callable[[], str]) -> None:
    """With growing pauses, while none of ours is under way; then all windows come."""
    simulation = story(windows=1, max_attempts=1)
    play(simulation, Fault(fx.Http(409), on(Operation.REQUEST, times=7)))
    assert is_complete(simulation)
    moments = [line.time for line in asked(simulation, Operation.REQUEST)]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert len(pauses) == 7
    assert max(pauses) > 4
    assert log().count("max_concurrent_exports") == 1


def test_room_that_never_comes_ends_the_run() -> None:
    """After `poll_timeout_seconds`."""
    simulation = story(windows=1, poll_timeout_seconds=300)
    outcome = play(simulation, Fault(fx.Http(409), on(Operation.REQUEST, times=None)))
    assert outcome.ending is Ending.REFUSED
    assert "max_concurrent_exports" in str(outcome.error)
    assert len(asked(simulation, Operation.REQUEST)) < 30


def test_a_window_that_is_too_long_is_halved(log: Callable[[], str]) -> None:
    """Like one that fails, but at the first refusal; the log names the setting."""
    simulation = story(windows=2, hours=16)
    too_long = When(on=frozenset({Operation.REQUEST}), times=None, longer_than=4 * 3600 + 1)
    play(simulation, Fault(fx.Http(400, message=TOO_LONG), too_long))
    assert is_complete(simulation)
    statuses = [line.status for line in asked(simulation, Operation.REQUEST)]
    assert statuses.count(400) == 2, "16 hours, 8 hours; later windows are not tried in vain"
    assert statuses.count(200) == 8
    assert "window_days" in log()


def test_an_hour_that_is_too_long_ends_the_run() -> None:
    """There is nothing left to halve."""
    simulation = story(windows=1, hours=1)
    refusal = Fault(fx.Http(400, message=TOO_LONG), on(Operation.REQUEST, times=None))
    outcome = play(simulation, refusal)
    assert outcome.ending is Ending.REFUSED
    assert TOO_LONG in str(outcome.error)
