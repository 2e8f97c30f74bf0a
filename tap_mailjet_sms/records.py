"""Mailjet's CSV to typed Arrow: the whole file is read before any row of it is used.

`header.py` says what the columns are, `rows.py` splits the rows, `cells.py` converts the cells.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

import pyarrow as pa

from tap_mailjet_sms import cells
from tap_mailjet_sms.cells import StatusForm
from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.header import HEADER_LIMIT, STATUS, Header, Layout, lay_out, read_header, show
from tap_mailjet_sms.rows import read_blocks, row_name
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, ColumnType

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Mapping

    from tap_mailjet_sms.cells import Column

_T = TypeVar("_T")

_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DECIMAL: cells.DECIMAL,
    ColumnType.TIMESTAMP: cells.TIMESTAMP,
    ColumnType.OBJECT: pa.map_(pa.string(), pa.string()),
}
if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:
    # It hands memory back sooner than the others: 20 MiB less at the peak. Not every build has it.
    with contextlib.suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())

#: The schema of every batch.
MESSAGE_SCHEMA = pa.schema(
    [pa.field(column.name, _TYPES[column.type], column.nullable) for column in MESSAGE_COLUMNS]
)


def spool(source: BinaryIO, into: BinaryIO, *, column_map: Mapping[str, str | None]) -> int:
    """Read a whole CSV, write it to `into` as an Arrow IPC stream, and return how many rows it has.

    Both files are used from their beginning.

    Raises:
        CSVFormatError: A row or a cell is wrong.
        CSVHeaderError: The header does not say where the id and the creation time are.
        NotCSVError: A page came instead of a CSV.
    """
    source.seek(0)
    into.seek(0)
    header = read_header(source.read(HEADER_LIMIT), column_map)
    rows = 0
    with pa.ipc.new_stream(pa.PythonFile(cast("io.IOBase", into), "w"), MESSAGE_SCHEMA) as writer:
        if header is not None:
            layout = lay_out(header, column_map)
            for block in read_blocks(source, header):
                writer.write_batch(_typed(block, header, layout, first_row=rows + 2))
                rows += block.num_rows
    return rows


def batches(spooled: BinaryIO) -> Iterator[pa.RecordBatch]:
    """Read what `spool` wrote: the typed batches, in the order of the CSV."""
    spooled.seek(0)
    with _native(spooled) as file, pa.ipc.open_stream(file) as reader:
        yield from reader


def _native(file: BinaryIO) -> pa.NativeFile:
    """A file for Arrow to read: without Python in between, where its descriptor has a name."""
    with contextlib.suppress(OSError):
        return pa.OSFile(f"/dev/fd/{file.fileno()}", "r")
    return pa.PythonFile(cast("io.IOBase", file), "r")


def _typed(
    block: pa.RecordBatch, header: Header, layout: Layout, *, first_row: int
) -> pa.RecordBatch:
    """Convert a block of text cells to the stream's columns."""

    def read(column: str, convert: Callable[[Column], _T]) -> _T:
        index = layout.sources.get(column)
        if index is None:
            return convert(pa.nulls(block.num_rows, pa.string()))
        try:
            return convert(block.column(index))
        except cells.CellError as error:
            msg = (
                f"{row_name(first_row + error.row)}: the cell of the column"
                f" {show(header.names[index])} ({column}) {error.problem}; run again, and if that"
                " does not help, report it"
            )
            raise CSVFormatError(msg) from None

    coded = read("status_code", lambda column: cells.statuses(column, StatusForm.CODE))
    named = read("status_name", lambda column: cells.statuses(column, StatusForm.NAME))
    status = read(STATUS, lambda column: cells.statuses(column, StatusForm.ANY))
    description = read("status_description", cells.text)
    comma = header.delimiter == ";"
    cost, currency = read("cost_value", lambda column: cells.costs(column, comma=comma))
    values: dict[str, Column] = {
        "message_id": read("message_id", lambda column: cells.required(cells.text(column))),
        "sender": read("sender", cells.phones),
        "recipient": read("recipient", cells.phones),
        "status_code": cells.first_of(coded.code, status.code, named.code),
        "status_name": cells.first_of(named.name, status.name, coded.name),
        "status_description": cells.first_of(description, status.description, coded.description),
        "created_at": read("created_at", lambda column: cells.required(cells.times(column))),
        "sent_at": read("sent_at", cells.times),
        "sms_count": read("sms_count", cells.integers),
        "cost_value": cost,
        "cost_currency": read("cost_currency", lambda col: cells.currencies(col, currency)),
        "extra": cells.labelled(
            [header.names[index] for index in layout.extra],
            [block.column(index) for index in layout.extra],
        )
        if layout.extra
        else cells.nulls(block.num_rows, _TYPES[ColumnType.OBJECT]),
    }
    return pa.RecordBatch.from_arrays(
        [values[field.name] for field in MESSAGE_SCHEMA], schema=MESSAGE_SCHEMA
    )
