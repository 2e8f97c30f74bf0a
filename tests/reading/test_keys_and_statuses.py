"""Ids, phone numbers, statuses and texts: trimmed where that is right, refused where they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.reading import rows
from tap_mailjet_sms.schema import STATUS_NAMES
from tests.support.csv_text import UNIX, column, file_of, quoted, read, refusal, warnings

UUID = "c0ffee00-0000-4000-8000-000000000001"
OTHER = ["c0ffee00-0000-4000-8000-000000000002", "1234567890", "a", "x" * 30]


def ids(*cells: str) -> list[object]:
    """What the cells of the id's column become, in one file."""
    lines = "".join(f"{quoted(cell)},{UNIX}\n" for cell in cells)
    return [row["message_id"] for row in read(f"ID,CreationTS\n{lines}")]


@pytest.mark.parametrize("beside", [[], *([other] for other in OTHER)])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (UUID, UUID),
        (UUID.upper(), UUID.upper()),
        (f" {UUID}\t", UUID),
        (f"\u00a0{UUID}\u3000", UUID),
        (f"\ufeff{UUID}", UUID),
        (f"{UUID[:9]}\ufeff{UUID[9:]}", UUID),
        ("1150000000000000001", "1150000000000000001"),
        ("007", "007"),
        ("12e4", "12e4"),
        ("12E4", "12E4"),
        ("1e5-x", "1e5-x"),
        ("1.5", "1.5"),
        ("-5", "-5"),
        ("#1", "#1"),
        ("nul", "nul"),
        ("N-A", "N-A"),
        ("é", "é"),
        ("消息1", "消息1"),
        ("a/b:c", "a/b:c"),
    ],
)
def test_any_text_is_an_id(text: str, found: str, beside: list[str]) -> None:
    """Without what stands around it, whatever the others of the column look like."""
    assert ids(text, *beside) == [found, *beside]
    assert ids(*beside, text) == [*beside, found]


@pytest.mark.parametrize("beside", OTHER)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *[(text, "is empty") for text in ("", "  ", "\ufeff", "\t\u00a0", "NULL", "null", r"\N")],
        *[(text, "is empty") for text in ("N/A", "-", " null ")],
        ("a b", "has blanks"),
        ("a\u00a0b", "has blanks"),
        ("a\nb", "has blanks"),
        ("a\x00b", "has blanks or control characters"),
        ("\x00ab", "has blanks or control characters"),
        ("a\x7fb", "has blanks or control characters"),
        ("a\x85b", "has blanks"),
        (f"{UUID[:-1]}\x00", "has blanks or control characters"),
        ("########", "has neither letters nor digits"),
        ("--", "has neither letters nor digits"),
        ("-" * 36, "has neither letters nor digits"),
        ("…", "has neither letters nor digits"),
        ("1.914E+16", "is a number in scientific notation"),
        ("1.914e16", "is a number in scientific notation"),
        ("1E+16", "is a number in scientific notation"),
        ("2e-7", "is a number in scientific notation"),
        ("-1.7976931348623157E+308", "is a number in scientific notation"),
        ("1,914E+16", "is a number in scientific notation"),
        ("1,9E5", "is a number in scientific notation"),
        ("\uff11.\uff19\uff25\uff15", "is a number in scientific notation"),
        ("\u0661.\u0669E5", "is a number in scientific notation"),
    ],
)
def test_what_cannot_tell_messages_apart_is_no_id(text: str, problem: str, beside: str) -> None:
    """Two messages would become one in the target."""
    error = refusal(f"ID,CreationTS\n{beside},{UNIX}\n{quoted(text)},{UNIX}\n")
    assert error.startswith("Row 3 ")
    assert f"'ID' (message_id) {problem}" in error
    assert "column_map" in error


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_an_id_does_not_depend_on_the_others(cells: list[str]) -> None:
    """Whether Arrow or Python judges it: each is read as it is alone, or the first is refused."""

    def outcome(*texts: str) -> list[object] | None:
        try:
            return ids(*texts)
        except Exception:  # noqa: BLE001 - refused
            return None

    alone = [outcome(cell) for cell in cells]
    found = outcome(*cells)
    assert found == (None if None in alone else [value for one in alone if one for value in one])


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+33600000001", "+33600000001"),
        ("'+33600000001", "+33600000001"),
        ("\t+33600000001", "+33600000001"),
        ("'\t+33600000001", "+33600000001"),
        (" +33600000001\u00a0", "+33600000001"),
        ("'=1", "=1"),
        ("'-1", "-1"),
        ("'@x", "@x"),
        ("0033600000001", "0033600000001"),
        ("33600000001", "33600000001"),
        ("007", "007"),
        ("1e5", "1e5"),
        ("'quoted'", "'quoted'"),
        ("''+1", "''+1"),
        ("33600000001.0", "33600000001"),
        ("+33600000001.", "+33600000001"),
        ("33600000001,00", "33600000001"),
        ("'+33600000001.0", "+33600000001"),
        ("33.60.00", "33.60.00"),
        ("33600000001.5", "33600000001.5"),
        ("a'+b", "a'+b"),
        ("NULL", "NULL"),
        ("-", "-"),
        (" ", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("beside", ["+33600000002", "'+1"])
def test_recipients_lose_what_exporters_put_around_them(
    text: str, phone: str | None, beside: str
) -> None:
    """Digits stay as they are; the sender is left alone, as it may be any text."""
    assert column("recipient", "To", text, beside)[0] == phone
    assert column("sender", "From", text, beside)[0] == (text or None)


@pytest.mark.parametrize("text", ["3.36123E+10", "3,36123E+10", "+3.4e10", "'+3,4E+10", " 3E+10"])
@pytest.mark.parametrize("beside", ["+33600000002", "'+1"])
def test_a_recipient_that_lost_its_last_digits_is_refused(text: str, beside: str) -> None:
    """As an id is: it is another one's number, or nobody's."""
    error = refusal(file_of("To", [beside, text]))
    assert error.startswith("Row 3 ")
    assert "'To' (recipient) is a number in scientific notation" in error
    assert '{"To": null} to the setting column_map' in error


@pytest.mark.parametrize(
    "text",
    [
        *("3", "3.0", "+3", " 3 ", "03", "3 - delivered", "3: delivered", "3 – Delivered"),  # noqa: RUF001
        *("3 (delivered)", "3|delivered", "3-delivered", "3.0 - delivered", '{"Code": 3.0}'),
        *('{"Code": 3}', '{"Code": "3"}', '{"Code": "+3"}', '{"Name": "delivered"}'),
        *("delivered\0", "3\0", '{"Code": "N/A", "Name": "Delivered\\u0000"}'),
    ],
)
@pytest.mark.parametrize("header", ["Status", "Status.Code", "Status.Name"])
def test_forms_of_status(text: str, header: str) -> None:
    """A code, a name, both, or an object: all of them say the same."""
    of_code = text.strip("+ .\0\u00a0").isdecimal() or text in ("3.0", "delivered\0")
    if header == "Status.Name" and (of_code or "{" in text) and not text.startswith("d"):
        return  # there a number is a name, and an object, too
    if header == "Status.Code" and text.startswith("delivered"):
        return
    (row,) = read(file_of(header, [text]))
    assert (row["status_code"], row["status_name"]) == (3, "delivered")


@pytest.mark.parametrize("word", ["NULL", "null", r"\N", "N/A", "-", " "])
def test_null_words_are_no_status_and_no_number(word: str) -> None:
    """In columns that are not free text."""
    header = "ID,CreationTS,Status,Status.Code,Status.Name,SMSCount,Cost,Currency,SentTS"
    csv = f"{header}\nm,{UNIX},{','.join([word] * 7)}\n"
    (row,) = read(csv)
    assert {name for name, value in row.items() if value is not None} == {
        "message_id",
        "created_at",
    }
    assert warnings(csv) == []


@pytest.mark.parametrize(
    ("text", "count"), [("2", 2), ("2.0", 2), ("+2", 2), (" 2 ", 2), ("2.", 2), ("NULL", None)]
)
def test_forms_of_whole_numbers(text: str, count: int | None) -> None:
    """As programs write them that know no whole numbers."""
    assert column("sms_count", "Parts", text, "1") == [count, 1]


def test_a_column_without_a_known_status_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for a column, in words that are the same for each file: it may be something else."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 512)
    (warning,) = warnings(file_of("Status", ["Zugestellt", "42", ""] * 200))
    assert "hold no known status in the column 'Status' (status)" in warning
    assert '{"Status": null} to the setting column_map' in warning
    assert warnings(file_of("Status", ["42"])) == [warning]
    assert warnings(file_of("Status", ["", ""])) == []


@pytest.mark.parametrize("text", ["lost", "42", "-1", "3 delivered", "3/delivered", '{"Code": 42}'])
def test_unknown_statuses_beside_known_ones_are_counted(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all of the file: a filter by code would miss them."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 512)
    (warning,) = warnings(file_of("Status", ["", text, "3"] * 100))
    assert warning.startswith("In 100 rows of Mailjet's CSV, the status in the column 'Status' ")
    assert "lost" not in warning
    assert warnings(file_of("Status", ["3", "2", ""])) == []


def test_a_code_that_mailjets_table_lacks_is_counted() -> None:
    """Also where a column is read as numbers."""
    lines = "".join(f"m,{UNIX},{code}\n" for code in (3, 2, max(STATUS_NAMES) + 1, 3))
    (warning,) = warnings(f"ID,CreationTS,Status.Code\n{lines}")
    assert warning.startswith("In 1 row of Mailjet's CSV")
    assert "'Status.Code' (status_code)" in warning


@pytest.mark.parametrize(
    ("header", "agreeing", "contradicting"),
    [
        ("Status", "3 - delivered", "3 - sent"),
        ("Status", '{"Code": 3, "Name": "delivered"}', '{"Code": 3, "Name": "sent"}'),
        ("Status.Code,Status.Name", "3,Delivered", "3,sent"),
        ("Status,Status.Name", "3,delivered", "3,sent"),
        ("Status,Status.Code", "3,3", "3,2"),
        ("Status,Status.Code", "delivered,3", "delivered,2"),
        ("Status.Code,Status.Name", "3,delivered", "25,sent"),
    ],
)
def test_code_and_name_that_contradict_each_other_are_warned_of(
    header: str, agreeing: str, contradicting: str
) -> None:
    """With the columns and the number of rows; what is unknown contradicts nothing."""

    def warned(*cells: str) -> list[str]:
        rendered = [cell if "," in header else quoted(cell) for cell in cells]
        lines = "".join(f"m,{UNIX},{cell}\n" for cell in rendered)
        return warnings(f"ID,CreationTS,{header}\n{lines}")

    assert warned(agreeing, agreeing) == []
    (warning,) = [
        text for text in warned(agreeing, contradicting, contradicting) if "contradict" in text
    ]
    assert "contradict each other in 2 rows" in warning
    assert all(f"'{name}'" in warning for name in header.split(","))
    assert "sent" not in warning


def test_nul_is_taken_out_of_texts() -> None:
    """Databases refuse it; a warning counts the cells, and shows none."""
    header = "ID,CreationTS,From,To,Status.Name,Status.Description,Currency,Cost,x\0y"
    csv = (
        f'{header}\na,{UNIX},"\0b","+1\0","lo\0st","\0","EU\0R","{{""Value"":null,""Currency"":""EUR\\u0000""}}",z\0\0'
        f"\nb,{UNIX},b\0,+1,sent,d,EUR,1,z\0\n"
    )
    first, second = read(csv)
    assert first["sender"] == second["sender"] == "b"
    assert first["recipient"] == "+1"
    assert (first["status_name"], first["status_description"]) == ("lost", None)
    assert first["cost_currency"] == "EUR"
    assert first["extra"] == second["extra"] == {"xy": "z"}
    found = [text for text in warnings(csv) if "U+0000" in text]
    assert [text.split("out of ")[1].split(" of ")[0] for text in found] == [
        *("2 cells", "2 cells", "1 cell", "2 cells", "1 cell", "1 cell")
    ]
    assert not any("\0" in text for text in found)


def test_nul_in_json_is_taken_out() -> None:
    """However it is spelt."""
    cell = '{"Code": 42, "Name": "lo\\u0000st", "Description": "\\u0000x"}'
    (row,) = read(file_of("Status", [cell, "3"]))[:1]
    assert (row["status_name"], row["status_description"]) == ("lost", "x")
    assert sum("U+0000" in text for text in warnings(file_of("Status", [cell, "3"]))) == 2
