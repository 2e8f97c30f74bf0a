"""The days that stand out, found by two questions to each: is it chance, is it the usual?"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum
from math import asin, pi, sqrt
from statistics import median
from typing import TYPE_CHECKING

from sms_report.figures import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sms_report.figures import Figures, Outcomes

WEEKS = 8
WEEKS_NEEDED = 4
# So many standard deviations off. Some hundred days are looked at, in some figures each: at four
# and a half, chance alone shows next to none.
SCORE = 4.5
# What is certain, but less than a tenth, or two points of a rate, is not worth a line.
LEAST_SHARE = 0.1
LEAST_POINTS = 0.02
# What the median of absolute deviations has to be multiplied with to be a standard deviation.
DEVIATIONS = 1.4826


class Metric(Enum):
    """What a day can stand out by."""

    MESSAGES = "messages"
    RATE = "delivery rate"
    SPEND = "spend"


@dataclass(frozen=True, slots=True)
class OddDay:
    """A day that stands out from the same weekday of the weeks before."""

    date: date
    metric: Metric
    currency: str
    value: float
    expected: float


def odd_days(figures: Figures) -> list[OddDay] | None:
    """The whole days that stand out, the newest first; None if no day has a past to be judged by.

    A day without messages can stand out, too.

    Each is held against the median of the same weekday in the eight weeks before. Counts, costs and
    rates must lie further off than their usual scatter and than chance explain.
    """
    if next(_days_with_past(figures), None) is None:
        return None
    found = [*_odd_counts(figures), *_odd_rates(figures)]
    for currency in figures.currencies:
        found += _odd_spends(figures, currency)
    return sorted(found, key=lambda odd: (-odd.date.toordinal(), odd.metric.value))


def _odd_counts(figures: Figures) -> Iterator[OddDay]:
    counts = Counter({day.date: day.outcomes.messages for day in figures.days})
    for day, before in _days_with_past(figures):
        past = [counts[earlier] for earlier in before]
        if _is_odd_amount(counts[day], past, each=1):
            yield OddDay(day, Metric.MESSAGES, "", counts[day], median(past))


def _odd_rates(figures: Figures) -> Iterator[OddDay]:
    settled = {
        day.date: day.outcomes for day in figures.days if day.settled and day.outcomes.concluded
    }
    for day, before in _days_with_past(figures):
        past = [settled[earlier] for earlier in before if earlier in settled]
        if day in settled and len(past) >= WEEKS_NEEDED:
            rate = settled[day].delivered / settled[day].concluded
            expected = median(found.delivered / found.concluded for found in past)
            if abs(rate - expected) > LEAST_POINTS and _is_odd(
                _angle(settled[day]),
                [_angle(found) for found in past],
                chance=0.5 / sqrt(settled[day].concluded),
            ):
                yield OddDay(day, Metric.RATE, "", rate, expected)


def _odd_spends(figures: Figures, currency: str) -> Iterator[OddDay]:
    spends = [spend for spend in figures.spend if spend.currency == currency]
    each = float(sum(s.cost for s in spends)) / sum(s.messages for s in spends)
    costs: defaultdict[date, float] = defaultdict(float)
    costs.update((spend.date, float(spend.cost)) for spend in spends)
    for day, before in _days_with_past(figures):
        past = [costs[earlier] for earlier in before]
        if each > 0 and _is_odd_amount(costs[day], past, each):
            yield OddDay(day, Metric.SPEND, currency, costs[day], median(past))


def _days_with_past(figures: Figures) -> Iterator[tuple[date, list[date]]]:
    """The whole days that have a past to be held against, and that past."""
    day = figures.first + DAY
    while day < figures.today:
        past = [day - 7 * week * DAY for week in range(1, WEEKS + 1)]
        past = [before for before in past if before > figures.first]
        if len(past) >= WEEKS_NEEDED:
            yield day, past
        day += DAY


def _is_odd_amount(amount: float, past: Sequence[float], each: float) -> bool:
    """Whether a sum stands out that grows by `each` with a message."""
    if abs(amount - median(past)) <= LEAST_SHARE * median(past):
        return False
    return _is_odd(_root(amount / each), [_root(before / each) for before in past], chance=0.5)


def _is_odd(value: float, past: Sequence[float], chance: float) -> bool:
    """Whether neither chance nor the past's scatter explains a value; `chance` as a deviation."""
    usual = median(past)
    scatter = DEVIATIONS * median(abs(before - usual) for before in past)
    # The median of a few values is a matter of chance, too: its variance is pi / 2n of a value's.
    unsure = sqrt(1 + pi / 2 / len(past))
    return abs(value - usual) > SCORE * max(chance, scatter) * unsure


def _root(count: float) -> float:
    """A count on a scale where chance is a deviation of a half, for few and for many (Anscombe)."""
    return sqrt(max(count, 0) + 3 / 8)


def _angle(outcomes: Outcomes) -> float:
    """A rate on a scale where chance has the same deviation for all rates (Anscombe)."""
    return asin(sqrt((outcomes.delivered + 3 / 8) / (outcomes.concluded + 3 / 4)))
