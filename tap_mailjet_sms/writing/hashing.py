"""Columns of phone numbers as keyed hashes, for those that must not leave as they are.

A bare hash hides no phone number: all there are can be hashed in minutes, and looked up. With a
key that stays out of the warehouse nobody can do that who does not have it, while one number has
one hash in every run, so that it can be counted and joined.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: So many hashes are kept, in about 25 MiB, for numbers that occur again.
REMEMBERED = 100_000

#: Bytes that SHA-256 takes at once.
_BLOCK = 64


class HashedColumns:
    """Hashes some columns of batches: each distinct value once, as long as it is remembered."""

    def __init__(self, columns: Collection[str], key: str) -> None:
        """Take the columns, of which each batch has some or all, and the key."""
        self._columns = columns
        self._hashes = _Hashes(key)

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with HMAC-SHA-256 in these columns, as 64 hexadecimal digits.

        It is that of the value without blanks around it, in UTF-8; where there is none it is null.
        """
        for index, name in enumerate(batch.schema.names):
            if name in self._columns:
                hashes = self._hashes.of(batch.column(index).to_pylist())
                batch = batch.set_column(index, name, pa.array(hashes, pa.string()))
        return batch


class _Hashes(dict[str | None, str | None]):
    """The hash of each text, made when it is first asked for."""

    def __init__(self, key: str) -> None:
        super().__init__()
        secret = key.encode()
        secret = sha256(secret).digest() if len(secret) > _BLOCK else secret
        secret = secret.ljust(_BLOCK, b"\0")
        # What HMAC does with the key (RFC 2104) is done once, and copied for each text: in half the
        # time that Python's `hmac` takes, whose hashes these are.
        self._inner = sha256(bytes(byte ^ 0x36 for byte in secret))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in secret))

    def of(self, texts: Sequence[str | None]) -> list[str | None]:
        """The hashes of these texts; what was remembered is forgotten where it becomes too much."""
        if len(self) > REMEMBERED:
            self.clear()
        return list(map(self.__getitem__, texts))

    def __missing__(self, text: str | None) -> str | None:
        trimmed = (text or "").strip()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(trimmed.encode())
        outer.update(inner.digest())
        found = self[text] = outer.hexdigest() if trimmed else None
        return found
