"""The files of finished exports: each is written once, and kept for the next download."""

from __future__ import annotations

import threading
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from mailjet_sandbox.messages import SETTLED_AFTER
from mailjet_sandbox.unknowns import Empty
from mailjet_sandbox.wire import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailjet_sandbox.clock import Clock
    from mailjet_sandbox.exports import Export
    from mailjet_sandbox.layouts import Layout
    from mailjet_sandbox.messages import Message, Messages
    from mailjet_sandbox.unknowns import Unknowns

_KEPT = 6


class Files:
    """Writes the CSV of an export as of its `CreationTS`. Thread-safe."""

    def __init__(self, data: Messages, layout: Layout, unknowns: Unknowns, clock: Clock) -> None:
        """Begin without a file."""
        self._data = data
        self._layout = layout
        self._unknowns = unknowns
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[tuple[object, ...], StoredFile] = {}

    def rows(self, export: Export) -> int:
        """Tell how many rows the file has."""
        start, end = self._unknowns.edges.span(export.from_ts, export.to_ts)
        return int(self._data.count(start, end, at=export.created_ts or 0) * export.plan.keep)

    def of(self, export: Export, *, packed: bool) -> StoredFile:
        """Give the file, which is the same for each export of messages that change no more."""
        stamp = export.created_ts or 0
        start, end = self._unknowns.edges.span(export.from_ts, export.to_ts)
        settled = end + SETTLED_AFTER + self._data.arrival_lag < stamp
        kind = (self.rows(export), export.plan.repeats, export.plan.renamed)
        key = (start, end, kind, None if settled else stamp, packed)
        with export.rendering:
            with self._lock:
                file = self._files.get(key)
            if file is None:
                pieces = self._pieces(export, stamp, start, end)
                file = StoredFile(_gzipped(pieces) if packed else pieces)
                with self._lock:
                    self._files[key] = file
                    while len(self._files) > _KEPT:
                        del self._files[next(iter(self._files))]
            return file

    def _pieces(self, export: Export, stamp: int, start: int, end: int) -> Iterable[bytes]:
        rows = self.rows(export)
        if not rows and self._unknowns.empty is Empty.ZERO_BYTES:
            return ()
        blocks = self._data.blocks(start, end, at=stamp, aged=self._clock.aged(stamp))
        kept = _first(rows, blocks)
        layout = replace(self._layout, renamed=self._layout.renamed + export.plan.renamed)
        return layout.render(_with_one_twice(kept) if export.plan.repeats else kept)


def _first(rows: int, blocks: Iterable[list[Message]]) -> Iterator[list[Message]]:
    for block in blocks:
        yield block[:rows]
        rows -= len(block)
        if rows <= 0:
            return


def _with_one_twice(blocks: Iterable[list[Message]]) -> Iterator[list[Message]]:
    """Each block's first row in place of its last one, where it has two."""
    for block in blocks:
        yield [*block[:-1], block[0]] if block else block


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pack = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in pieces:
        yield pack.compress(piece)
    yield pack.flush()
