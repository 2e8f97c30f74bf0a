"""Exports that are gone, of another window, end in ERROR, or are never finished."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Build, Fault, Operation, Scenario, When
from mailjet_sandbox import effects as fx
from tests.simulation.play import bookmark, pending
from tests.simulation.process import Interruption, Kind
from tests.simulation.schedule import EPOCH, Run
from tests.support.story import (
    FINISHED,
    HOUR,
    REFUSED,
    asked,
    interrupted,
    is_complete,
    on,
    play,
    story,
)

if TYPE_CHECKING:
    from mailjet_sandbox import Asked
    from mailjet_sandbox.effects import Effect

ECHOES = {
    "400": fx.Http(400),
    "403": fx.Http(403),
    "404": fx.Http(404),
    "another window": fx.Echo(3600),
}


# Exports that are gone, or of another window


def test_an_export_that_is_gone_is_asked_for_anew() -> None:
    """404 on an export of this run: a new one of the same window, after a wait, never halved."""
    simulation = story(windows=1)
    outcome = play(simulation, Fault(fx.Http(404), on(Operation.STATUS, times=3)))
    assert outcome.ending is FINISHED
    assert is_complete(simulation)
    requests = asked(simulation, Operation.REQUEST)
    assert len(requests) == 4
    assert len({(line.from_ts, line.to_ts) for line in requests}) == 1


def test_an_export_that_is_gone_each_time_ends_the_run() -> None:
    """Each 404 counts as an attempt."""
    simulation = story(windows=1, max_attempts=3)
    outcome = play(simulation, Fault(fx.Http(404), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert len(asked(simulation, Operation.REQUEST)) == 3


@pytest.mark.parametrize("effect", ECHOES.values(), ids=ECHOES)
def test_an_id_of_the_state_that_is_no_good_is_dropped(effect: Effect) -> None:
    """An id from the state with 400, 403, 404 or another window: its window is asked for anew."""
    simulation = story(windows=1)
    interrupted(simulation)
    (job,) = pending(simulation.state)
    outcome = play(simulation, Fault(effect, on(Operation.STATUS)), pause=60)
    assert outcome.ending is FINISHED
    assert is_complete(simulation)
    downloaded = {line.export_id for line in asked(simulation, Operation.DOWNLOAD)}
    assert job.id not in downloaded
    assert job.id + 1 in downloaded


@pytest.mark.parametrize("shift", [3600, -3600])
def test_an_export_of_another_window_is_not_used(shift: int) -> None:
    """An answer that does not cover the window asked for in this run is an error."""
    simulation = story(windows=1)
    outcome = play(simulation, Fault(fx.Echo(shift), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert "does not cover the window" in str(outcome.error)
    assert not simulation.rows


def test_a_missing_echo_is_accepted() -> None:
    """An answer that does not name its window is taken at its id's word."""
    simulation = story()
    play(simulation, Fault(fx.Echo(None), on(Operation.REQUEST, Operation.STATUS, times=None)))
    assert is_complete(simulation)


# Exports that end in ERROR


def test_a_failed_export_is_asked_for_again() -> None:
    """One ERROR: the same window again, after a wait."""
    simulation = story(windows=1)
    play(simulation, Fault(fx.Fails()))
    assert is_complete(simulation)
    assert len({(line.from_ts, line.to_ts) for line in asked(simulation, Operation.REQUEST)}) == 1


def test_an_export_that_fails_twice_is_halved() -> None:
    """After two failures the halves are tried, and later windows have the length that worked."""
    simulation = story(windows=3, hours=8, max_concurrent_exports=1)
    play(simulation, Fault(fx.Fails(), When(longer_than=2 * HOUR + 2, times=None)))
    assert is_complete(simulation)
    lengths = [length(line) for line in asked(simulation, Operation.REQUEST)]
    assert lengths[:7] == pytest.approx([8, 8, 4, 4, 2, 2, 2], abs=0.01)
    assert lengths[5:] == pytest.approx([2] * 11 + lengths[16:], abs=0.01)


def test_an_hour_that_always_fails_ends_the_run() -> None:
    """It is halved down to one hour; then an error names the window and the way past it."""
    simulation = story(windows=2, hours=4, max_concurrent_exports=1, max_attempts=3)
    poison = simulation.schedule.start + 5 * HOUR + 60
    outcome = play(simulation, Fault(fx.Fails(), When(covers=poison, times=None)))
    assert outcome.ending is REFUSED
    way_past = datetime.fromtimestamp(simulation.schedule.start + 6 * HOUR, UTC).isoformat()
    assert f"set start_date to {way_past}" in str(outcome.error)
    assert "are lost" in str(outcome.error)
    shortest = min(length(line) for line in asked(simulation, Operation.REQUEST))
    assert shortest == pytest.approx(1, abs=0.01)
    assert bookmark(simulation.state) == simulation.schedule.start + 5 * HOUR


def length(line: Asked) -> float:
    """How many hours an export is asked for."""
    assert line.from_ts is not None
    assert line.to_ts is not None
    return (line.to_ts - line.from_ts) / HOUR


@pytest.mark.parametrize("attempts", [1, 6])
def test_a_failed_export_of_the_state_is_asked_for_anew(attempts: int) -> None:
    """An ERROR of an earlier run's export is no attempt of this run."""
    simulation = story(windows=1, max_attempts=attempts)
    simulation.backend.scenario = Scenario((Fault(fx.Fails()),))
    for at in range(1, 100):
        run = Run(0, (Fault(fx.Fails()),), Interruption(at, Kind.KILL))
        simulation.run(run)
        if pending(simulation.state):
            break
    play(simulation, pause=60)
    assert is_complete(simulation)


# Exports that are not finished


def test_a_late_export_is_asked_for_once_more() -> None:
    """Not finished after `poll_timeout_seconds`: asked for once more."""
    simulation = story(windows=1, poll_timeout_seconds=60)
    play(simulation, Fault(fx.Late(None)))
    assert is_complete(simulation)
    first, second = asked(simulation, Operation.REQUEST)
    assert 60 <= second.time - first.time < 62


def test_an_export_that_stays_late_is_taken_up_by_the_next_run() -> None:
    """Late twice: an error names the setting, and the id waits in the state for the next run."""
    simulation = story(windows=2, poll_timeout_seconds=60, max_concurrent_exports=1)
    outcome = play(simulation, Fault(fx.Late(1000), When(skip=1, times=None)))
    assert outcome.ending is REFUSED
    assert "poll_timeout_seconds" in str(outcome.error)
    assert bookmark(simulation.state) == simulation.schedule.start + 8 * HOUR
    (job,) = pending(simulation.state)
    assert job.id == asked(simulation, Operation.REQUEST)[-1].export_id

    play(simulation, pause=1000)
    assert is_complete(simulation)
    assert job.id in {line.export_id for line in asked(simulation, Operation.DOWNLOAD)}


def test_an_unknown_status_is_polled_until_the_time_out() -> None:
    """An unknown code is polled at the normal pace, then an error names it: no busy loop."""
    simulation = story(windows=1, poll_timeout_seconds=100)
    outcome = play(simulation, Fault(fx.StatusCode(9), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert "unknown code 9" in str(outcome.error)
    assert len(asked(simulation, Operation.STATUS)) < 100  # two exports of 100 seconds


@pytest.mark.parametrize("seconds", [0.5, 3, 10, 40, 250, 900, 3000])
def test_a_finished_export_is_noticed_soon(seconds: float) -> None:
    """Polls come ever more rarely, yet never a tenth (or the longest wait) late."""
    simulation = story(windows=1, build=Build(seconds=seconds))
    play(simulation)
    finished = EPOCH + seconds
    noticed = asked(simulation, Operation.DOWNLOAD)[0].time
    assert noticed - finished <= max(1, min(30, seconds / 10)) + 0.5
    times = [line.time for line in asked(simulation, Operation.STATUS)]
    assert all(later - time <= 30.2 for time, later in pairwise(times))
