"""The lookback over many runs, however they come: nothing stays stale, and little is read again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_mailjet_sms.exporting.lookback import Lookback
from tap_mailjet_sms.exporting.planning import Scope
from tap_mailjet_sms.exporting.windows import SETTLING, Window
from tests.support.journey import BEGIN, Journey

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: How far two clocks may be apart, at the most: five minutes, and a little.
APART = timedelta(minutes=4)

#: Clocks that are wrong by more than may be.
JUMPS = (-10 * DAY, 10 * DAY, 366 * DAY, 400 * DAY)

lookbacks = st.builds(
    Lookback, st.sampled_from([timedelta(), 6 * HOUR, 2 * DAY, 5 * DAY]), st.booleans()
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run, and what is special about it."""

    pause: timedelta = HOUR
    takes: timedelta = timedelta(seconds=2)
    killed_at: int | None = None
    ahead: int = 1
    skew: timedelta = timedelta()
    longest: timedelta = 30 * DAY
    lookback: Lookback | None = None
    start_date: int | None = None
    end_date: timedelta | None = None
    cut_at: int | None = None


runs = st.builds(
    Run,
    pause=st.sampled_from([timedelta(), MINUTE, 5 * MINUTE, HOUR, 7 * HOUR, DAY, 9 * DAY]),
    takes=st.sampled_from([timedelta(seconds=2), 10 * MINUTE, HOUR]),
    killed_at=st.none() | st.integers(0, 6),
    ahead=st.integers(1, 4),
    skew=st.sampled_from([timedelta(), APART, -APART, *JUMPS]),
    longest=st.sampled_from([9 * HOUR, DAY, 30 * DAY]),
    lookback=st.none() | lookbacks,
    start_date=st.none() | st.integers(-4 * 24, 24),
    cut_at=st.none() | st.integers(0, 4),
    end_date=st.none() | st.sampled_from([HOUR, 6 * HOUR, DAY, 3 * DAY, 10 * DAY]),
)


@settings(max_examples=150, deadline=None)
@given(special=st.lists(runs, max_size=10))
def test_nothing_stays_stale_however_runs_come(special: list[Run]) -> None:
    """Irregular, killed, cut, slow, by wrong clocks, with a changed lookback, start or end.

    What is settled was read at the full age, after a run nothing else is further behind than a
    quarter of the next tier, and what nobody wanted was never read.
    """
    start = start_date = BEGIN - 9 * DAY
    lookback = Lookback(2 * DAY)
    shortest = lookback.depth
    journey = Journey([start - DAY + number * 101 * MINUTE for number in range(1500)])
    unwanted = {number for number, moment in enumerate(journey.created) if moment < start}
    for run in [*special, Run()]:
        journey.now += run.pause
        lookback = run.lookback or lookback
        shortest = min(shortest, lookback.depth)
        if run.start_date is not None:
            start_date = max(start, journey.now + run.start_date * HOUR)
        end_date = None if run.end_date is None else journey.now - run.end_date
        max_run = None if run.cut_at is None else HOUR
        scope = Scope(start_date, end_date, lookback, run.longest, max_run)
        began, before = journey.now, journey.bookmark(scope).value or start

        plan = journey.run(
            scope,
            takes=run.takes,
            killed_at=run.killed_at,
            ahead=run.ahead,
            skew=run.skew,
            cut_at=run.cut_at,
        )

        history = journey.bookmark(scope).history
        if plan is None or history.bookmark is None or history.settled_until is None:
            continue
        if before < start_date < history.bookmark:
            unwanted |= set(journey.messages_in(Window(before, start_date)))
        is_whole = (
            run.skew not in JUMPS
            and run.cut_at is None
            and (run.killed_at is None or run.killed_at >= len(plan.windows))
        )
        for number, (moment, read) in enumerate(zip(journey.created, journey.read, strict=True)):
            if number in unwanted:
                assert not read, "a message that nobody wanted was read"
            elif moment < history.bookmark:
                assert read, "a message was skipped"
                if moment < history.settled_until:
                    assert max(read) - moment >= shortest - 2 * APART
                elif is_whole and lookback.tiers and plan.windows and moment < plan.end:
                    behind, age = began - max(read), began - moment
                    assert behind <= tier(lookback, age + 2 * APART) / 4 + 2 * APART


def tier(lookback: Lookback, age: timedelta) -> timedelta:
    """How deep a reading must be for messages of this age."""
    return min((each for each in lookback.tiers if each >= age), default=lookback.tiers[0])


def test_the_state_does_not_grow() -> None:
    """A thousand hourly runs leave a handful of readings, and all but the last days settled."""
    journey = Journey([])
    scope = Scope(BEGIN - DAY, None, Lookback(3 * DAY), 30 * DAY)
    sizes = set()
    for number in range(1000):
        journey.run(scope)
        journey.now = BEGIN + (number + 1) * HOUR
        if number > 100:
            sizes.add(len(str(journey.state)))

    history = journey.bookmark(scope).history
    assert len(history.readings) <= 9
    assert max(sizes) < 1200
    assert history.settled_until is not None
    assert history.settled_until > journey.now - 3.75 * DAY - HOUR


def test_a_message_is_read_a_dozen_times() -> None:
    """Where every run reads all of the lookback, it is 73 times."""
    counts = {}
    for is_spaced in (True, False):
        journey = Journey([BEGIN + 5 * DAY + number * 7 * MINUTE for number in range(500)])
        scope = Scope(BEGIN, None, Lookback(3 * DAY, is_spaced), 30 * DAY)
        while journey.now < BEGIN + 14 * DAY:
            journey.run(scope)
            journey.now += HOUR - 2 * timedelta(seconds=1)
        counts[is_spaced] = sum(map(len, journey.read)) / len(journey.read)

    assert counts[True] < 14
    assert counts[False] > 70


def test_a_run_that_takes_over_a_backfill_leaves_nothing_stale() -> None:
    """With `start_date` at the seam: what the backfill has read is read again until settled."""
    journey = Journey([BEGIN - 5 * DAY + number * HOUR for number in range(400)])
    depth = Lookback(3 * DAY)
    journey.run(Scope(BEGIN - 5 * DAY, BEGIN - DAY, depth, DAY))
    hourly = Scope(BEGIN - DAY, None, depth, 30 * DAY)
    while journey.now < BEGIN + 10 * DAY:
        journey.run(hourly)
        journey.now += HOUR

    settled = journey.bookmark(hourly).history.settled_until
    assert settled is not None
    assert settled > BEGIN + 5 * DAY
    for moment, read in zip(journey.created, journey.read, strict=True):
        if moment < settled:
            assert max(read) - moment >= depth.depth


def test_messages_are_settled_at_once_without_a_lookback() -> None:
    """A run ends five minutes before now, so each is as old as that."""
    assert Lookback(SETTLING).tiers == ()
    assert Lookback(DAY).tiers[-1] > SETTLING
