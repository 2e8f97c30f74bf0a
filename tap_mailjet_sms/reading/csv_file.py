"""Mailjet's CSV to typed Arrow, strictly.

`header.py` says what the columns are, `rows.py` splits the rows, `cells.py` converts the cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, TypeVar

import pyarrow as pa

from tap_mailjet_sms.arrow_schema import EXTRA, MESSAGE_SCHEMA
from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.reading import cells
from tap_mailjet_sms.reading.cells import StatusForm
from tap_mailjet_sms.reading.header import (
    HEADER_LIMIT,
    STATUS,
    Header,
    Layout,
    lay_out,
    read_header,
    show,
)
from tap_mailjet_sms.reading.rows import read_blocks, row_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_mailjet_sms.reading.cells import Column

_T = TypeVar("_T")

#: What most layouts spell as a whole number.
_NUMBERS = ("status_code", STATUS, "created_at", "sent_at", "sms_count")


def read(source: BinaryIO, *, column_map: Mapping[str, str | None]) -> Iterator[pa.RecordBatch]:
    """Read a CSV from its beginning: typed batches, each with the columns of `MESSAGE_SCHEMA`.

    Only once the last batch is out is the file known to be sound: until then, use none of them.

    Raises:
        CSVFormatError: A row or a cell is wrong.
        CSVHeaderError: The header does not say where the id and the creation time are.
        NotCSVError: A page came instead of a CSV.
    """
    source.seek(0)
    header = read_header(source.read(HEADER_LIMIT), column_map)
    if header is None:
        return
    layout = lay_out(header, column_map)
    first_row = 2
    numbers = [layout.sources[name] for name in _NUMBERS if name in layout.sources]
    for block in read_blocks(source, header, numbers=numbers):
        yield _typed(block, header, layout, first_row=first_row)
        first_row += block.num_rows


def _typed(
    block: pa.RecordBatch, header: Header, layout: Layout, *, first_row: int
) -> pa.RecordBatch:
    """Convert a block of cells to the stream's columns."""

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
        else cells.nulls(block.num_rows, EXTRA),
    }
    return pa.RecordBatch.from_arrays(
        [values[field.name] for field in MESSAGE_SCHEMA], schema=MESSAGE_SCHEMA
    )
