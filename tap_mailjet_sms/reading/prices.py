"""The prices of one file: exact decimals and their currencies, or a refusal.

A lone point or comma in a number separates decimals in one country and thousands in the next. So
it is not a cell that says which it is, nor the delimiter, but the whole file, which has one decimal
mark.
"""

from __future__ import annotations

import enum
import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import DECIMAL
from tap_mailjet_sms.reading.cells import (
    CellError,
    OddTextError,
    bare,
    bytes_range,
    each,
    first,
    first_of,
    is_null,
    json_field,
    json_fields,
    json_text,
    shortest,
)

if TYPE_CHECKING:
    from tap_mailjet_sms.reading.cells import Cells

_EXACT = Context(prec=38, traps=[InvalidOperation, Inexact])
_LAST_PLACE = Decimal("1e-20")

#: The currencies that Mailjet bills in (documented); there a dollar is one of the US.
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP"}
_CODE_LENGTH = 3
_CURRENCY = r"[a-z]{3}|[€$£]"
#: What is longer is no price, nor is it worth to be matched.
_LONGEST = 100
_PRICE = re.compile(
    rf"(?P<before>{_CURRENCY})? ?(?P<sign>[+-]?)"
    # Thousands count as such only in full groups, and where the decimal mark is another.
    r"(?P<whole>\d*|\d{1,3}(?P<groups>[ .,])\d{3}(?:(?P=groups)\d{3})*)"
    r"(?:(?P<mark>[.,])(?P<part>\d*))?(?P<exponent>e[+-]?\d+)?"
    rf" ?(?P<after>{_CURRENCY})?",
    re.ASCII | re.IGNORECASE,
)
#: As in ``-€0.04``.
_SIGN_FIRST = re.compile(rf"\A([+-]) ?({_CURRENCY}) ?", re.IGNORECASE)
#: The fields of a JSON object: `Value` and `Currency` are documented, the others are guesses.
_JSON_VALUE = ("value", "amount", "cost", "costvalue", "price", "pricevalue")
_JSON_CURRENCY = ("currency", "currencycode", "costcurrency", "pricecurrency")
#: With three digits behind it, a point or comma can separate thousands; never in ``0.123``.
_UP_TO_THREE = re.compile(r"[1-9]\d{0,2}", re.ASCII)


class MarkEvidence(enum.Enum):
    """What a price says of the decimal mark in it."""

    NONE = enum.auto()
    #: As ``1.234``: a decimal mark, if it does not separate thousands.
    DOUBTFUL = enum.auto()
    SOUND = enum.auto()


class Price(NamedTuple):
    """What a cell of prices says."""

    value: Decimal | None = None
    currency: str | None = None
    mark: str = ""
    evidence: MarkEvidence = MarkEvidence.NONE
    #: What separates thousands in it, beside a decimal mark.
    thousands: str | None = None


class Prices:
    """Reads the prices of one file, block by block, and holds them against one another."""

    def __init__(self, mark: str = "") -> None:
        """Begin with the file's decimal mark, where it is known."""
        self._mark = mark
        self._is_sound = bool(mark)
        self._thousands: str | None = None

    def convert(self, cells: Cells) -> tuple[Cells, Cells]:
        """Value and currency, from ``0.04``, ``0,04``, ``0.04 EUR``, ``€0.04`` and JSON objects.

        Raises:
            CellError: A cell is no price, or has another decimal mark than those before.
        """
        value, currency = each(cells, self._cell, "is no amount", DECIMAL, pa.string())
        return value, currency

    @property
    def are_doubtful(self) -> bool:
        """Whether each price of the file can be read as one with thousands as well."""
        return bool(self._mark) and not self._is_sound

    def _cell(self, cell: str) -> tuple[Decimal | None, str | None]:
        price = price_of(cell)
        self._thousands = price.thousands or self._thousands
        if price.evidence is MarkEvidence.DOUBTFUL and price.mark == self._thousands:
            # As 1,234 below 1,234.56: no decimal mark. Above it, it was taken for one.
            return price.value and price.value.scaleb(3), price.currency
        if price.evidence is not MarkEvidence.NONE:
            if self._mark and price.mark != self._mark:
                msg = "has another decimal mark than those above it"
                raise OddTextError(msg)
            self._mark = price.mark
            self._is_sound |= price.evidence is MarkEvidence.SOUND
        return price.value, price.currency


def currencies(cells: Cells, of_costs: Cells) -> Cells:
    """Currencies in capitals, completed by those that stand beside the costs.

    Raises:
        CellError: The two contradict each other.
    """
    values = cells if _are_capitals(cells) else _spelt(cells)
    if of_costs.null_count < len(of_costs):
        differ = pc.not_equal(values, of_costs)
        if differ.true_count:
            raise CellError(first(differ), "is not the currency of the cost")
    return first_of(values, of_costs)


def _are_capitals(cells: Cells) -> bool:
    """Whether all are three letters long and capitals, as codes of currencies are."""
    least, greatest = bytes_range(cells)
    data = cells.buffers()[2]
    return (
        least >= ord("A")
        and greatest <= ord("Z")
        and data is not None
        and data.size == _CODE_LENGTH * len(cells)
        and shortest(cells) == _CODE_LENGTH
    )


def _spelt(cells: Cells) -> Cells:
    (values,) = each(cells, lambda cell: (currency_of(cell),), "is no currency", pa.string())
    return values


def currency_of(text: str) -> str | None:
    """A currency in capitals; None where nothing is named.

    Raises:
        ValueError: It is none.
    """
    found = bare(text)
    if re.fullmatch("[a-z]{3}", found, re.IGNORECASE | re.ASCII):
        return found.upper()
    if any(map(str.isdigit, found)):  # half of an amount, say, that a delimiter cut in two
        raise ValueError
    return _SYMBOLS.get(found, found) or None


@lru_cache(maxsize=256)
def price_of(cell: str) -> Price:
    """What a cell says, a lone point or comma taken for the decimal mark.

    Raises:
        ValueError: It is no amount.
        ArithmeticError: It has too many digits.
    """
    found = bare(cell)
    if found.startswith("{"):
        return _of_json(found)
    found = re.sub(r"\s+", " ", found)  # no-break spaces, say
    found = _SIGN_FIRST.sub(r"\2\1", found)
    match = _PRICE.fullmatch(found) if len(found) <= _LONGEST else None
    if not match or not (match["whole"] or match["part"]):
        raise ValueError
    whole, groups, mark, part = match.group("whole", "groups", "mark", "part")
    if groups in (".", ",") and (mark or groups) == groups:  # as in 1.234.567
        raise ValueError
    before, after = (symbol and currency_of(symbol) for symbol in match.group("before", "after"))
    if before and after and before != after:
        raise ValueError
    digits = re.sub(r"[ .,]", "", whole)
    value = _exact(Decimal(f"{match['sign']}{digits}.{part or ''}{match['exponent'] or ''}"))
    if not mark:
        return Price(value, before or after)
    is_doubtful = _UP_TO_THREE.fullmatch(whole) and len(part) == 3 and not match["exponent"]  # noqa: PLR2004
    evidence = MarkEvidence.DOUBTFUL if is_doubtful else MarkEvidence.SOUND
    return Price(value, before or after, mark, evidence, groups)


def _of_json(cell: str) -> Price:
    """The price of an object with value and currency; a number of JSON has a point, always.

    An empty object says that there is none; one without a value is another thing, and refused.
    """
    fields = json_fields(cell)
    if fields and fields.keys().isdisjoint(_JSON_VALUE):
        raise ValueError
    value = json_field(fields, _JSON_VALUE)
    currency = json_text(json_field(fields, _JSON_CURRENCY))
    if value is None:
        price = Price()
    elif isinstance(value, Decimal):
        price = Price(_exact(value))
    else:
        price = Price() if is_null(str(value)) else price_of(str(value))
    if currency is not None and not is_null(currency):
        price = price._replace(currency=currency_of(currency))
    return price


def _exact(value: Decimal) -> Decimal:
    return _EXACT.quantize(value, _LAST_PLACE)
