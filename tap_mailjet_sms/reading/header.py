"""The header of Mailjet's CSV: where it ends, which delimiter it has, and what its names say.

`schema.py` has the names that are known; `laying_out.py` decides what that makes of the columns.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError, NotCSVError
from tap_mailjet_sms.reading.roles import REQUIRED, STATUS
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, STATUS_ALIASES, plain_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: What a header may take, in bytes; longer is no header but a file without line ends.
HEADER_LIMIT = 65_536

_DELIMITERS = ",;\t|"
_BOM = "\ufeff"
_SHOWN_LENGTH = 40
_NAMEABLE_LENGTH = 80
#: Excel's own first line, which names the delimiter.
_NAMED_DELIMITER = re.compile(
    rf'"?sep=(?P<delimiter>[{_DELIMITERS}])"?(?:\r\n|\r|\n)', re.IGNORECASE
)
#: In how many rows a header is looked for that does not come first.
_PREAMBLE = 30

_ROLES: dict[str, str] = {
    alias: column.name for column in MESSAGE_COLUMNS for alias in column.aliases
} | dict.fromkeys(STATUS_ALIASES, STATUS)

#: A name with a unit or a zone behind it: `Cost (EUR)`, `Creation date UTC`.
_UNIT = re.compile(
    r"(?P<name>.*?)[\s_.\-]*"
    r"(?:[(\[]\s*(?P<bracketed>[^()\[\]]*?)\s*[)\]]|(?<=[\s_.\-])(?P<bare>[a-z]+))\s*",
    re.IGNORECASE | re.DOTALL,
)
#: What a price may be said to be in: the wallet's currencies (documented), where `$` is of the US.
_CURRENCIES = {"eur": "EUR", "€": "EUR", "gbp": "GBP", "£": "GBP", "usd": "USD", "$": "USD"}
#: What a time may be said to be in, without being read otherwise than it is read anyway.
_TIME_UNITS = frozenset(
    {"utc", "gmt", "z", "utc+0", "gmt+0", "utc+00:00", "gmt+00:00", "+00:00", "+0000"}
    | {"unix", "s", "sec", "seconds", "ms", "milliseconds"}
)
_UNITS: dict[str | None, Collection[str]] = {
    "created_at": _TIME_UNITS,
    "sent_at": _TIME_UNITS,
    "cost_value": _CURRENCIES,
}

#: What no column is called: numbers, phone numbers, addresses, UUIDs, dates, JSON. Four digits
#: behind a plus may be a zone.
_DATA = re.compile(
    r"\d{5}|\+\s*\d(?:[\s().-]*\d){4}|@|[{}]|^\W*\d[\d.,:\s]*\W*$"
    r"|\d{4}-\d\d|\d\d?[/.]\d\d?[/.]\d{4}|\d{1,2} [a-z]{3} \d{4}|[0-9a-f]{8}-[0-9a-f]{4}-",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Header:
    """The first row of a CSV; `length` is where it ends in bytes, with its line end.

    `start` is where it begins. One that `is_known` names the id and the creation time, so it is
    one for certain. Of a file that has none, the names are empty, and its length is `start`.
    """

    names: tuple[str, ...]
    delimiter: str
    length: int
    ends_line: bool
    start: int = 0
    is_known: bool = True
    is_absent: bool = False

    def as_row(self) -> Header:
        """What the header is if its row is none, but the first message."""
        return Header(
            names=("",) * len(self.names),
            delimiter=self.delimiter,
            length=self.start,
            ends_line=True,
            start=self.start,
            is_known=False,
            is_absent=True,
        )


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says by itself.

    Attributes:
        role: the column of the stream, or `STATUS`; None if the name is not known.
        unit: what stands behind the name in brackets, or as a word that is known there.
        unitless: what the name would be without that.
    """

    role: str | None = None
    unit: str | None = None
    unitless: str | None = None

    @property
    def currency(self) -> str | None:
        """The currency that it names."""
        return _CURRENCIES.get(self.unit or "")

    def is_strange(self, role: str | None) -> bool:
        """Whether as this column it has a unit or zone that cannot be taken for granted."""
        units = _UNITS.get(role or self.unitless)
        return self.unit is not None and units is not None and self.unit not in units


def read_header(head: bytes, column_map: Mapping[str, str | None]) -> Header | None:
    """Read the header from a file's first bytes; None if the file is empty.

    Of the delimiters, the one that gives the most known names is right, then the one that gives
    the most names: so a comma in a name does not mislead. A line `sep=;` above it decides.

    Raises:
        NotCSVError: A page came instead of a CSV.
        CSVFormatError: The first row is damaged.
        CSVHeaderError: The header is not the first row.
    """
    # Bytes that are not UTF-8 may lie beyond the header, where the rows' reader names them.
    text = head.decode("utf-8", "surrogateescape")
    whole = len(head) < HEADER_LIMIT
    start = len(text) - len(text.lstrip(_BOM))  # joined files may have two
    delimiters = _DELIMITERS
    if named := _NAMED_DELIMITER.match(text, start):
        start, delimiters = named.end(), named["delimiter"]
    bare = text[start:].lstrip()
    if not bare and whole:
        return None
    if bare.startswith(("<", "{", "[")):
        msg = "Mailjet sent a page instead of a CSV: the download has failed, run again later"
        raise NotCSVError(msg)
    headers = [h for d in delimiters if (h := _split(text, start, d, whole=whole))]
    if not headers:
        msg = (
            f"Row 1 of Mailjet's CSV is no header: its quotes never close or it is longer than"
            f" {HEADER_LIMIT} bytes"
        )
        raise CSVFormatError(msg)

    def known_names(header: Header) -> tuple[int, int]:
        return sum(is_known(name, column_map) for name in header.names), len(header.names)

    header = max(headers, key=known_names)
    try:
        "".join(header.names).encode()
    except UnicodeEncodeError:
        msg = (
            "Row 1 of Mailjet's CSV is not UTF-8: if it is in another encoding, such as"
            " windows-1252, set csv_encoding to its name"
        )
        raise CSVFormatError(msg) from None
    if _is_header(header.names, column_map):
        return header
    _look_below(text[start:], delimiters, column_map)
    return replace(header, is_known=False)


def _split(text: str, start: int, delimiter: str, *, whole: bool) -> Header | None:
    """Split the first row that is not blank; None if this delimiter cannot be right."""
    lines = list(io.StringIO(text[start:], newline=""))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        names = next((row for row in reader if len(row) > 1 or "".join(row).strip()), [])
    except csv.Error:
        return None
    read = lines[: reader.line_num]
    length = len((text[:start] + "".join(read)).encode("utf-8", "surrogateescape"))
    if not names or (not whole and length >= HEADER_LIMIT):
        return None
    # Databases refuse U+0000, and the names of unknown columns go there, too.
    names = [name.replace("\0", "") for name in names]
    begin = len(text[:start].encode("utf-8", "surrogateescape"))
    return Header(tuple(names), delimiter, length, read[-1].endswith(("\r", "\n")), begin)


def _is_header(names: Sequence[str], column_map: Mapping[str, str | None]) -> bool:
    """Whether the id and the creation time are among these names."""
    mapped = {plain_name(name): target for name, target in column_map.items()}
    return {mapped.get(plain_name(name), meaning(name).role) for name in names}.issuperset(REQUIRED)


def _look_below(text: str, delimiters: str, column_map: Mapping[str, str | None]) -> None:
    """See whether the header is one of the next rows.

    Raises:
        CSVHeaderError: If so: whatever stands above it, a reader cannot know that it is no message.
    """
    for delimiter in delimiters:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for number, names in zip(range(1, _PREAMBLE), filter(None, rows), strict=False):
                if _is_header(names, column_map):
                    msg = (
                        f"Mailjet's CSV has its header in row {number}, with other lines above"
                        " it, which may be messages: it is not read, please report it"
                    )
                    raise CSVHeaderError(msg)
        except csv.Error:
            continue


def meaning(name: str) -> Meaning:
    """What a name says: the column, and the unit, currency or zone that it names behind it."""
    role = _ROLES.get(plain_name(name))
    parts = _UNIT.fullmatch(name) if len(name) <= _SHOWN_LENGTH else None
    if role is not None or parts is None:
        return Meaning(role)
    unitless = _ROLES.get(plain_name(parts["name"]))
    bracketed, bare = (text and text.casefold() for text in parts.group("bracketed", "bare"))
    if (bracketed or bare) in _UNITS.get(unitless, ()):
        return Meaning(unitless, bracketed or bare)
    if bracketed or bare in {*_CURRENCIES, *_TIME_UNITS}:
        return Meaning(None, bracketed or bare, unitless)
    return Meaning()


def is_known(name: str, column_map: Mapping[str, str | None]) -> bool:
    """Whether a name is known to the tap, or by the setting."""
    return meaning(name).role is not None or plain_name(name) in {*map(plain_name, column_map)}


def looks_like_data(name: str) -> bool:
    """Whether this is a cell rather than the name of a column."""
    return bool(_DATA.search(name))


def are_data(names: Sequence[str], column_map: Mapping[str, str | None]) -> bool:
    """Whether a first row is the first message rather than a header."""
    like_data = sum(map(looks_like_data, names))
    return like_data >= max(1, sum(is_known(name, column_map) for name in names))


def nameable(name: str) -> str | None:
    """The name, if it may be shown and remembered."""
    is_fit = name.strip() and len(name) <= _NAMEABLE_LENGTH and not looks_like_data(name)
    return name if is_fit else None


def show(name: str) -> str:
    """Quote a name of the header for an error, without control characters, at bounded length."""
    return repr(name if len(name) <= _SHOWN_LENGTH else f"{name[:_SHOWN_LENGTH]}...")


def quoted(name: str) -> str:
    """A name as it is typed in JSON, without what a terminal would obey."""
    text = json.dumps(name, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode().replace("\\x", "\\u00")
        for c in text
    )
