"""The rows of Mailjet's CSV, strictly: every row whole, every cell text or a plain whole number.

Theory of operation. The file is read in pieces of `BLOCK_BYTES`, so that memory does not depend on
its size. The whole rows of a piece are a block, which pyarrow splits into columns, on the thread
that asks for it; the next piece begins where they end. Three things are left for us to do:

- **Find where the whole rows end.** A line end may lie within a quoted cell. So a piece with quotes
  is held against the grammar of CSV up to its last line end: what matches from its first byte on
  ends with a row. What does not match ends within a cell or has broken quotes. Then an earlier line
  end is tried, and at last the piece is walked through from quote to quote: the block ends with the
  last row before the trouble. If a piece begins with the trouble itself, its first row is refused.
  Each byte is looked at a few times at most, whatever the quotes.
- **Refuse what pyarrow lets pass.** It takes ``"a"b`` for ``ab``, and a quote that never closes for
  a cell up to the file's end: neither matches the grammar. It takes ``0x1F`` for a number: a block
  that may hold one is read as text. And it swallows a byte order mark at the beginning of what it
  reads, so none of what we hand it begins with one.
- **Tell numbers from text.** A column of whole numbers is read as such, until the first block in
  which pyarrow finds a cell that is none. That block is read again as text, and so are, from there
  on, the columns in which it has such cells.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.reading.header import nameable, show

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tap_mailjet_sms.reading.header import Header

#: The peak of memory grows with it, and twice as much is no faster. A row may be twice as long.
BLOCK_BYTES = 1024 * 1024

_BOM = "\ufeff".encode()
#: A text that is a whole number for certain, and of 64 bits; or empty.
_WHOLE_NUMBER = r"\A[0-9]{0,19}\z"


class _DamageError(Exception):
    """What is wrong with a row, counted from 0 at the beginning of its block."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem


def read_blocks(
    source: BinaryIO, header: Header, *, numbers: Collection[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Split the rows below the header, in blocks of columns of text.

    The file is read as the blocks are taken, and one of them is in memory at a time.

    Args:
        source: The whole file.
        header: What its first row says.
        numbers: The columns that most files fill with whole numbers. pyarrow reads those as fast as
            text, which spares their conversion: so they come as `uint64`, null where empty. From
            the block on in which a cell is anything else, the column is text like the others; and
            in a block with a `0x`, wherever it stands, all of them are.

    Raises:
        CSVFormatError: A row is ragged, not UTF-8, too long, or has broken quotes.
    """
    rows = 0
    try:
        for piece, end in _whole_rows(source, header):
            table, numbers = _columns(piece, end, header, numbers)
            yield from table.to_batches()  # one, or none if all lines are empty
            rows += table.num_rows
    except _DamageError as damage:
        where = row_name(header, rows + damage.row + first_row(header))
        msg = f"{where} {damage.problem}: the download may be damaged, run again"
        raise CSVFormatError(msg) from None


def first_row(header: Header) -> int:
    """The number of the first message's row: the header is row 1, if there is one."""
    return 1 if header.is_absent else 2


def row_name(header: Header, number: int) -> str:
    """What errors call a row."""
    counted = "which has no header" if header.is_absent else "the header is row 1"
    return f"Row {number} of Mailjet's CSV ({counted})"


def column_name(header: Header, place: int) -> str:
    """What errors call a column."""
    name = nameable(header.names[place])
    return f"{place + 1}" if name is None else show(name)


def _whole_rows(source: BinaryIO, header: Header) -> Iterator[tuple[bytes, int]]:
    """The file below its header, in pieces, each with the place where its whole rows end.

    Raises:
        _DamageError: The row after those has broken quotes or does not end.
    """
    if not header.ends_line:
        return
    grammar = _Grammar(header.delimiter)
    position, size = header.length, BLOCK_BYTES
    source.seek(position)
    while piece := source.read(size):
        is_last = len(piece) < size
        if is_last:
            piece = _without_padding(piece)
            if not piece:
                return
        end = grammar.rows_end(piece)
        if end:
            yield piece, end
            position, size = position + end, BLOCK_BYTES
        elif is_last:
            raise _DamageError(0, "has broken quotes")
        elif size == BLOCK_BYTES:
            size *= 2
        else:
            raise _DamageError(0, "does not end or is too long for a message")
        source.seek(position)


class _Grammar:
    """The grammar of CSV: what a quote begins, what it ends, and what it may not do.

    A quote begins a cell where a cell may begin; within one it is doubled; what follows the quote
    that ends it is a delimiter or a line end. In the middle of a cell that does not begin with
    one, as in ``5" pipe``, a quote is text.
    """

    def __init__(self, delimiter: str) -> None:
        cell = rf'(?:[^"{delimiter}\r\n][^{delimiter}\r\n]*|"(?:[^"]|"")*")?'
        self._rows = rf"\A(?:{cell}[{delimiter}\r\n])*\z"
        self._cell_ends = f"{delimiter}\r\n".encode()

    def rows_end(self, piece: bytes) -> int:
        """Where rows end that begin with the piece and are sound; 0 if the first has no end yet.

        Raises:
            _DamageError: The first row has broken quotes.
        """
        end = _lines_end(piece, 0, len(piece))
        if self._is_sound(piece, end):
            return end
        # Most likely this line end lies in a cell, and most likely the last quote begins that.
        end = _lines_end(piece, 0, piece.rfind(b'"', 0, end))
        return end if end and self._is_sound(piece, end) else self._sound_end(piece)

    def _is_sound(self, piece: bytes, end: int) -> bool:
        if piece.find(b'"', 0, end) < 0:
            return True
        rows = pa.scalar(piece[:end], pa.binary())
        return bool(pc.match_substring_regex(rows, pattern=self._rows).as_py())

    def _sound_end(self, piece: bytes) -> int:
        """What `rows_end` says, found by a walk from quote to quote: slow if there are many."""
        end = position = 0
        while (begin := piece.find(b'"', position)) >= 0:
            end = _lines_end(piece, position, begin) or end
            position = begin + 1
            if begin and piece[begin - 1] not in self._cell_ends:
                continue  # text in the middle of a cell
            close = piece.find(b'"', position)
            while close >= 0 and piece[close + 1 : close + 2] == b'"':
                close = piece.find(b'"', close + 2)
            if close < 0:
                return end
            position = close + 1
            if piece[position : position + 1] not in self._cell_ends:
                if not end:
                    raise _DamageError(0, "has broken quotes")
                return end
        return end  # no row ends behind the last quote, or the grammar would have matched


def _without_padding(piece: bytes) -> bytes:
    """The file's last rows, the last with its line end, without what holds nothing behind them.

    That is lines of blanks, the end mark of DOS, and zeros that fill a sector.
    """
    rows = piece.rstrip(b" \0\x1a\r\n")
    if not rows:
        return b""
    # What stands before its line end belongs to the last cell; without one, blanks do.
    cell = re.match(rb"[^\r\n]*(?=[\r\n])|[^\0\x1a]*", piece[len(rows) :])
    return rows + (cell[0] if cell else b"") + b"\n"


def _lines_end(piece: bytes, begin: int, end: int) -> int:
    """Where the last line ends between these places; 0 if none does."""
    line_feed = piece.rfind(b"\n", begin, end) + 1
    return piece.rfind(b"\r", max(begin, line_feed), end) + 1 or line_feed


def _columns(
    piece: bytes, end: int, header: Header, numbers: Collection[int]
) -> tuple[pa.Table, Collection[int]]:
    """Split the whole rows of a piece; also say which columns stay numbers.

    Raises:
        _DamageError: A row is ragged or not UTF-8.
    """
    # Not copied, but for a line end before what pyarrow would swallow.
    rows = b"\n" + piece[:end] if piece.startswith(_BOM) else memoryview(piece)[:end]
    if numbers and not _may_be_hexadecimal(piece, end):
        with suppress(pa.ArrowInvalid):
            return _split(rows, header, numbers), numbers
    try:
        table = _split(rows, header)
    except pa.ArrowInvalid as error:
        raise _damage(str(error), header) from None
    return table, [column for column in numbers if _is_whole_numbers(table.column(column))]


def _may_be_hexadecimal(piece: bytes, end: int) -> bool:
    # A single byte is looked for first, since that takes a tenth of the time.
    return any(x in piece and piece.find(b"0" + x, 0, end) >= 0 for x in (b"x", b"X"))


def _split(rows: bytes | memoryview, header: Header, numbers: Collection[int] = ()) -> pa.Table:
    types = {
        str(index): pa.uint64() if index in numbers else pa.string()
        for index in range(len(header.names))
    }
    return pa_csv.read_csv(
        cast("BinaryIO", pa.BufferReader(rows)),
        pa_csv.ReadOptions(use_threads=False, block_size=len(rows), column_names=[*types]),
        pa_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
    )


def _is_whole_numbers(column: pa.ChunkedArray[Any]) -> bool:
    return pc.all(pc.match_substring_regex(column, pattern=_WHOLE_NUMBER)).as_py() is not False


def _damage(sentence: str, header: Header) -> _DamageError:
    """What pyarrow says, but for the row's text, with which it ends.

    Only its sentence tells where. It would call a function for each ragged row, but not for one
    that is not UTF-8.
    """
    if ragged := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", sentence):
        row, expected, found = map(int, ragged.groups())
        cells = "cell" if found == 1 else "cells"
        return _DamageError(row - 1, f"has {found} {cells} where the header has {expected}")
    if encoding := re.search(r"column #(\d+): Row #(\d+): .*invalid UTF8", sentence):
        column, row = map(int, encoding.groups())
        problem = (
            f"is not UTF-8 in the column {column_name(header, column)}, so set csv_encoding if the"
            " file is in another encoding"
        )
        return _DamageError(row - 1, problem)
    return _DamageError(0, "or one soon after cannot be read")
