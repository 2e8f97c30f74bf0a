"""Every form that a cell may have, read to the right value or refused without showing it.

The layout is not documented: the tests go by the table of alternatives that the reader promises.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tap_mailjet_sms.schema import MESSAGE_COLUMNS, STATUS_NAMES
from tests.support.csv_text import CREATED, UNIX, cell, quoted, read, refusal


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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1754000000", CREATED),
        ("1754000000123", CREATED + timedelta(milliseconds=123)),
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
        ("Status", quoted('{"StatusCode": 3}'), (3, "delivered", None)),
        (
            "Status",
            quoted('{"status_name": "lost", "Status Description": "x"}'),
            (None, "lost", "x"),
        ),
        ("Status", quoted('{"Status": {"Code": 3}}'), (3, "delivered", None)),
        ("Status", quoted('{"Code": null, "Description": "x"}'), (None, None, "x")),
        ("Status", quoted('{"Status": {}}'), (None, None, None)),
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
        ("Cost", '{"Sum": 0.04, "Currency": "EUR"}'),
        ("Cost", '{"Currency": "EUR"}'),
        ("Cost", '{"Value": 1, "Amount": 2}'),
        ("Cost", '{"Cost": {"Value": 1}, "Tax": {"Value": 2}}'),
        ("Status", '{"id": 3, "label": "delivered"}'),
        ("Status", '{"Description": "SECRET"}'),
        ("Status", '{"Code": 3, "StatusCode": 4}'),
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
        (quoted('{"Amount": 0.04, "Currency": "EUR"}'), "0.04", "EUR"),
        (quoted('{"CostValue": 0.04, "Cost_Currency": "EUR"}'), "0.04", "EUR"),
        (quoted('{"Cost": {"Value": 0.04, "Currency": "EUR"}}'), "0.04", "EUR"),
        (quoted('{"Cost": 0.04}'), "0.04", None),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_forms_of_cost(text: str, value: str, currency: str | None, delimiter: str) -> None:
    """Exact decimals, never rounded, with the currency that stands beside them."""
    assert cell("Cost", text, "cost_value", delimiter=delimiter) == Decimal(value)
    assert cell("Cost", text, "cost_currency", delimiter=delimiter) == currency


def test_two_currencies_complete_each_other_or_are_refused() -> None:
    """A column of currencies fills the gaps of the costs' own, and must not contradict them."""
    header = "ID,CreationTS,Cost,Currency"
    found = read(f"{header}\na,{UNIX},1,EUR\nb,{UNIX},1 USD,\nc,{UNIX},1 EUR,EUR\nd,{UNIX},1,\n")
    assert [row["cost_currency"] for row in found] == ["EUR", "USD", "EUR", None]
    error = refusal(f"{header}\na,{UNIX},1 EUR,EUR\nb,{UNIX},1 USD,EUR\n")
    assert error.startswith("Row 3 ")
    assert "'Currency'" in error


def test_text_that_looks_like_null_is_text() -> None:
    """In a column of texts only an empty cell is null."""
    for text in ("NULL", "null", "NaN", "N/A", "None", "#N/A", "-"):
        (row,) = read(f"ID,CreationTS,From,Status.Description,x\nm,{UNIX},{text},{text},{text}\n")
        assert (row["sender"], row["status_description"], row["extra"]) == (text, text, {"x": text})
