"""Messages that are known, files that hold them in any layout, and Mailjet's list of them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from tap_mailjet_sms.exceptions import CSVHeaderError, CSVLayoutError
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.reading import csv_file
from tap_mailjet_sms.reading.rules import Rules
from tap_mailjet_sms.reading.window_check import FarTimes, WindowCheck
from tap_mailjet_sms.witness import Silence, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

    from tap_mailjet_sms.reading.layout import KnownLayout

#: What a column's cells hold of a message.
Cell: TypeAlias = "Callable[[Witness], str]"

START = datetime(2026, 11, 20, tzinfo=UTC)
NOW = START + timedelta(days=5)
#: The names and descriptions of some statuses.
STATUSES = {2: "sent", 3: "delivered", 5: "rejected_undelivered"}
_CODES = (3, 3, 5, 3, 2)
_SENDERS = ("Bakery", "36190", "ACME Shop")


def message(number: int, **more: object) -> Witness:
    """A message of 20 to 24 November; no two are alike in anything that tells them apart."""
    created = START + number * timedelta(hours=5, minutes=7, seconds=13)
    code = _CODES[number % len(_CODES)]
    parts = 1 + number % 3
    told = Witness(
        message_id=f"{number * 7919 + 255:08x}-abcd-4eef-a012-{number * 104729:012x}",
        created_at=created,
        sender=_SENDERS[number % len(_SENDERS)],
        recipient=f"+3363998{number * 37:04}",
        status_code=code,
        status_name=STATUSES[code],
        status_description=f"It was {STATUSES[code]}.",
        sent_at=created + timedelta(seconds=2 + number),
        sms_count=parts,
        cost_value=Decimal("0.045") * parts,
        cost_currency="EUR",
    )
    return replace(told, **more)  # type: ignore[arg-type]


def messages(number: int, **more: object) -> list[Witness]:
    """So many messages."""
    return [message(each, **more) for each in range(number)]


def unix(moment: datetime | None) -> str:
    """Seconds; nothing for no time."""
    return "" if moment is None else str(int(moment.timestamp()))


#: A file whose names are known, and right.
KNOWN: dict[str, Cell] = {
    "ID": lambda m: m.message_id,
    "From": lambda m: m.sender or "",
    "To": lambda m: m.recipient or "",
    "Status": lambda m: str(m.status_code),
    "SmsCount": lambda m: str(m.sms_count),
    "CreationTS": lambda m: unix(m.created_at),
    "SentTS": lambda m: unix(m.sent_at),
    "Cost": lambda m: str(m.cost_value),
    "Currency": lambda m: m.cost_currency or "",
}
#: What its columns are.
ROLES = {
    "ID": "message_id",
    "From": "sender",
    "To": "recipient",
    "Status": "status_code",
    "SmsCount": "sms_count",
    "CreationTS": "created_at",
    "SentTS": "sent_at",
    "Cost": "cost_value",
    "Currency": "cost_currency",
}
#: Names that say nothing.
FOREIGN = dict(zip(KNOWN, ("Kenn", "Von", "An", "Zu", "Teil", "Erst", "Ges", "Preis", "Geld"),
                   strict=True))  # fmt: skip


def foreign(*names: str) -> dict[str, Cell]:
    """A file whose names say nothing for these columns, or for all."""
    return {
        FOREIGN[name] if name in (names or KNOWN) else name: cell for name, cell in KNOWN.items()
    }


def written(form: str) -> dict[str, Cell]:
    """A file that writes its times so."""
    return {
        **KNOWN,
        "CreationTS": lambda m: m.created_at.strftime(form),
        "SentTS": lambda m: m.sent_at.strftime(form) if m.sent_at else "",
    }


def file_of(
    told: Sequence[Witness],
    columns: Mapping[str, Cell] = KNOWN,
    *,
    delimiter: str = ",",
    headless: bool = False,
) -> str:
    """A CSV with a row for each message."""
    rows = [] if headless else [list(columns)]
    rows += [[cell(each) for cell in columns.values()] for each in told]
    lines = (delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows)
    return "".join(f"{line}\n" for line in lines)


@dataclass
class Listed:
    """Mailjet's list, page by page; what follows is nothing, for the reason that is given."""

    pages: list[Sequence[Witness]] = field(default_factory=list)
    silence: Silence | None = None
    began: datetime = NOW
    asked: list[str] = field(default_factory=list)
    begun_anew: list[str] = field(default_factory=list)

    def ask(self, layout: str) -> Sequence[Witness]:
        """The next page."""
        self.asked.append(layout)
        return self.pages.pop(0) if self.pages else ()

    def start_anew(self, layout: str) -> None:
        """Note it."""
        self.begun_anew.append(layout)


@dataclass
class Read:
    """What became of a file."""

    rows: list[dict[str, Any]]
    layout: KnownLayout | None
    warnings: list[str]
    infos: list[str]
    #: What is said of times off the window.
    far: str | None

    @property
    def doubts(self) -> list[str]:
        """The warnings of columns that may hold something else than their names say."""
        return [text for text in self.warnings if text.startswith("In Mailjet's CSV")]

    def column(self, name: str) -> list[Any]:
        """The values of a column."""
        return [row[name] for row in self.rows]


def read(  # noqa: PLR0913 - each is one independent choice
    csv: str,
    listed: Sequence[Witness] | Listed,
    *,
    rules: Rules | None = None,
    before: KnownLayout | None = None,
    now: datetime = NOW,
    window: tuple[datetime, datetime] = (START, NOW),
) -> Read:
    """Read a file of which Mailjet lists these messages."""
    source: BinaryIO = io.BytesIO(csv.encode())
    check, far_times = WindowCheck(*window, now=now), FarTimes()
    reading = csv_file.read(
        source,
        rules or Rules(),
        before=before,
        check=check,
        listing=listed if isinstance(listed, Listed) else Listed([listed]),
    )
    rows = [row for batch in reading for row in batch.to_pylist()]
    for row in rows:
        row["extra"] = row["extra"] and dict(row["extra"])
    far_times.add(check)
    return Read(
        rows,
        reading.layout,
        [notice.text for notice in reading.notices if notice.weight is Weight.WARNING],
        [notice.text for notice in reading.notices if notice.weight is not Weight.WARNING],
        far_times.warning,
    )


def refusal(csv: str, listed: Sequence[Witness] | Listed, **more: object) -> str:
    """The sentence with which a file is refused for its layout."""
    with pytest.raises((CSVLayoutError, CSVHeaderError)) as caught:
        read(csv, listed, **more)  # type: ignore[arg-type]
    return str(caught.value)


def truth(told: Sequence[Witness]) -> list[dict[str, Any]]:
    """What a right reader makes of the messages."""
    names = [*ROLES.values(), "status_name"]
    return [{name: getattr(each, name) for name in names} for each in told]


def is_true(found: Read, told: Sequence[Witness]) -> bool:
    """Whether each value that the list has is the one that was read."""
    expected = truth(told)
    seen = [{name: row[name] for name in expected[0]} for row in found.rows]
    return seen == expected
