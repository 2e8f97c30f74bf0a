"""Mailjet answers 429."""

from __future__ import annotations

import pytest

from mailjet_sandbox import Build, Fault, Operation, When
from mailjet_sandbox import effects as fx
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
    assert 29 <= again.time - refused.time < 32


def test_retry_after_is_bounded() -> None:
    """Two minutes is the longest wait, whatever `Retry-After` says."""
    simulation = story(windows=1)
    play(simulation, Fault(fx.Http(429, 86_400), on(Operation.STATUS)))
    assert is_complete(simulation)
    first, second, *_ = asked(simulation, Operation.STATUS)
    assert 119 < second.time - first.time < 122


def test_a_busy_answer_holds_up_only_its_own_export() -> None:
    """While one export waits for `Retry-After`, the others are polled."""
    simulation = story(build=Build(seconds=20))
    play(simulation, Fault(fx.Http(429, 60), When(frozenset({Operation.STATUS}), export=1)))
    assert is_complete(simulation)
    first, second, *_ = [line for line in asked(simulation, Operation.STATUS)
                         if line.export_id == 56660]  # fmt: skip
    between = [line for line in simulation.backend.journal if first.time < line.time < second.time]
    others = [line for line in between if line.export_id not in {None, 56660}]
    assert len(others) > 10


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_at_once_than_allowed(limit: int) -> None:
    """Never more than `max_concurrent_exports` calls at once, also while Mailjet is busy."""
    simulation = story(windows=12, hours=2, max_concurrent_exports=limit)
    outcome = play(simulation, Fault(fx.Http(429), When(times=None, chance=0.3)))
    assert is_complete(simulation)
    assert outcome.most_calls <= limit
