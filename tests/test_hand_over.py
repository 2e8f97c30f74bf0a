"""A backfill hands over to the hourly run, in each form that people use. In virtual time."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Edges, Unknowns
from tests.simulation.run import Ending
from tests.simulation.schedule import DAY, EPOCH, SETTLING, start_date
from tests.support.story import play, story

if TYPE_CHECKING:
    from tests.simulation.play import Simulation

HOUR = 3600
LOOKBACK_DAYS = 3


def backfilled(edges: Edges) -> tuple[Simulation, int]:
    """A bounded load of some days up to a while ago, and its end: the second of a message."""
    simulation = story(
        windows=8, hours=24, unknowns=Unknowns(edges=edges), lookback_days=LOOKBACK_DAYS
    )
    wish = int(EPOCH - SETTLING - 2 * HOUR)
    seam = next(iter(simulation.backend.truth(wish, wish + HOUR))).created_ts
    bounded = {**simulation.schedule.config, "end_date": start_date(seam)}
    simulation.schedule = replace(
        simulation.schedule, config=bounded, lookback=LOOKBACK_DAYS * DAY, end=seam
    )
    assert play(simulation).ending is Ending.FINISHED
    return simulation, seam


def missing_and_stale(simulation: Simulation, start: int, end: int) -> tuple[int, int]:
    """What the warehouse lacks of the truth, and whose status is not the present one."""
    truth = list(simulation.backend.truth(start, end))
    assert len(truth) > 1000
    missing = [message for message in truth if message.message_id not in simulation.rows]
    stale = [
        message
        for message in truth
        if (row := simulation.rows.get(message.message_id)) is not None
        and row["status_code"] != message.status
    ]
    return len(missing), len(stale)


@pytest.mark.parametrize("edges", Edges)
@pytest.mark.parametrize("form", ["state", "state and start_date", "start_date"])
def test_a_backfill_hands_over(form: str, edges: Edges, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is missing; nothing stays stale if the state goes along, else a WARNING says so."""
    caplog.set_level(logging.INFO)
    simulation, seam = backfilled(edges)
    first = start = simulation.schedule.start
    config = {name: each for name, each in simulation.schedule.config.items() if name != "end_date"}
    if "start_date" in form:
        config["start_date"] = start_date(seam)
    if "state" not in form.split(" and "):
        simulation.state = None
        start = seam  # the simulation holds the tap to no more, and does not know of a backfill
    simulation.schedule = replace(simulation.schedule, config=config, start=start, end=math.inf)

    caplog.clear()
    for number in range(5 * 24 // 6):
        simulation.timeline.now += 6 * HOUR
        assert play(simulation).ending is Ending.FINISHED
        if number == 0:
            warned = "if another load has brought what lies before" in caplog.text

    missing, stale = missing_and_stale(simulation, first, seam + 2 * DAY)
    logging.getLogger(__name__).info("%s: %d missing, %d stale", form, missing, stale)
    assert missing == 0
    assert warned == (form == "start_date")
    if form == "start_date":
        assert stale > 0
    else:
        assert stale == 0
