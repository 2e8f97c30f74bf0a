"""Messages that a warehouse could get wrong, as a CSV of Mailjet and as what each cell must be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: What a row must hold, by column; moments in UTC.
Row = dict[str, object]

TEXTS = (
    "Bakery 24",
    'she said "hi"',
    "a,b;c\td|e",
    "two\nlines\r\nor three",
    "naïve ☃ 😀 \u202eright to left",
    "line\u2028separator\x85 and \x1f units",
    "back\\slash \\N \\. \\t",
    "'; DROP TABLE sms_messages; --",
    "{curly} {{braces}} %s %(name)s :name $1",
    "null",
    "NaN",
    "=1+1",
    "0012",
    "1e5",
    "true",
)
#: With 4, 17 and 20 places, and as large and as small as they can be.
COSTS = (
    "0.0450",
    "0.12345678901234567",
    "0.00000000000000000001",
    "",
    "0",
    "0.0075",
    "12345678901234567.0075",
    "123456789012345678.12345678901234567891",
    "1.1",
)
#: Those that a binary floating point number holds to all its digits.
SHORT_COSTS = ("0.0450", "", "0", "0.0075", "1.1", "1234567.0075", "0.123456789012345")
NOTES = ("", '{"a": [1, null]}', "null", "[]", 'quo"te', "back\\slash", "☃\n")


def october_night() -> datetime:
    """Midnight, in UTC, of the last night before now in which Paris had 2 o'clock twice."""
    now = datetime.now(UTC)
    for year in (now.year, now.year - 1):
        last = datetime(year, 10, 31, tzinfo=UTC)
        night = last - timedelta(days=(last.weekday() + 1) % 7)
        if night + timedelta(days=1) < now:
            return night
    raise AssertionError


def messages(costs: tuple[str, ...] = COSTS) -> list[Row]:
    """A message for each five minutes of that night, from before the change until after it."""
    begin = october_night() - timedelta(hours=2)
    texts, prices, notes = cycle(TEXTS), cycle(costs), cycle(NOTES)
    rows: list[Row] = []
    for number in range(96):
        created = begin + timedelta(minutes=5 * number)
        cost, note = next(prices), next(notes)
        is_sent = number % 5 > 0
        rows.append(
            {
                "message_id": f"0b5b1c5a-0000-4000-a000-{number:012x}",
                "sender": next(texts),
                "recipient": f"+3363998{number:04}",
                "status_code": 3 if is_sent else 1,
                "status_name": "delivered" if is_sent else "sent_pending",
                "status_description": None,
                "created_at": created,
                "sent_at": created + timedelta(seconds=59) if is_sent else None,
                "sms_count": number % 5 + 1,
                "cost_value": Decimal(cost) if cost else None,
                "cost_currency": "EUR",
                "extra": {"Note": note or None},
            }
        )
    return rows


def comparable(row: Row) -> list[str]:
    """A row of the truth, or as read of JSON: moments in UTC, objects and numbers by value."""
    cells: list[str] = []
    for name, value in row.items():
        told = value
        if isinstance(value, datetime):
            told = value.replace(tzinfo=None)
        elif name == "cost_value" and value is not None:
            told = f"{Decimal(str(value)):.20f}"
        elif name == "extra":
            told = json.loads(value) if isinstance(value, str) else value
        cells.append(f"{name}={told}")
    return cells


def write_csv(path: Path, rows: list[Row], *, notes: bool = True) -> None:
    """The file that Mailjet would make of them; without the unknown column, `extra` is null."""

    def quoted(value: object) -> str:
        text = str(value).replace('"', '""')
        return f'"{text}"'

    lines = ["ID,From,To,Status,SMSCount,CreationTS,SentTS,Cost,Currency" + ",Note" * notes]
    for row in rows:
        extra = row["extra"]
        cells = [
            row["message_id"], quoted(row["sender"]), row["recipient"], row["status_code"],
            row["sms_count"], _unix(row["created_at"]), _unix(row["sent_at"]),
            "" if row["cost_value"] is None else f"{row['cost_value']:f}", row["cost_currency"],
        ]  # fmt: skip
        if notes:
            note = extra["Note"] if isinstance(extra, dict) else None
            cells.append(quoted(note or ""))
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join([*lines, ""]), encoding="utf-8", newline="")


def _unix(moment: object) -> str:
    return str(int(moment.timestamp())) if isinstance(moment, datetime) else ""


def window() -> dict[str, object]:
    """The settings of the tap that read such a file as one window."""
    night = october_night()
    return {
        "start_date": (night - timedelta(hours=3)).isoformat(),
        "end_date": (night + timedelta(hours=12)).isoformat(),
        "verify_layout": "off",
    }
