"""The figures of every mart once more, in plain Python from the rows of the loaded table.

Nothing is taken from the models: countries come from the `phonenumbers` library, not from the seed.
Only what a status means is read from the seed, since it is a judgement.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import phonenumbers

from pipeline.dbt import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dbt_checks.world import Row

# A row of a mart by column. The values are of the databases' drivers.
Figures: TypeAlias = dict[str, Any]
MONEY = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Settings:
    """The package's variables."""

    timezone: str = "UTC"
    settle: timedelta = timedelta(days=3)
    stale: timedelta = timedelta(hours=24)


def marts(rows: Iterable[Row], settings: Settings) -> dict[str, list[Figures]]:
    """The rows of each mart, by the mart's name."""
    messages = _messages(list(rows), settings)
    return {
        "mailjet_sms__messages": messages,
        "mailjet_sms__daily": _daily(messages),
        "mailjet_sms__failures_daily": _failures(messages),
        "mailjet_sms__latency_daily": _latency(messages),
        "mailjet_sms__spend_monthly": _spend(messages, settings),
        "mailjet_sms__stale": _stale(messages, settings),
    }


def _messages(rows: list[Row], settings: Settings) -> list[Figures]:
    newest: dict[object, Row] = {}
    for row in sorted(rows, key=_recency):
        newest[row["message_id"]] = row
    exported: list[Any] = [row["exported_at"] for row in newest.values() if row["exported_at"]]
    ended: list[Any] = [row["to_ts"] for row in newest.values()]
    as_of = max(exported or ended, default=None)
    return [_message(row, as_of, settings) for row in newest.values()]


def _recency(row: Row) -> tuple[object, ...]:
    def nulls_first(value: object) -> tuple[bool, object]:
        return (value is not None, value if value is not None else 0)

    return tuple(nulls_first(row[name]) for name in ("exported_at", "to_ts", "export_id"))


def _message(row: Any, as_of: Any, settings: Settings) -> Figures:  # noqa: ANN401 - a table's values
    status = _statuses().get(row["status_code"])
    created_at, exported_at, sent_at = row["created_at"], row["exported_at"], row["sent_at"]
    is_old = as_of > created_at + settings.settle * 1.25
    if exported_at is not None and exported_at - created_at >= settings.settle:
        is_old = True
    is_final = status is not None and status["is_final"] == "true"
    outcome = status["outcome"] if status is not None and is_final else None
    local = created_at.replace(tzinfo=UTC).astimezone(ZoneInfo(settings.timezone))
    return {
        "message_id": row["message_id"],
        "sender": row["sender"],
        "recipient": row["recipient"],
        "country_code": _country(row["recipient"]),
        "status_code": row["status_code"],
        "status_name": status["status_name"] if status is not None else row["status_name"],
        "outcome": outcome or ("unconfirmed" if is_old else "pending"),
        "is_settled": is_final or is_old,
        "fault": (status["fault"] or None) if status is not None else None,
        "reached_operator": None if status is None else status["reached_operator"] == "true",
        "created_at": created_at,
        "sent_at": sent_at,
        "created_local": local.replace(tzinfo=None),
        "created_date": local.date(),
        "send_seconds": None if sent_at is None else int((sent_at - created_at).total_seconds()),
        "parts": row["sms_count"],
        "cost": None
        if row["cost_value"] is None
        else row["cost_value"].quantize(MONEY, ROUND_HALF_UP),
        "currency": row["cost_currency"] or "XXX",
        "exported_at": exported_at,
        "as_of": as_of,
    }


def _statuses() -> dict[object, dict[str, str]]:
    with (PACKAGE / "seeds" / "mailjet_sms_statuses.csv").open(encoding="utf-8") as file:
        return {int(row["status_code"]): row for row in csv.DictReader(file)}


def _country(recipient: str | None) -> str:
    """The library's country; of a number that is nobody's, the first of its calling code."""
    if recipient is None or not re.fullmatch(r"\+?[1-9]\d*", recipient):
        return "ZZ"
    number = phonenumbers.parse(f"+{recipient.removeprefix('+')}")
    own = phonenumbers.region_code_for_number(number)
    return own or phonenumbers.region_code_for_country_code(number.country_code or 0)


def _grouped(
    messages: Iterable[Figures], key: Callable[[Figures], tuple[Any, ...]]
) -> Iterable[tuple[tuple[Any, ...], list[Figures]]]:
    for value, group in groupby(sorted(messages, key=key), key=key):
        yield value, list(group)


def _cost(messages: Iterable[Figures]) -> Decimal:
    return sum((one["cost"] for one in messages if one["cost"] is not None), Decimal(0))


def _parts(messages: Iterable[Figures]) -> int:
    return sum(1 if one["parts"] is None else one["parts"] for one in messages)


def _daily(messages: list[Figures]) -> list[Figures]:
    def key(one: Figures) -> tuple[Any, ...]:
        return (one["created_date"], one["country_code"], one["sender"] or "", one["currency"])

    found = []
    for (date, country, sender, currency), group in _grouped(messages, key):
        count = {
            outcome: sum(one["outcome"] == outcome for one in group)
            for outcome in ("delivered", "failed", "unconfirmed", "pending")
        }
        failed = [one for one in group if one["outcome"] == "failed"]
        concluded = len(group) - count["pending"]
        found.append(
            {
                "created_date": date,
                "country_code": country,
                "sender": sender,
                "currency": currency,
                "messages": len(group),
                **count,
                "refused": sum(not one["reached_operator"] for one in failed),
                "concluded": concluded,
                "delivery_rate": count["delivered"] / concluded if concluded else None,
                "parts": _parts(group),
                "cost": _cost(group),
                "cost_failed": _cost(failed),
                "messages_without_cost": sum(one["cost"] is None for one in group),
                "is_settled": all(one["is_settled"] for one in group),
            }
        )
    return found


def _failures(messages: list[Figures]) -> list[Figures]:
    def key(one: Figures) -> tuple[Any, ...]:
        where = (one["created_date"], one["country_code"], one["sender"] or "")
        return (*where, one["status_code"], one["status_name"], one["fault"], one["currency"])

    names = ("created_date", "country_code", "sender", "status_code", "status_name", "fault")
    return [
        {
            **dict(zip((*names, "currency"), values, strict=True)),
            "messages": len(group),
            "parts": _parts(group),
            "cost": _cost(group),
        }
        for values, group in _grouped((m for m in messages if m["outcome"] == "failed"), key)
    ]


def _latency(messages: list[Figures]) -> list[Figures]:
    waits: defaultdict[tuple[Any, str], list[int]] = defaultdict(list)
    for one in messages:
        if one["send_seconds"] is not None and one["send_seconds"] >= 0:
            for country in (one["country_code"], "*"):
                waits[one["created_date"], country].append(one["send_seconds"])
    return [
        {
            "created_date": date,
            "country_code": country,
            "messages": len(seconds),
            **{f"p{p}_seconds": _percentile(sorted(seconds), p) for p in (50, 90, 95, 99)},
            "max_seconds": max(seconds),
        }
        for (date, country), seconds in waits.items()
    ]


def _percentile(values: list[int], percent: int) -> float:
    """Between the two values that it lies between, as `percentile_cont` has it."""
    place = (len(values) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def _spend(messages: list[Figures], settings: Settings) -> list[Figures]:
    if not messages:
        return []

    def month(moment: datetime) -> datetime:
        return moment.replace(day=1, hour=0, minute=0, second=0)

    zone = ZoneInfo(settings.timezone)
    now = messages[0]["as_of"].replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    passed = now - month(now)
    first = min(one["created_local"] for one in messages)
    costs = {}
    for key, group in _grouped(messages, lambda m: (month(m["created_local"]), m["currency"])):
        to_date = [one for one in group if one["created_local"] - key[0] < passed]
        costs[key] = (group, _cost(group), _cost(to_date))
    found = []
    for (start, currency), (group, cost, to_date_cost) in costs.items():
        before = month(start - timedelta(days=1))
        # A day's grace: not every account sends in the first hour of a month.
        known = before > first - timedelta(days=1)
        _, last, last_to_date = (
            costs.get((before, currency), ([], None, None))
            if known
            else (
                [],
                None,
                None,
            )
        )
        found.append(
            {
                "month_start": start.date(),
                "currency": currency,
                "is_current": start == month(now),
                "messages": len(group),
                "parts": _parts(group),
                "cost": cost,
                "cost_last_month": last,
                "cost_to_date": to_date_cost,
                "cost_to_date_last_month": last_to_date,
                "change_to_date": ((to_date_cost - last_to_date) / last_to_date).quantize(
                    MONEY, ROUND_HALF_UP
                )
                if last_to_date
                else None,
            }
        )
    return found


def _stale(messages: list[Figures], settings: Settings) -> list[Figures]:
    names = ("message_id", "country_code", "sender", "status_code", "status_name", "created_at")
    return [
        {name: one[name] for name in (*names, "cost", "currency", "as_of")}
        | {
            "age_hours": (one["as_of"] - one["created_at"]) // timedelta(hours=1),
            "is_read_again": one["outcome"] == "pending",
        }
        for one in messages
        if one["outcome"] in {"pending", "unconfirmed"}
        and one["as_of"] - one["created_at"] > settings.stale
    ]
