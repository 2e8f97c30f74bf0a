"""Reads a CSV that a test writes as text, as the tap reads a file of Mailjet."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import pytest

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.reading import csv_file
from tap_mailjet_sms.reading.rules import Rules
from tap_mailjet_sms.reading.window_check import WindowCheck
from tap_mailjet_sms.writing.kept import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_mailjet_sms.reading.layout import KnownLayout

CREATED = datetime(2025, 7, 31, 22, 13, 20, tzinfo=UTC)
UNIX = 1754000000
Row = dict[str, object]


def opened(
    source: str | bytes | BinaryIO,
    rules: Rules | None = None,
    *,
    before: KnownLayout | None = None,
) -> csv_file.Reading:
    """A CSV as the tap reads it, of a window so wide that no time lies off it."""
    if isinstance(source, str):
        source = source.encode()
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    start, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    check = WindowCheck(start, end, now=end, refuses=False)
    return csv_file.read(file, rules or Rules(), before=before, check=check, listing=None)


def read(csv: str | bytes, column_map: Mapping[str, str | None] | None = None) -> list[Row]:
    """All rows of a CSV; maps as dictionaries."""
    with closing(Spool(opened(csv, Rules(column_map or {})))) as spool:
        found = [row for batch in spool for row in batch.to_pylist()]
    for row in found:
        row["extra"] = row["extra"] and dict(row["extra"])
    return found


def cell(header: str, value: str, column: str, *, delimiter: str = ",") -> object:
    """What one cell becomes, in a file that has nothing else but id and creation time."""
    text = f"ID{delimiter}CreationTS{delimiter}{header}\nm{delimiter}{UNIX}{delimiter}{value}\n"
    (row,) = read(text)
    return row[column]


def file_of(header: str, cells: Iterable[str], *, delimiter: str = ",", created: int = UNIX) -> str:
    """A file that has one column beside id and creation time, all cells of it in quotes."""
    lines = [["ID", "CreationTS", header]]
    lines += [[f"m{number}", str(created), quoted(cell)] for number, cell in enumerate(cells)]
    return "".join(f"{delimiter.join(line)}\n" for line in lines)


def column(
    name: str, header: str, *cells: str, delimiter: str = ",", created: int = UNIX
) -> list[object]:
    """What the cells of one column become, in one file."""
    return [row[name] for row in read(file_of(header, cells, delimiter=delimiter, created=created))]


def warnings(csv: str) -> list[str]:
    """What the user is warned of, once the file is read, but for its layout."""
    reading = opened(csv)
    for _ in reading:
        pass
    assert all(notice.weight is Weight.WARNING for notice in reading.notices)
    texts = [notice.text for notice in reading.notices]
    return [text for text in texts if not text.startswith("Mailjet's CSV has")]


def refusal(csv: str | bytes, column_map: Mapping[str, str | None] | None = None) -> str:
    """The sentence with which a CSV is refused for a row or a cell."""
    with pytest.raises(CSVFormatError) as caught:
        read(csv, column_map)
    return str(caught.value)


def quoted(json: str) -> str:
    """A JSON object as a CSV cell."""
    return '"' + json.replace('"', '""') + '"'
