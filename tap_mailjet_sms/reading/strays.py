"""Rows of a CSV that are no messages: the header once more, and totals at the end.

They are skipped and counted. Nothing else is ever skipped: what looks like neither is a message, or
an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import Layout

#: The header is row 1.
_FIRST_ROW = 2


class Strays:
    """Sorts them out of the blocks of one file, in their order."""

    def __init__(self, header: Header, layout: Layout) -> None:
        self._names = header.names
        self._id = layout.sources["message_id"]
        self._created = layout.sources["created_at"]
        self._headers = self._totals = 0

    def sort_out(self, blocks: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The messages of each block, and the number of the first of these rows in the file."""
        row = _FIRST_ROW
        # A last row that may be one of totals waits for the next block: then it is none.
        waiting: tuple[int, pa.RecordBatch] | None = None
        for block in blocks:
            if waiting is not None and block.num_rows:
                yield waiting
                waiting = None
            messages = block
            if self._ends_with_totals(block):
                messages = block.slice(0, block.num_rows - 1)
                waiting = row + messages.num_rows, block.slice(messages.num_rows)
            for start, part in self._between_headers(messages):
                yield row + start, part
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
        return [Notice(text, is_warning=True)] if found else []

    def _ends_with_totals(self, block: pa.RecordBatch) -> bool:
        """Whether the last row has no creation time, and no id or “Total” for one."""
        if not block.num_rows or block.column(self._created)[-1].as_py() not in ("", None):
            return False
        cell = str(block.column(self._id)[-1].as_py() or "").strip()
        return not cell or cell.casefold().startswith("total")

    def _between_headers(self, block: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The parts of a block between repeated headers, and where they begin in it."""
        start = 0
        for row in self._repeated_headers(block):
            yield from [(start, block.slice(start, row - start))] if row > start else []
            start = row + 1
        if start < block.num_rows:
            yield start, block.slice(start)

    def _repeated_headers(self, block: pa.RecordBatch) -> list[int]:
        created = block.column(self._created)
        # A block of which all creation times are numbers repeats no header.
        if not pa.types.is_string(created.type):
            return []
        name = pa.scalar(self._names[self._created], pa.string())
        rows = []
        row = pc.index(created, name).as_py()
        while row >= 0:
            if all(
                column[row].as_py() == name
                for column, name in zip(block.columns, self._names, strict=True)
            ):
                rows.append(row)
            rest = created.slice(row + 1)
            step = pc.index(rest, name).as_py()
            row = row + 1 + step if step >= 0 else -1
        self._headers += len(rows)
        return rows
