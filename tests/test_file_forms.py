"""What a file is as a whole: packed or not, in which encoding, and what stands around its rows."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import (
    CSVFormatError,
    CSVHeaderError,
    DownloadBrokenError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.reading import rows as rows_module
from tap_mailjet_sms.reading.rules import Rules
from tests.support.csv_text import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIX = 1754000000
TEXT = f"ID,CreationTS,From,Text\nm,{UNIX},Naïve ☃,x\nn,{UNIX},Brand,y\n"
LATIN = f"ID,CreationTS,From,Région\nm,{UNIX},Société,x\nn,{UNIX},Brand,y\n"
Row = dict[str, object]


def read(
    csv: str | bytes, *, encoding: str = "utf-8", column_map: Mapping[str, str | None] | None = None
) -> list[Row]:
    """All rows of a file; maps as dictionaries."""
    reading = opened(csv, Rules(column_map or {}, encoding))
    found = [row for batch in reading for row in batch.to_pylist()]
    for row in found:
        row["extra"] = row["extra"] and dict(row["extra"])
    return found


def refusal(csv: str | bytes, *, encoding: str = "utf-8") -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(TapMailjetSMSError) as caught:
        read(csv, encoding=encoding)
    assert not isinstance(caught.value, DownloadBrokenError)
    return str(caught.value)


# Packed, and in other encodings.


@pytest.mark.parametrize(
    "encoding",
    ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"],
    ids=lambda name: name,
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("setting", ["utf-8", "windows-1252"])
def test_first_bytes_say_what_a_file_is(encoding: str, setting: str, *, packed: bool) -> None:
    """Whatever the setting says: it is for files that do not say it themselves."""
    file = TEXT.encode(encoding)
    assert read(gzip.compress(file) if packed else file, encoding=setting) == read(TEXT)


def test_a_large_file_is_recoded_in_pieces() -> None:
    """A character may lie across two of them."""
    text = "ID,CreationTS,From\n" + f"m,{UNIX},{'☃' * 50}\n" * 12_000
    assert read(text.encode("utf-16")) == read(text)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_packed_file_that_ends_early_is_a_broken_download(keep: float) -> None:
    """It comes once more, as a rule."""
    packed = gzip.compress(TEXT.encode())
    with pytest.raises(DownloadBrokenError, match="ends early or is damaged"):
        read(packed[: max(3, int(len(packed) * keep))])


def test_a_packed_file_that_is_damaged_is_a_broken_download() -> None:
    """Its checksum says so."""
    packed = bytearray(gzip.compress(TEXT.encode()))
    packed[-6] ^= 1
    with pytest.raises(DownloadBrokenError, match="ends early or is damaged"):
        read(bytes(packed))


def test_a_zip_archive_is_named() -> None:
    """Nobody finds that out from `not UTF-8`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("sms.csv", TEXT)
    assert "zip archive" in refusal(file.getvalue())


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (bz2.compress(TEXT.encode()), "bzip2"),
        (lzma.compress(TEXT.encode()), "xz"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_text_is_named(file: bytes, name: str) -> None:
    """No encoding would read it, so none is advised; packed once more, it is the same."""
    for packed in (file, gzip.compress(file)):
        text = refusal(packed)
        assert name in text
        assert "csv_encoding" not in text


@pytest.mark.parametrize("times", [2, 1200])
def test_a_file_packed_more_than_once_is_refused(times: int) -> None:
    """One layer is a server's doing; more could be without end."""
    file = TEXT.encode()
    for _ in range(times):
        file = gzip.compress(file, 1)
    assert "packed twice with gzip" in refusal(file)


def test_another_encoding_needs_the_setting() -> None:
    """The refusal names it, and with it the file is read."""
    for text in (LATIN, LATIN.replace("Région", "x")):
        file = text.encode("windows-1252")
        assert "set csv_encoding" in refusal(file)
        assert read(file, encoding="windows-1252") == read(text)


def test_the_setting_does_not_misread_utf_8() -> None:
    """A file that is UTF-8 cannot be meant, so no `NaÃ¯ve` comes of it."""
    assert read(TEXT, encoding="windows-1252") == read(TEXT)


@pytest.mark.parametrize("packed", [False, True])
def test_utf_8_with_a_damaged_byte_is_not_read_in_the_encoding_of_the_setting(
    *, packed: bool
) -> None:
    """One bad byte would make mojibake of each name in the file."""
    file = TEXT.encode().replace(b"Brand", b"Br\xe9nd")
    text = refusal(gzip.compress(file) if packed else file, encoding="windows-1252")
    assert "UTF-8 but for 1 byte," in text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("windows-1252", "CAFÉ»S Société né à"),
        ("gbk", "您的验证码是请勿泄露给他人"),
        ("cp1251", "Всё в порядке"),
    ],
)
def test_what_is_utf_8_by_chance_does_not_hinder_the_setting(encoding: str, text: str) -> None:
    """Some pairs of characters in other encodings are sequences of UTF-8."""
    csv = f"ID,CreationTS,From\nm,{UNIX},{text}\n"
    assert read(csv.encode(encoding), encoding=encoding) == read(csv)


def test_a_file_that_is_in_neither_encoding_is_refused() -> None:
    """Byte 81 means nothing in Windows-1252."""
    file = TEXT.encode("utf-8").replace(b"Brand", b"\x81\x81rand\xff")
    text = refusal(file, encoding="windows-1252")
    assert "UTF-8 or windows-1252" in text
    assert "csv_encoding" in text


# Above the header.


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n", "\ufeffsep=;\n"])
def test_a_line_that_names_the_delimiter_is_read(line: str) -> None:
    """Excel writes it; it wins over what the header looks like."""
    csv = f"{line}ID;CreationTS;a,b,c\nm;{UNIX};x\nn;{UNIX};y\n"
    assert [row["extra"] for row in read(csv)] == [{"a,b,c": "x"}, {"a,b,c": "y"}]


@pytest.mark.parametrize("above", ["   \n", " \t\r\n\n", "\ufeff\ufeff", "\ufeff \n"])
def test_what_holds_nothing_above_the_header_is_skipped(above: str) -> None:
    """A line of blanks, or a byte order mark too many; rows count from the header."""
    csv = f"ID,CreationTS,From\nm,{UNIX},Brand\n"
    assert read(above + csv) == read(csv)
    assert refusal(f"{above}{csv}n,x,x\n").startswith("Row 3 ")


def test_a_vertical_bar_may_be_the_delimiter() -> None:
    """Where it gives the most names."""
    assert read(f"ID|CreationTS|Cost\nm|{UNIX}|0,04\n") == read(
        f"ID;CreationTS;Cost\nm;{UNIX};0,04\n"
    )
    (row,) = read(f"ID,CreationTS,a|b|c\nm,{UNIX},x\n")
    assert row["extra"] == {"a|b|c": "x"}


def test_rows_count_from_the_header_below_such_a_line() -> None:
    """As in every other file."""
    assert refusal(f"sep=;\nID;CreationTS\nm;{UNIX}\nn;x;x\n").startswith("Row 3 ")


@pytest.mark.parametrize(
    ("above", "row"),
    [("SMS export\n", 2), ("SMS export;;\n\nfrom 2026-01-01;;\n", 3), (f"m;{UNIX};+336\n", 2)],
)
def test_lines_above_the_header_are_refused(above: str, row: int) -> None:
    """A message could be among them; the sentence says where the header is."""
    text = refusal(f"{above}ID;CreationTS;To\nm;{UNIX};+336\n")
    assert f"header in row {row}," in text
    assert "336" not in text


# Rows that are no messages.

HEADER = "ID,CreationTS,From,Cost"
TOTALS = [
    ",,,0.08",
    "Total,,,0.08",
    "TOTALS: 2,,,0.08",
    ",,,",
    " \ufeff,NULL,,0.08",
    "Total, ,,0.08",
]


def parts(csv: str) -> tuple[list[object], list[str]]:
    """The ids of a file's messages, and what is said of its other rows."""
    reading = opened(csv)
    ids = [row["message_id"] for batch in reading for row in batch.to_pylist()]
    return ids, [notice.text for notice in reading.notices if "skipped" in notice.text]


@pytest.mark.parametrize("created", [str(UNIX), "2025-07-31T22:13:20Z"])
@pytest.mark.parametrize("totals", TOTALS)
def test_a_row_of_totals_at_the_end_is_skipped(totals: str, created: str) -> None:
    """With a warning, also where the file has no message."""
    message = f"m,{created},Brand,0.04\n"
    for rows in (message, "", message * 70_000):
        ids, (said,) = parts(f"{HEADER}\n{rows}{totals}\n")
        assert len(ids) == rows.count("\n")
        assert "a row of totals at its end" in said


@pytest.mark.parametrize("totals", TOTALS)
def test_a_row_of_totals_elsewhere_is_refused(totals: str) -> None:
    """Only the last row can be one, at a block's end, too."""
    message = f"m,{UNIX},Brand,0.04\n"
    assert refusal(f"{HEADER}\n{message}{totals}\n{message}").startswith("Row 3 ")
    assert refusal(f"{HEADER}\n{message}{totals}\n{totals}\n").startswith("Row 3 ")


@pytest.mark.parametrize("totals", TOTALS)
def test_a_row_of_totals_at_the_end_of_a_block_is_refused(
    totals: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the file is cut into blocks."""
    message = f"m,{UNIX},Brand,0.04\n"
    for block_bytes in range(100, 200, 7):
        monkeypatch.setattr(rows_module, "BLOCK_BYTES", block_bytes)
        csv = f"{HEADER}\n{message * 8}{totals}\n{message * 8}"
        assert refusal(csv).startswith("Row 10 ")
        assert len(parts(f"{HEADER}\n{message * 8}{totals}\n")[0]) == 8


@pytest.mark.parametrize(
    "row", [f",{UNIX},Brand,0.04", f"Total,{UNIX},Brand,0.04", "m,,Brand,0.04", "x Total,,,0.08"]
)
def test_a_row_that_may_be_a_message_is_not_skipped(row: str) -> None:
    """It has a creation time, or an id; `Total` may be one."""
    csv = f"{HEADER}\nm,{UNIX},Brand,0.04\n{row}\n"
    if row.startswith("Total"):
        assert parts(csv) == (["m", row.split(",", maxsplit=1)[0]], [])
    else:
        assert refusal(csv).startswith("Row 3 ")


@pytest.mark.parametrize("created", [str(UNIX), "2025-07-31T22:13:20Z"])
def test_a_repeated_header_is_skipped(created: str) -> None:
    """Wherever it stands, as in files that were joined; the rows around it keep their numbers."""
    first, second = f"m,{created},Brand,0.04", f"n,{created},CreationTS,0.04"
    lines = [HEADER, first, HEADER, second, first, HEADER, HEADER, second, HEADER]
    ids, (said,) = parts("\n".join([HEADER, *lines]) + "\n")
    assert ids == ["m", "n", "m", "n"]
    assert "header 5 times more" in said
    assert refusal("\n".join([HEADER, *lines, "x,y,,"]) + "\n").startswith("Row 11 ")
    assert "header once more" in parts(f"{HEADER}\n{first}\n{HEADER}\n{second}")[1][0]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_behind_a_byte_order_mark_is_skipped(quote: str) -> None:
    """As in files that were joined byte by byte; pyarrow takes its quotes for text then."""
    header = ",".join(f"{quote}{name}{quote}" for name in HEADER.split(","))
    csv = f"\ufeff{header}\nm,{UNIX},Brand,0.04\n"
    ids, (said,) = parts(csv * 3)
    assert ids == ["m"] * 3
    assert "header 2 times more" in said


def test_many_repeated_headers_take_no_time_each() -> None:
    """A message and a header by turns, as in a file of many small ones."""
    csv = f"{HEADER}\nm,{UNIX},Brand,0.04\n" * 50_000
    begun = time.process_time()
    ids, _ = parts(csv)
    assert len(ids) == 50_000
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    "padding", ["\x1a", "\n\x1a", "\n\x1a\r\n", "\n" + "\0" * 512, "\0" * 9, "\n  \n \r\n\n  "]
)
@pytest.mark.parametrize("last", ["0.04", '"0.04"'])
def test_what_holds_nothing_behind_the_last_row_is_left_out(padding: str, last: str) -> None:
    """The end mark of DOS, zeros that fill a sector, lines of blanks."""
    csv = f"{HEADER}\nm,{UNIX},Brand,0.05\nn,{UNIX},Brand,{last}"
    assert read(csv + padding) == read(csv)


def test_blanks_of_the_last_cell_are_kept() -> None:
    """They are data, whatever ends the file."""
    for end in ("", "\n", "\r\n", "\x1a", "\r\n  \n"):
        (row,) = read(f"ID,CreationTS,x\nm,{UNIX},y  {end}")
        assert row["extra"] == {"x": "y  "}


def test_padding_across_pieces_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the file is cut into blocks."""
    csv = f"{HEADER}\n" + f"m,{UNIX},Brand,0.04\n" * 8
    for block_bytes in range(100, 200, 7):
        monkeypatch.setattr(rows_module, "BLOCK_BYTES", block_bytes)
        assert len(read(csv + "\0" * 90)) == 8


def test_a_row_that_is_nearly_the_header_is_refused() -> None:
    """Cell for cell, or it is a damaged message."""
    assert refusal(f"{HEADER}\nm,{UNIX},Brand,0.04\n{HEADER.replace('From', 'To')}\n").startswith(
        "Row 3 "
    )


# Names that are there twice, or not at all.


def test_equal_unknown_names_are_numbered() -> None:
    """In `extra`, so that no cell is lost."""
    (row,) = read(f"ID,x,CreationTS,x,x (2),x\nm,1,{UNIX},2,3,4\n")
    assert row["extra"] == {"x": "1", "x (3)": "2", "x (2)": "3", "x (4)": "4"}


def test_columns_without_a_name_are_numbered() -> None:
    """By their place."""
    (row,) = read(f"ID,,CreationTS, ,x\nm,1,{UNIX},2,3\n")
    assert row["extra"] == {"column 2": "1", "column 4": "2", "x": "3"}


def test_empty_columns_without_a_name_at_the_end_are_left_out() -> None:
    """An exporter that ends each line with a delimiter makes them."""
    assert read(f"ID,CreationTS,,\nm,{UNIX},,\n")[0]["extra"] is None
    assert read(f"ID,CreationTS,x,\nm,{UNIX},1,\n")[0]["extra"] == {"x": "1"}


def test_a_cell_below_no_name_at_the_end_is_kept() -> None:
    """Nothing that a file holds is dropped."""
    assert read(f"ID,CreationTS,,\nm,{UNIX},,y\n")[0]["extra"] == {"column 4": "y"}


def test_a_file_without_a_header_is_refused() -> None:
    """And nothing of its first row is shown."""
    with pytest.raises(CSVHeaderError, match="first line is data"):
        read(f"c0ffee00-0000-4000-8000-000000000001,{UNIX},Brand,+33600000001,sent\n")
    with pytest.raises(CSVFormatError):
        read("ID,CreationTS\nm\n")
