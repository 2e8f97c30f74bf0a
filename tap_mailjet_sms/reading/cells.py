"""Cells of one block of a CSV, text or whole numbers, to typed values, exactly or not at all.

What most exports hold is converted in Arrow. The rest goes through Python once per distinct cell of
the block: cheap where few texts occur, as with statuses, prices and counts, and right everywhere.
`times.py`, `prices.py` and `statuses.py` have the columns that need more than a few lines.
"""

from __future__ import annotations

import json
import re
import string
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.schema import plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, TypeAlias

    Cells: TypeAlias = pa.Array[pa.Scalar[Any]]

_BOM, _NUL, _DELETE = "\ufeff", "\0", 0x7F
#: What may stand around a cell's text and is no part of it.
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + _BOM
#: What programs write, in any case, where there is nothing; an empty cell among them.
_NULL_WORDS = frozenset({"", "null", r"\n", "n/a", "-", "<nil>"})
_LONGEST_NULL_WORD = len("<nil>")

_WHOLE = re.compile(r"\+?(0*\d{1,18})(?:\.0*)?", re.ASCII)
_LARGEST = 10**18 - 1

#: What a program writes of a number of 64 bits at most.
_LONGEST_NUMBER = len("-1.7976931348623157E+308")
#: A number as a spreadsheet shortens it, in any country: the digits that told two ids apart are
#: gone. Without a mark or a sign, as in ``12e4``, the digits may be hexadecimal ones.
_SHORTENED = re.compile(
    rf"(?=.*[.,+-])(?!.{{{_LONGEST_NUMBER + 1}}})[+-]?\d*[.,]?\d*e[+-]?\d+", re.IGNORECASE
)
#: A phone number that went through a program which takes it for a number.
_DECIMAL_PHONE = re.compile(r"(\+?\d+)[.,]0*", re.ASCII)
#: A text of ASCII that holds anything else holds a letter, and is no number.
_OF_NUMBERS = "0123456789eE" + string.punctuation
_LETTERS_AND_DIGITS = (string.ascii_letters + string.digits).encode()
#: Before these, exporters put a quote or a tab, lest a spreadsheet take the text for a formula.
_GUARDED = ("+", "=", "-", "@")

# Made once: with a bare Python value Arrow looks for modules to tell its type, at each call.
_EMPTY = pa.scalar("", pa.string())
_NO_TEXT = pa.scalar(None, pa.string())
_TRUE = pa.scalar(True, pa.bool_())  # noqa: FBT003
_NOTHING = pa.scalar(0, pa.int32())
_SHORT = pa.scalar(_LONGEST_NULL_WORD, pa.int32())


class CellError(Exception):
    """The cell at `row` of the block is wrong; `problem` says how, without its text."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem


class OddTextError(ValueError):
    """A text does not convert for a reason worth its own words, which do not hold the text."""


def text(cells: Cells) -> Cells:
    """Text as it stands; an empty cell is null."""
    if shortest(cells) != 0:
        return cells
    # Stubs: what they say of this call is Any.
    return pc.if_else(pc.equal(cells, _EMPTY), _NO_TEXT, cells)  # type: ignore[no-any-return]


def without_nul(cells: Cells) -> tuple[Cells, int]:
    """Text without U+0000, which databases refuse, and how many cells held one."""
    if are_numbers(cells) or bytes_range(cells)[0] > 0:
        return cells, 0
    count: int = pc.match_substring(cells, _NUL).true_count
    return pc.replace_substring(cells, _NUL, ""), count


def ids(cells: Cells) -> Cells:
    """Ids without what may stand around them, each a text that can tell two messages apart.

    Raises:
        CellError: The first cell that is no id.
    """
    if _are_ids(cells):
        return cells
    (values,) = _each_text(cells, lambda cell: (_id(cell),), "is no id", pa.string())
    return values


def recipients(cells: Cells) -> Cells:
    """Text without blanks around it, and without what guards a ``+336...`` from a spreadsheet.

    Raises:
        CellError: The first cell that is a number whose last digits are lost.
    """
    least, greatest = bytes_range(cells)
    # Neither blanks, quotes nor letters; and no marks between digits.
    if least > ord("'") and greatest <= ord("9") and not _has_any(cells, b".", b","):
        return text(cells)
    (values,) = _each_text(cells, lambda cell: (recipient(cell),), "is no text", pa.string())
    return values


@lru_cache(maxsize=8)  # a block needs the same ones several times
def nulls(rows: int, kind: pa.DataType) -> Cells:
    """A column that holds nothing."""
    # Stubs: they know no call with just any type.
    return pa.nulls(rows, kind)  # type: ignore[call-overload,no-any-return]


def integers(cells: Cells) -> Cells:
    """Whole numbers; an empty cell is null."""
    if are_numbers_to(_LARGEST, cells):
        return cells.view(pa.int64())
    (values,) = each(cells, lambda cell: (integer(cell),), "is no whole number", pa.int64())
    return values


def first_of(*columns: Cells) -> Cells:
    """Of each row the first value that is not null."""
    held = [column for column in columns if column.null_count < len(column)]
    if not held:
        return columns[0]
    return held[0] if held[0].null_count == 0 else pc.coalesce(*held)


def where_valid(cells: Cells, value: str) -> Cells:
    """This text in each row that has a cell."""
    # Stubs: what they say of this call is Any.
    return pc.if_else(cells.is_valid(), pa.scalar(value, pa.string()), _NO_TEXT)  # type: ignore[no-any-return]


def labelled(headers: Sequence[str], columns: Sequence[Cells]) -> Cells:
    """One map a row, from header to text; an empty cell is null."""
    rows, width = len(columns[0]), len(columns)
    # The cells lie column after column; a stable sort by their row brings each row's together.
    order = pc.array_sort_indices(pa.array([*range(rows)] * width, pa.int32()))
    values = text(pa.concat_arrays(columns).take(order))
    keys = pa.array([*headers] * rows, pa.string())
    offsets = pa.array(range(0, rows * width + 1, width), pa.int32())
    # Stubs: they take a list for the keys only.
    return pa.MapArray.from_arrays(offsets, keys, values)  # type: ignore[call-overload,no-any-return]


# What the other columns are made with


def first(rows: Cells) -> int:
    """The first row that is true; -1 if there is none."""
    return int(rows.index(_TRUE).as_py())


def are_numbers(cells: Cells) -> bool:
    """Whether the cells were read as whole numbers."""
    return bool(pa.types.is_integer(cells.type))


def are_numbers_to(largest: int, cells: Cells) -> bool:
    """Whether the cells were read as whole numbers, none of them above this."""
    return are_numbers(cells) and (pc.max(cells).as_py() or 0) <= largest


def bytes_range(cells: Cells) -> tuple[int, int]:
    """The least and the greatest byte of all texts, which tells soon what they do not hold."""
    data = cells.buffers()[2]
    if not data or cells.null_count == len(cells):
        return 0xFF, 0
    # Stubs: they want a buffer for the validity, too.
    limits = pc.min_max(pa.Array.from_buffers(pa.uint8(), data.size, [None, data]))
    return limits["min"].as_py(), limits["max"].as_py()


def each(
    cells: Cells,
    convert: Callable[[str], tuple[object, ...]],
    problem: str,
    *types: pa.DataType,
) -> list[Cells]:
    """Convert each distinct cell, to a value of each type; empty and null words are null in all.

    Raises:
        CellError: The first cell that does not convert.
    """
    nothing = (None,) * len(types)
    return _each_text(
        cells, lambda cell: nothing if is_null(cell) else convert(cell), problem, *types
    )


def integer(cell: str) -> int:
    """A whole number, as in ``3``, ``+3`` and ``3.0``.

    Raises:
        ValueError: It is none.
    """
    match = _WHOLE.fullmatch(bare(cell))
    if not match:
        raise ValueError
    return int(match[1])


def recipient(cell: str) -> str | None:
    """A phone number or a name, without blanks around it and without what guards its plus.

    Raises:
        OddTextError: It is a number whose last digits are lost.
    """
    found = bare(cell)
    unguarded = bare(found.removeprefix("'"))
    phone = unguarded if unguarded.startswith(_GUARDED) else found
    _refuse_shortened(phone)
    decimal = _DECIMAL_PHONE.fullmatch(phone)
    return (decimal[1] if decimal else phone) or None


def shortest(cells: Cells) -> int | None:
    """The least length of a text in bytes; None where there is none."""
    length: int | None = pc.min(_lengths(cells)).as_py()
    return length


def bare(cell: str) -> str:
    """The text without blanks and byte order marks around it."""
    return cell.strip(_BLANKS)


def is_null(cell: str) -> bool:
    """Whether the cell is empty, or says in a word that nothing is known."""
    return bare(cell).lower() in _NULL_WORDS


def json_fields(cell: str) -> dict[str, object]:
    """A JSON object, its names normalised and its numbers exact.

    Of one that holds but another one, as in ``{"Cost": {"Value": 0.04}}``, it is that.

    Raises:
        ValueError: It is none.
    """
    fields = json.loads(cell, parse_float=Decimal, parse_int=Decimal)
    while isinstance(fields, dict) and len(fields) == 1:
        (inner,) = fields.values()
        if not isinstance(inner, dict):
            break
        fields = inner
    if not isinstance(fields, dict):
        raise ValueError  # noqa: TRY004
    return {plain_name(name): value for name, value in fields.items()}


def json_field(fields: Mapping[str, object], names: Collection[str]) -> object:
    """The field of an object that has one of these names; None if none has.

    Raises:
        ValueError: Several have.
    """
    found = [name for name in names if name in fields]
    if len(found) > 1:
        raise ValueError
    return fields[found[0]] if found else None


def json_text(value: object) -> str | None:
    """A text of a JSON object; an empty one is null.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, str | None):
        raise ValueError  # noqa: TRY004
    (value or "").encode()  # half of a surrogate pair, which JSON can spell, is no text
    return value or None


def _each_text(
    cells: Cells,
    convert: Callable[[str], tuple[object, ...]],
    problem: str,
    *types: pa.DataType,
) -> list[Cells]:
    if cells.null_count == len(cells):
        return [nulls(len(cells), type_) for type_ in types]
    encoded = cells.dictionary_encode()
    columns: list[list[object]] = [[] for _ in types]
    for index, cell in enumerate(encoded.dictionary.to_pylist()):
        try:
            values = convert(str(cell))
        except (ValueError, ArithmeticError, RecursionError) as error:
            row = encoded.indices.index(index).as_py()
            raise CellError(
                row, str(error) if isinstance(error, OddTextError) else problem
            ) from None
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [
        pa.array(column, type_).take(encoded.indices)
        if any(value is not None for value in column)
        else nulls(len(cells), type_)
        for column, type_ in zip(columns, types, strict=True)
    ]


def _lengths(cells: Cells) -> Cells:
    """The length of each text in bytes."""
    # Stubs: they know no call with just any array.
    return pc.binary_length(cells)  # type: ignore[call-overload,no-any-return]


def _are_ids(cells: Cells) -> bool:
    """Whether all texts are ids as they stand; False may mean that it takes longer to tell."""
    least, greatest = bytes_range(cells)
    length = shortest(cells)
    if least <= ord(" ") or greatest >= _DELETE or not length:
        return False
    if least >= ord("0") and greatest <= ord("9"):
        return True
    if length > _LONGEST_NUMBER and _begin_well(cells, length):  # UUIDs
        return True
    doubtful = pc.equal(_lengths(pc.ascii_ltrim(cells, _OF_NUMBERS)), _NOTHING)
    if length <= _LONGEST_NULL_WORD:
        doubtful = pc.or_(doubtful, pc.less_equal(_lengths(cells), _SHORT))
    try:
        return all(_id(str(text)) == text for text in cells.filter(doubtful).to_pylist())
    except OddTextError:
        return False


def _has_any(cells: Cells, *marks: bytes) -> bool:
    """Whether one of these bytes is in any text."""
    data = cells.buffers()[2]
    texts = data.to_pybytes() if data else b""
    return any(mark in texts for mark in marks)


def _begin_well(cells: Cells, shortest: int) -> bool:
    """Whether all texts have one length, and begin with a letter or digit."""
    data = cells.buffers()[2]
    if data is None or data.size != shortest * len(cells):
        return False
    return not bytes(memoryview(data)[::shortest]).translate(None, _LETTERS_AND_DIGITS)


def _id(cell: str) -> str:
    found = bare(cell.replace(_BOM, ""))
    if is_null(found):
        msg = "is empty"
        raise OddTextError(msg)
    if any(mark.isspace() or unicodedata.category(mark) == "Cc" for mark in found):
        msg = "has blanks or control characters within"
        raise OddTextError(msg)
    if not any(map(str.isalnum, found)):
        msg = "has neither letters nor digits"
        raise OddTextError(msg)
    _refuse_shortened(found)
    return found


def _refuse_shortened(cell: str) -> None:
    if _SHORTENED.fullmatch(unicodedata.normalize("NFKC", cell)):  # full-width digits, say
        msg = "is a number in scientific notation, whose last digits are lost"
        raise OddTextError(msg)
