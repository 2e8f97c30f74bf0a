"""The header of Mailjet's CSV: which delimiter it has, and which column holds what.

The layout is not documented, so the header decides: see `schema.py` for the names it may use.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError, NotCSVError
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, STATUS_ALIASES, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a header may take, in bytes; longer is no header but a file without line ends.
HEADER_LIMIT = 65_536

#: The part of a status column that can be a code, a name, or a JSON cell.
STATUS = "status"

_DELIMITERS = ",;\t"
_BOM = "\ufeff"
_SHOWN_CELLS, _SHOWN_LENGTH = 40, 40
#: What no column is called: numbers, phone numbers, addresses, UUIDs, dates, JSON.
_DATA = re.compile(
    r"\d{5}|\+\s*\d|@|[{}]|^\W*\d[\d.,:\s]*\W*$|\d{4}-\d\d|[0-9a-f]{8}-[0-9a-f]{4}-",
    re.IGNORECASE,
)

_ROLES: dict[str, str] = {
    alias: column.name for column in MESSAGE_COLUMNS for alias in column.aliases
} | dict.fromkeys(STATUS_ALIASES, STATUS)
#: What `column_map` says of a header that is to stay as it is.
_KEPT = (None, "extra")
_REQUIRED = [column.name for column in MESSAGE_COLUMNS if not column.nullable]


@dataclass(frozen=True, slots=True)
class Header:
    """The first row of a CSV; `length` is what it takes in bytes, with BOM and line end."""

    names: tuple[str, ...]
    delimiter: str
    length: int
    ends_line: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the CSV holds what: `sources` leads from a column's name to its place."""

    sources: Mapping[str, int]
    extra: tuple[int, ...]


def read_header(head: bytes, column_map: Mapping[str, str | None]) -> Header | None:
    """Read the header from a file's first bytes; None if the file is empty.

    Of the delimiters, the one that gives the most known names is right, then the one that gives
    the most names: so a comma in a name does not mislead.

    Raises:
        NotCSVError: A page came instead of a CSV.
        CSVFormatError: The first row is damaged.
    """
    # Bytes that are not UTF-8 may lie beyond the header, where the rows' reader names them.
    text = head.decode("utf-8", "surrogateescape")
    start = text.removeprefix(_BOM).lstrip()
    whole = len(head) < HEADER_LIMIT
    if not start and whole:
        return None
    if start.startswith(("<", "{", "[")):
        msg = "Mailjet sent a page instead of a CSV: the download has failed, run again later"
        raise NotCSVError(msg)
    known = _ROLES.keys() | {normalise(name) for name in column_map}
    headers = [h for d in _DELIMITERS if (h := _split(text, d, whole=whole))]
    if not headers:
        msg = (
            f"Row 1 of Mailjet's CSV is no header: its quotes never close or it is longer than"
            f" {HEADER_LIMIT} bytes; the download may be damaged, run again"
        )
        raise CSVFormatError(msg)
    header = max(headers, key=lambda h: (sum(normalise(n) in known for n in h.names), len(h.names)))
    try:
        "".join(header.names).encode()
    except UnicodeEncodeError:
        msg = "Row 1 of Mailjet's CSV is not UTF-8: the download may be damaged, run again"
        raise CSVFormatError(msg) from None
    return header


def _split(text: str, delimiter: str, *, whole: bool) -> Header | None:
    """Split the first row that is not empty; None if this delimiter cannot be right."""
    length = 0
    line = ""

    def lines() -> Iterator[str]:
        nonlocal length, line
        for line in io.StringIO(text.removeprefix(_BOM), newline=""):
            length += len(line.encode("utf-8", "surrogateescape"))
            yield line

    try:
        names = next(filter(None, csv.reader(lines(), delimiter=delimiter, strict=True)), [])
    except csv.Error:
        return None
    if text.startswith(_BOM):
        length += len(_BOM.encode())
    if not names or (not whole and length >= HEADER_LIMIT):
        return None
    # Databases refuse U+0000, and the names of unknown columns go there, too.
    names = [name.replace("\0", "") for name in names]
    return Header(tuple(names), delimiter, length, line.endswith(("\r", "\n")))


def lay_out(header: Header, column_map: Mapping[str, str | None]) -> Layout:
    """Decide what each column of the CSV is; what nothing names goes to `extra`.

    `column_map` wins over the table of known names: by the header as written, else normalised.

    Raises:
        CSVHeaderError: The id or the creation time is missing, or a column is there twice.
    """
    exact = {name: column_map[name] for name in header.names if name in column_map}
    loose = {
        normalise(name): target
        for name, target in column_map.items()
        if name not in exact and normalise(name)
    }
    mapped: dict[str, list[int]] = {}
    named: dict[str, list[int]] = {}
    for index, name in enumerate(header.names):
        if name in exact or normalise(name) in loose:
            role = exact[name] if name in exact else loose[normalise(name)]
            group = mapped
        else:
            role = _ROLES.get(normalise(name))
            group = named
        if role not in _KEPT:
            group.setdefault(role, []).append(index)
    candidates = named | mapped
    missing = [name for name in _REQUIRED if name not in candidates]
    if missing:
        raise CSVHeaderError(_missing(header, missing))
    if len(set(header.names)) < len(header.names):
        twice = next(name for name in header.names if header.names.count(name) > 1)
        msg = (
            f"Mailjet's CSV has two columns called {show(twice)}, and no setting can tell them"
            " apart: please report this header"
        )
        raise CSVHeaderError(msg)
    for role, indexes in candidates.items():
        if len(indexes) > 1:
            names = " and ".join(show(header.names[index]) for index in indexes)
            msg = (
                f"Mailjet's CSV has {names} for the column {role}: choose one of them in the"
                " setting column_map, and give the others null there"
            )
            raise CSVHeaderError(msg)
    sources = {role: indexes[0] for role, indexes in candidates.items()}
    extra = [index for index in range(len(header.names)) if index not in sources.values()]
    return Layout(sources, tuple(extra))


def _missing(header: Header, missing: list[str]) -> str:
    lacks = f"Mailjet's CSV has no column known as {' or '.join(missing)}"
    if any(_DATA.search(name) for name in header.names):
        return f"{lacks}: its first line is data, not a header, so it cannot be read"
    shown = ", ".join(show(name) for name in header.names[:_SHOWN_CELLS])
    more = len(header.names) - _SHOWN_CELLS
    return (
        f"{lacks}: name it in the setting column_map; the header is {shown}"
        f"{f' and {more} more' if more > 0 else ''}"
    )


def show(name: str) -> str:
    """Quote a name of the header for an error, without control characters, at bounded length."""
    return repr(name if len(name) <= _SHOWN_LENGTH else f"{name[:_SHOWN_LENGTH]}...")
