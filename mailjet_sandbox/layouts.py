"""The CSV of an export, in every layout that Mailjet may use: it is not documented (guessed, all).

A :class:`Layout` says how the file is written; :data:`LAYOUTS` names at least one for each
alternative. :meth:`Layout.expected` gives what a right reader makes of a row. Of the layouts in
:data:`PUZZLES` the header does not say enough, or says what is wrong: only someone who has seen the
same messages elsewhere can read them.
"""

from __future__ import annotations

import enum
import json
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from mailjet_sandbox.messages import STATUS_DESCRIPTIONS, STATUS_NAMES, as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mailjet_sandbox.messages import Message

    Cells: TypeAlias = Callable[[list[Message]], list[str]]

# What an unknown column may hold: whatever a reader could stumble over.
_HOSTILE = (
    "",
    "plain",
    'she said "hi"',
    "a,b;c\td",
    "two\nlines",
    "two\r\nlines",
    "naïve ☃ 😀",
    "line\u2028separator",
    " padded ",
    "'quoted'",
    "=1+1",
    "null",
    "NaN",
    "back\\slash\\",
    '"',
    "0x1F",
)


class Names(enum.Enum):
    """Whose spelling the header follows."""

    LIVE = "live"
    SAMPLES = "samples"
    PROSE = "prose"
    DOTTED = "dotted"
    HUMAN = "human"
    SNAKE = "snake"
    FRENCH = "french"
    GERMAN = "german"
    LETTERS = "letters"


class TimeForm(enum.Enum):
    """How a time is written."""

    UNIX = "unix"
    UNIX_MS = "unix_ms"
    ISO_Z = "iso_z"
    ISO_OFFSET = "iso_offset"
    ISO_FRACTION = "iso_fraction"
    ISO_NAIVE = "iso_naive"
    SPACED = "spaced"
    COMPACT = "compact"
    GO = "go"
    DAY_FIRST = "day_first"
    DAY_FIRST_POINTS = "day_first_points"
    DAY_FIRST_MINUTES = "day_first_minutes"
    MONTH_FIRST = "month_first"
    TWELVE_HOURS = "twelve_hours"


class StatusForm(enum.Enum):
    """How a status is written."""

    CODE = "code"
    NAME = "name"
    BOTH = "both"
    JSON = "json"
    COLUMNS = "columns"


class CostForm(enum.Enum):
    """How a cost is written."""

    COLUMNS = "columns"
    TEXT = "text"
    SYMBOL = "symbol"
    JSON = "json"
    COMMA = "comma"


class PhoneForm(enum.Enum):
    """How a recipient is written; the value is what stands before the digits."""

    PLUS = "+"
    DIGITS = ""
    APOSTROPHE = "'+"
    ZEROS = "00"


class IdForm(enum.Enum):
    """How an id is written."""

    UUID = "uuid"
    CAPITALS = "capitals"
    BARE = "bare"
    NUMBER = "number"


#: What a column can hold; which of the four for a status, and whether there is a currency, depends
#: on `Layout.status` and `Layout.cost`.
FIELDS = (
    "id", "from", "to", "status", "code", "name", "description",
    "parts", "created", "sent", "cost", "currency",
)  # fmt: skip
_HEADERS = {
    Names.LIVE: "ID,From,To,Status,StatusCode,StatusName,StatusDescription,"
    "SmsCount,CreationTS,SentTS,Cost,Currency",
    Names.SAMPLES: "MessageId,From,To,Status,StatusCode,StatusName,StatusDescription,"
    "SMSCount,CreationTS,SentTS,Cost,Currency",
    Names.PROSE: "MessageID,From,To,Status,StatusCode,StatusName,StatusDescription,"
    "SMSCount,CreationTS,SentTS,Cost,Currency",
    Names.DOTTED: "ID,From,To,Status,Status.Code,Status.Name,Status.Description,"
    "SmsCount,CreationTS,SentTS,Cost.Value,Cost.Currency",
    Names.HUMAN: "Message ID,Sender,Recipient,Status,Status code,Status name,Status description,"
    "Parts,Creation date,Sent date,Price,Currency",
    Names.SNAKE: "message_id,from,to,status,status_code,status_name,status_description,"
    "sms_count,creation_ts,sent_ts,cost,currency",
    Names.FRENCH: "Identifiant,Expéditeur,Destinataire,Statut,Code du statut,Nom du statut,"
    "Description du statut,Nombre de SMS,Date de création,Date d'envoi,Coût,Devise",
    Names.GERMAN: "Kennung,Absender,Empfänger,Zustand,Zustandscode,Zustandsname,"
    "Zustandsbeschreibung,Anzahl Teile,Erstellt am,Gesendet am,Preis,Währung",
    Names.LETTERS: "A,B,C,D,E,F,G,H,I,J,K,L",
}


_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the CSV of an export is written.

    Attributes:
        names: whose spelling the header follows; `renamed` has other words for some of it.
        headless: there is no header.
        only: the fields that the file has, in their order; all of them where none is named.
        backwards: all columns come the other way round.
        ahead: by so many seconds all times are off, as written by a server that takes the time of
            another place for UTC.
        zone: IANA name of the place whose time it is, which nothing in the file says. Of an hour
            that the clocks repeat, such a time does not tell which one it means.
    """

    names: Names = Names.LIVE
    delimiter: str = ","
    quote_all: bool = False
    newline: str = "\n"
    last_newline: bool = True
    bom: bool = False
    time: TimeForm = TimeForm.UNIX
    no_time: str = ""
    status: StatusForm = StatusForm.CODE
    cost: CostForm = CostForm.COLUMNS
    phone: PhoneForm = PhoneForm.PLUS
    id: IdForm = IdForm.UUID
    extra: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    backwards: bool = False
    headless: bool = False
    ahead: int = 0
    zone: str | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def header(self) -> list[str]:
        """The header's cells, as they are or would be."""
        return [column.header for column in self._columns()]

    @property
    def fields(self) -> list[str]:
        """What each column holds, whatever the header says: one of `FIELDS`, or of `extra`."""
        return [column.field for column in self._columns()]

    def render(self, blocks: Iterable[list[Message]]) -> Iterator[bytes]:
        """Write the CSV: the header first, then a piece for each block of messages."""
        columns = self._columns()
        join, newline = self.delimiter.join, self.newline
        begin = "\ufeff" if self.bom else ""
        if not self.headless:
            yield (begin + join(self._cells(self.header))).encode()
            begin = newline
        for block in blocks:
            if block:
                rows = map(join, zip(*(column.cells(block) for column in columns), strict=True))
                yield (begin + newline.join(rows)).encode()
                begin = newline
        if self.last_newline and begin == newline:
            yield newline.encode()

    def expected(self, message: Message) -> dict[str, object]:
        """Say what a right reader makes of the message's row."""
        fields = set(self.fields)
        has_status = not fields.isdisjoint({"status", "code", "name"})
        described = "description" in fields or (self.status is StatusForm.JSON and has_status)
        has_currency = "currency" in fields or ("cost" in fields and self.cost in _WITH_CURRENCY)
        precision = _PRECISION.get(self.time, 1)
        phone = self.phone.value.removeprefix("'") + message.recipient[1:]
        sent = message.sent_ts
        values = {
            "sender": ("from" in fields, message.sender),
            "recipient": ("to" in fields, phone),
            "status_code": (has_status, message.status),
            "status_name": (has_status, STATUS_NAMES[message.status]),
            "status_description": (described, STATUS_DESCRIPTIONS[message.status]),
            "sms_count": ("parts" in fields, message.sms_count),
            "sent_ts": ("sent" in fields, sent and sent - sent % precision),
            "cost_value": ("cost" in fields, message.cost_value),
            "cost_currency": (has_currency, message.cost_currency),
        }
        return {
            "message_id": _IDS[self.id](message.message_id),
            "created_ts": message.created_ts - message.created_ts % precision,
            **{column: value if is_there else None for column, (is_there, value) in values.items()},
            "extra": {name: _hostile(message, name) or None for name in self.extra},
        }

    def _columns(self) -> list[_Column]:
        """Pair each header with what fills its cells."""
        names = dict(zip(FIELDS, _HEADERS[self.names].split(","), strict=True))
        identity = _IDS[self.id]
        cells: dict[str, Cells] = {
            "id": self._plain(lambda m: identity(m.message_id)),
            "from": self._plain(attrgetter("sender")),
            "to": self._phones(),
            **self._statuses(),
            "parts": self._plain(lambda m: str(m.sms_count)),
            "created": self._times(lambda m: m.created_ts),
            "sent": self._times(lambda m: m.sent_ts),
            **self._costs(),
        }
        other = dict(self.renamed)
        columns = [
            *(_Column(field, names[field], cells[field]) for field in self.only or cells),
            *(_Column(name, name, self._extra(name)) for name in self.extra),
        ]
        columns = [c._replace(header=other.get(c.header, c.header)) for c in columns]
        return columns[::-1] if self.backwards else columns

    def _phones(self) -> Cells:
        prefix = self.phone.value
        return self._plain(lambda m: prefix + m.recipient[1:])

    def _statuses(self) -> dict[str, Cells]:
        codes = [str(code) for code in range(len(STATUS_NAMES))]
        if self.status is StatusForm.COLUMNS:
            return {
                "code": self._plain(lambda m: codes[m.status]),
                "name": self._plain(lambda m: STATUS_NAMES[m.status]),
                "description": self._text(lambda m: STATUS_DESCRIPTIONS[m.status]),
            }
        if self.status is StatusForm.JSON:
            cells = [
                json.dumps({"Code": code, "Name": name, "Description": text})
                for code, (name, text) in enumerate(
                    zip(STATUS_NAMES, STATUS_DESCRIPTIONS, strict=True)
                )
            ]
            return {"status": self._text(lambda m: cells[m.status])}
        values = {
            StatusForm.CODE: codes,
            StatusForm.NAME: STATUS_NAMES,
            StatusForm.BOTH: [f"{code} - {name}" for code, name in enumerate(STATUS_NAMES)],
        }[self.status]
        return {"status": self._plain(lambda m: values[m.status])}

    def _costs(self) -> dict[str, Cells]:
        match self.cost:
            case CostForm.TEXT:
                text = self._plain(lambda m: f"{m.cost_value} {m.cost_currency}")
                return {"cost": text}
            case CostForm.SYMBOL:
                text = self._plain(lambda m: f"{_SYMBOLS[m.cost_currency]}{m.cost_value}")
                return {"cost": text}
            case CostForm.JSON:
                # Not through json.dumps: the number must keep its digits.
                cell = '{{"Value": {}, "Currency": "{}"}}'
                both = self._text(lambda m: cell.format(m.cost_value, m.cost_currency))
                return {"cost": both}
            case CostForm.COLUMNS:
                value = self._plain(attrgetter("cost_value"))
            case CostForm.COMMA:
                value = self._text(lambda m: m.cost_value.replace(".", ","))
        currency = self._plain(attrgetter("cost_currency"))
        return {"cost": value, "currency": currency}

    def _times(self, moment: Callable[[Message], int | None]) -> Cells:
        write, no_time, ahead, zone = _TIMES[self.time], self.no_time, self.ahead, self.zone

        def cell(message: Message) -> str:
            seconds = moment(message)
            if seconds is None:
                return no_time
            return write(seconds + ahead + (_zone_offset(zone, seconds // 900) if zone else 0))

        return self._plain(cell)

    def _extra(self, name: str) -> Cells:
        return self._text(lambda m: _hostile(m, name))

    def _plain(self, cell: Callable[[Message], str]) -> Cells:
        """Fill a column whose cells never need quotes, which is the fast way."""
        if self.quote_all:
            return lambda block: [f'"{cell(message)}"' for message in block]
        return lambda block: list(map(cell, block))

    def _text(self, cell: Callable[[Message], str]) -> Cells:
        """Fill a column whose cells may hold anything."""
        return lambda block: self._cells([cell(message) for message in block])

    def _cells(self, texts: list[str]) -> list[str]:
        """Quote as RFC 4180 has it."""
        special = re.compile(f'["\r\n{re.escape(self.delimiter)}]').search
        return [
            '"' + text.replace('"', '""') + '"' if self.quote_all or special(text) else text
            for text in texts
        ]


def _hostile(message: Message, name: str) -> str:
    return _HOSTILE[(int(message.message_id[-6:], 16) + zlib.crc32(name.encode())) % len(_HOSTILE)]


class _Column(NamedTuple):
    """One column of the file."""

    field: str
    header: str
    cells: Cells


@lru_cache(maxsize=4096)
def _zone_offset(zone: str, quarter: int) -> int:
    """Say by how many seconds a place's clocks are ahead in this quarter of an hour since 1970."""
    offset = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


@lru_cache(maxsize=4096)
def _minute(minute: int, separator: str) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime(f"%Y-%m-%d{separator}%H:%M:")


def _date(separator: str, zone: str, ahead: int = 0) -> Callable[[int], str]:
    """Write dates; formatting each minute only once makes it five times faster."""

    def write(seconds: int) -> str:
        minute, second = divmod(seconds + ahead, 60)
        return f"{_minute(minute, separator)}{second:02}{zone}"

    return write


def _as(form: str) -> Callable[[int], str]:
    return lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime(form)


_TIMES: dict[TimeForm, Callable[[int], str]] = {
    TimeForm.UNIX: str,
    TimeForm.UNIX_MS: lambda seconds: f"{seconds}000",
    TimeForm.ISO_Z: _date("T", "Z"),
    TimeForm.ISO_OFFSET: _date("T", "+02:00", ahead=7200),
    TimeForm.ISO_FRACTION: _date("T", ".000Z"),
    TimeForm.ISO_NAIVE: _date("T", ""),
    TimeForm.SPACED: _date(" ", ""),
    TimeForm.COMPACT: _as("%Y%m%dT%H%M%SZ"),
    TimeForm.GO: _date(" ", " +0000 UTC"),
    TimeForm.DAY_FIRST: _as("%d/%m/%Y %H:%M:%S"),
    TimeForm.DAY_FIRST_POINTS: _as("%d.%m.%Y %H:%M:%S"),
    TimeForm.DAY_FIRST_MINUTES: _as("%d/%m/%Y %H:%M"),
    TimeForm.MONTH_FIRST: _as("%m/%d/%Y %H:%M:%S"),
    TimeForm.TWELVE_HOURS: _as("%m/%d/%Y %I:%M:%S %p"),
}
#: How many seconds a time leaves open, where it is written to the minute.
_PRECISION = {TimeForm.DAY_FIRST_MINUTES: 60}
#: The costs that have their currency in the same cell.
_WITH_CURRENCY = {CostForm.TEXT, CostForm.SYMBOL, CostForm.JSON}
_IDS: dict[IdForm, Callable[[str], str]] = {
    IdForm.UUID: str,
    IdForm.CAPITALS: str.upper,
    IdForm.BARE: lambda message_id: message_id.replace("-", ""),
    IdForm.NUMBER: as_number,
}

#: Every alternative at least once; `default` is the one thought most likely.
LAYOUTS: dict[str, Layout] = {
    "default": Layout(),
    "samples": Layout(Names.SAMPLES, quote_all=True, newline="\r\n"),
    "prose": Layout(Names.PROSE, status=StatusForm.NAME, no_time="0"),
    "dotted": Layout(Names.DOTTED, status=StatusForm.COLUMNS),
    "human": Layout(Names.HUMAN, status=StatusForm.NAME, cost=CostForm.TEXT, time=TimeForm.SPACED),
    "human-columns": Layout(
        Names.HUMAN, status=StatusForm.COLUMNS, time=TimeForm.ISO_NAIVE, backwards=True
    ),
    "snake": Layout(Names.SNAKE, status=StatusForm.COLUMNS, time=TimeForm.ISO_Z),
    "json-cells": Layout(status=StatusForm.JSON, cost=CostForm.JSON, time=TimeForm.ISO_FRACTION),
    "semicolon": Layout(delimiter=";", cost=CostForm.COMMA, newline="\r\n", bom=True),
    "semicolon-dot": Layout(delimiter=";", status=StatusForm.JSON, cost=CostForm.TEXT),
    "tab": Layout(delimiter="\t", time=TimeForm.ISO_OFFSET, phone=PhoneForm.APOSTROPHE),
    "milliseconds": Layout(time=TimeForm.UNIX_MS, phone=PhoneForm.DIGITS, no_time="0"),
    "go": Layout(
        time=TimeForm.GO,
        no_time="0001-01-01 00:00:00 +0000 UTC",
        status=StatusForm.BOTH,
        cost=CostForm.SYMBOL,
    ),
    "quoted-comma": Layout(time=TimeForm.COMPACT, no_time="NULL", cost=CostForm.COMMA),
    "bom": Layout(bom=True, last_newline=False),
    "carriage-return": Layout(newline="\r"),
    "backwards": Layout(backwards=True),
    "extra": Layout(extra=("Custom ID", "Text", "Operator")),
    "extra-semicolon": Layout(
        Names.DOTTED, ";", newline="\r\n", bom=True, cost=CostForm.COMMA, extra=("Text", "Région")
    ),
}

#: What a header does not settle: names that nobody knows, or none; names over something else, or
#: twice; times that need to be known. Read by their names some give wrong values.
PUZZLES: dict[str, Layout] = {
    "french": Layout(
        Names.FRENCH,
        ";",
        bom=True,
        time=TimeForm.DAY_FIRST,
        zone="Europe/Paris",
        cost=CostForm.COMMA,
        phone=PhoneForm.ZEROS,
    ),
    "german": Layout(
        Names.GERMAN,
        ";",
        newline="\r\n",
        time=TimeForm.DAY_FIRST_POINTS,
        zone="Europe/Berlin",
        status=StatusForm.NAME,
        cost=CostForm.COMMA,
    ),
    "letters": Layout(Names.LETTERS, extra=("M", "N"), backwards=True),
    "letters-columns": Layout(Names.LETTERS, status=StatusForm.COLUMNS, time=TimeForm.SPACED),
    "headless": Layout(headless=True),
    "headless-few": Layout(
        headless=True, quote_all=True, time=TimeForm.ISO_Z, only=("to", "created", "status", "id")
    ),
    "swapped": Layout(renamed=(("From", "To"), ("To", "From"))),
    "swapped-times": Layout(renamed=(("CreationTS", "SentTS"), ("SentTS", "CreationTS"))),
    "swapped-numbers": Layout(renamed=(("Status", "SmsCount"), ("SmsCount", "Status"))),
    "repeated": Layout(renamed=(("SentTS", "CreationTS"),)),
    "repeated-id": Layout(extra=("ID",)),
    "local": Layout(time=TimeForm.SPACED, zone="Europe/Paris"),
    "local-west": Layout(time=TimeForm.MONTH_FIRST, zone="America/New_York"),
    "day-first": Layout(time=TimeForm.DAY_FIRST),
    "day-first-minutes": Layout(time=TimeForm.DAY_FIRST_MINUTES),
    "month-first": Layout(time=TimeForm.MONTH_FIRST),
    "twelve-hours": Layout(time=TimeForm.TWELVE_HOURS),
    "capital-ids": Layout(id=IdForm.CAPITALS),
    "bare-ids": Layout(id=IdForm.BARE),
    "number-ids": Layout(id=IdForm.NUMBER),
    "few": Layout(only=("created", "id")),
    "shuffled": Layout(
        Names.HUMAN,
        status=StatusForm.COLUMNS,
        cost=CostForm.TEXT,
        only=("cost", "code", "created", "to", "id", "parts"),
    ),
}
