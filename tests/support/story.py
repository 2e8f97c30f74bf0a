"""An account with some windows to read, and runs with faults: in virtual time, all checked."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from mailjet_sandbox import Build, Fault, Layout, Messages, Operation, Unknowns, When
from tests.simulation import run as simulated
from tests.simulation.play import Simulation, bookmark, pending
from tests.simulation.process import Interruption, Kind, Process
from tests.simulation.schedule import DAY, EPOCH, SETTLING, Run, Schedule, start_date

if TYPE_CHECKING:
    from mailjet_sandbox import Asked
    from tests.simulation.run import Outcome, State

HOUR = 3600
FINISHED, REFUSED = simulated.Ending.FINISHED, simulated.Ending.REFUSED
API = (Operation.REQUEST, Operation.STATUS, Operation.COUNT)
ALL = (*API, Operation.DOWNLOAD)
ALWAYS = When(times=None)


def story(
    *,
    build: Build | None = None,
    unknowns: Unknowns | None = None,
    layout: Layout | None = None,
    windows: float = 3,
    hours: float = 8,
    **config: object,
) -> Simulation:
    """An account with six messages an hour, and so many windows to read in it."""
    start = EPOCH - SETTLING - int(windows * hours * HOUR)
    return Simulation(
        Schedule(
            seed=0,
            messages=Messages(since=start - HOUR, per_hour=6),
            layout=layout or Layout(),
            build=build or Build(seconds=5),
            unknowns=unknowns or Unknowns(),
            start=start,
            end=math.inf,
            lookback=0,
            config={
                "start_date": start_date(start),
                "window_days": (hours * HOUR + 0.5) / DAY,
                "lookback_days": 0,
                "max_concurrent_exports": 4,
                **config,
            },
            runs=(),
            last_pause=0,
        )
    )


def play(simulation: Simulation, *faults: Fault, pause: float = 0) -> Outcome:
    """Play one run with these faults; everything that must always hold is checked on the way."""
    simulation.run(Run(pause=pause, faults=faults))
    return simulation.outcomes[-1]


def run_unchecked(simulation: Simulation, state: State | None = None) -> Outcome:
    """Run the tap where the simulation's own checks would not agree."""
    outcome = simulated.run_tap(
        simulation.backend,
        Process(simulation.timeline, random.Random(0)),  # noqa: S311
        config={"auth_token": simulation.backend.token, **simulation.schedule.config},
        state=state,
        before_effect=lambda _: None,
    )
    simulation.outcomes.append(outcome)
    return outcome


def interrupted(simulation: Simulation) -> None:
    """A run that dies as soon as its exports are in the state."""
    for at in range(1, 100):
        simulation.run(Run(pause=0, interruption=Interruption(at, Kind.KILL)))
        if pending(simulation.state):
            return


def is_complete(simulation: Simulation) -> bool:
    """Whether every message is in the warehouse, up to the end of the last run."""
    end = int(bookmark(simulation.state) or 0)
    truth = {m.message_id for m in simulation.backend.truth(simulation.schedule.start, end)}
    return end >= EPOCH - SETTLING and truth == set(simulation.rows)


def asked(simulation: Simulation, operation: Operation) -> list[Asked]:
    """The journal's lines of one operation."""
    return [line for line in simulation.backend.journal if line.operation == operation.value]


def on(*operations: Operation, times: int | None = 1, skip: int = 0) -> When:
    """The next calls of these operations."""
    return When(on=frozenset(operations), times=times, skip=skip)
