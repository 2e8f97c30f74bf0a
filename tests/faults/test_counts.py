"""A file has other rows than Mailjet counts, or Mailjet does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Fault, Link, Operation
from mailjet_sandbox import effects as fx
from tests.simulation.play import pending
from tests.support.story import REFUSED, asked, is_complete, on, play, story

if TYPE_CHECKING:
    from mailjet_sandbox.effects import Effect


@pytest.mark.parametrize("verify", ["warn", "error"])
def test_missing_rows_are_asked_for_again(verify: str) -> None:
    """Fewer rows than `/sms/count` says: downloaded again, then exported again."""
    simulation = story(windows=1, verify_counts=verify)
    play(simulation, Fault(fx.Rows(0.5)))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.DOWNLOAD)) == 3
    assert len(asked(simulation, Operation.REQUEST)) == 2


def test_rows_missing_twice_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """If another export agrees, it is taken under `warn`, with both figures and the window."""
    simulation = story(windows=1, verify_counts="warn")
    play(simulation, Fault(fx.Counted(7), on(Operation.COUNT, times=None)))
    assert is_complete(simulation)
    assert "has 48 rows where Mailjet counts 55" in caplog.text
    assert "2026-05-28T12:21:40+00:00 to 2026-05-28T20:21:40+00:00" in caplog.text


def test_rows_missing_twice_are_an_error() -> None:
    """Under `error` the run ends, with both figures and the window, and nothing is emitted."""
    simulation = story(windows=1, verify_counts="error")
    outcome = play(simulation, Fault(fx.Counted(7), on(Operation.COUNT, times=None)))
    assert outcome.ending is REFUSED
    assert "has 48 rows where Mailjet counts 55" in str(outcome.error)
    assert "2026-05-28T12:21:40+00:00 to 2026-05-28T20:21:40+00:00" in str(outcome.error)
    assert not simulation.rows


@pytest.mark.parametrize("effect", [fx.Rows(0), fx.Linked(Link.NONE)], ids=["header", "no URL"])
def test_an_empty_export_of_a_full_window_is_a_failed_one(effect: Effect) -> None:
    """No rows at all, though Mailjet counts some, is a failed export, also under `warn`."""
    simulation = story(windows=1, verify_counts="warn")
    play(simulation, Fault(effect))
    assert is_complete(simulation)


def test_a_failing_count_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Where `/sms/count` does not answer, `warn` says so once."""
    simulation = story()
    play(simulation, Fault(fx.Http(403), on(Operation.COUNT, times=None)))
    assert is_complete(simulation)
    assert caplog.text.count("is not verified") == 1


@pytest.mark.parametrize("status", [400, 403, 404, 503])
def test_a_failing_count_costs_no_export(status: int) -> None:
    """Where counts must agree, a failing one ends the run, and the export stays in the state."""
    simulation = story(windows=1, verify_counts="error")
    outcome = play(simulation, Fault(fx.Http(status), on(Operation.COUNT, times=None)))
    assert outcome.ending is REFUSED
    assert "set verify_counts to warn or off" in str(outcome.error)
    assert len(asked(simulation, Operation.REQUEST)) == len(pending(simulation.state)) == 1
