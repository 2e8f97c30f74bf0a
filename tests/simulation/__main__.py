"""`python -m tests.simulation`: play many schedules, or one again.

python -m tests.simulation --schedules 100000    # on all cores; each failing seed is printed
python -m tests.simulation --seed 108            # play one again, with what happened in it
"""

# ruff: noqa: T201 - it prints
from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
import traceback
from functools import partial

from tests.simulation.play import Simulation, failure
from tests.simulation.schedule import schedule

#: Seeds that one worker takes at a time.
SHARE = 50


def show(seed: int) -> bool:
    """Play one schedule and print what happened; whether every promise held."""
    simulation = Simulation(schedule(seed))
    print(simulation.schedule)
    held = True
    try:
        simulation.play()
    except Exception:  # noqa: BLE001 - any error is a failure
        held = False
        print(traceback.format_exc())
    for number, outcome in enumerate(simulation.outcomes, start=1):
        print(f"run {number} {outcome.ending.value} after {outcome.effects} effects")
        print(f"  {outcome.error or ''}")
        for message in outcome.messages:
            print(f"  {message.state or message.type}")
    for asked in simulation.backend.journal:
        print(asked)
    return held


def play_many(seeds: range, workers: int) -> list[int]:
    """Play schedules on all cores, print the failing ones, and return their seeds."""
    began, failing = time.monotonic(), []
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=partial(logging.disable, logging.CRITICAL)) as pool:
        answers = pool.imap(failure, seeds, chunksize=SHARE)
        for played, (seed, wrong) in enumerate(zip(seeds, answers, strict=True), start=1):
            if wrong is not None:
                failing.append(seed)
                print(f"seed {seed}: {wrong}", flush=True)
            if played % 1000 == 0:
                print(f"{played} played, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{len(seeds)} schedules, {len(failing)} failures, {time.monotonic() - began:.0f} s")
    return failing


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--schedules", type=int, default=1000, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="play this one, and show what happens")
    wish = parser.parse_args()
    if wish.seed is not None:
        return int(not show(wish.seed))
    seeds = range(wish.first, wish.first + wish.schedules)
    return int(bool(play_many(seeds, wish.workers)))


if __name__ == "__main__":
    sys.exit(main())
