"""`python -m tests.simulation.lookback`: what a lookback costs, and how fresh it keeps statuses.

In virtual time, by the tap's own plan and state, for runs at constant and at irregular pauses.
"""

# ruff: noqa: T201 - it prints
from __future__ import annotations

import json
import random
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_mailjet_sms.exporting.lookback import Lookback
from tap_mailjet_sms.exporting.planning import Scope
from tests.support.journey import BEGIN, Journey

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: How long a run takes.
TAKES = timedelta(seconds=20)
PAUSES = {"5 min": 5 * MINUTE, "15 min": 15 * MINUTE, "1 h": HOUR, "6 h": 6 * HOUR, "24 h": DAY}
#: From so many pauses on a message's age tells of the lookback, and not of the pause.
OLD = 4


def journey(lookback: Lookback, pause: Callable[[], timedelta]) -> Journey:
    """Messages of three days, a message every seven minutes, and all runs until all are settled."""
    first = BEGIN + 2 * lookback.depth
    played = Journey([first + number * 7 * MINUTE for number in range(3 * 24 * 60 // 7)])
    while played.now < first + 2 * lookback.depth + 6 * DAY:
        began = played.now
        played.run(Scope(BEGIN, None, lookback, 30 * DAY), takes=TAKES)
        played.now = max(played.now, began + pause())
    return played


def readings(played: Journey) -> float:
    """How often a message was read, on average."""
    return sum(map(len, played.read)) / len(played.read)


def behind(played: Journey, *, oldest: timedelta, youngest: timedelta) -> float | None:
    """The largest share of a message's age by which its status was behind, at ages between two."""
    shares = [
        (later - earlier) / (later - created)
        for created, read in zip(played.created, played.read, strict=True)
        for earlier, later in pairwise(read)
        if youngest < earlier - created and later - created < oldest
    ]
    return max(shares, default=None)


def row(name: str, days: int, pause: timedelta, *, is_regular: bool) -> str:
    """A line of the table."""

    def waits() -> Callable[[], timedelta]:
        dice = random.Random(name)  # noqa: S311
        return lambda: pause * (1 if is_regular else dice.uniform(0.1, 1.9))

    depth = days * DAY
    spaced = journey(Lookback(depth), waits())
    every = journey(Lookback(depth, is_spaced=False), waits())
    share = behind(spaced, oldest=depth, youngest=OLD * pause)
    cells = [
        f"{name}{'' if is_regular else ', irregular'}",
        str(days),
        f"{readings(every):.1f}",
        f"{readings(spaced):.1f}",
        f"{readings(every) / readings(spaced):.1f}",
        "" if share is None else f"{share:.0%}",
        "" if share is None else f"{1 / (1 - share):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, and the size of the state after a thousand hourly runs."""
    heads = ["runs every", "lookback, days", "`every_run`", "`spaced`", "times fewer"]
    heads += ["behind by, of its age", "next reading at so many times the age"]
    print(f"| {' | '.join(heads)} |\n|---{'|---:' * (len(heads) - 1)}|")
    for days in (3, 7):
        for name, pause in PAUSES.items():
            print(row(name, days, pause, is_regular=True), flush=True)
        for name in ("15 min", "1 h", "6 h"):
            print(row(name, days, PAUSES[name], is_regular=False), flush=True)
    played, sizes = Journey([]), []
    for number in range(1000):
        played.now = BEGIN + number * HOUR
        played.run(Scope(BEGIN - 30 * DAY, None, Lookback(3 * DAY), 30 * DAY), takes=TAKES)
        sizes.append(len(json.dumps(played.state)))
    most = f"{max(sizes[:10])}, {max(sizes[10:100])} and {max(sizes[100:])}"
    print(f"\nBytes of state at most, in 10, 100 and 1,000 hourly runs: {most}")


if __name__ == "__main__":
    main()
