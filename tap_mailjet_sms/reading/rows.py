"""The rows of Mailjet's CSV, strictly: every row whole, every cell text or a plain whole number.

pyarrow splits the rows, in blocks, so that memory does not depend on the file's size.
"""

from __future__ import annotations

import csv
import io
import re
import threading
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from typing_extensions import override

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.reading.header import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from typing_extensions import Generator

    from tap_mailjet_sms.reading.header import Header

#: The peak of memory grows with it, and twice as much is hardly faster.
BLOCK_BYTES = 1024 * 1024

#: Blocks that pyarrow may have read beyond the one that is in use: left alone it hoards 32.
READ_AHEAD = 4
#: Seconds after which it may go on all the same while somebody waits for a block, since it may need
#: more of the file to make one.
_PATIENCE = 0.5
#: And how often that while somebody is busy with one, lest a forgotten reader keep its thread.
_PATIENCE_WHILE_BUSY = 20


class _NoNumberError(Exception):
    """These columns are to be read as text: they hold something else than whole numbers, or may."""

    def __init__(self, columns: Collection[int]) -> None:
        super().__init__()
        self.columns = columns


def read_blocks(
    source: BinaryIO, header: Header, *, numbers: Collection[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Split the rows below the header, in blocks of columns of text.

    Args:
        source: The whole file.
        header: What its first row says.
        numbers: The columns that most files fill with whole numbers. pyarrow reads those as fast as
            text, which spares their conversion: so they come as `uint64`, null where empty. From
            the block on in which a cell is anything else, the column is text like the others; from
            a `0x` on, wherever it stands, all of them are.

    Raises:
        CSVFormatError: A row is ragged, not UTF-8, or has broken quotes.
    """
    if not header.ends_line:
        return
    blocks = 0
    while True:
        try:
            with closing(_blocks(source, header, numbers)) as every:
                for block in islice(every, blocks, None):
                    blocks += 1
                    yield block
        except _NoNumberError as error:
            numbers = [column for column in numbers if column not in error.columns]
        else:
            return


def _blocks(
    source: BinaryIO, header: Header, numbers: Collection[int]
) -> Generator[pa.RecordBatch]:
    # From the header's line end on: at a file's very beginning pyarrow would swallow a BOM.
    source.seek(header.length - 1)
    watched = _Watched(source, header.delimiter)
    paced = _Paced(watched.read)
    types = {
        str(index): pa.uint64() if index in numbers else pa.string()
        for index in range(len(header.names))
    }
    rows = 0
    try:
        with pa_csv.open_csv(
            cast("BinaryIO", paced),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=[*types]
            ),
            parse_options=pa_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False
            ),
        ) as reader:
            for block in reader:
                if numbers and watched.hexadecimal:
                    raise _NoNumberError(numbers)
                with paced.handing_over():
                    yield block
                rows += block.num_rows
    except pa.ArrowInvalid as error:
        if numbers:
            odd = re.match(r"In CSV column #(\d+): ", str(error))
            named = {int(odd[1])} & set(numbers) if odd else set()
            raise _NoNumberError(named or numbers) from None
        msg = f"{_problem(str(error), header, rows)}: the download may be damaged, run again"
        raise CSVFormatError(msg) from None
    finally:
        paced.retire()
    if watched.suspicious:
        _check_quotes(source, header)


def row_name(number: int) -> str:
    """What errors call the row, counted from the header, which is row 1."""
    return f"Row {number} of Mailjet's CSV (the header is row 1)"


class _Paced(io.RawIOBase):
    """The file as a thread of pyarrow reads it, which may not get too far ahead."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read
        self._turn = threading.Condition()
        self._ahead = 0
        self._busy = self._reading = self._retired = False

    @override
    def readable(self) -> bool:
        return True

    @override
    def read(self, size: int = -1, /) -> bytes:
        with self._turn:
            self._reading = True
            try:
                for _ in range(_PATIENCE_WHILE_BUSY):
                    if self._turn.wait_for(self._may_read, _PATIENCE) or not self._busy:
                        break
                self._ahead += 1
                return b"" if self._retired else self._read(size)
            finally:
                self._reading = False
                self._turn.notify_all()

    def _may_read(self) -> bool:
        return self._retired or self._ahead < READ_AHEAD

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """Nobody waits for the next block while this one is in use."""
        self._busy = True
        try:
            yield
        finally:
            with self._turn:
                self._busy = False
                self._ahead -= 1
                self._turn.notify_all()

    def retire(self) -> None:
        """Leave the file to its next reader: pyarrow's thread may live on for a moment."""
        with self._turn:
            self._retired = True
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._reading, timeout=1)


class _Watched:
    """Reads the file, and notes what pyarrow would misread.

    pyarrow takes ``"a"b`` for ``ab``, and lets a quote that never closes run to the end of the
    file. So lines with quotes are held against the grammar of CSV, all lines of a block at once.
    What passes is sound; what does not is suspicious only, since a quote within a cell that does
    not begin with one, as in ``5" pipe``, makes the count of quotes misleading.

    And it takes ``0x1F`` for a number.
    """

    def __init__(self, source: BinaryIO, delimiter: str) -> None:
        self._source = source
        self._rest = b""
        self._inside = False
        self.suspicious = False
        self.hexadecimal = False
        ends = rf"[{delimiter}\r\n]"
        cell = rf'(?:[^"{delimiter}\r\n][^{delimiter}\r\n]*|"(?:[^"]|"")*")?'
        self._begin = {False: r"\A", True: rf'\A(?:[^"]|"")*"{ends}'}
        self._cells = f"(?:{cell}{ends})*"
        self._end = {False: r"\z", True: r'"(?:[^"]|"")*\z'}

    def read(self, size: int) -> bytes:
        """The next bytes, about so many."""
        # pyarrow drops a line feed that begins a block if the one before ended with its carriage
        # return, in a quoted cell too: so no block ends between them.
        data = self._source.read(size - 1 if size > 1 else size)
        if data.endswith(b"\r"):
            data += self._source.read(1)
        self.hexadecimal = self.hexadecimal or _may_be_hexadecimal(data)
        if data and b'"' not in data and b'"' not in self._rest:
            end = _lines_end(data)
            self._rest = data[end:] if end else self._rest + data
            return data
        block = self._rest + (data or b"\n")
        end = _lines_end(block)
        lines, self._rest = block[:end], block[end:]
        if not self.suspicious and (quotes := lines.count(b'"')):
            inside = self._inside ^ (quotes % 2 == 1)
            grammar = self._begin[self._inside] + self._cells + self._end[inside]
            sound = pc.match_substring_regex(pa.scalar(lines, pa.binary()), pattern=grammar)
            self.suspicious = not sound.as_py()
            self._inside = inside
        if not data:
            self.suspicious |= self._inside
        return data


def _may_be_hexadecimal(data: bytes) -> bool:
    # A single byte is looked for first, since that takes a tenth of the time.
    return any(x in data and (data.startswith(x) or b"0" + x in data) for x in (b"x", b"X"))


def _lines_end(block: bytes) -> int:
    return max(block.rfind(b"\n"), block.rfind(b"\r")) + 1


def _check_quotes(source: BinaryIO, header: Header) -> None:
    """Read the rows once more, slowly, with a reader that knows every rule of quoting."""
    source.seek(header.length)
    lines = io.TextIOWrapper(source, "utf-8", newline="")
    rows = 0
    try:
        for row in csv.reader(lines, delimiter=header.delimiter, strict=True):
            rows += bool(row)
    except csv.Error:
        msg = f"{row_name(rows + 2)} has broken quotes: the download may be damaged, run again"
        raise CSVFormatError(msg) from None
    finally:
        lines.detach()


def _problem(problem: str, header: Header, rows: int) -> str:
    """Say what pyarrow found, but not the row's text, which its own message ends with."""
    if ragged := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", problem):
        row, expected, found = map(int, ragged.groups())
        cells = "cell" if found == 1 else "cells"
        return f"{row_name(row + 1)} has {found} {cells} where the header has {expected}"
    if encoding := re.search(r"column #(\d+): Row #(\d+): .*invalid UTF8", problem):
        column, row = map(int, encoding.groups())
        return f"{row_name(row + 1)} is not UTF-8 in the column {show(header.names[column])}"
    return f"{row_name(rows + 2)}, or one soon after, does not end or is too long for a message"
