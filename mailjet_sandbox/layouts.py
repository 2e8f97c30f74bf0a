"""The CSV of an export, in every layout that Mailjet may use: it is not documented (guessed, all).

A :class:`Layout` says how the file is written; :data:`LAYOUTS` names at least one for each
alternative. :meth:`Layout.expected` gives what a right reader makes of a row.
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
from typing import TYPE_CHECKING

from mailjet_sandbox.messages import STATUS_DESCRIPTIONS, STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mailjet_sandbox.messages import Message

    Cells = Callable[[list[Message]], list[str]]

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


_FIELDS = (
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
}


_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the CSV of an export is written.

    `renamed` has other words for some of its headers; all times are written `ahead` by so many
    seconds, as by a server that takes the time of another place for UTC.
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
    extra: tuple[str, ...] = ()
    backwards: bool = False
    ahead: int = 0
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def header(self) -> list[str]:
        """The header's cells."""
        return [name for name, _ in self._columns()]

    def render(self, blocks: Iterable[list[Message]]) -> Iterator[bytes]:
        """Write the CSV: the header first, then a piece for each block of messages."""
        columns = self._columns()
        header = self._cells([name for name, _ in columns])
        yield ("\ufeff" if self.bom else "").encode() + self.delimiter.join(header).encode()
        join, newline = self.delimiter.join, self.newline
        for block in blocks:
            if block:
                rows = map(join, zip(*(cells(block) for _, cells in columns), strict=True))
                yield (newline + newline.join(rows)).encode()
        if self.last_newline:
            yield newline.encode()

    def expected(self, message: Message) -> dict[str, object]:
        """Say what a right reader makes of the message's row."""
        described = self.status in {StatusForm.JSON, StatusForm.COLUMNS}
        phone = message.recipient
        return {
            "message_id": message.message_id,
            "sender": message.sender,
            "recipient": phone[1:] if self.phone is PhoneForm.DIGITS else phone,
            "status_code": message.status,
            "status_name": STATUS_NAMES[message.status],
            "status_description": STATUS_DESCRIPTIONS[message.status] if described else None,
            "sms_count": message.sms_count,
            "created_ts": message.created_ts,
            "sent_ts": message.sent_ts,
            "cost_value": message.cost_value,
            "cost_currency": message.cost_currency,
            "extra": {name: _hostile(message, name) or None for name in self.extra},
        }

    def _columns(self) -> list[tuple[str, Cells]]:
        """Pair each header with what fills its cells."""
        names = dict(zip(_FIELDS, _HEADERS[self.names].split(","), strict=True))
        columns: list[tuple[str, Cells]] = [
            (names["id"], self._plain(attrgetter("message_id"))),
            (names["from"], self._plain(attrgetter("sender"))),
            (names["to"], self._phones()),
            *self._statuses(names),
            (names["parts"], self._plain(lambda m: str(m.sms_count))),
            (names["created"], self._times(lambda m: m.created_ts)),
            (names["sent"], self._times(lambda m: m.sent_ts)),
            *self._costs(names),
            *((name, self._extra(name)) for name in self.extra),
        ]
        other = dict(self.renamed)
        columns = [(other.get(name, name), cells) for name, cells in columns]
        return columns[::-1] if self.backwards else columns

    def _phones(self) -> Cells:
        prefix = self.phone.value
        return self._plain(lambda m: prefix + m.recipient[1:])

    def _statuses(self, names: dict[str, str]) -> list[tuple[str, Cells]]:
        codes = [str(code) for code in range(len(STATUS_NAMES))]
        if self.status is StatusForm.COLUMNS:
            return [
                (names["code"], self._plain(lambda m: codes[m.status])),
                (names["name"], self._plain(lambda m: STATUS_NAMES[m.status])),
                (names["description"], self._text(lambda m: STATUS_DESCRIPTIONS[m.status])),
            ]
        if self.status is StatusForm.JSON:
            cells = [
                json.dumps({"Code": code, "Name": name, "Description": text})
                for code, (name, text) in enumerate(
                    zip(STATUS_NAMES, STATUS_DESCRIPTIONS, strict=True)
                )
            ]
            return [(names["status"], self._text(lambda m: cells[m.status]))]
        values = {
            StatusForm.CODE: codes,
            StatusForm.NAME: STATUS_NAMES,
            StatusForm.BOTH: [f"{code} - {name}" for code, name in enumerate(STATUS_NAMES)],
        }[self.status]
        return [(names["status"], self._plain(lambda m: values[m.status]))]

    def _costs(self, names: dict[str, str]) -> list[tuple[str, Cells]]:
        match self.cost:
            case CostForm.TEXT:
                text = self._plain(lambda m: f"{m.cost_value} {m.cost_currency}")
                return [(names["cost"], text)]
            case CostForm.SYMBOL:
                text = self._plain(lambda m: f"{_SYMBOLS[m.cost_currency]}{m.cost_value}")
                return [(names["cost"], text)]
            case CostForm.JSON:
                # Not through json.dumps: the number must keep its digits.
                cell = '{{"Value": {}, "Currency": "{}"}}'
                both = self._text(lambda m: cell.format(m.cost_value, m.cost_currency))
                return [(names["cost"], both)]
            case CostForm.COLUMNS:
                value = self._plain(attrgetter("cost_value"))
            case CostForm.COMMA:
                value = self._text(lambda m: m.cost_value.replace(".", ","))
        currency = self._plain(attrgetter("cost_currency"))
        return [(names["cost"], value), (names["currency"], currency)]

    def _times(self, moment: Callable[[Message], int | None]) -> Cells:
        write, no_time, ahead = _TIMES[self.time], self.no_time, self.ahead

        def cell(message: Message) -> str:
            seconds = moment(message)
            return no_time if seconds is None else write(seconds + ahead)

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


@lru_cache(maxsize=4096)
def _minute(minute: int, separator: str) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime(f"%Y-%m-%d{separator}%H:%M:")


def _date(separator: str, zone: str, ahead: int = 0) -> Callable[[int], str]:
    """Write dates; formatting each minute only once makes it five times faster."""

    def write(seconds: int) -> str:
        minute, second = divmod(seconds + ahead, 60)
        return f"{_minute(minute, separator)}{second:02}{zone}"

    return write


def _compact(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


_TIMES: dict[TimeForm, Callable[[int], str]] = {
    TimeForm.UNIX: str,
    TimeForm.UNIX_MS: lambda seconds: f"{seconds}000",
    TimeForm.ISO_Z: _date("T", "Z"),
    TimeForm.ISO_OFFSET: _date("T", "+02:00", ahead=7200),
    TimeForm.ISO_FRACTION: _date("T", ".000Z"),
    TimeForm.ISO_NAIVE: _date("T", ""),
    TimeForm.SPACED: _date(" ", ""),
    TimeForm.COMPACT: _compact,
    TimeForm.GO: _date(" ", " +0000 UTC"),
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
