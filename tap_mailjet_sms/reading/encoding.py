"""Mailjet's file as UTF-8, whatever it came as: the first bytes say it, or the setting."""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError, DownloadBrokenError
from tap_mailjet_sms.spool import open_spool

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1024 * 1024
_GZIP = b"\x1f\x8b"
#: Files that are no text, by their first bytes.
_FOREIGN = {
    # With and without files.
    b"PK\x03\x04": "a zip archive (or an Excel workbook)",
    b"PK\x05\x06": "a zip archive (or an Excel workbook)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"BZh": "a file packed with bzip2",
    b"\x28\xb5\x2f\xfd": "a file packed with zstd",
    b"\xfd7zX": "a file packed with xz",
    _GZIP: "a file packed twice with gzip",
}


def as_utf8(source: BinaryIO, encoding: str) -> BinaryIO:
    """The file as UTF-8: itself as a rule, otherwise a temporary one, which is the caller's then.

    Args:
        source: The file.
        encoding: The setting `csv_encoding`: what a file is that is neither UTF-8 nor says what it
            is. So a file that is UTF-8 after all is not misread.

    One layer of gzip is unpacked. A file may be as large as the disk has room for, packed or not:
    a row has its limit, and memory does not depend on the size.

    Raises:
        CSVHeaderError: It is an archive, or no text at all.
        CSVFormatError: It is not in the encoding that it must be in.
        DownloadBrokenError: It is packed, and damaged.
        SpoolError: There is no room for another file.
    """
    head = _first_bytes(source)
    if not head.startswith(_GZIP):
        return _text_as_utf8(source, head, encoding)
    unpacked = text = _copy(_unpacked(source))
    try:
        text = _text_as_utf8(unpacked, _first_bytes(unpacked), encoding)
    finally:
        if text is not unpacked:
            unpacked.close()
    return text


def _text_as_utf8(source: BinaryIO, head: bytes, encoding: str) -> BinaryIO:
    for first, what in _FOREIGN.items():
        if head.startswith(first):
            msg = (
                f"Mailjet sent {what} instead of a CSV, which this tap does not read: please"
                " report it"
            )
            raise CSVHeaderError(msg)
    if wide := _wide(head):
        name = wide[:6].upper()
        return _copy(_recoded(source, wide, f"{name}, as its first bytes say"))
    if codecs.lookup(encoding).name == "utf-8" or _is_utf8(source, encoding):
        return source
    return _copy(_recoded(source, encoding, f"UTF-8 or {encoding}, as csv_encoding says"))


def _first_bytes(source: BinaryIO) -> bytes:
    source.seek(0)
    head = source.read(4)
    source.seek(0)
    return head


def _wide(head: bytes) -> str | None:
    """The kind of UTF-16 or UTF-32; without a byte order mark, the zeros of ASCII tell it."""
    # One mark begins with another: the longer one first.
    if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = "".join("0" if byte == 0 else "x" for byte in head)
    kinds = {"x0x0": "utf-16-le", "0x0x": "utf-16-be", "x000": "utf-32-le", "000x": "utf-32-be"}
    return kinds.get(zeros)


def _is_utf8(source: BinaryIO, encoding: str) -> bool:
    """Whether the file is UTF-8 rather than in this encoding.

    Raises:
        CSVFormatError: It is UTF-8 but for some bytes. Text in another encoding has sequences that
            are UTF-8 as well, but by chance: so fewer than bytes that are not.
    """
    sequences = others = 0
    for text in codecs.iterdecode(_pieces(source), "utf-8", "surrogateescape"):
        if not text.isascii():
            # Bytes that do not fit are surrogates now.
            fitting = text.encode(errors="ignore").decode()
            others += len(text) - len(fitting)
            sequences += len(fitting) - len(fitting.encode("ascii", "ignore"))
    source.seek(0)
    if 0 < others <= sequences:
        msg = (
            f"Mailjet's CSV is UTF-8 but for {others} byte{'s' if others > 1 else ''}, so it is not"
            f" read as {encoding}, which csv_encoding says: the download may be damaged, run again,"
            " or report it"
        )
        raise CSVFormatError(msg)
    return not others


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def _unpacked(source: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=source) as file:
        try:
            yield from _pieces(cast("BinaryIO", file))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            msg = "Mailjet's file is packed with gzip, and ends early or is damaged"
            raise DownloadBrokenError(msg) from None


def _recoded(source: BinaryIO, encoding: str, expected: str) -> Iterator[bytes]:
    try:
        for text in codecs.iterdecode(_pieces(source), encoding):
            yield text.encode()
    except UnicodeError:
        msg = f"Mailjet's CSV is not {expected}: set csv_encoding to the encoding that it has"
        raise CSVFormatError(msg) from None


def _copy(pieces: Iterator[bytes]) -> BinaryIO:
    file = open_spool()
    try:
        for piece in pieces:
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return file
