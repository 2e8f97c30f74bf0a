"""From typed Arrow to batch files: Arrow IPC, Parquet or JSON lines, wherever fsspec can write.

A file is written slice by slice, so that memory does not depend on `batch_size`. All files of an
export are whole before anybody is told of the first one.
"""

from __future__ import annotations

import gzip
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from tap_mailjet_sms.arrow_schema import EXPORT_SCHEMA
from tap_mailjet_sms.exceptions import BatchStorageError
from tap_mailjet_sms.writing.lines import json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from io import IOBase
    from typing import IO, Any, Literal, TypeAlias

    ExportFields: TypeAlias = Mapping[str, int | str | datetime | None]
    Batches: TypeAlias = Iterable[pa.RecordBatch]
    Codec: TypeAlias = Literal["gzip", "none", "snappy"]
    Values: TypeAlias = pa.Array[pa.Scalar[Any]]

#: Rows of a Parquet row group, which is kept in memory until it is whole.
ROW_GROUP = 32_768

#: Python's default of 9 takes three times as long for files that are 2 % smaller.
GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """Batch files that nobody has been told of yet."""

    _paths: deque[UPath] = field(default_factory=deque)

    def add(self, path: UPath) -> None:
        """Note a file that is about to be written."""
        self._paths.append(path)

    def __iter__(self) -> Iterator[str]:
        """Hand out the address of each: from then on it is somebody else's."""
        while self._paths:
            yield str(self._paths.popleft().as_uri())

    def close(self) -> None:
        """Delete those that were not handed out, as far as the storage lets them go."""
        while self._paths:
            with suppress(Exception):
                self._paths.popleft().unlink()


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """What `batch_config` asks for: files of at most `rows_per_file` rows, below `root`."""

    root: str
    prefix: str
    params: Mapping[str, Any]
    format: str
    compression: str | None
    rows_per_file: int

    @property
    def is_gzipped(self) -> bool:
        """Whether the file as a whole is packed; in Parquet it is what is inside."""
        return self.format == "jsonl" and self.compression == "gzip"


@dataclass(slots=True)
class BatchWriter:
    """Writes the batch files of one run; `name` begins their names."""

    wanted: BatchFiles
    name: str
    _run: str = field(default_factory=lambda: str(uuid4()))
    _files: int = 0
    _root: UPath = field(init=False)

    def __post_init__(self) -> None:
        """Make the folder, so that a wrong address ends the run before it begins.

        Not through the SDK's `StorageTarget.open`, which fails on storages whose paths are no
        strings, and writes a local file in another place first, perhaps on another disk.

        Raises:
            BatchStorageError: If there is no storage at that address.
        """
        wanted = self.wanted
        with _storage_errors():
            self._root = UPath(wanted.root, **wanted.params).resolve()
            if "://" in wanted.root and not self._root.protocol:
                raise ValueError  # else a misspelt kind of storage would become a local folder
            # The prefix can name folders too.
            (self._root / f"{wanted.prefix}-").parent.mkdir(parents=True, exist_ok=True)

    def stage(self, batches: Batches, *, export_fields: ExportFields) -> StagedFiles:
        """Write rows to files of as many rows as are wanted, the last one of what is left.

        Args:
            batches: Typed rows with the selected columns.
            export_fields: Further columns, the same for every row.

        Raises:
            BatchStorageError: If the storage does not take a file. Then, and if the rows turn out
                to be wrong, the files are deleted, as far as the storage lets them go.
        """
        files, source = StagedFiles(), _Source(batches)
        with ExitStack() as unless_whole, _storage_errors(source):
            unless_whole.callback(files.close)
            numbered = _numbered_slices(source, self.wanted.rows_per_file)
            for _, slices in groupby(numbered, key=itemgetter(0)):
                path = self._next_path()
                files.add(path)
                self._write_file(path, (rows for _, rows in slices), export_fields)
            unless_whole.pop_all()
        return files

    def _next_path(self) -> UPath:
        self._files += 1
        wanted = self.wanted
        extension = "jsonl.gz" if wanted.is_gzipped else wanted.format
        name = f"{wanted.prefix}{self.name}-{self._run}-{self._files}.{extension}"
        return self._root / name

    def _write_file(self, path: UPath, slices: Batches, export_fields: ExportFields) -> None:
        wanted = self.wanted
        with path.fs.open(path.path, "wb") as file:
            if wanted.format == "jsonl":
                _write_lines(slices, export_fields, file, gzipped=wanted.is_gzipped)
            elif wanted.format == "parquet":
                codec = cast("Codec", wanted.compression or "snappy")
                _write_parquet(_whole_rows(slices, export_fields), file, codec)
            else:
                _write_arrow(_whole_rows(slices, export_fields), file)


def _write_arrow(slices: Iterator[pa.RecordBatch], file: IO[bytes]) -> None:
    """Arrow's file format, not its stream format: targets open it at its end."""
    first = next(slices)
    # Stubs: they want a class of `io`, and any file will do.
    with pa.ipc.new_file(cast("IOBase", file), first.schema) as writer:
        writer.write_batch(first)
        for rows in slices:
            writer.write_batch(rows)


def _write_parquet(slices: Iterator[pa.RecordBatch], file: IO[bytes], codec: Codec) -> None:
    """Parquet; the codec is inside the file, which keeps its extension."""
    first = next(slices)
    with pq.ParquetWriter(file, first.schema, compression=codec) as writer:
        group, length = [first], first.num_rows
        for rows in slices:
            if length + rows.num_rows > ROW_GROUP:
                writer.write_table(pa.Table.from_batches(group))
                group, length = [], 0
            group.append(rows)
            length += rows.num_rows
        writer.write_table(pa.Table.from_batches(group))


def _write_lines(
    slices: Batches, export_fields: ExportFields, file: IO[bytes], *, gzipped: bool
) -> None:
    """The records of the RECORD messages, one on each line."""
    lines = chain.from_iterable(json_lines(rows, export_fields) for rows in slices)
    if gzipped:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL) as packed:
            packed.writelines(lines)
    else:
        file.writelines(lines)


def _numbered_slices(batches: Batches, rows_per_file: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Slices that belong to one batch file each, with the number of that file."""
    before = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            rows = batch.slice(start, rows_per_file - before % rows_per_file)
            yield before // rows_per_file, rows
            start += rows.num_rows
            before += rows.num_rows


def _whole_rows(slices: Batches, export_fields: ExportFields) -> Iterator[pa.RecordBatch]:
    """The rows with the columns that tell of their export, as targets can read them."""
    constants = [field for field in EXPORT_SCHEMA if field.name in export_fields]
    values = [pa.scalar(export_fields[field.name], field.type) for field in constants]
    repeated: list[Values] = []
    for rows in slices:
        fields, columns, length = list(rows.schema), list(rows.columns), rows.num_rows
        if "extra" in rows.schema.names:
            index = rows.schema.get_field_index("extra")
            columns[index] = _as_struct(cast("pa.MapArray[Any, Any]", columns[index]))
            fields[index] = pa.field("extra", columns[index].type)
        if not repeated or len(repeated[0]) < length:  # made anew for a longer slice only
            repeated = [pa.repeat(cast("pa.Int64Scalar", value), length) for value in values]
        columns += [column.slice(0, length) for column in repeated]
        yield pa.RecordBatch.from_arrays(columns, schema=pa.schema([*fields, *constants]))


def _as_struct(extra: pa.MapArray[Any, Any]) -> Values:
    """The unknown columns as a struct, which readers take for an object as it is in JSON.

    A map is a list of pairs to them. All rows of an export have the same unknown columns.
    """
    if extra.null_count == len(extra):
        return pa.nulls(len(extra))
    start, end = extra.offsets[0].as_py(), extra.offsets[-1].as_py()
    width = (end - start) // len(extra)
    names = [str(name) for name in extra.keys.slice(start, width).to_pylist()]
    columns = [
        extra.items.take(pa.array(range(start + place, end, width))) for place in range(width)
    ]
    return pa.StructArray.from_arrays(columns, names=names)


@dataclass(slots=True)
class _Source:
    """The batches, read while a file is written, and the error that reading them raised."""

    batches: Batches
    error: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.batches
        except Exception as error:
            self.error = error
            raise


@contextmanager
def _storage_errors(source: _Source | None = None) -> Iterator[None]:
    """Turn what storages raise, each kind its own errors, into a sentence on what to do.

    Raises:
        BatchStorageError: If the storage does not take a file; an error of the source as it is.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - storages have no error in common
        if source is not None and source.error is not None:
            raise source.error from None
        reason = getattr(error, "strerror", None) or type(error).__name__
        msg = (
            f"A batch file cannot be written ({reason}): check root and params in"
            " batch_config.storage, and that the storage has room and takes these credentials"
        )
        raise BatchStorageError(msg) from None
