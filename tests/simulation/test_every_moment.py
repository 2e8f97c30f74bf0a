"""Deaths at every single moment of a run, and bugs that the simulation must find."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import (
    Build,
    Edges,
    Fault,
    Framing,
    Layout,
    Messages,
    Unknowns,
    When,
)
from mailjet_sandbox import effects as fx
from tests.simulation.mutants import MUTANTS
from tests.simulation.play import Simulation, failure
from tests.simulation.process import Interruption, Kind
from tests.simulation.schedule import DAY, EPOCH, SETTLING, Run, Schedule, start_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

#: Within so many schedules each bug must be found.
ENOUGH = 340
#: The first schedules that find the rarest ones: those before take a minute each time, and do not.
FIRST = {
    "cut_downloads_taken": 142,
    "ids_not_told_apart": 71,
    "killed_reading_counted": 326,
    "renamed_columns_not_noticed": 165,
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing of this is worth a log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def journey(*runs: Run) -> Schedule:
    """A second run that reads some of what a first one read again."""
    start, lookback = EPOCH - SETTLING - 240, 150
    return Schedule(
        seed=0,
        messages=Messages(since=start, per_hour=360),
        layout=Layout(),
        build=Build(seconds=3, at_once=2),
        unknowns=Unknowns(edges=Edges.TO, download_framing=Framing.CHUNKED),
        start=start,
        end=math.inf,
        lookback=lookback,
        config={
            "start_date": start_date(start),
            "window_days": 100.5 / DAY,
            "lookback_days": lookback / DAY,
            "max_concurrent_exports": 2,
        },
        runs=(Run(pause=0), *runs),
        last_pause=0,
    )


@pytest.mark.parametrize("kind", Kind)
def test_a_run_may_end_at_any_moment(kind: Kind) -> None:
    """Ended at each boundary between two effects, with the last state the next run completes it."""
    faults = (
        Fault(fx.Http(503), When(times=2)),
        Fault(fx.Fails(), When()),
        Fault(fx.Cut(), When(skip=1)),
    )
    whole = Simulation(journey(Run(pause=30, faults=faults)))
    whole.play()
    moments = whole.outcomes[1].effects
    assert moments > 60
    for at in range(1, moments + 1):
        run = Run(pause=30, faults=faults, interruption=Interruption(at, kind))
        Simulation(journey(run)).play()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_finds(mutant: Callable[[], AbstractContextManager[object]]) -> None:
    """A tap with a classic bug breaks a promise in one of the schedules that are always played.

    A mutant that does not fit the tap any more would fail in another way, and prove nothing.
    """
    with mutant():
        seeds = range(FIRST.get(mutant.__name__, 0), ENOUGH)
        found = next(filter(None, map(failure, seeds)), "nothing")
    assert found.startswith("AssertionError: ")
