"""States that are odd, damaged, or used by two runs at once."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Edges, Unknowns
from tap_mailjet_sms.exceptions import TapMailjetSMSError
from tests.simulation.play import bookmark
from tests.simulation.schedule import DAY, EPOCH, SETTLING, start_date
from tests.support.story import FINISHED, HOUR, REFUSED, is_complete, play, run_unchecked, story

if TYPE_CHECKING:
    from tests.simulation.run import State


def state_at(moment: float, **more: object) -> State:
    """A state with its bookmark at a moment."""
    value = datetime.fromtimestamp(moment, UTC).isoformat()
    stream = {"replication_key": "to_ts", "replication_key_value": value, **more}
    return {"bookmarks": {"sms_messages": stream}}


def test_a_bookmark_in_the_future_is_an_error() -> None:
    """A bookmark later than now is named, with how to set it."""
    simulation = story()
    outcome = run_unchecked(simulation, state_at(EPOCH + DAY))
    assert outcome.ending is REFUSED
    assert "lies in the future" in str(outcome.error)
    assert "replication_key_value" in str(outcome.error)
    assert not simulation.backend.journal


def test_two_runs_at_once_are_safe() -> None:
    """Two runs on the same state at the same time: upserted in any order, all is there."""
    simulation = story(windows=2)
    play(simulation)
    before = simulation.state
    simulation.timeline.now += 8 * HOUR
    first = run_unchecked(simulation, before)
    second = run_unchecked(simulation, before)
    lines = [*first.messages, *second.messages]
    random.Random(1).shuffle(lines)  # noqa: S311
    for message in lines:
        if message.record is not None:
            simulation.rows[str(message.record["message_id"])] = message.record
    simulation.state = first.messages[-1].state
    assert is_complete(simulation)


def test_a_state_of_another_make_is_read() -> None:
    """A state without pending exports, with foreign keys and streams, is read; these are kept."""
    simulation = story()
    state = state_at(EPOCH - DAY / 2, progress_markers={"Note": "foreign"}, mine={"kept": 1})
    state["bookmarks"]["other_stream"] = {"replication_key_value": "x"}  # type: ignore[index]
    outcome = run_unchecked(simulation, state)
    assert outcome.ending is FINISHED
    last = outcome.messages[-1].state
    assert last is not None
    bookmarks = last["bookmarks"]
    assert isinstance(bookmarks, dict)
    assert bookmarks["other_stream"] == {"replication_key_value": "x"}
    assert bookmarks["sms_messages"]["mine"] == {"kept": 1}
    assert bookmark(last) == EPOCH - SETTLING


@pytest.mark.parametrize(
    "damage",
    [
        {"replication_key_value": "yesterday"},
        {"replication_key_value": 7},
        {"pending_exports": [{"id": 1}]},
        {"pending_exports": {"id": 1}},
    ],
)
def test_a_damaged_state_is_an_error(damage: dict[str, object]) -> None:
    """What cannot be read of a state is named, and nothing is asked of Mailjet."""
    simulation = story()
    with pytest.raises(TapMailjetSMSError, match="of sms_messages"):
        run_unchecked(simulation, state_at(EPOCH - DAY, **damage))
    assert not simulation.backend.journal


@pytest.mark.parametrize("edges", Edges)
def test_two_bounded_runs_lose_no_second_between_them(edges: Edges) -> None:
    """Whatever edges Mailjet means; and no run emits what was created before its start date."""
    unknowns = Unknowns(edges=edges)
    backend = story(windows=4).backend
    first, *_, last = [m.created_ts for m in backend.truth(EPOCH - DAY, EPOCH - SETTLING)]
    for wish in (first + HOUR, last - HOUR):
        seam = next(iter(backend.truth(wish, EPOCH))).created_ts  # the second of a message
        found = set()
        for start, end in ((first, seam), (seam, last)):
            simulation = story(
                windows=4,
                unknowns=unknowns,
                start_date=start_date(start),
                end_date=start_date(end),
            )
            outcome = run_unchecked(simulation)
            assert outcome.ending is FINISHED
            for record in filter(None, (message.record for message in outcome.messages)):
                found.add(record["message_id"])
                assert datetime.fromisoformat(str(record["created_at"])).timestamp() >= start
        assert {message.message_id for message in backend.truth(first, last)} <= found
