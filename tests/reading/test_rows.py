"""How a file falls into rows: its dialect is told from it; damage is refused and never shown."""

from __future__ import annotations

import pytest

from tap_mailjet_sms.exceptions import NotCSVError
from tests.support.csv_text import CREATED, UNIX, cell, read, refusal


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", [True, False])
def test_dialects(newline: str, bom: str, delimiter: str, *, end: bool) -> None:
    """Delimiters, line ends and the BOM are told from the file; the last line may lack its end."""
    lines = [["ID", "CreationTS", "x"], ["a", str(UNIX), "1,2;3"], ["b", str(UNIX), 'q"r\n\t']]
    rendered = [
        delimiter.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines
    ]
    found = read(bom + newline.join(rendered) + (newline if end else ""))
    assert [(row["message_id"], row["extra"]) for row in found] == [
        ("a", {"x": "1,2;3"}),
        ("b", {"x": 'q"r\n\t'}),
    ]


def test_a_delimiter_within_a_header_does_not_mislead() -> None:
    """The delimiter is the one that gives known names."""
    (row,) = read(f"ID;CreationTS;a,b,c,d,e\nm;{UNIX};x\n")
    assert row["extra"] == {"a,b,c,d,e": "x"}


def test_a_newline_in_a_header() -> None:
    """A header is one row, not one line."""
    assert read(f'ID,"Creation\ndate"\nm,{UNIX}\n')[0]["created_at"] == CREATED


def test_blank_lines_are_no_rows() -> None:
    """Before, between and after the rows."""
    assert len(read(f"\n\r\nID,CreationTS\n\na,{UNIX}\n\n\nb,{UNIX}\n\n")) == 2


@pytest.mark.parametrize(
    "csv", ["", "\ufeff", "\n", "ID,CreationTS", "ID,CreationTS\n", "\ufeffID,CreationTS\r\n\r\n"]
)
def test_no_rows(csv: str) -> None:
    """An empty window: header only, zero bytes, or a BOM alone."""
    assert read(csv) == []


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><html>", "\ufeff \n<html>", '{"StatusCode": 500}', "[]", "\n{}"]
)
def test_a_page_is_no_csv(page: str) -> None:
    """HTML or JSON means that the download failed."""
    with pytest.raises(NotCSVError, match="Mailjet sent a page instead of a CSV"):
        read(page)


@pytest.mark.parametrize("line", ["m", f"m,{UNIX}", f"m,{UNIX},SECRET,x"])
def test_a_ragged_row_is_refused(line: str) -> None:
    """Never filled up with nulls: the error names the row and the two numbers."""
    error = refusal(f"ID,CreationTS,To\na,{UNIX},SECRET\n\nb,{UNIX},SECRET\n{line}\n")
    assert error.startswith("Row 4 ")
    assert f"{line.count(',') + 1} cell" in error
    assert "SECRET" not in error


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (f'c,{UNIX},"SECRET', 4),
        (f'c,{UNIX},"SECRET""', 4),
        (f'"c"SECRET,{UNIX},x', 4),
        (f'"c,{UNIX},x\nd,{UNIX},SECRET', 4),
        (f'"he said "SECRET"",{UNIX},x', 4),
    ],
)
def test_broken_quotes_are_refused(line: str, row: int) -> None:
    """Left to itself, pyarrow would take these rows, with other text than they have."""
    error = refusal(f'ID,CreationTS,To\na,{UNIX},"x ""y"""\nb,{UNIX},"l\n2"\n{line}\n')
    assert error.startswith(f"Row {row} ")
    assert "SECRET" not in error


def test_a_quote_within_an_unquoted_cell_is_text() -> None:
    """As every reader of CSV has it."""
    assert cell("x", '5" pipe', "extra") == {"x": '5" pipe'}


@pytest.mark.parametrize("column", [0, 2])
def test_other_bytes_than_utf8_are_refused(column: int) -> None:
    """The error names row and column."""
    cells = [b"b", str(UNIX).encode(), b"x"]
    cells[column] = b"SECRET\xe9"
    error = refusal(f"ID,CreationTS,To\na,{UNIX},x\n".encode() + b",".join(cells) + b"\n")
    assert error.startswith("Row 3 ")
    assert ("'ID'", "", "'To'")[column] in error
    assert "SECRET" not in error


@pytest.mark.parametrize("csv", ['"ID,CreationTS\n', "x" * 100_000, "ID,CreationTS" * 10_000])
def test_a_first_row_without_end_is_refused(csv: str) -> None:
    """An open quote or a file without line ends: bounded, and not taken for a header."""
    assert refusal(csv).startswith("Row 1 ")


def test_a_row_without_end_is_refused() -> None:
    """No cell of a megabyte is read into memory whole."""
    error = refusal(f'ID,CreationTS\na,{UNIX}\n"{"x" * 3_000_000}",{UNIX}\n')
    assert "too long" in error
