"""Cells of one block of a CSV, text or whole numbers, to typed values, exactly or not at all.

What most exports hold is converted in Arrow. The rest goes through Python once per distinct cell of
the block: cheap where few texts occur, as with statuses, prices and counts, and right everywhere.
Statuses and prices are remembered from block to block.
"""

from __future__ import annotations

import enum
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import DECIMAL, TIMESTAMP
from tap_mailjet_sms.schema import STATUS_NAMES, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    Column: TypeAlias = pa.Array[pa.Scalar[Any]]

_EXACT = Context(prec=38, traps=[InvalidOperation, Inexact])
_LAST_PLACE = Decimal("1e-20")
_COST = re.compile(
    r"(?P<value>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*(?P<currency>[a-z]{3})?",
    re.ASCII | re.IGNORECASE,
)
_WHOLE = re.compile(r"0*\d{1,18}", re.ASCII)
_LARGEST = 10**18 - 1
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<time>\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?)"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: In seconds this would be the year 5138, so from here on a number counts milliseconds.
_MILLISECONDS = 10**11
_LAST_MILLISECOND = 253_402_300_799_999
_MICROSECONDS = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # years 1 to 9999

# Made once: with a bare Python value Arrow looks for modules to tell its type, at each call.
_EMPTY = pa.scalar("", pa.string())
_NO_TEXT = pa.scalar(None, pa.string())
_NO_NUMBER = pa.scalar(None, pa.int64())
_ZERO = pa.scalar(0, pa.int64())
_TRUE = pa.scalar(True, pa.bool_())  # noqa: FBT003
_FIRST_MILLISECOND = pa.scalar(10**11, pa.int64())
_PER_SECOND = pa.scalar(1_000_000, pa.int64())
_PER_MILLISECOND = pa.scalar(1_000, pa.int64())

#: The names by their codes.
_NAMES = pa.array([STATUS_NAMES.get(code) for code in range(max(STATUS_NAMES) + 1)])
_CODES = {normalise(name): code for code, name in STATUS_NAMES.items()}


class CellError(Exception):
    """The cell at `row` of the block is wrong; `problem` says how, without its text."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem


class StatusForm(enum.Enum):
    """What a column of statuses holds."""

    CODE = enum.auto()
    NAME = enum.auto()
    ANY = enum.auto()


class Statuses(NamedTuple):
    """The columns that one column of statuses gives."""

    code: Column
    name: Column
    description: Column


def text(cells: Column) -> Column:
    """Text as it stands; an empty cell is null."""
    empty = pc.equal(cells, _EMPTY)
    return pc.if_else(empty, _NO_TEXT, cells) if empty.true_count else cells


def phones(cells: Column) -> Column:
    """Text, without the quote that tells a spreadsheet to leave a ``+336...`` alone."""
    if pc.starts_with(cells, "'+").true_count:
        cells = pc.replace_substring_regex(cells, r"^'\+", "+")
    return text(cells)


def nulls(rows: int, kind: pa.DataType) -> Column:
    """A column that holds nothing."""
    # Stubs: they know no call with just any type.
    return pa.nulls(rows, kind)  # type: ignore[call-overload,no-any-return]


def required(values: Column) -> Column:
    """The same values, if none is null.

    Raises:
        CellError: The first null.
    """
    if values.null_count:
        raise CellError(values.is_null().index(_TRUE).as_py(), "is empty")
    return values


def integers(cells: Column) -> Column:
    """Whole numbers; an empty cell is null."""
    if _are_numbers_to(_LARGEST, cells):
        return cells.view(pa.int64())
    (values,) = _each(cells, lambda cell: (_integer(cell),), "is no whole number", pa.int64())
    return values


def times(cells: Column) -> Column:
    """Unix seconds or milliseconds, or ISO 8601, where no zone means UTC; empty or 0 is null."""
    filled = cells if _are_numbers(cells) else text(cells)
    if _are_numbers(cells) or not pc.ascii_is_decimal(filled).false_count:
        values = _unix_times(filled)
    else:
        values = _iso_times(filled)
    if values is None:  # several forms in one block, an odd one, or none at all
        (values,) = _each(cells, lambda cell: (_time(cell),), "is no known form of time", TIMESTAMP)
    return values


def _unix_times(cells: Column) -> Column | None:
    try:
        numbers: Column = cells.cast(pa.uint64())
    except pa.ArrowInvalid:
        return None
    limits = pc.min_max(numbers)
    smallest, largest = limits["min"].as_py(), limits["max"].as_py()
    if largest is None:
        return nulls(len(cells), TIMESTAMP)
    if largest > _LAST_MILLISECOND:
        return None
    numbers = numbers.view(pa.int64())
    scale = _PER_SECOND
    if largest >= _MILLISECONDS:
        scale = pc.if_else(pc.less(numbers, _FIRST_MILLISECOND), _PER_SECOND, _PER_MILLISECOND)
    if smallest == 0:
        numbers = pc.if_else(pc.equal(numbers, _ZERO), _NO_NUMBER, numbers)
    return pc.multiply(numbers, scale).view(TIMESTAMP)


def _iso_times(cells: Column) -> Column | None:
    # The first cell decides, as a cast that fails takes Arrow longer than the slow way.
    first = _TIME.fullmatch(cells[cells.is_valid().index(_TRUE).as_py()].as_py())
    if not first:
        return None
    try:
        values = cells.cast(TIMESTAMP if first["zone"] else pa.timestamp("us")).cast(TIMESTAMP)
    except pa.ArrowInvalid:
        return None
    limits = pc.min_max(values.cast(pa.int64()))
    earliest, latest = _MICROSECONDS
    if earliest <= limits["min"].as_py() and limits["max"].as_py() <= latest:
        return values
    return None


def statuses(cells: Column, form: StatusForm) -> Statuses:
    """Code, name and description; code and name complete each other by Mailjet's table."""
    if _are_numbers_to(len(_NAMES) - 1, cells):
        codes = cells.view(pa.int64())
        return Statuses(codes, _NAMES.take(codes), nulls(len(cells), pa.string()))
    return Statuses(
        *_each(
            cells,
            lambda cell: _status(cell, form),
            "is no status code" if form is StatusForm.CODE else "is no status",
            pa.int64(),
            pa.string(),
            pa.string(),
        )
    )


def first_of(*columns: Column) -> Column:
    """Of each row the first value that is not null."""
    held = [column for column in columns if column.null_count < len(column)]
    if not held:
        return columns[0]
    return held[0] if held[0].null_count == 0 else pc.coalesce(*held)


def costs(cells: Column, *, comma: bool) -> tuple[Column, Column]:
    """Value and currency, from ``0.04``, ``0.04 EUR``, JSON objects, and ``0,04`` if so told."""
    value, currency = _each(
        cells, lambda cell: _cost(cell, comma=comma), "is no amount", DECIMAL, pa.string()
    )
    return value, currency


def currencies(cells: Column, of_costs: Column) -> Column:
    """Currencies, completed by those that stand beside the costs.

    Raises:
        CellError: The two contradict each other.
    """
    values = text(cells)
    differ = pc.not_equal(values, of_costs)
    if differ.true_count:
        raise CellError(differ.index(_TRUE).as_py(), "is not the currency of the cost")
    return first_of(values, of_costs)


def labelled(headers: Sequence[str], columns: Sequence[Column]) -> Column:
    """One map a row, from header to text; an empty cell is null."""
    rows, width = len(columns[0]), len(columns)
    # The cells lie column after column; a stable sort by their row brings each row's together.
    order = pc.array_sort_indices(pa.array([*range(rows)] * width, pa.int32()))
    values = text(pa.concat_arrays(columns).take(order))
    keys = pa.array([*headers] * rows, pa.string())
    offsets = pa.array(range(0, rows * width + 1, width), pa.int32())
    # Stubs: they take a list for the keys only.
    return pa.MapArray.from_arrays(offsets, keys, values)  # type: ignore[call-overload,no-any-return]


def _are_numbers(cells: Column) -> bool:
    return bool(pa.types.is_integer(cells.type))


def _are_numbers_to(largest: int, cells: Column) -> bool:
    return _are_numbers(cells) and (pc.max(cells).as_py() or 0) <= largest


def _each(
    cells: Column,
    convert: Callable[[str], tuple[object, ...]],
    problem: str,
    *types: pa.DataType,
) -> list[Column]:
    """Convert the text of each distinct cell, to a value of each type; empty is null in all.

    Raises:
        CellError: The first cell that does not convert.
    """
    if cells.null_count == len(cells):
        return [nulls(len(cells), type_) for type_ in types]
    encoded = cells.dictionary_encode()
    texts = [str(cell) for cell in encoded.dictionary.to_pylist()]
    columns: list[list[object]] = [[] for _ in types]
    for index, cell in enumerate(texts):
        try:
            values = convert(cell) if cell else (None,) * len(types)
        except (ValueError, ArithmeticError, RecursionError):
            raise CellError(encoded.indices.index(index).as_py(), problem) from None
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [
        pa.array(column, type_).take(encoded.indices)
        if any(value is not None for value in column)
        else nulls(len(cells), type_)
        for column, type_ in zip(columns, types, strict=True)
    ]


def _integer(cell: str) -> int | None:
    bare = cell.strip()
    if bare and not _WHOLE.fullmatch(bare):
        raise ValueError
    return int(bare) if bare else None


def _time(cell: str) -> datetime | None:
    bare = cell.strip()
    if bare.isdecimal() and bare.isascii():
        number = int(bare)
        unit = "milliseconds" if number >= _MILLISECONDS else "seconds"
        return _EPOCH + timedelta(**{unit: number}) if number else None
    if not bare:
        return None
    match = _TIME.fullmatch(bare)
    if not match:
        raise ValueError
    zone = match["zone"] or "Z"
    zone = zone if zone[0] in "+-" else "Z"
    # Finer than a microsecond is cut off here: no warehouse keeps it.
    moment = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00'}{zone}")
    return moment.astimezone(UTC)


@lru_cache(maxsize=256)
def _status(cell: str, form: StatusForm) -> tuple[int | None, str | None, str | None]:
    code: int | None = None
    name: str | None = None
    description: str | None = None
    bare = cell.strip()
    if form is not StatusForm.NAME and bare.startswith("{"):
        fields = _fields(bare)
        if fields.get("code") is not None:
            code = _integer(str(fields["code"]))
        name = _text(fields.get("name"))
        description = _text(fields.get("description"))
    elif form is StatusForm.CODE or (form is StatusForm.ANY and bare.isascii() and bare.isdigit()):
        code = _integer(bare)
    else:
        name = cell
    if name is None:
        return code, None if code is None else STATUS_NAMES.get(code), description
    known = _CODES.get(normalise(name))
    name = name if known is None else STATUS_NAMES[known]
    return known if code is None else code, name, description


@lru_cache(maxsize=256)
def _cost(cell: str, *, comma: bool) -> tuple[Decimal | None, str | None]:
    bare = cell.strip()
    if bare.startswith("{"):
        fields = _fields(bare)
        value = fields.get("value")
        amount, currency = (None, None) if value is None else _cost(str(value), comma=False)
        return amount, _text(fields.get("currency")) or currency
    if not bare:
        return None, None
    match = _COST.fullmatch(bare.replace(",", ".", 1) if comma else bare)
    if not match:
        raise ValueError
    return _EXACT.quantize(Decimal(match["value"]), _LAST_PLACE), match["currency"]


def _fields(cell: str) -> dict[str, object]:
    """A JSON object, its names normalised and its numbers exact."""
    fields = json.loads(cell, parse_float=Decimal, parse_int=Decimal)
    if not isinstance(fields, dict):
        raise ValueError  # noqa: TRY004
    return {normalise(name): value for name, value in fields.items()}


def _text(value: object) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError  # noqa: TRY004
    (value or "").encode()  # half of a surrogate pair, which JSON can spell, is no text
    return value or None
