"""Every form that Mailjet's CSV may have, read to the right values or refused without showing them.

The layout is not documented: the tests go by the table of alternatives that the reader promises.
"""

from __future__ import annotations

import io
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tap_mailjet_sms.arrow_schema import MESSAGE_SCHEMA
from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError, NotCSVError, SpoolError
from tap_mailjet_sms.reading import csv_file, rows
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, STATUS_NAMES
from tap_mailjet_sms.writing import kept
from tap_mailjet_sms.writing.kept import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping

CREATED = datetime(2025, 7, 31, 22, 13, 20, tzinfo=UTC)
UNIX = 1754000000
Row = dict[str, object]


def read(csv: str | bytes, column_map: Mapping[str, str | None] | None = None) -> list[Row]:
    """All rows of a CSV; maps as dictionaries."""
    source = io.BytesIO(csv.encode() if isinstance(csv, str) else csv)
    with closing(Spool(csv_file.read(source, column_map=column_map or {}))) as spool:
        found = [row for batch in spool for row in batch.to_pylist()]
    for row in found:
        row["extra"] = row["extra"] and dict(row["extra"])
    return found


def cell(header: str, value: str, column: str, *, delimiter: str = ",") -> object:
    """What one cell becomes, in a file that has nothing else but id and creation time."""
    text = f"ID{delimiter}CreationTS{delimiter}{header}\nm{delimiter}{UNIX}{delimiter}{value}\n"
    (row,) = read(text)
    return row[column]


def refusal(csv: str | bytes, column_map: Mapping[str, str | None] | None = None) -> str:
    """The sentence with which a CSV is refused for a row or a cell."""
    with pytest.raises(CSVFormatError) as caught:
        read(csv, column_map)
    return str(caught.value)


def quoted(json: str) -> str:
    """A JSON object as a CSV cell."""
    return '"' + json.replace('"', '""') + '"'


def test_a_whole_row() -> None:
    """Mailjet's documented names give every column of the stream its value."""
    assert read(
        "MessageId,From,To,Status.Code,Status.Name,Status.Description,CreationTS,SentTS,SMSCount,"
        "Cost.Value,Cost.Currency\n"
        f"c0ffee00-0000-4000-8000-000000000001,MyBrand,+33600000001,3,delivered,Arrived.,{UNIX},"
        f"{UNIX + 5},2,0.056,EUR\n"
    ) == [
        {
            "message_id": "c0ffee00-0000-4000-8000-000000000001",
            "sender": "MyBrand",
            "recipient": "+33600000001",
            "status_code": 3,
            "status_name": "delivered",
            "status_description": "Arrived.",
            "created_at": CREATED,
            "sent_at": CREATED + timedelta(seconds=5),
            "sms_count": 2,
            "cost_value": Decimal("0.056"),
            "cost_currency": "EUR",
            "extra": None,
        }
    ]


def test_an_empty_cell_is_null() -> None:
    """All but the id and the creation time may be empty."""
    header = (
        "ID,From,To,Status,Status.Code,Status.Name,Status.Description,CreationTS,SentTS,SMSCount,"
        "Cost,Currency,Campaign"
    )
    (row,) = read(f"{header}\nm,,,,,,,{UNIX},,,,,\n")
    assert {name for name, value in row.items() if value is None} == {
        column.name for column in MESSAGE_COLUMNS
    } - {"message_id", "created_at", "extra"}
    assert row["extra"] == {"Campaign": None}


def test_columns_that_the_file_lacks_are_null() -> None:
    """The id and the creation time are enough."""
    (row,) = read(f"ID,CreationTS\nm,{UNIX}\n")
    assert {name for name, value in row.items() if value is not None} == {
        "message_id",
        "created_at",
    }


# Header


@pytest.mark.parametrize(
    "header",
    [
        "ID,From,To,Status,SMSCount,CreationTS,SentTS,Cost,Currency",
        "MessageId,From,To,Status.Code,SmsCount,CreationTS,SentTS,Cost.Value,Cost.Currency",
        "MessageID,From,To,StatusCode,SMSCount,CreationTS,SentTS,Cost,Currency",
        "Message ID,Sender,Recipient,Status,Parts,Creation date,Sent date,Price,Currency",
        "message_id,sender,recipient,status_code,sms_count,created_at,sent_at,cost_value,cost_currency",
        "MESSAGE-ID, FROM ,TO,STATUS,SMS_COUNT,CREATION_TS,SENT_TS,COST,CURRENCY",
        '"ID","From","To","Status","SMSCount","CreationTS","SentTS","Cost","Currency"',
    ],
)
def test_known_headers(header: str) -> None:
    """API names, dotted and human ones, in any case and spelling."""
    (row,) = read(f"{header}\nm,f,+336,3,1,{UNIX},{UNIX},0.04,EUR\n")
    assert row == {
        "message_id": "m",
        "sender": "f",
        "recipient": "+336",
        "status_code": 3,
        "status_name": "delivered",
        "status_description": None,
        "created_at": CREATED,
        "sent_at": CREATED,
        "sms_count": 1,
        "cost_value": Decimal("0.04"),
        "cost_currency": "EUR",
        "extra": None,
    }


def test_the_columns_order_does_not_matter() -> None:
    """Columns are found by name."""
    (row,) = read(f"Cost,CreationTS,To,ID\n0.04,{UNIX},+336,m\n")
    assert (row["message_id"], row["recipient"], row["cost_value"]) == (
        "m",
        "+336",
        Decimal("0.04"),
    )


def test_unknown_columns_are_kept_by_their_header() -> None:
    """`extra` holds what the tap does not know, as text."""
    found = read(f"ID,Campaign id,CreationTS,x.Y\na,007,{UNIX},\nb,1e3,{UNIX}, z \n")
    assert [row["extra"] for row in found] == [
        {"Campaign id": "007", "x.Y": None},
        {"Campaign id": "1e3", "x.Y": " z "},
    ]


def test_column_map_names_further_headers() -> None:
    """A header is mapped as written or normalised; one that the file lacks does no harm."""
    (row,) = read(
        f"Nachricht,erzeugt am,An\nm,{UNIX},+336\n",
        {"Nachricht": "message_id", "Erzeugt_Am": "created_at", "An": "recipient", "No": "sender"},
    )
    assert (row["message_id"], row["created_at"], row["recipient"]) == ("m", CREATED, "+336")


def test_column_map_wins_over_known_names() -> None:
    """A mapped header takes the column, and the one that has its name goes to `extra`."""
    (row,) = read(f"ID,Ref,CreationTS\n1,m,{UNIX}\n", {"Ref": "message_id"})
    assert (row["message_id"], row["extra"]) == ("m", {"ID": "1"})


@pytest.mark.parametrize("target", [None, "extra"])
def test_column_map_sends_a_column_to_extra(target: str | None) -> None:
    """Null, or the column's own name, keeps a cell as it stands."""
    column_map = {"Cost": target, "x": target}
    (row,) = read(f"ID,CreationTS,Cost,x\nm,{UNIX},n/a,y\n", column_map)
    assert (row["cost_value"], row["extra"]) == (None, {"Cost": "n/a", "x": "y"})


def test_column_map_can_name_a_status() -> None:
    """A mapped column completes the others as a known one does."""
    csv = f'ID,CreationTS,Zustand\nm,{UNIX},"{{""Code"": 3, ""Description"": ""x""}}"\n'
    (row,) = read(csv, {"Zustand": "status_code"})
    assert (row["status_code"], row["status_name"], row["status_description"]) == (
        3,
        "delivered",
        "x",
    )
    (row,) = read(f"ID,CreationTS,Zustand\nm,{UNIX},sent\n", {"Zustand": "status_name"})
    assert (row["status_code"], row["status_name"]) == (2, "sent")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("ID,MessageID,CreationTS", ("'ID'", "'MessageID'")),
        ("ID,CreationTS,Cost,Price", ("'Cost'", "'Price'")),
        ("ID,CreationTS,Status,State", ("'Status'", "'State'")),
        ("ID,id,CreationTS", ("'ID'", "'id'")),
    ],
)
def test_two_headers_for_one_column_are_refused(header: str, names: tuple[str, str]) -> None:
    """Both names are shown, and the setting that decides."""
    with pytest.raises(CSVHeaderError, match="column_map") as caught:
        read(f"{header}\n")
    assert all(name in str(caught.value) for name in names)


def test_column_map_decides_between_two_headers() -> None:
    """As the refusal says: one is kept, the other goes to `extra`."""
    (row,) = read(f"ID,MessageID,CreationTS\n1,m,{UNIX}\n", {"ID": None})
    assert (row["message_id"], row["extra"]) == ("m", {"ID": "1"})


def test_two_headers_mapped_to_one_column_are_refused() -> None:
    """The setting itself can contradict itself."""
    with pytest.raises(CSVHeaderError, match=r"'a' and 'b'.*message_id"):
        read("a,b,CreationTS\n", {"a": "message_id", "b": "message_id"})


def test_equal_headers_are_refused() -> None:
    """With equal headers, pyarrow would swallow a column."""
    with pytest.raises(CSVHeaderError, match="'x'"):
        read("ID,x,CreationTS,x\n")


@pytest.mark.parametrize("header", ["foo,bar", "ID,From", "From,CreationTS", "Service Unavailable"])
def test_a_header_without_id_or_creation_time_is_refused(header: str) -> None:
    """The error shows the header, names the setting, and shows no row."""
    with pytest.raises(CSVHeaderError, match="column_map") as caught:
        read(f"{header}\nSECRET,SECRET\n")
    assert all(repr(name) in str(caught.value) for name in header.split(","))
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "c0ffee00-0000-4000-8000-000000000001,Brand",
        "Brand,+336 00 00 00 01",
        "Brand,0033600000001",
        "Brand,someone@example.org",
        "Brand,0.04",
        "Brand,2026-01-01",
        'Brand,"{""Code"": 3}"',
    ],
)
def test_a_file_without_header_shows_no_row(line: str) -> None:
    """The first line is told for data, and nothing of it is shown."""
    with pytest.raises(CSVHeaderError, match="first line is data") as caught:
        read(f"{line}\n{line}\n")
    assert "Brand" not in str(caught.value)


def test_a_hostile_header_is_shown_short_and_harmless() -> None:
    """Neither control characters nor thousands of names reach the log."""
    with pytest.raises(CSVHeaderError) as caught:
        read("\x1b[31mred," + ",".join(f"n{i}{'x' * 500}" for i in range(100)) + "\n")
    assert len(str(caught.value)) < 3000
    assert str(caught.value).isprintable()


# Dialect


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


# Damage


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


def test_a_header_in_utf_16_is_refused() -> None:
    """The header is a row like any other."""
    assert refusal(f"ID,CreationTS\na,{UNIX}\n".encode("utf-16")).startswith("Row 1 ")


@pytest.mark.parametrize("csv", ['"ID,CreationTS\n', "x" * 100_000, "ID,CreationTS" * 10_000])
def test_a_first_row_without_end_is_refused(csv: str) -> None:
    """An open quote or a file without line ends: bounded, and not taken for a header."""
    assert refusal(csv).startswith("Row 1 ")


def test_a_row_without_end_is_refused() -> None:
    """No cell of a megabyte is read into memory whole."""
    error = refusal(f'ID,CreationTS\na,{UNIX}\n"{"x" * 3_000_000}",{UNIX}\n')
    assert "too long" in error


# Cells


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1754000000", CREATED),
        ("1754000000123", CREATED + timedelta(milliseconds=123)),
        ("1", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("2025-07-31T22:13:20Z", CREATED),
        ("2025-07-31T22:13:20+00:00", CREATED),
        ("2025-08-01T00:13:20+02:00", CREATED),
        ("2025-08-01T00:13:20.5+0200", CREATED + timedelta(milliseconds=500)),
        ("2025-07-31T22:13:20.123456Z", CREATED + timedelta(microseconds=123456)),
        ("2025-07-31T22:13:20.123456789Z", CREATED + timedelta(microseconds=123456)),
        ("2025-07-31T22:13:20", CREATED),
        ("2025-07-31 22:13:20", CREATED),
        ("2025-07-31 22:13:20.5", CREATED + timedelta(milliseconds=500)),
        ("2025-07-31 22:13:20 UTC", CREATED),
        ("2025-07-31 22:13:20 +0000", CREATED),
        ("2025-07-31 22:13", CREATED - timedelta(seconds=20)),
        ("2025-07-31", datetime(2025, 7, 31, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("beside", ["", "2025-07-31 22:13:20 UTC\n"])
def test_forms_of_time(text: str, moment: datetime, beside: str) -> None:
    """Each form alone, which Arrow converts, and in one column with another form."""
    csv = "ID,CreationTS\n" + "".join(f"m,{line}\n" for line in [text, *beside.splitlines()])
    assert read(csv)[0]["created_at"] == moment


def test_forms_of_time_can_be_mixed() -> None:
    """Seconds and milliseconds, zoned and not, null and zero, in one column."""
    forms = ["1754000000", "1754000000000", "2025-07-31T22:13:20Z", "2025-07-31 22:13:20", "0", ""]
    for chosen in (forms, forms[:2] + forms[4:], forms[2:3] + forms[5:], forms[3:4] + forms[5:]):
        csv = "ID,CreationTS,SentTS\n" + "".join(f"m,{UNIX},{form}\n" for form in chosen)
        expected = [None if form in ("", "0") else CREATED for form in chosen]
        assert [row["sent_at"] for row in read(csv)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "0x688BE800",
        "-1754000000",
        "1754000000.5.5",
        "1e9",
        "yesterday",
        "2025-13-01T00:00:00Z",
        "2025-02-30",
        "31/07/2025",
        "2025-07-31T25:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "253402300800000",
        "9" * 400,
        "9" * 5000,
        "١٧٥٤٠٠٠٠٠٠",
    ],
)
@pytest.mark.parametrize("column", ["CreationTS", "SentTS"])
def test_what_is_no_time_is_refused(text: str, column: str) -> None:
    """The error names the row and the column, not the value."""
    other = "SentTS" if column == "CreationTS" else "CreationTS"
    error = refusal(f"ID,{other},{column}\nm,{UNIX},{UNIX}\nm,{UNIX},{text}\n")
    assert error.startswith("Row 3 ")
    assert f"'{column}'" in error
    assert text not in error


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_of_a_year_that_does_not_exist_is_refused(text: str) -> None:
    """Arrow alone would take what no other program can read."""
    csv = f"ID,CreationTS\nm,2025-07-31T22:13:20Z\nm,{text}\n"
    assert refusal(csv).startswith("Row 3 ")


@pytest.mark.parametrize(("column", "text"), [("ID", ""), ("CreationTS", ""), ("CreationTS", "0")])
def test_id_and_creation_time_are_never_null(column: str, text: str) -> None:
    """The key and the time that tells messages apart from one another."""
    cells = {"ID": "m", "CreationTS": str(UNIX), column: text}
    error = refusal(f"ID,CreationTS\nm,{UNIX}\n{cells['ID']},{cells['CreationTS']}\n")
    assert error.startswith("Row 3 ")
    assert f"'{column}'" in error
    assert "is empty" in error


@pytest.mark.parametrize("code", STATUS_NAMES)
@pytest.mark.parametrize("header", ["Status", "Status.Code", "Status.Name"])
def test_code_and_name_complete_each_other(code: int, header: str) -> None:
    """By Mailjet's table, whichever of them the file has."""
    name = STATUS_NAMES[code]
    text = name if header == "Status.Name" else str(code)
    (row,) = read(f"ID,CreationTS,{header}\nm,{UNIX},{text}\n")
    assert (row["status_code"], row["status_name"]) == (code, name)


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        ("Status", "delivered", (3, "delivered", None)),
        ("Status", "Rejected Operator", (4, "rejected_operator", None)),
        ("Status", "lost in space", (None, "lost in space", None)),
        ("Status", "42", (42, None, None)),
        ("Status.Code", "42", (42, None, None)),
        ("Status.Name", "42", (None, "42", None)),
        ("Status,Status.Code", "delivered,3", (3, "delivered", None)),
        ("Status,Status.Name", "3,delivered", (3, "delivered", None)),
        ("Status,Status.Code", "3,", (3, "delivered", None)),
        ("Status,Status.Code", "lost,42", (42, "lost", None)),
        (
            "Status.Code,Status.Name,Status.Description",
            "42,lost,In space.",
            (42, "lost", "In space."),
        ),
        ("Status.Code,Status.Name", ",sent", (2, "sent", None)),
        ("Status", quoted('{"Code": 3, "Name": "delivered"}'), (3, "delivered", None)),
        (
            "Status",
            quoted('{"Code": 4, "Name": null, "Description": "No."}'),
            (4, "rejected_operator", "No."),
        ),
        ("Status", quoted('{"code": "2"}'), (2, "sent", None)),
        ("Status", quoted('{"Name": "lost"}'), (None, "lost", None)),
        ("Status", "{}", (None, None, None)),
        ("Status.Code", quoted('{"Code": 3, "Description": "x"}'), (3, "delivered", "x")),
    ],
)
def test_forms_of_status(
    header: str, line: str, expected: tuple[int | None, str | None, str | None]
) -> None:
    """Code, name, JSON, or several columns; what is unknown passes, and completes nothing."""
    (row,) = read(f"ID,CreationTS,{header}\nm,{UNIX},{line}\n")
    assert (row["status_code"], row["status_name"], row["status_description"]) == expected


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Status.Code", "SECRET"),
        ("Status.Code", "0x3"),
        ("Status.Code", "3.0"),
        ("Status.Code", "-3"),
        ("Status.Code", "9" * 19),
        ("Status", '{"Code": "SECRET"}'),
        ("Status", '{"Code": 1e99}'),
        ("Status", '{"Code": true}'),
        ("Status", '{"Name": 3}'),
        ("Status", '{"Name": "\\ud800"}'),
        ("Status", '{"SECRET'),
        ("Status", '{"a":' * 50_000),
        ("SMSCount", "SECRET"),
        ("SMSCount", "1.5"),
        ("SMSCount", "0x1F"),
        ("Cost", "SECRET"),
        ("Cost", "0,04"),
        ("Cost", "1.234.567"),
        ("Cost", "nan"),
        ("Cost", "inf"),
        ("Cost", "1e999999999999"),
        ("Cost", "1e18"),
        ("Cost", "0.123456789012345678901"),
        ("Cost", "0.04 EURO"),
        ("Cost", "EUR"),
        ("Cost", '{"Value": NaN}'),
        ("Cost", '{"Value": "SECRET"}'),
        ("Cost", '{"Value": [1]}'),
        ("Cost", '{"Value": 1, "Currency": 2}'),
        ("Cost", "9" * 100_000 + "x"),
    ],
)
def test_what_does_not_convert_is_refused(header: str, text: str) -> None:
    """The error names the row and the column, not the value."""
    error = refusal(f"ID,CreationTS,{header}\nm,{UNIX},\nm,{UNIX},{quoted(text)}\n")
    assert error.startswith("Row 3 ")
    assert f"'{header}'" in error
    assert "SECRET" not in error
    assert len(error) < 300


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("0.04", "0.04", None),
        ("0", "0", None),
        ("-0.5", "-0.5", None),
        (".5", "0.5", None),
        ("4e-2", "0.04", None),
        ("2.8E-2", "0.028", None),
        ("0.0400000000000000000000000000", "0.04", None),
        ("0.30000000000000004", "0.30000000000000004", None),
        ("123456789012345678.12345678901234567890", "123456789012345678.1234567890123456789", None),
        ("0.04 EUR", "0.04", "EUR"),
        ("0.04EUR", "0.04", "EUR"),
        (quoted('{"Value": 0.028, "Currency": "EUR"}'), "0.028", "EUR"),
        (quoted('{"value": "0.028", "currency": "USD"}'), "0.028", "USD"),
        (quoted('{"Value": 2.8e-2, "Currency": null}'), "0.028", None),
        (quoted('{"Value": 0.3000000000000000444}'), "0.3000000000000000444", None),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_forms_of_cost(text: str, value: str, currency: str | None, delimiter: str) -> None:
    """Exact decimals, never rounded, with the currency that stands beside them."""
    assert cell("Cost", text, "cost_value", delimiter=delimiter) == Decimal(value)
    assert cell("Cost", text, "cost_currency", delimiter=delimiter) == currency


@pytest.mark.parametrize(("text", "currency"), [("0,04", None), ("0,04 EUR", "EUR")])
def test_a_decimal_comma_where_semicolons_delimit(text: str, currency: str | None) -> None:
    """There it cannot be anything else; in other files it is refused, never guessed."""
    assert cell("Cost", text, "cost_value", delimiter=";") == Decimal("0.04")
    assert cell("Cost", text, "cost_currency", delimiter=";") == currency
    for delimiter in ",\t":
        csv = delimiter.join(["ID", "CreationTS", "Cost"]) + "\n"
        csv += delimiter.join(["m", str(UNIX), f'"{text}"']) + "\n"
        assert "'Cost'" in refusal(csv)


def test_thousands_separators_are_refused() -> None:
    """A second mark in a number is never guessed at."""
    for text in ("1.234,56", "1,234,567"):
        assert "'Cost'" in refusal(f"ID;CreationTS;Cost\nm;{UNIX};{text}\n")


def test_two_currencies_complete_each_other_or_are_refused() -> None:
    """A column of currencies fills the gaps of the costs' own, and must not contradict them."""
    header = "ID,CreationTS,Cost,Currency"
    found = read(f"{header}\na,{UNIX},1,EUR\nb,{UNIX},1 USD,\nc,{UNIX},1 EUR,EUR\nd,{UNIX},1,\n")
    assert [row["cost_currency"] for row in found] == ["EUR", "USD", "EUR", None]
    error = refusal(f"{header}\na,{UNIX},1 EUR,EUR\nb,{UNIX},1 USD,EUR\n")
    assert error.startswith("Row 3 ")
    assert "'Currency'" in error


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+33600000001", "+33600000001"),
        ("'+33600000001", "+33600000001"),
        ("0033600000001", "0033600000001"),
        ("33600000001", "33600000001"),
        ("007", "007"),
        ("1e5", "1e5"),
        ("'quoted'", "'quoted'"),
        (" x ", " x "),
        ("a'+b", "a'+b"),
    ],
)
def test_phones_are_text(text: str, phone: str) -> None:
    """Digits stay as they are; only the quote that spreadsheets need before a plus goes."""
    (row,) = read(f"ID,CreationTS,From,To\nm,{UNIX},{text},{text}\nm,{UNIX},,\n")[:1]
    assert (row["sender"], row["recipient"]) == (phone, phone)


def test_text_that_looks_like_null_is_text() -> None:
    """Only an empty cell is null."""
    for text in ("NULL", "null", "NaN", "N/A", "None", "#N/A"):
        (row,) = read(f"ID,CreationTS,From\n{text},{UNIX},{text}\n")
        assert (row["message_id"], row["sender"]) == (text, text)


# The file


def test_rows_of_many_blocks_keep_their_order_and_number() -> None:
    """What lies across a block's end is read whole, and errors count on."""
    lines = [f'id{i},{UNIX + i},"a ""{i}""\n{"x" * (i % 97)}"\n' for i in range(20_000)]
    csv = "ID,CreationTS,x\n" + "".join(lines)
    found = read(csv)
    assert len(csv) > 2 * 512 * 1024
    assert [row["message_id"] for row in found] == [f"id{i}" for i in range(20_000)]
    assert found[-1]["extra"] == {"x": f'a "19999"\n{"x" * (19_999 % 97)}'}
    assert refusal(f"{csv}z,never,x\n").startswith("Row 20002 ")
    assert refusal(f"{csv}z,{UNIX}\n").startswith("Row 20002 ")
    assert refusal(f'{csv}"z"z,{UNIX},x\n').startswith("Row 20002 ")
    assert refusal(csv.encode() + b"\xff,1,x\n").startswith("Row 20002 ")


def test_the_file_is_not_read_far_ahead_of_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly the batches are taken, only a few blocks wait in memory."""

    class Counted(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    monkeypatch.setattr(rows, "_PATIENCE", 0.1)
    monkeypatch.setattr(rows, "_PATIENCE_WHILE_BUSY", 1000)
    source = Counted(b"ID,CreationTS\n" + f"m,{UNIX}\n".encode() * 3_000_000)
    assert source.getbuffer().nbytes > 30 * rows.BLOCK_BYTES
    for taken, _ in enumerate(csv_file.read(source, column_map={})):
        if taken < 3:
            time.sleep(1)  # busy with a batch, for ten times the patience: nothing may be read now
        # Beside what waits: the header, a byte after a block's end, and the end itself.
        assert source.reads <= taken + rows.READ_AHEAD + 4


@pytest.mark.parametrize("odd", [" 3", "3 ", "", '""', "003", "8"])
def test_a_column_that_is_not_all_numbers_is_read_to_its_end(odd: str) -> None:
    """Where a number is spelt in another way late in a file, no row is lost or repeated."""
    plain = "".join(f"m{n},{UNIX + n},{n % 7}\n" for n in range(150_000))
    found = read(f"ID,CreationTS,SMSCount\n{plain}odd,{UNIX},{odd}\n{plain}")
    ids = [f"m{n}" for n in range(150_000)]
    assert [row["message_id"] for row in found] == [*ids, "odd", *ids]
    assert found[150_000]["sms_count"] == (int(odd) if odd.strip('"') else None)
    assert [row["sms_count"] for row in found[150_001:150_010]] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_a_number_of_another_base_is_refused_wherever_it_stands() -> None:
    """Also where one block of the file ends within it."""
    header, row = "ID,CreationTS,SMSCount\n", f"m,{UNIX},3\n"
    before = row * (rows.BLOCK_BYTES // len(row) - 5)
    for end in range(rows.BLOCK_BYTES - 3, rows.BLOCK_BYTES + 4):
        padding = "m" * (end - len(f"{before},{UNIX},0"))
        error = refusal(f"{header}{before}{padding},{UNIX},0x1F\n{row}")
        assert "'SMSCount' (sms_count) is no whole number" in error


def test_batches_have_the_tables_types() -> None:
    """Whatever columns the file has, the batches have those of the stream, also from a spool."""
    csv = io.BytesIO(f"ID,CreationTS\nm,{UNIX}\n".encode())
    with closing(Spool(csv_file.read(csv, column_map={}))) as spool:
        (batch,) = spool
    schema = batch.schema
    assert schema == MESSAGE_SCHEMA
    assert schema.names == [column.name for column in MESSAGE_COLUMNS]
    assert [field.name for field in schema if not field.nullable] == ["message_id", "created_at"]
    assert schema.field("created_at").type == pa.timestamp("us", "UTC")
    assert pa.types.is_decimal(schema.field("cost_value").type)


def test_files_without_a_name() -> None:
    """The source is a temporary file without a path, used from its beginning; a spool, too."""
    with tempfile.TemporaryFile() as source:
        source.write(f"ID,CreationTS\nm,{UNIX}\n".encode())
        with closing(Spool(csv_file.read(source, column_map={}))) as spool:
            assert [batch.num_rows for batch in spool] == [1]
            assert [batch.num_rows for batch in spool] == [1], "as often as one likes"
        assert not source.closed


def test_a_full_disk_is_no_fault_of_the_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in writing is not said to be a damaged download."""

    class Full(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    csv = io.BytesIO(f"ID,CreationTS\nm,{UNIX}\n".encode())
    monkeypatch.setattr(kept, "open_spool", Full)
    with pytest.raises(SpoolError, match="No space"):
        Spool(csv_file.read(csv, column_map={}))


def test_blocks_do_not_grow_with_the_file() -> None:
    """A batch holds one block of the file, so memory is bounded."""
    csv = "ID,CreationTS\n" + f"m,{UNIX}\n" * 200_000
    batches = csv_file.read(io.BytesIO(csv.encode()), column_map={})
    limit = rows.BLOCK_BYTES // len(f"m,{UNIX}\n") + 1
    assert max(batch.num_rows for batch in batches) <= limit


def test_a_line_end_in_a_cell_is_kept_where_blocks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carriage return and line feed, wherever the file is cut into blocks."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 256)
    text = "two\r\nlines"
    csv = "ID,CreationTS,Note\n" + "".join(
        f'{"m" * (1 + number % 7)},{UNIX},"{text}"\n' for number in range(500)
    )

    assert [row["extra"] for row in read(csv)] == [{"Note": text}] * 500
