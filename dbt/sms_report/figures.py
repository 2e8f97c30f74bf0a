"""What the report shows, as it came from the models: sums, no message and no recipient."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# ISO 4217's code for "no currency", which the models give to messages without one.
NO_CURRENCY = "XXX"
NO_COUNTRY = "ZZ"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many messages there were, and what became of them."""

    messages: int = 0
    parts: int = 0
    delivered: int = 0
    concluded: int = 0
    failed: int = 0
    pending: int = 0

    def __add__(self, other: Outcomes) -> Outcomes:
        """Add up two groups of messages."""
        return Outcomes(
            self.messages + other.messages,
            self.parts + other.parts,
            self.delivered + other.delivered,
            self.concluded + other.concluded,
            self.failed + other.failed,
            self.pending + other.pending,
        )

    @property
    def rate(self) -> float | None:
        """Delivered of those with an outcome; None where there is none yet."""
        return self.delivered / self.concluded if self.concluded else None

    @property
    def parts_each(self) -> float:
        """Parts per message."""
        return self.parts / self.messages if self.messages else 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """All messages that were created on a day; settled if none of them can change any more."""

    date: date
    settled: bool
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Spend:
    """What the messages of a day cost in one currency; some may have no cost yet."""

    date: date
    currency: str
    messages: int
    cost: Decimal
    without_cost: int


@dataclass(frozen=True, slots=True)
class Month:
    """The month that is running, and its change to the last one up to the same moment."""

    currency: str
    cost: Decimal
    change: Decimal | None


@dataclass(frozen=True, slots=True)
class Country:
    """A country's messages that are billed in one currency."""

    code: str
    currency: str
    cost: Decimal
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Failures:
    """Messages of a day that failed for one reason; `fault` is whose part it is to change that."""

    date: date
    reason: str
    fault: str
    messages: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from creation to sending, of all messages of a day."""

    date: date
    median: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Stale:
    """Messages that have had no final status for too long."""

    status: str
    read_again: bool
    messages: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the report shows, sorted by date, or by name."""

    zone: str
    as_of: datetime
    today: date
    first: date
    last: date
    days: tuple[Day, ...]
    spend: tuple[Spend, ...]
    months: tuple[Month, ...]
    countries: tuple[Country, ...]
    country_names: Mapping[str, str]
    senders: tuple[tuple[str, Outcomes], ...]
    failures: tuple[Failures, ...]
    latency: tuple[Latency, ...]
    stale: tuple[Stale, ...]

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies, that with the most messages first."""
        messages: defaultdict[str, int] = defaultdict(int)
        for spend in self.spend:
            messages[spend.currency] += spend.messages
        return tuple(sorted(messages, key=lambda currency: (-messages[currency], currency)))


def read(answer: Mapping[str, object]) -> Figures | None:
    """The figures from what the macro `report_figures` printed; None if there is no message.

    Args:
        answer: {figure: [[text or None, ...], ...]}, in the order of the macro's selects.
    """

    def rows(name: str) -> list[list[str]]:
        found = cast("list[list[str | None]]", answer[name])
        # Sorted here: two databases need not sort texts alike.
        return sorted([text or "" for text in row] for row in found)

    ((as_of, today, first, last),) = rows("clock")
    if not first:
        return None
    return Figures(
        zone=str(answer["mailjet_sms_report"]),
        as_of=datetime.fromisoformat(as_of),
        today=date.fromisoformat(today),
        first=date.fromisoformat(first),
        last=date.fromisoformat(last),
        days=tuple(
            Day(date.fromisoformat(day), settled == "1", _outcomes(sums))
            for day, settled, *sums in rows("days")
        ),
        spend=tuple(
            Spend(
                date.fromisoformat(day), currency, _count(messages), Decimal(cost), _count(without)
            )
            for day, currency, messages, cost, without in rows("spend")
        ),
        months=tuple(
            Month(currency, Decimal(cost), Decimal(change) if change else None)
            for currency, cost, change in rows("months")
        ),
        countries=tuple(
            Country(code, currency, Decimal(cost), _outcomes(sums))
            for code, currency, cost, *sums in rows("countries")
        ),
        country_names=dict(rows("names")),
        senders=tuple((_unmarked(sender), _outcomes(sums)) for sender, *sums in rows("senders")),
        failures=tuple(
            Failures(
                date.fromisoformat(day),
                _unmarked(name) or f"status {code}",
                fault or "unknown",
                _count(messages),
            )
            for day, code, name, fault, messages in rows("failures")
        ),
        latency=tuple(
            Latency(date.fromisoformat(day), float(p50), float(p95), float(p99))
            for day, p50, p95, p99 in rows("latency")
        ),
        stale=tuple(
            Stale(_unmarked(name), again == "1", _count(messages), datetime.fromisoformat(oldest))
            for name, again, messages, oldest in rows("stale")
        ),
    )


def _outcomes(sums: Sequence[str]) -> Outcomes:
    return Outcomes(*map(_count, sums))


def _count(text: str) -> int:
    """A number of messages; some drivers give a sum of integers decimals."""
    return int(Decimal(text))


def _unmarked(text: str) -> str:
    """A text of the data, without the mark that keeps dbt from taking the text "null" for none."""
    return text.removeprefix("=")


class Unit(Enum):
    """What a mark in a chart stands for: long histories are drawn by the week, or by the month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def start(self, day: date) -> date:
        """The first day of the day's week (a Monday) or month."""
        match self:
            case Unit.DAY:
                return day
            case Unit.WEEK:
                return day - day.weekday() * DAY
            case Unit.MONTH:
                return day.replace(day=1)

    def end(self, start: date) -> date:
        """The day after the last of the one that starts so."""
        match self:
            case Unit.DAY:
                return start + DAY
            case Unit.WEEK:
                return start + 7 * DAY
            case Unit.MONTH:
                return (start + 31 * DAY).replace(day=1)


MOST_DAYS = 120
MOST_WEEKS = 120


def unit_of(figures: Figures, shortest: Unit = Unit.DAY) -> Unit:
    """The unit that keeps a chart below some 120 marks."""
    days = (figures.today - figures.first).days
    if days > 7 * MOST_WEEKS:
        return Unit.MONTH
    return Unit.WEEK if days > MOST_DAYS else shortest


def is_whole(figures: Figures, start: date, unit: Unit) -> bool:
    """Whether all of it has passed; the first day and today are taken for parts of a day."""
    return figures.first < start and unit.end(start) <= figures.today
