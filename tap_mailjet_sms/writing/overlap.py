"""The second that neighbouring exports share: each of its messages leaves once in a run.

Where reading begins there is no neighbour, but that export is asked for from a second earlier as
well, since the very second of `start_date` could not be had where Mailjet takes `FromTS` as
exclusive. What was created in the added second stays out: nothing before was wished for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.exporting.windows import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from tap_mailjet_sms.exporting.windows import Window


class Overlap:
    """Tells messages that two neighbouring exports share, since both hold the second between.

    And those of the second before a window that begins at one of the moments `begins_at`.
    """

    def __init__(self, *, begins_at: Collection[datetime] = ()) -> None:
        """Start with no window read."""
        #: How many messages of the last window were fresh.
        self.messages = 0
        self._begins_at = begins_at
        self._before: set[str] = set()
        self._seen: set[str] = set()

    def fresh(self, batches: Iterable[pa.RecordBatch], window: Window) -> Iterator[pa.RecordBatch]:
        """A window's batches, perhaps once more, without what the window before has brought."""
        self._seen = set()
        self.messages = 0
        for batch in batches:
            fresh = self.drop_repeated(self.drop_added(batch, window), window)
            self.messages += fresh.num_rows
            yield fresh

    def end_window(self) -> None:
        """All of the window's batches were good, and the next ones follow it."""
        self._before, self._seen = self._seen, set()

    def drop_added(self, batch: pa.RecordBatch, window: Window) -> pa.RecordBatch:
        """The batch without messages of the second before, where reading begins with the window."""
        if window.start not in self._begins_at:
            return batch
        created = batch["created_at"]
        begin, end = (
            pa.scalar(edge, created.type) for edge in (window.start - OVERLAP, window.start)
        )
        is_added = pc.and_(pc.greater_equal(created, begin), pc.less(created, end))
        return batch.filter(pc.invert(is_added)) if is_added.true_count else batch

    def drop_repeated(self, batch: pa.RecordBatch, window: Window) -> pa.RecordBatch:
        """The batch without messages that the window before has brought already."""
        ids, created = batch["message_id"], batch["created_at"]
        late = pc.greater_equal(created, pa.scalar(window.end - OVERLAP, created.type))
        if late.true_count:
            self._seen.update(str(known) for known in ids.filter(late).to_pylist())
        if not self._before:
            return batch
        early = pc.less_equal(created, pa.scalar(window.start, created.type))
        if not early.true_count:
            return batch
        known = pa.array(self._before, ids.type)
        return batch.filter(pc.invert(pc.and_(early, pc.is_in(ids, value_set=known))))
