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
#: Of an archive with and without files; an Excel workbook is one, too.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def as_utf8(source: BinaryIO, encoding: str) -> BinaryIO:
    """The file as UTF-8: itself as a rule, otherwise a temporary one, which is the caller's then.

    Args:
        source: The file.
        encoding: The setting `csv_encoding`: what a file is that is neither UTF-8 nor says what it
            is. So a file that is UTF-8 after all is not misread.

    Raises:
        CSVHeaderError: It is an archive.
        CSVFormatError: It is not in the encoding that it must be in.
        DownloadBrokenError: It is packed, and damaged.
        SpoolError: There is no room for another file.
    """
    head = _first_bytes(source)
    if head.startswith(_GZIP):
        unpacked = _copy(_unpacked(source))
        text = as_utf8(unpacked, encoding)
        if text is not unpacked:
            unpacked.close()
        return text
    if head.startswith(_ZIP):
        msg = (
            "Mailjet sent a zip archive (or an Excel workbook) instead of a CSV, which this tap"
            " does not read: please report it"
        )
        raise CSVHeaderError(msg)
    if utf16 := _utf16(head):
        return _copy(_recoded(source, utf16, "UTF-16, as its first bytes say"))
    if codecs.lookup(encoding).name == "utf-8" or _is_utf8(source):
        return source
    return _copy(_recoded(source, encoding, f"UTF-8 or {encoding}, as csv_encoding says"))


def _first_bytes(source: BinaryIO) -> bytes:
    source.seek(0)
    head = source.read(4)
    source.seek(0)
    return head


def _utf16(head: bytes) -> str | None:
    """The kind of UTF-16 that a file is in; without a byte order mark, every other byte is zero."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [byte == 0 for byte in head]
    if zeros in ([False, True] * 2, [True, False] * 2):
        return "utf-16-be" if zeros[0] else "utf-16-le"
    return None


def _is_utf8(source: BinaryIO) -> bool:
    try:
        for _ in codecs.iterdecode(_pieces(source), "utf-8"):
            pass
    except UnicodeDecodeError:
        return False
    finally:
        source.seek(0)
    return True


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
