"""Counting rows and different ids while a file is read, in eight bytes a row."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeAlias

    Hashes: TypeAlias = pa.UInt64Array

#: Ids of larger files are not told apart: 40 MB of hashes are enough.
MOST_ROWS = 5_000_000

_PARTS = 16
#: How long a UUID is, and where to take eight of its bytes so that none is left out.
_UUID = pa.scalar(36, pa.int32())
_WORDS = (0, 8, 16, 24, 28)
_SHIFT = pa.scalar(32, pa.uint64())
#: Odd, so that multiplying loses nothing; another one in each process, so that no file is unlucky
#: in every run.
_FACTOR = pa.scalar(random.getrandbits(64) | 1, pa.uint64())


@dataclass(slots=True)
class CountedRows:
    """The rows of a file, while they are read, and what was counted of them so far.

    `rows` is their number. `distinct` is how many different ids they have and `checksum` depends on
    the ids alone, not on their order. Where ids are not told apart, these are None and 0: because
    nobody asks for it, or of more than `MOST_ROWS` rows.
    """

    batches: Iterable[pa.RecordBatch]
    tells_ids_apart: bool = True
    rows: int = 0
    _hashes: list[Hashes] = field(default_factory=list)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Read them, batch by batch."""
        for batch in self.batches:
            self.rows += batch.num_rows
            if self.has_too_many:
                self._hashes.clear()
            elif self.tells_ids_apart and batch.num_rows:
                self._hashes += hashes(cast("pa.StringArray", batch["message_id"]))
            yield batch

    @property
    def has_too_many(self) -> bool:
        """Whether there are more ids than are told apart, though somebody asks for it."""
        return self.tells_ids_apart and self.rows > MOST_ROWS

    @property
    def distinct(self) -> int | None:
        """How many different ids there are; None where they are not told apart."""
        if self.has_too_many or not self.tells_ids_apart:
            return None
        # Part by part: a table of all hashes at once would take 65 MB for a million.
        return sum(len(pc.unique(self._part(number))) for number in range(_PARTS))

    @property
    def checksum(self) -> int:
        """What the ids add up to, whatever their order; 0 where they are not told apart."""
        return pc.sum(pa.chunked_array(self._hashes, pa.uint64())).as_py() or 0

    def _part(self, number: int) -> pa.ChunkedArray[Any]:
        """The hashes that end with this number."""
        last, wanted = pa.scalar(_PARTS - 1, pa.uint64()), pa.scalar(number, pa.uint64())
        part = [h.filter(pc.equal(pc.bit_wise_and(h, last), wanted)) for h in self._hashes]
        return pa.chunked_array(part, pa.uint64())


def hashes(ids: pa.StringArray) -> Iterator[Hashes]:
    """A hash of 64 bits for each text, none null, in any order; equal for equal texts in a process.

    Ids are UUIDs as a rule (documented). The bytes of all texts as long as one are taken eight at
    a time; each step can be undone, so no two of them meet but by chance.
    """
    of_uuids = pc.equal(pc.binary_length(ids), _UUID)
    texts = ids if of_uuids.false_count == 0 else ids.filter(of_uuids)
    yield _hashes_of_uuids(texts)
    if of_uuids.false_count:
        others = ids.filter(pc.invert(of_uuids)).to_pylist()
        yield pa.array([hash(text) & (1 << 64) - 1 for text in others], pa.uint64())


def _hashes_of_uuids(texts: pa.StringArray) -> Hashes:
    data = texts.cast(pa.binary())
    hashed = None
    for start in _WORDS:
        word = pc.binary_slice(data, start, start + 8)
        # Its bytes as numbers, without copying them.
        mixed = pa.Array.from_buffers(pa.uint64(), len(word), [None, word.buffers()[2]])
        if hashed is not None:
            mixed = pc.bit_wise_xor(hashed, mixed)
        hashed = pc.multiply(pc.bit_wise_xor(mixed, pc.shift_right(mixed, _SHIFT)), _FACTOR)
    return cast("Hashes", hashed)
