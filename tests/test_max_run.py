"""`max_run_minutes`: a long load in pieces, each of which is kept. In virtual time."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Build, Operation
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.simulation.play import bookmark, pending
from tests.simulation.run import Ending
from tests.simulation.schedule import DAY, EPOCH, SETTLING, start_date
from tests.support.account import account, records
from tests.support.story import asked, is_complete, play, story

if TYPE_CHECKING:
    from tests.simulation.play import Simulation

MINUTE = 60
#: Time passes, and the end must not: a run of its own would catch up with it.
END = start_date(EPOCH - SETTLING)
MORE = "There is more to read: run again, which goes on from"


def pieces(simulation: Simulation, log: pytest.LogCaptureFixture) -> int:
    """Run until nothing is left to read; how many runs that took."""
    log.set_level(logging.INFO)
    for number in range(1, 50):
        log.clear()
        before = bookmark(simulation.state)
        assert play(simulation).ending is Ending.FINISHED
        assert (bookmark(simulation.state) or 0) > (before or 0), "a run got nowhere"
        if MORE not in log.text:
            return number
    pytest.fail("no end in sight")


def test_a_long_load_comes_in_pieces(caplog: pytest.LogCaptureFixture) -> None:
    """Each ends with exit code 0 and says that there is more; no export is asked for twice."""
    simulation = story(
        windows=12,
        build=Build(seconds=60),
        end_date=END,
        max_concurrent_exports=2,
        max_run_minutes=2.5,
    )

    assert pieces(simulation, caplog) in range(3, 7)

    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 12


def test_nothing_is_asked_for_when_the_time_is_up() -> None:
    """What is under way then stays in the state, for the next run."""
    simulation = story(
        windows=12, build=Build(seconds=60), max_concurrent_exports=3, max_run_minutes=1.5
    )
    began = simulation.timeline.now
    play(simulation)

    assert asked(simulation, Operation.REQUEST)
    assert all(line.time < began + 1.5 * MINUTE for line in asked(simulation, Operation.REQUEST))
    assert pending(simulation.state)
    assert simulation.timeline.now < began + 3 * MINUTE


def test_each_run_gets_somewhere(caplog: pytest.LogCaptureFixture) -> None:
    """Also where an export alone takes longer than the time there is."""
    simulation = story(windows=3, build=Build(seconds=600), end_date=END, max_run_minutes=0.1)

    pieces(simulation, caplog)

    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 3


def test_the_lookback_is_read_by_the_piece_that_catches_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After an outage each window is asked for once, and then the lookback, which is never cut."""
    simulation = story(
        windows=6,
        hours=4,
        build=Build(seconds=60),
        end_date=END,
        lookback_days=0.5,
        max_concurrent_exports=1,
        max_run_minutes=0.5,
    )
    pieces(simulation, caplog)
    was_at = int(bookmark(simulation.state) or 0)
    simulation.timeline.now += 2 * DAY
    config = {**simulation.schedule.config, "end_date": start_date(was_at + DAY)}
    simulation.schedule = replace(simulation.schedule, config=config)
    before = len(asked(simulation, Operation.REQUEST))

    pieces(simulation, caplog)

    starts = [line.from_ts or 0 for line in asked(simulation, Operation.REQUEST)[before:]]
    begin = starts.index(min(starts))
    assert len(starts[:begin]) == 6
    assert starts[:begin] == sorted(starts[:begin])
    assert all(start >= was_at - 1 for start in starts[:begin])
    assert starts[begin] <= was_at - 0.4 * DAY
    assert starts[begin:] == sorted(starts[begin:])
    assert bookmark(simulation.state) == was_at + DAY
    assert set(simulation.rows) == {
        message.message_id
        for message in simulation.backend.truth(simulation.schedule.start, was_at + DAY)
    }


def test_a_first_load_in_pieces_asks_for_each_window_once(caplog: pytest.LogCaptureFixture) -> None:
    """And once more for the lookback, by the last piece: not in each of them."""
    simulation = story(
        windows=12,
        build=Build(seconds=60),
        end_date=END,
        lookback_days=30,
        max_concurrent_exports=1,
        max_run_minutes=0.5,
    )

    assert pieces(simulation, caplog) == 12

    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 11 + 12


def test_a_full_table_is_read_whole() -> None:
    """It has no bookmark, so the next run would begin anew."""
    with account(per_hour=20) as there:
        config = there.config({"max_run_minutes": 1e-9}, windows=6)
        catalog = TapMailjetSMS(config=dict(config)).catalog_dict
        (entry,) = catalog["streams"]
        (stream,) = [item for item in entry["metadata"] if not item["breadcrumb"]]
        entry["replication_method"] = "FULL_TABLE"
        stream["metadata"]["forced-replication-method"] = "FULL_TABLE"
        whole = records(there.run(config, catalog=catalog))
        piece = records(there.run(config))

    assert len(whole) > 5 * len(piece) > 0
