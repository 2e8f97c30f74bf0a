"""The second that neighbouring exports share: each of its messages leaves once in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.exporting.windows import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_mailjet_sms.exporting.windows import Window


class Overlap:
    """Tells messages that two neighbouring exports share, since both hold the second between."""

    def __init__(self) -> None:
        """Start with no window read."""
        self._before: set[str] = set()
        self._seen: set[str] = set()

    def fresh(self, batches: Iterable[pa.RecordBatch], window: Window) -> Iterator[pa.RecordBatch]:
        """A window's batches, perhaps once more, without what the window before has brought."""
        self._seen = set()
        for batch in batches:
            yield self.drop_repeated(batch, window)

    def end_window(self) -> None:
        """All of the window's batches were good, and the next ones follow it."""
        self._before, self._seen = self._seen, set()

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
