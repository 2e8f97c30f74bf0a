"""A file has other rows than Mailjet counts, or Mailjet does not count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Edges, Empty, Fault, Link, Operation, Unknowns, When
from mailjet_sandbox import effects as fx
from tests.simulation.play import pending
from tests.simulation.schedule import EPOCH, SETTLING, start_date
from tests.support.story import FINISHED, HOUR, REFUSED, asked, is_complete, on, play, story

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


def test_a_steady_dispute_is_no_licence(caplog: pytest.LogCaptureFixture) -> None:
    """A count that is always one too high, and one file that lacks half of its rows: none is lost.

    A window that lacks as many as was confirmed is downloaded once more, and not exported again.
    """
    simulation = story(
        unknowns=Unknowns(count_offset=1), verify_counts="warn", max_concurrent_exports=1
    )
    in_the_third = simulation.schedule.start + 20 * HOUR
    play(simulation, Fault(fx.Rows(0.5), When(covers=in_the_third)))
    assert is_complete(simulation)
    windows = [line.from_ts for line in asked(simulation, Operation.REQUEST)]
    assert sorted(map(windows.count, set(windows))) == [1, 2, 3], (
        "the third: one that lied, and two"
    )
    assert caplog.text.count("since another export says the same") == 2
    assert caplog.text.count("since an earlier window lacked as many") == 1


@pytest.mark.parametrize("verify", ["warn", "error"])
def test_a_row_that_stands_for_another_is_found_out(verify: str) -> None:
    """The number of rows agrees, but not the number of different ids: exported again."""
    simulation = story(windows=1, verify_counts=verify)
    play(simulation, Fault(fx.Repeated()))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 2


@pytest.mark.parametrize("verify", ["warn", "error"])
@pytest.mark.parametrize("empty", Empty)
def test_an_empty_window_may_have_messages_on_its_edges(verify: str, empty: Empty) -> None:
    """Those that a count includes and an export does not are no reason to call it a failed one."""
    unknowns = Unknowns(edges=Edges.NEITHER, count_edges=Edges.BOTH, empty=empty)
    whole = story(windows=1)
    first, second, *_ = whole.backend.truth(whole.schedule.start, EPOCH - SETTLING)
    start, end = first.created_ts + 1, second.created_ts - 1
    assert end - start > 10
    simulation = story(
        unknowns=unknowns,
        windows=1,
        verify_counts=verify,
        start_date=start_date(start),
        end_date=start_date(end),
    )
    simulation.schedule = replace(simulation.schedule, start=start, end=end)
    outcome = play(simulation)
    assert outcome.ending is FINISHED
    assert not simulation.rows
    assert len(asked(simulation, Operation.REQUEST)) == 1
