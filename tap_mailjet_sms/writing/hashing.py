"""Columns of phone numbers as keyed hashes, for those that must not leave as they are.

A bare hash hides no phone number: all there are can be hashed in minutes, and looked up. With a
key that stays out of the warehouse nobody can do that who does not have it, while one number has
one hash in every run, so that it can be counted and joined.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import TypeAlias

    Texts: TypeAlias = pa.ChunkedArray[pa.StringScalar]
    Places: TypeAlias = pa.Int32Array | pa.ChunkedArray[pa.Int32Scalar]

#: Rows wait until there is so much of them, since a look at what is remembered costs as much for
#: few rows as for many. They are in memory meanwhile.
WAITING_BYTES = 16 * 1024 * 1024
#: And until there are so many, where few columns are selected: each may need a new hash.
WAITING_ROWS = 131_072

#: So many hashes are kept, in 10 MB, for numbers that occur again.
REMEMBERED = 100_000

#: Bytes that SHA-256 takes at once.
_BLOCK = 64


class HashedColumns:
    """Hashes some columns of a run's rows: each distinct value once, as long as remembered."""

    def __init__(self, columns: Collection[str], key: str) -> None:
        """Take the columns, of which the rows have some or all, and the key."""
        self._columns = columns
        self._hashes = _Hashes(key)

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows with HMAC-SHA-256 in these columns, as 64 hexadecimal digits.

        It is that of the value without blanks around it, in UTF-8; where there is none it is null.
        """
        if not self._columns:
            return iter(batches)
        return chain.from_iterable(map(self._hashed, _tables(batches)))

    def _hashed(self, rows: pa.Table) -> Iterator[pa.RecordBatch]:
        hashes: dict[str, pa.StringArray] = {}
        for index, name in enumerate(rows.column_names):
            if name in self._columns:
                places, hashes[name] = self._hashes.of(rows.column(index))
                rows = rows.set_column(index, name, places)
        return (_filled(batch, hashes) for batch in rows.to_batches())


def _filled(batch: pa.RecordBatch, hashes: Mapping[str, pa.StringArray]) -> pa.RecordBatch:
    """A batch with hashes for their places: only as it leaves, since they are long."""
    for name, known in hashes.items():
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, name, known.take(batch.column(index)))
    return batch


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """What is hashed at once: the batches are not copied."""
    waiting: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        rows += batch.num_rows
        if size >= WAITING_BYTES or rows >= WAITING_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, size, rows = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)


class _Hashes:
    """Hashes texts; in Python only those that are not remembered."""

    def __init__(self, key: str) -> None:
        secret = key.encode()
        secret = sha256(secret).digest() if len(secret) > _BLOCK else secret
        secret = secret.ljust(_BLOCK, b"\0")
        # What HMAC does with the key (RFC 2104) is done once, and copied for each text: in half the
        # time that Python's `hmac` takes, whose hashes these are.
        self._inner = sha256(bytes(byte ^ 0x36 for byte in secret))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in secret))
        self._forget()

    def _forget(self) -> None:
        #: Different texts, and at the same place the hash of each.
        self._texts = self._known = pa.array([], pa.string())

    def of(self, texts: Texts) -> tuple[Places, pa.StringArray]:
        """Hashes, and for each text the place of its own.

        What was remembered is forgotten where it becomes too much.
        """
        if len(self._texts) > REMEMBERED:
            self._forget()
        places = pc.index_in(texts, value_set=self._texts)
        if places.null_count:
            new = texts.filter(places.is_null()).unique().to_pylist()
            self._texts = _with(self._texts, new)
            self._known = _with(self._known, map(self._hash, new))
            places = pc.index_in(texts, value_set=self._texts)
        return places, self._known

    def _hash(self, text: str | None) -> str | None:
        trimmed = (text or "").strip()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(trimmed.encode())
        outer.update(inner.digest())
        return outer.hexdigest() if trimmed else None


def _with(texts: pa.StringArray, more: Iterable[str | None]) -> pa.StringArray:
    return pa.concat_arrays([texts, pa.array(more, pa.string())])
