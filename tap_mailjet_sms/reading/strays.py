"""Rows of a CSV that are no messages: the header once more, and totals at the end.

They are skipped and counted. Nothing else is ever skipped: what looks like neither is a message, or
an error.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.reading.cells import bare, is_null
from tap_mailjet_sms.reading.rows import first_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import Layout

_MARKS = '\ufeff"'


class Strays:
    """Sorts them out of the blocks of one file, in their order."""

    def __init__(self, header: Header, layout: Layout) -> None:
        self._header = header
        self._names = header.names
        self._id = layout.sources["message_id"]
        self._created = layout.sources["created_at"]
        self._headers = self._totals = 0

    def sort_out(
        self, blocks: Iterator[pa.RecordBatch]
    ) -> Iterator[tuple[Sequence[int], pa.RecordBatch]]:
        """The messages of each block, and the numbers of their rows in the file."""
        row = first_row(self._header)
        # A last row that may be one of totals waits for the next block: then it is none.
        waiting: tuple[Sequence[int], pa.RecordBatch] | None = None
        for block in blocks:
            if waiting is not None and block.num_rows:
                yield waiting
                waiting = None
            messages = block
            if self._ends_with_totals(block):
                messages = block.slice(0, block.num_rows - 1)
                last = row + messages.num_rows
                waiting = range(last, last + 1), block.slice(messages.num_rows)
            numbers: Sequence[int] = range(row, row + messages.num_rows)
            headers = self._repeated_headers(messages)
            if headers is not None:
                self._headers += headers.true_count
                rest = pc.invert(headers)
                messages = messages.filter(rest)
                numbers = list(compress(numbers, rest.to_pylist()))
            if messages.num_rows:
                yield numbers, messages
            row += block.num_rows
        self._totals = int(waiting is not None)

    @property
    def notices(self) -> list[Notice]:
        """What to say once all blocks are read."""
        found = []
        if self._headers:
            times = "once" if self._headers == 1 else f"{self._headers} times"
            found.append(f"its header {times} more")
        if self._totals:
            found.append("a row of totals at its end")
        text = f"Mailjet's CSV has {' and '.join(found)}: no messages, so they are skipped"
        return [Notice(text, Weight.WARNING)] if found else []

    def _ends_with_totals(self, block: pa.RecordBatch) -> bool:
        """Whether the last row has no creation time, and no id or “Total” for one."""
        if not block.num_rows:
            return False
        created, key = (str(block.column(i)[-1].as_py() or "") for i in (self._created, self._id))
        is_total = is_null(key) or bare(key).casefold().startswith("total")
        return is_total and is_null(created)

    def _repeated_headers(self, block: pa.RecordBatch) -> pa.BooleanArray | None:
        """Which rows are the header, cell for cell; None if none is."""
        if self._header.is_absent:
            return None
        found: pa.BooleanArray | None = None
        # First what tells best. A column of numbers holds no name.
        for index in (self._created, *range(len(self._names))):
            column, name = block.column(index), self._names[index]
            if not pa.types.is_string(column.type):
                return None
            if index == 0:  # in files that were joined, behind a mark that makes quotes text
                column, name = pc.utf8_trim(column, _MARKS), name.strip(_MARKS)
            same = pc.equal(column, pa.scalar(name, pa.string()))
            found = same if found is None else pc.and_(found, same)
            if not found.true_count:
                return None
        return found
