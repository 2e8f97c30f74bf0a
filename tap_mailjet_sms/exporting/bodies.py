"""The body of an answer: unpacked to its stream's end, piece by piece. Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Bytes that are handed on at once, however tightly they were packed.
PIECE = 1 << 18

#: What `zlib` is told to expect.
_GZIP, _ZLIB, _BARE_DEFLATE = 31, 15, -15


class PackedBodyError(Exception):
    """A packed body that does not end where its stream ends, or is none."""


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes that were packed, in pieces of at most `PIECE` bytes, or as they come.

    A packed body ends where its stream says so, with all sums right: one that was cut by whoever
    packed it has the right `Content-Length`, and no end. What is packed twice is no more than
    servers do by mistake, so it is refused.

    Args:
        pieces: The body as it was sent.
        encoding: `Content-Encoding`: none, `identity`, `gzip` or `deflate`.

    Raises:
        PackedBodyError: If the body is cut, damaged, longer than its stream, or packed otherwise.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return iter(pieces)
        case "gzip" | "x-gzip":
            return _inflated(_filled(pieces), is_gzip=True)
        case "deflate":
            return _inflated(_filled(pieces), is_gzip=False)
    raise PackedBodyError


def _inflated(pieces: Iterator[bytes], *, is_gzip: bool) -> Iterator[bytes]:
    """The bytes of a stream; a gzip stream may go on with another one (RFC 1952)."""
    head = next(pieces, b"")
    stream = zlib.decompressobj(_GZIP if is_gzip else _zlib_or_bare(head))
    left = head
    try:
        while not stream.eof:
            piece = stream.decompress(left, PIECE)
            left = stream.unconsumed_tail
            if piece:
                yield piece
            if stream.eof:
                left = stream.unused_data or next(pieces, b"")
                if left and is_gzip:
                    stream = zlib.decompressobj(_GZIP)
            elif not left and len(piece) < PIECE:
                left = next(pieces, b"")
                if not left:
                    raise PackedBodyError
    except zlib.error:
        raise PackedBodyError from None
    if left:
        raise PackedBodyError


def _filled(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces without empty ones, of which the first has two bytes if there are as many."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) > 1:
            yield head
            head = b""
    if head:
        yield head


def _zlib_or_bare(head: bytes) -> int:
    """What a `deflate` body is: with a head of two bytes (documented), or without (seen)."""
    has_method = len(head) > 1 and head[0] & 15 == zlib.DEFLATED
    is_multiple = int.from_bytes(head[:2], "big") % 31 == 0  # its checksum
    return _ZLIB if has_method and is_multiple else _BARE_DEFLATE
