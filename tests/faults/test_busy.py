"""Mailjet answers 429."""

from __future__ import annotations

import pytest

from mailjet_sandbox import Build, Fault, Operation, When
from mailjet_sandbox import effects as fx
from tests.simulation.play import Simulation
from tests.support.story import ALL, asked, is_complete, on, play, story


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("operation", ALL)
def test_retry_after_is_waited_for(operation: Operation, *, as_date: bool) -> None:
    """A 429 on any call is waited out as `Retry-After` says, in seconds or as a date."""
    simulation = story()
    play(simulation, Fault(fx.Http(429, 30, as_date=as_date), on(operation)))
    assert is_complete(simulation)
    calls = asked(simulation, operation)
    refused = next(line for line in calls if line.status == 429)
    again = next(line for line in calls if line.path == refused.path and line.time > refused.time)
    if operation is Operation.COUNT:
        again = next(line for line in calls
                     if line.from_ts == refused.from_ts and line.time > refused.time)  # fmt: skip
    assert 29 <= again.time - refused.time < 34


def test_retry_after_is_bounded() -> None:
    """Two minutes and their jitter are the longest wait, whatever `Retry-After` says."""
    simulation = story(windows=1)
    play(simulation, Fault(fx.Http(429, 86_400), on(Operation.STATUS)))
    assert is_complete(simulation)
    first, second, *_ = asked(simulation, Operation.STATUS)
    assert 119 < second.time - first.time < 133


def test_a_busy_answer_slows_all_calls_down() -> None:
    """While one call waits for `Retry-After`, no other is made, and the exports get no new one."""
    simulation = story(build=Build(seconds=20))
    play(simulation, Fault(fx.Http(429, 60), When(frozenset({Operation.STATUS}), export=1)))
    assert is_complete(simulation)
    journal = simulation.backend.journal
    refused = next(line for line in journal if line.status == 429)
    between = [line for line in journal if 1 < line.time - refused.time < 60]
    assert not between
    assert len(asked(simulation, Operation.REQUEST)) == 3


def test_records_go_on_leaving_while_requests_have_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A window that is here is emitted before the next one may be asked for.

    Unless its layout is to be proved first, which takes a call of its own.
    """
    moments: list[float] = []  # just before each request, and each piece of records
    monkeypatch.setattr(
        Simulation,
        "_check_last_export_is_known",
        lambda simulation, _: moments.append(simulation.timeline.now),
    )
    simulation = story(windows=2, max_concurrent_exports=1, verify_layout="off")
    play(simulation, Fault(fx.Http(429, 100), on(Operation.REQUEST, skip=1)))
    assert is_complete(simulation)
    _, refused, again = asked(simulation, Operation.REQUEST)
    assert again.time - refused.time >= 100
    assert [moment for moment in moments if refused.time < moment < refused.time + 1]


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_at_once_than_allowed(limit: int) -> None:
    """Never more than `max_concurrent_exports` calls at once, also while Mailjet is busy."""
    simulation = story(windows=12, hours=2, max_concurrent_exports=limit)
    outcome = play(simulation, Fault(fx.Http(429), When(times=None, chance=0.3)))
    assert is_complete(simulation)
    assert outcome.most_calls <= limit
