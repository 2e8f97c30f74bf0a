"""Prices are read to the cent or refused: one decimal mark for each file, none guessed."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.reading import rows
from tests.support.csv_text import UNIX, column, file_of, read, refusal

DELIMITERS = [",", ";", "\t"]


def prices(*cells: str, delimiter: str = ",") -> list[object]:
    """What the cells of a column of prices become, in one file."""
    return column("cost_value", "Cost", *cells, delimiter=delimiter)


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["0.04", "1", ".5", "0.028"], ["0.04", "1", "0.5", "0.028"]),
        (["0,04", "1", ",5", "0,028"], ["0.04", "1", "0.5", "0.028"]),
        (["0.028"], ["0.028"]),
        (["0,123", "-0,456"], ["0.123", "-0.456"]),
        (["00.123"], ["0.123"]),
        (["1.234", "0.5"], ["1.234", "0.5"]),
        (["0,5", "1,234"], ["0.5", "1.234"]),
        (["1.234e0", "2.345"], ["1.234", "2.345"]),
        (["1234.567"], ["1234.567"]),
        (["1.234,56", "0,04"], ["1234.56", "0.04"]),
        (["1,234.56", "0.04"], ["1234.56", "0.04"]),
        (["1.234.567,8"], ["1234567.8"]),
        (["1,234.56", "1,234", "-€12,345"], ["1234.56", "1234", "-12345"]),
        (["1.234,56", "1.234", "0,5"], ["1234.56", "1234", "0.5"]),
        (["1\u202f234,56", "1 234,5"], ["1234.56", "1234.5"]),
        (["1 234"], ["1234"]),
        (["1", "22", "333"], ["1", "22", "333"]),
    ],
)
def test_point_or_comma_is_the_decimal_mark_of_a_file(
    cells: list[str], values: list[str], delimiter: str
) -> None:
    """Whatever the delimiter: a cell in quotes may hold a comma."""
    assert prices(*cells, delimiter=delimiter) == [Decimal(value) for value in values]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(
    "cells",
    [
        ["0.04", "0,04"],
        ["0,04", "0.04"],
        ["0.04", "1,234"],
        ["1,234", "0.04"],
        ["1.234", "1,234"],
        ["1.234,56", "0.04"],
        ["1.234,56", "1,234.56"],
        ["1.234", "1.234,56"],
    ],
)
def test_two_decimal_marks_in_one_file_are_refused(cells: list[str], delimiter: str) -> None:
    """In either order, the row with the second one is named."""
    error = refusal(file_of("Cost", ["0", *cells, "7"], delimiter=delimiter))
    assert error.startswith("Row 4 ")
    assert "'Cost' (cost_value) has another decimal mark than those above it" in error
    assert '{"Cost": null} to the setting column_map' in error


def test_the_decimal_mark_is_that_of_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its prices lie in many blocks."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 512)
    plain, doubtful = ["0.04"] * 200, ["1.234"] * 200
    assert prices(*plain, *doubtful) == [Decimal("0.04")] * 200 + [Decimal("1.234")] * 200
    assert prices(*doubtful, *plain)[0] == Decimal("1.234")
    error = refusal(file_of("Cost", [*plain, "0,04"]))
    assert error.startswith("Row 202 ")
    assert "two ways" in refusal(file_of("Cost", doubtful))


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(
    "cells", [["1.234"], ["1,234"], ["1.234", "12.345", "123.456"], ["1,234", "0", "7", ""]]
)
def test_thousands_or_thousandths_are_refused(cells: list[str], delimiter: str) -> None:
    """If no price of a file tells, none is guessed; the error says how to go on without."""
    error = refusal(file_of("Cost", cells, delimiter=delimiter))
    assert "can be read in two ways" in error
    assert '{"Cost": null} to the setting column_map' in error
    assert not any(cell in error for cell in cells if len(cell) > 1)


@pytest.mark.parametrize("value", ["1.234", "12.345", "0.028"])
def test_a_number_of_json_is_in_no_doubt(value: str) -> None:
    """JSON has one decimal mark; what is in its quotes is a text like others."""
    assert prices(f'{{"Value": {value}, "Currency": "EUR"}}') == [Decimal(value)]
    if value != "0.028":
        assert "two ways" in refusal(file_of("Cost", [f'{{"Value": "{value}"}}']))


@pytest.mark.parametrize(
    "text",
    [
        *("0.04 EUR", "0.04EUR", "EUR 0.04", "EUR0.04", "€0.04", "€ 0.04", "0.04€", "0.04 €"),
        *("0.04\u00a0EUR", "0.04\u202f€", "\u00a00.04 eur\u00a0", "eur 0.04", "Eur 0.04"),
        *('{"Value": 0.04, "Currency": "eur"}', '{"Value": "0.04 €"}', "EUR 0.04 EUR"),
    ],
)
@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_currencies_beside_prices(text: str, delimiter: str) -> None:
    """Before or behind, as a code in any case or as a sign, with any blank between."""
    for cell in (text, text if "{" in text else text.replace("0.04", "0,04")):
        (row,) = read(file_of("Cost", [cell], delimiter=delimiter))
        assert (row["cost_value"], row["cost_currency"]) == (Decimal("0.04"), "EUR")


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *[("EUR", "EUR"), ("eur", "EUR"), (" EUR\u00a0", "EUR"), ("€", "EUR"), ("$", "USD")],
        *[
            ("£", "GBP"),
            ("NULL", None),
            ("null", None),
            ("N/A", None),
            ("-", None),
            ("", None),
            ("credits", "credits"),
        ],
    ],
)
def test_forms_of_currency(text: str, currency: str | None) -> None:
    """Codes in capitals; a text that is no code stands as it is."""
    assert column("cost_currency", "Currency", text, "USD") == [currency, "USD"]


@pytest.mark.parametrize("text", ["04", "0,04", "4 EUR", "E2"])
def test_a_currency_with_a_digit_is_refused(text: str) -> None:
    """An unquoted decimal comma cuts the amount in two, and shifts what comes behind it."""
    error = refusal(file_of("Currency", ["EUR", text]))
    assert error.startswith("Row 3 ")
    assert "'Currency' (cost_currency) is no currency" in error
    csv = f"ID,CreationTS,Cost,Currency,Tag\nm,{UNIX},0,04,EUR\n"
    assert "is no currency" in refusal(csv)


@pytest.mark.parametrize(
    ("text", "value"),
    [("-€0.04", "-0.04"), ("+€0.04", "0.04"), ("- EUR 0.04", "-0.04"), ("€-0.04", "-0.04")],
)
def test_a_sign_may_stand_before_the_currency(text: str, value: str) -> None:
    """As some countries write it."""
    assert column("cost_value", "Cost", text) == [Decimal(value)]
    assert column("cost_currency", "Cost", text) == ["EUR"]


@pytest.mark.parametrize("filling", [" ", "\u00a0", "0", "1", "1,"])
@pytest.mark.parametrize("around", [("EUR", "x"), ("", "x"), ("0.04", "x"), ("0.", "x")])
def test_a_long_text_is_refused_at_once(filling: str, around: tuple[str, str]) -> None:
    """Whatever it is made of: a pattern that tries all ways would take minutes."""
    text = (filling * 200_000).join(around)
    start = time.process_time()
    assert "is no amount" in refusal(file_of("Cost", [text]))
    assert time.process_time() - start < 2


def test_a_currency_in_other_letters_does_not_contradict() -> None:
    """The code counts, not how it is written."""
    (row,) = read("ID,CreationTS,Cost,Currency\nm,1754000000,€0.04,eur\n")
    assert row["cost_currency"] == "EUR"


@pytest.mark.parametrize("text", ["", " ", "NULL", "null", r"\N", "N/A", "-", '{"Value": ""}'])
def test_null_words_are_no_price(text: str) -> None:
    """They say that nothing is known, and nothing of the decimal mark."""
    assert prices("0,04", text, "0,05") == [Decimal("0.04"), None, Decimal("0.05")]


@pytest.mark.parametrize(
    "text",
    [
        *("1.2.3", "1,2,3", "1.234.567", "1,234,567", "1.23,456.7", "12.34,5", "1.234,5.6"),
        *("1.234,56,7", ".", ",", "+", "EUR", "€", "EUR 0.04 USD", "€0.04 USD", "0.04 EURO"),
        *(
            "0.04 0.05",
            "0.04;",
            "--1",
            "1 23",
            "nan",
            "0.04\0",
            "\u0660.\u0664",
            "1e",
            "e5",
            "1.234.56",
        ),
    ],
)
def test_what_is_no_price_is_refused(text: str) -> None:
    """The error names row and column, and shows nothing of the cell."""
    error = refusal(file_of("Cost", ["0", text]))
    assert error.startswith("Row 3 ")
    assert "'Cost' (cost_value) is no amount" in error


@given(
    st.lists(st.decimals(min_value=0, max_value=10**7, places=4), min_size=1, max_size=9),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (",", "\u202f"), (".", "")]),
    st.sampled_from(DELIMITERS),
)
def test_any_notation_of_a_file_reads_back(
    values: list[Decimal], notation: tuple[str, str], delimiter: str
) -> None:
    """With thousands or without, whichever mark stands for which."""
    mark, thousands = notation
    cells = [
        f"{value:,f}".replace(",", "t").replace(".", mark).replace("t", thousands)
        for value in values
    ]
    assert prices(*cells, delimiter=delimiter) == values
