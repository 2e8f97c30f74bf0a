"""Typed messages in a temporary file, from the check of an export's file until they leave."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from tap_mailjet_sms.spool import open_spool, spool_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import IOBase


class Spool:
    """The messages of one window in a temporary file, as an Arrow stream."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Write all of them.

        Raises:
            SpoolError: If the temporary folder cannot take them. An error of the batches is raised
                as it is; in both cases nothing is left behind.
        """
        with spool_errors(), ExitStack() as unless_whole:
            self._file = unless_whole.enter_context(open_spool())
            _write(batches, self._file)
            unless_whole.pop_all()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Read them, in their order."""
        with spool_errors():
            yield from _read(self._file)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _write(batches: Iterator[pa.RecordBatch], into: BinaryIO) -> None:
    first = next(batches, None)
    if first is None:
        return  # the file stays empty
    with pa.ipc.new_stream(pa.PythonFile(cast("IOBase", into), "w"), first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _read(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    if not file.seek(0, os.SEEK_END):
        return
    file.seek(0)
    with _native(file) as native, pa.ipc.open_stream(native) as reader:
        yield from reader


def _native(file: BinaryIO) -> pa.NativeFile:
    """A file for Arrow to read: without Python in between, where its descriptor has a name.

    Not a memory map, whose pages count as memory of the process.
    """
    with suppress(OSError):
        return pa.OSFile(f"/dev/fd/{file.fileno()}", "r")
    return pa.PythonFile(cast("IOBase", file), "r")
