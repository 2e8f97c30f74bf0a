"""Mailjet refuses a request."""

from __future__ import annotations

import logging

import pytest

from mailjet_sandbox import Fault, Operation, Scenario
from mailjet_sandbox import effects as fx
from tests.support.story import FINISHED, HOUR, REFUSED, asked, on, play, run_unchecked, story


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    """400, 401 and 403 end the run at once, with what Mailjet says and its ErrorIdentifier."""
    simulation = story()
    outcome = play(simulation, Fault(fx.Http(status), on(Operation.REQUEST, times=None)))
    assert outcome.ending is REFUSED
    assert len(simulation.backend.journal) == 1
    assert f"HTTP {status}, Mailjet says “" in str(outcome.error)
    assert "ErrorCode mj-00" in str(outcome.error)
    assert "ErrorIdentifier " in str(outcome.error)


def test_a_window_older_than_a_year_is_trimmed(caplog: pytest.LogCaptureFixture) -> None:
    """Where Mailjet finds `FromTS` too old, the window is trimmed, and what is lost is told."""
    simulation = story()
    too_old = fx.Http(400, message="FromTS must not be older than one year.")
    simulation.backend.scenario = Scenario((Fault(too_old, on(Operation.REQUEST)),))
    with caplog.at_level(logging.WARNING):
        outcome = run_unchecked(simulation)
    assert outcome.ending is FINISHED
    first, second, *_ = asked(simulation, Operation.REQUEST)
    assert first.from_ts is not None
    assert second.from_ts == first.from_ts + HOUR
    assert "are lost" in caplog.text
