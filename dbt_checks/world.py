"""A loaded table with everything in it that a model could get wrong, and how it moves on."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import phonenumbers

Row: TypeAlias = dict[str, object]

#: The table as targets make it of the tap's catalog.
COLUMNS = (
    "message_id",
    "sender",
    "recipient",
    "status_code",
    "status_name",
    "status_description",
    "created_at",
    "sent_at",
    "sms_count",
    "cost_value",
    "cost_currency",
    "extra",
    "export_id",
    "exported_at",
    "from_ts",
    "to_ts",
)
#: Moments without a zone, which mean UTC.
MOMENTS = ("created_at", "sent_at", "exported_at", "from_ts", "to_ts")
#: Without these the package refuses to build.
REQUIRED = ("message_id", "created_at", "to_ts")

#: When the newest export of the world was made: in a month that is not over, after a change of
#: clocks in most zones.
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC).replace(tzinfo=None)
FIRST = NOW - timedelta(days=100)
SETTLE = timedelta(days=3)
# A new status among them, and a row that has none.
_CODES = (*range(17), *[3] * 40, *[1] * 6, *[2] * 6, 99, None)
_NAMES = ("unknown", "sent_pending", "sent", "delivered", "rejected_operator")
_SENDERS = ("ACME Shop", "36190", "33757000000", "OTP", None)
# Floats of six digits and a half that no rounding can take either way; free; no price.
_PRICES = ("0.0450", "0.028", "0.0424546", "0.0075", "1.333333", "0", None)
_CURRENCIES = ("EUR", "EUR", "USD", "GBP", "XOF", None)
_ODD_RECIPIENTS = (
    None,
    "",
    "+",
    "9e107d9d372bb6826bd81d3542a419d6",
    "MJPilot",
    "0612345678",
    "33639980000",  # without the plus
)


def loaded(count: int = 1500) -> list[Row]:
    """The rows of a target that upserts: one for each message."""
    chance = random.Random(20261120)
    recipients = (*_mobiles(), *_ODD_RECIPIENTS)
    rows = [
        message(
            f"m{number:05}",
            created_at=FIRST + timedelta(seconds=chance.randrange(100 * 86_400)),
            recipient=recipients[number % len(recipients)],
            chance=chance,
        )
        for number in range(count)
    ]
    return rows + _edges(chance)


def message(
    message_id: str, *, created_at: datetime, recipient: str | None, chance: random.Random
) -> Row:
    """One message as an export knew it, at latest the newest of the world."""
    exported_at = min(NOW, created_at + timedelta(seconds=chance.randrange(1, 5 * 86_400)))
    sent_after = chance.choice((0, 1, 2, 7, 60, 3600, 90_000, -7, None))
    code = chance.choice(_CODES)
    price = chance.choice(_PRICES)
    return {
        "message_id": message_id,
        "sender": chance.choice(_SENDERS),
        "recipient": recipient,
        "status_code": code,
        "status_name": None if code is None else f"status {code}",
        "status_description": 'It\'s what the server says; "or not".',
        "created_at": created_at,
        "sent_at": None if sent_after is None else created_at + timedelta(seconds=sent_after),
        "sms_count": chance.choice((1, 1, 1, 2, 5, None)),
        "cost_value": None if price is None else Decimal(price),
        "cost_currency": chance.choice(_CURRENCIES),
        "extra": None,
        "export_id": chance.randrange(1, 1000),
        "exported_at": None if chance.random() < 0.02 else exported_at,
        "from_ts": FIRST,
        "to_ts": exported_at,
    }


def moved(rows: list[Row]) -> list[Row]:
    """What the next run loads: statuses that moved on, some prices with them, and new messages."""
    chance = random.Random(7)
    later = NOW + timedelta(hours=6)
    updates = [
        row
        | {
            "status_code": chance.choice((2, 3, 5)),
            "cost_value": chance.choice((row["cost_value"], Decimal("0.055"))),
            "exported_at": later,
            "to_ts": later,
            "export_id": 2000,
        }
        for row in rows
        if row["status_code"] in {1, 2} and _moment(row, "created_at") > NOW - timedelta(days=8)
    ]
    added = [
        message(
            f"n{number:05}",
            created_at=NOW + timedelta(minutes=number),
            recipient="+33639980000",
            chance=chance,
        )
        | {"exported_at": later, "to_ts": later}
        for number in range(50)
    ]
    return updates + added


def late(rows: list[Row]) -> list[Row]:
    """What a target that appends can hold besides: older states that come late, or say not when."""
    dated = [row for row in rows if row["exported_at"] is not None]
    newest = [row for row in dated if _moment(row, "exported_at") > NOW - timedelta(days=5)]
    old = [row for row in dated if _moment(row, "exported_at") < NOW - timedelta(days=20)]
    return [
        *(
            row | {"status_code": 1, "exported_at": _moment(row, "exported_at") - timedelta(days=1)}
            for row in newest[:40]
        ),
        *(row | {"status_code": 1, "exported_at": None, "export_id": 5000} for row in old[:40]),
    ]


def upserted(rows: list[Row], changes: list[Row]) -> list[Row]:
    """The rows of a target that upserts after these changes."""
    return list({row["message_id"]: row for row in [*rows, *changes]}.values())


def _mobiles() -> list[str]:
    """A mobile number of each region, as the library's own examples have them."""
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is not None:
            found.append(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found


def _edges(chance: random.Random) -> list[Row]:
    """Messages at the exact edges of the settle time, of what is stale, and of a month."""
    second = timedelta(seconds=1)
    into_month = NOW - NOW.replace(day=1, hour=0)
    edges = {
        "read at the settle time": (NOW - SETTLE, NOW),
        "read a second before": (NOW - SETTLE + second, NOW),
        "read early, now at 90 h": (NOW - SETTLE * 1.25, NOW - timedelta(hours=30)),
        "read early, now past it": (NOW - SETTLE * 1.25 - second, NOW - timedelta(hours=30)),
        "a day old": (NOW - timedelta(hours=24), NOW),
        "a second more": (NOW - timedelta(hours=24) - second, NOW),
        "first of the month": (datetime(2026, 10, 1), NOW),  # noqa: DTZ001 - means UTC
        "last of the month": (datetime(2026, 9, 30, 23, 59, 59), NOW),  # noqa: DTZ001
        "as far into the month": (datetime(2026, 10, 1) + into_month, NOW),  # noqa: DTZ001
        "a second less far": (datetime(2026, 10, 1) + into_month - second, NOW),  # noqa: DTZ001
        "a day in New York": (datetime(2026, 11, 1, 4), NOW),  # noqa: DTZ001
        "the day before": (datetime(2026, 11, 1, 3, 59, 59), NOW),  # noqa: DTZ001
    }
    return [
        message(name, created_at=created_at, recipient="+447700900123", chance=chance)
        | {"status_code": 2, "cost_value": Decimal("0.5"), "cost_currency": "EUR"}
        | {"exported_at": exported_at}
        for name, (created_at, exported_at) in edges.items()
    ]


def _moment(row: Row, column: str) -> datetime:
    moment = row[column]
    assert isinstance(moment, datetime)
    return moment
