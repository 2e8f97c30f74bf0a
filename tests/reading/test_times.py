"""Every form of a moment is read to that moment, or refused; none is taken for another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.csv_text import column, file_of, read, refusal

CREATED = datetime(2026, 11, 23, 16, tzinfo=UTC)
UNIX = 1_795_449_600

FORMS = [
    ("1795449600", CREATED),
    ("1795449600.0", CREATED),
    ("1795449600.", CREATED),
    ("1795449600123", CREATED + timedelta(milliseconds=123)),
    ("1795449600123.0", CREATED + timedelta(milliseconds=123)),
    ("1795449600123456", CREATED + timedelta(microseconds=123456)),
    ("1795449600123456789", CREATED + timedelta(microseconds=123456)),
    ("20261123", CREATED - timedelta(hours=16)),
    ("20261123.0", CREATED - timedelta(hours=16)),
    ("20261123160000", CREATED),
    ("202611231600", CREATED),
    ("20261123T160000Z", CREATED),
    ("20261123T160000.5Z", CREATED + timedelta(milliseconds=500)),
    ("20261123T180000+0200", CREATED),
    ("20261123T1600", CREATED),
    ("2026-11-23T16:00:00Z", CREATED),
    ("2026-11-23T16:00:00.123456789Z", CREATED + timedelta(microseconds=123456)),
    ("2026-11-23T16Z", CREATED),
    ("2026-11-23 16:00:00 GMT", CREATED),
    ("2026-11-23 16:00:00 utc", CREATED),
    ("2026-11-23 16:00:00 +0000 UTC", CREATED),
    ("2026-11-23 16:00:00.5 +0000 UTC", CREATED + timedelta(milliseconds=500)),
    ("2026-11-23 17:00:00 +0100 CET", CREATED),
    ("2026-11-23 16:00:00 +0000 WET", CREATED),
    ("2026-11-23 11:00:00 -0500 EST", CREATED),
    ("2026-11-23 17:00:00 +0100 +0100", CREATED),
    ("2026-11-23 13:00:00 -0300 -03", CREATED),
    ("2026-11-23 18:00:00 +0200 SAST", CREATED),
    ("Mon, 23 Nov 2026 16:00:00 +0000 (UTC)", CREATED),
    ("Mon, 23 Nov 2026 17:00:00 +0100 (CET)", CREATED),
    ("1795449600.123", CREATED + timedelta(milliseconds=123)),
    ("1795449600,5", CREATED + timedelta(milliseconds=500)),
    ("1795449600.1234569", CREATED + timedelta(microseconds=123456)),
    ("1795449600123.456", CREATED + timedelta(microseconds=123456)),
    ("2026/11/23 16:00:00", CREATED),
    ("2026.11.23 16:00", CREATED),
    ("2026-11-23 4:00:00 PM", CREATED),
    ("2026-11-23 04:00 p.m.", CREATED),
    ("2026-11-23 12:00:00 AM +0000", CREATED - timedelta(hours=16)),
    ("2026/11/23", CREATED - timedelta(hours=16)),
    ("Mon, 23 Nov 2026 16:00:00 +0000", CREATED),
    ("Mon, 23 Nov 2026 16:00:00 GMT", CREATED),
    ("Mon, 23 Nov 2026 17:00:00 +0100", CREATED),
    ("23 Nov 2026 16:00 +0000", CREATED),
    ("2026-11-23T24:00:00Z", CREATED + timedelta(hours=8)),
    ("2026-11-23 24:00", CREATED + timedelta(hours=8)),
    ("2026-11-24T01:30:00+09:30", CREATED),
    (" 2026-11-23 16:00:00\u00a0", CREATED),
]
ZEROS = [
    *("0", "0.0", "00", "0.", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z"),
    *("0000/00/00", "0000-00-00 00:00:00 UTC", "0001-01-01", "0001-01-01T00:00:00Z"),
    *("0001-01-01 00:00:00 +0000 UTC", "0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00.000"),
    *("1970-01-01", "1970-01-01T00:00:00Z", "1970-01-01 00:00:00 +0000 UTC", "1970/01/01"),
    *("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00+01:00", "19700101", "19700101T000000Z"),
    *("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01 00:00:00.000"),
    *("-62135596800", "-62135596800.0", "-62135596800000", "-62135596800000000"),
    "-6795364578871345152",
]
NULL_WORDS = ["", " ", "<nil>", "NULL", "null", "Null", r"\N", "N/A", "n/a", "-", " NULL "]
NO_TIMES = [
    *("1", "86400", "46349", "46349.6667", "-1795449600", "20261123.5", "1.795449600E+09"),
    *("999999999999999999999", "2612", "20261323", "20261123250000", "202611"),
    *("1999-12-31T23:59:59Z", "2100-01-01", "2612-01-20T10:00:00Z", "0026-11-23", "1899-12-30"),
    *("1970-01-01T00:00:01Z", "1970-01-01 12:52:29", "1969-12-31T23:59:59Z", "9999-12-31"),
    *("2026-11/23", "2026-23-11", "26-11-23"),
    *("2026-11-23T24:00:01Z", "2026-11-23 25:00", "2026-11-23 16:00:00 PM", "2026-11-23 16:00 CET"),
    *("2026-11-23 16:00:00 +0100 UTC", "2026-11-23 16:00:00 +0160", "2026-11-23 16:00:00 +2500"),
    *("Mon, 23 Foo 2026 16:00:00 +0000", "Mon, 23 Nov 26 16:00:00 +0000", "0-1", "none", "--"),
    *("2026-11-23 04:00:00 +0000 PM", "2026-11-23 16:00:00 +0000 CET", "2026-11-23 00:30:00 AM"),
    *("2026-11-23 16:00:00 +0100 +0200", "2026-11-23 16:00:00 +0100 -01", "1795449600.5.5"),
    *("Mon, 23 Nov 2026 16:00:00 +0000 (UTC", "Mon, 23 Nov 2026 16:00:00 +0000 (CET)"),
    *("-62135596801", "-6213559680000", "2026-11-23 16:00:00 (CET)", "2026-11-23 16:00 +00+01"),
]


def sendings(*cells: str) -> list[object]:
    """What the cells of one column become, in one file."""
    return column("sent_at", "SentTS", *cells, created=UNIX)


@pytest.mark.parametrize(("text", "moment"), FORMS)
@pytest.mark.parametrize("beside", [[], ["2026-11-23T16:00:00Z"], ["0"], ["NULL", "1795449600"]])
def test_forms_of_time(text: str, moment: datetime, beside: list[str]) -> None:
    """Alone, where Arrow may convert it, and in one column with other forms."""
    assert sendings(text, *beside)[0] == moment
    assert sendings(*beside, text)[-1] == moment
    (row,) = read(f'ID,CreationTS\nm,"{text}"\n')
    assert row["created_at"] == moment


@pytest.mark.parametrize("text", [*ZEROS, *NULL_WORDS])
@pytest.mark.parametrize("beside", [[], ["2026-11-23T16:00:00Z"], ["1795449600"], ["20261123"]])
def test_zero_and_null_words_are_no_time(text: str, beside: list[str]) -> None:
    """Nothing is sent yet; the creation time is never null."""
    assert sendings(text, *beside)[0] is None
    assert sendings(*beside, text)[-1] is None
    lines = "".join(f"m,{cell}\n" for cell in beside)
    error = refusal(f'ID,CreationTS\n{lines}m,"{text}"\n')
    assert error.startswith(f"Row {len(beside) + 2} ")
    assert "'CreationTS' (created_at) is empty" in error


@pytest.mark.parametrize("text", NO_TIMES)
@pytest.mark.parametrize("beside", ["1795449600", "2026-11-23T16:00:00Z", "0"])
def test_what_is_no_time_is_refused(text: str, beside: str) -> None:
    """Days of spreadsheets, other centuries, days before months, zones that only a name tells."""
    error = refusal(file_of("SentTS", [beside, text], created=UNIX))
    assert error.startswith("Row 3 ")
    assert "'SentTS' (sent_at) is no " in error
    assert text not in error.removeprefix("Row 3 of Mailjet's CSV (the header is row 1)")
    assert '{"SentTS": null} to the setting column_map' in error


@pytest.mark.parametrize("text", ["23/11/2026", "11/23/2026 04:00 PM", "3.4.2026", "23-11-2026"])
def test_dates_of_an_unknown_order_are_refused(text: str) -> None:
    """Also where there is no thirteenth month: a file has one order, which one cell cannot tell."""
    error = refusal(file_of("SentTS", ["1795449600", text], created=UNIX))
    assert error.startswith("Row 3 ")
    assert "may begin with the day or with the month" in error
    assert text not in error


@given(
    st.integers(946_684_800, 4_102_444_799),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
    st.sampled_from(["", ".", ".0", ".000"]),
)
def test_a_number_is_a_moment_of_this_century_in_one_unit(
    second: int, per_second: int, fraction: str
) -> None:
    """Whatever it counts: no number can be taken for another moment."""
    (row,) = read(f"ID,CreationTS\nm,{second * per_second}{fraction}\n")
    assert row["created_at"] == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


@given(st.integers(1, 10**20))
def test_any_number_is_read_to_this_century_or_refused(number: int) -> None:
    """Whether it is alone or among others."""
    for cells in ([str(number)], [str(UNIX), str(number)], [f"{number}.0"]):
        csv = "ID,CreationTS\n" + "".join(f"m,{cell}\n" for cell in cells)
        try:
            moment = read(csv)[-1]["created_at"]
        except Exception:  # noqa: BLE001 - refused, as another test shows
            moment = None
        if moment is not None:
            assert isinstance(moment, datetime)
            assert 2000 <= moment.year < 2100


@pytest.mark.parametrize("apart", [-400, -367, 367, 3650])
def test_a_sending_years_from_its_creation_is_refused(apart: int) -> None:
    """One of the two must be misread."""
    sent = UNIX + apart * 86400
    error = refusal(f"ID,CreationTS,SentTS\nm,{UNIX},{UNIX + 5}\nm,{UNIX},\nm,{UNIX},{sent}\n")
    assert error.startswith("Row 4 ")
    assert "'SentTS' (sent_at) is more than a year from the creation time" in error
    assert str(sent) not in error


def test_a_long_export_is_no_reason_to_refuse_a_sending() -> None:
    """Creation and sending are compared message by message."""
    year = 360 * 86400
    found = read(
        f"ID,CreationTS,SentTS\na,{UNIX},{UNIX + 5}\nb,{UNIX + year},{UNIX + year + 9}\n"
        f"c,{UNIX + 2 * year},{UNIX + 2 * year}\nd,{UNIX},\n"
    )
    assert [row["sent_at"] is None for row in found] == [False, False, False, True]
