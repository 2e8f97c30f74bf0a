"""The days that stand out, found by two questions to each: is it chance, is it the usual?"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING

from sms_report.figures import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sms_report.figures import Figures

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


def odd_days(figures: Figures) -> list[OddDay]:
    """The whole days that stand out, the newest first; a day without messages can, too.

    Each is held against the median of the same weekday in the eight weeks before. Counts, costs and
    rates must lie further off than their usual scatter and than chance explain.
    """
    found = [*_odd_counts(figures), *_odd_rates(figures)]
    for currency in figures.currencies:
        found += _odd_spends(figures, currency)
    return sorted(found, key=lambda odd: (-odd.date.toordinal(), odd.metric.value))


def _odd_counts(figures: Figures) -> Iterator[OddDay]:
    counts = Counter({day.date: day.outcomes.messages for day in figures.days})
    for day, before in _days_with_past(figures):
        past = [counts[earlier] for earlier in before]
        if _is_odd(counts[day], past, unit=1):
            yield OddDay(day, Metric.MESSAGES, "", counts[day], median(past))


def _odd_rates(figures: Figures) -> Iterator[OddDay]:
    rates = {
        day.date: (rate, day.outcomes.concluded)
        for day in figures.days
        if day.settled and (rate := day.outcomes.rate) is not None
    }
    for day, before in _days_with_past(figures):
        past = [rates[earlier][0] for earlier in before if earlier in rates]
        if day in rates and len(past) >= WEEKS_NEEDED and _is_odd_rate(*rates[day], past):
            yield OddDay(day, Metric.RATE, "", rates[day][0], median(past))


def _odd_spends(figures: Figures, currency: str) -> Iterator[OddDay]:
    spends = [spend for spend in figures.spend if spend.currency == currency]
    each = float(sum(s.cost for s in spends)) / sum(s.messages for s in spends)
    costs: defaultdict[date, float] = defaultdict(float)
    costs.update((spend.date, float(spend.cost)) for spend in spends)
    for day, before in _days_with_past(figures):
        past = [costs[earlier] for earlier in before]
        if each > 0 and _is_odd(costs[day], past, unit=each):
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


def _is_odd(value: float, past: Sequence[float], *, unit: float) -> bool:
    """Tell whether an amount is out of the ordinary; `unit` is what one message adds to it."""
    expected = median(past)
    off = abs(value - expected)
    score = 2 * abs(_root(value / unit) - _root(expected / unit))
    return score > SCORE and off > SCORE * _scatter(past) and off > LEAST_SHARE * expected


def _is_odd_rate(rate: float, trials: int, past: Sequence[float]) -> bool:
    """Tell whether a rate of so many messages is out of the ordinary."""
    expected = median(past)
    # Where all were delivered so far, one that was not is no news.
    chance = sqrt(max(expected * (1 - expected), 1 / trials) / trials)
    return abs(rate - expected) > max(SCORE * chance, SCORE * _scatter(past), LEAST_POINTS)


def _root(count: float) -> float:
    """A count on a scale where chance is the same for few and for many (Anscombe's)."""
    return sqrt(max(count, 0) + 3 / 8)


def _scatter(past: Sequence[float]) -> float:
    """The standard deviation, but for one or two days that stood out themselves."""
    middle = median(past)
    return DEVIATIONS * median(abs(value - middle) for value in past)
