"""A made-up history as a target loads it, and in plain Python what the report must say of it.

Nothing here looks into the dbt package: statuses, countries and sums are worked out anew.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from mailjet_sandbox.messages import STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

AS_OF = datetime(2026, 11, 25, 16, 6)  # noqa: DTZ001 - as loaded: no zone, UTC
SETTLE = timedelta(days=3)
STALE = timedelta(hours=24)
DELIVERED = 3
FIRST_FINAL = 3
FAULTS = dict.fromkeys((4, 7, 8), "operator")
FAULTS |= dict.fromkeys((5, 6, 9, 11), "recipient")
FAULTS |= dict.fromkeys((10, 12, 14, 15, 16), "sender")
FAULTS[13] = "mailjet"
# Whole beginnings of numbers, so that no other country begins so.
COUNTRIES = {
    "33": ("FR", "France"),
    "44": ("GB", "United Kingdom"),
    "1202": ("US", "United States"),
    "49": ("DE", "Germany"),
    "32": ("BE", "Belgium"),
    "351": ("PT", "Portugal"),
    "34": ("ES", "Spain"),
    "31": ("NL", "Netherlands"),
    "48": ("PL", "Poland"),
    "81": ("JP", "Japan"),
    "41": ("CH", "Switzerland"),
    "46": ("SE", "Sweden"),
    "45": ("DK", "Denmark"),
    "420": ("CZ", "Czech Republic"),
}
NASTY = "<img src=x onerror=1>"
SENDERS = ("Clinic", "36190", "33757000000", "0049", "null", NASTY, 'a"b&c', "Ünï", "", None)
PRICES = {"EUR": "0.0421", "USD": "0.0112", "GBP": "0.0373", "CHF": "0.05"}


@dataclass(frozen=True, slots=True)
class Sms:
    """One row of the loaded table, with the columns that the package reads."""

    message_id: str
    sender: str | None
    recipient: str | None
    status_code: int | None
    status_name: str | None
    status_description: str | None
    created_at: datetime
    sent_at: datetime | None
    sms_count: int | None
    cost_value: Decimal | None
    cost_currency: str | None
    export_id: int
    exported_at: datetime | None
    to_ts: datetime


COLUMNS = {
    "message_id": "text",
    "sender": "text",
    "recipient": "text",
    "status_code": "bigint",
    "status_name": "text",
    "status_description": "text",
    "created_at": "timestamp",
    "sent_at": "timestamp",
    "sms_count": "bigint",
    "cost_value": "numeric(38, 9)",
    "cost_currency": "text",
    "export_id": "bigint",
    "exported_at": "timestamp",
    "to_ts": "timestamp",
}


def history(days: int, per_day: int = 40, seed: int = 1, **fixed: object) -> list[Sms]:
    """So many days up to `AS_OF`, with whatever can be in them; `fixed` columns for all rows."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    found = []
    for number in range(days * per_day):
        age = timedelta(seconds=1 + draw.randrange(days * 86_400))
        created = AS_OF - age
        code = draw.choices(range(17), [2, 2, 4, 85, *[1] * 13])[0]
        if age < timedelta(hours=30) and draw.random() < 0.3:
            code = 2
        currency = draw.choices([*PRICES, None], [60, 20, 12, 7, 1])[0]
        parts = draw.choice([1, 1, 1, 2, 3])
        cost = Decimal(PRICES[currency]) * parts if currency else None
        prefix = draw.choices([*COUNTRIES], range(len(COUNTRIES), 0, -1))[0]
        recipient = prefix + "".join(draw.choices("0123456789", k=12 - len(prefix)))
        row: dict[str, Any] = {
            "message_id": f"{draw.getrandbits(64):016x}-{number}",
            "sender": draw.choice(SENDERS),
            # A number that was hashed tells no country.
            "recipient": f"+{recipient}" if number % 50 else f"sha:{recipient}",
            "status_code": code,
            "status_name": STATUS_NAMES[code],
            "status_description": None,
            "created_at": created,
            "sent_at": None if code == 1 else created + timedelta(seconds=draw.randrange(60)),
            "sms_count": parts,
            "cost_value": cost,
            "cost_currency": currency,
            "export_id": 1,
            "exported_at": AS_OF,
            "to_ts": AS_OF,
        }
        found.append(Sms(**(row | fixed)))
    return found


def load_postgres(uri: str, messages: Iterable[Sms], schema: str = "mailjet") -> None:
    """Make the table anew, with these rows."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
        cursor.execute(f"CREATE SCHEMA {schema}".encode())
        cursor.execute(f"CREATE TABLE {schema}.sms_messages ({columns})".encode())
        with cursor.copy(f"COPY {schema}.sms_messages FROM STDIN".encode()) as copy:
            for message in messages:
                copy.write_row(astuple(message))


def load_duckdb(file: Path, messages: Sequence[Sms], schema: str = "mailjet") -> None:
    """Make the table anew, with these rows."""
    rows = file.with_suffix(".csv")
    with rows.open("w", newline="") as output:
        writer = csv.writer(output)
        writer.writerow([field.name for field in fields(Sms)])
        for message in messages:
            writer.writerow("\\N" if cell is None else cell for cell in astuple(message))
    with duckdb.connect(file) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        read = connection.read_csv(
            str(rows), header=True, na_values="\\N", dtype=COLUMNS, quotechar='"'
        )
        read.to_table(f"{schema}.sms_messages")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A message, and what is to be made of it."""

    sms: Sms
    day: str
    country: str
    currency: str
    outcome: str
    settled: bool


def answer(messages: Sequence[Sms], zone: str = "UTC") -> dict[str, object]:
    """What the macro `report_figures` has to print for these rows, in any order."""
    if not messages:
        return {"mailjet_sms_report": zone, "clock": [[None] * 4]}
    as_of = max(sms.exported_at or sms.to_ts for sms in messages)
    judged = [_judge(sms, as_of, zone) for sms in messages]
    today = _local(as_of, zone).date()
    month = f"{today:%Y-%m}"
    days = sorted(found.day for found in judged)
    rows: dict[str, list[list[object]]] = {
        "clock": [[as_of, today, days[0], days[-1]]],
        "days": [
            [day, int(all(found.settled for found in group)), *_outcomes(group)]
            for (day,), group in _groups(judged, lambda m: (m.day,))
        ],
        "spend": [
            [day, currency, len(group), _cost(group), sum(m.sms.cost_value is None for m in group)]
            for (day, currency), group in _groups(judged, lambda m: (m.day, m.currency))
        ],
        "months": [
            [currency, _cost(group), _change(judged, currency, _local(as_of, zone), zone)]
            for (of, currency), group in _groups(judged, lambda m: (m.day[:7], m.currency))
            if of == month
        ],
        "countries": [
            [country, currency, _cost(group), *_outcomes(group)]
            for (country, currency), group in _groups(judged, lambda m: (m.country, m.currency))
        ],
        "names": [list(country) for country in COUNTRIES.values()],
        "senders": [
            [f"={sender}", *_outcomes(group)]
            for (sender,), group in _groups(judged, lambda m: (m.sms.sender or "",))
        ],
        "failures": [
            [day, code, f"={STATUS_NAMES[int(code)]}", FAULTS[int(code)], len(group)]
            for (day, code), group in _groups(
                [found for found in judged if found.outcome == "failed"],
                lambda m: (m.day, str(m.sms.status_code)),
            )
        ],
        "latency": [
            [day, *(_percentile([_seconds(m) for m in group], share) for share in (50, 95, 99))]
            for (day,), group in _groups(
                [found for found in judged if found.sms.sent_at], lambda m: (m.day,)
            )
        ],
        "stale": [
            [
                f"={name}",
                int(outcome == "pending"),
                len(group),
                min(m.sms.created_at for m in group),
            ]
            for (name, outcome), group in _groups(
                [
                    found
                    for found in judged
                    if found.outcome in {"pending", "unconfirmed"}
                    and found.sms.created_at < as_of - STALE
                ],
                lambda m: (m.sms.status_name or "", m.outcome),
            )
        ],
    }
    texts = {
        name: [[None if cell is None else str(cell) for cell in row] for row in found]
        for name, found in rows.items()
    }
    return {"mailjet_sms_report": zone, **texts}


def _judge(sms: Sms, as_of: datetime, zone: str) -> _Judged:
    code = sms.status_code or 0
    final = code >= FIRST_FINAL
    read_at_last = sms.exported_at is not None and sms.exported_at >= sms.created_at + SETTLE
    old = read_at_last or as_of > sms.created_at + 1.25 * SETTLE
    if final:
        outcome = "delivered" if code == DELIVERED else "failed"
    else:
        outcome = "unconfirmed" if old else "pending"
    number = (sms.recipient or "").removeprefix("+")
    country = next(
        (code for prefix, (code, _) in COUNTRIES.items() if number.startswith(prefix)), "ZZ"
    )
    day = _local(sms.created_at, zone).date().isoformat()
    return _Judged(sms, day, country, sms.cost_currency or "XXX", outcome, final or old)


def _local(moment: datetime, zone: str) -> datetime:
    return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _groups(
    judged: Iterable[_Judged], key: Callable[[_Judged], tuple[str, ...]]
) -> Iterable[tuple[tuple[str, ...], list[_Judged]]]:
    groups: defaultdict[tuple[str, ...], list[_Judged]] = defaultdict(list)
    for found in judged:
        groups[key(found)].append(found)
    return groups.items()


def _outcomes(group: Sequence[_Judged]) -> list[int]:
    """Messages, parts, delivered, concluded, failed, pending."""
    outcomes = [found.outcome for found in group]
    return [
        len(group),
        sum(1 if found.sms.sms_count is None else found.sms.sms_count for found in group),
        outcomes.count("delivered"),
        len(group) - outcomes.count("pending"),
        outcomes.count("failed"),
        outcomes.count("pending"),
    ]


def _cost(group: Iterable[_Judged]) -> Decimal:
    return sum((found.sms.cost_value or Decimal() for found in group), Decimal())


def _change(judged: Sequence[_Judged], currency: str, now: datetime, zone: str) -> Decimal | None:
    """The change of this month's cost to last month's, both up to as far into the month as now."""
    this = now.replace(day=1, hour=0, minute=0, second=0)
    last = (this - timedelta(days=1)).replace(day=1)
    first = min(_local(found.sms.created_at, zone) for found in judged)
    if first >= last + timedelta(days=1):
        return None
    costs = {
        start: sum(
            (
                found.sms.cost_value or Decimal()
                for found in judged
                if found.currency == currency
                and start <= _local(found.sms.created_at, zone) < start + (now - this)
            ),
            Decimal(),
        )
        for start in (this, last)
    }
    return (costs[this] - costs[last]) / costs[last] if costs[last] else None


def _seconds(found: _Judged) -> float:
    assert found.sms.sent_at is not None
    return (found.sms.sent_at - found.sms.created_at).total_seconds()


def _percentile(values: Sequence[float], share: int) -> float:
    """Between the two values that it lies between, in proportion."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share / 100
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
