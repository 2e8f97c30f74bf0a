"""Batch files hold what the RECORD messages hold, and are out before a STATE vouches for them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, pairwise
from typing import IO, TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from mailjet_sandbox import Fault, Scenario, When
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import BatchStorageError, InvalidSettingError
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.reading import csv_file, rows
from tap_mailjet_sms.schema import COLUMNS
from tap_mailjet_sms.writing import batch_files
from tests.support.account import (
    STREAM,
    Output,
    account,
    batch_config,
    comparable,
    records,
    timeless,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tap_mailjet_sms.exporting.job import ExportJob
    from tests.support.account import JSON, Account

ENCODINGS = (
    {"format": "arrow"},
    {"format": "arrow", "compression": "none"},
    {"format": "parquet"},
    {"format": "parquet", "compression": "gzip"},
    {"format": "parquet", "compression": "none"},
    {"format": "jsonl"},
    {"format": "jsonl", "compression": "none"},
    {"format": "jsonl", "compression": "gzip"},
)


@dataclass(frozen=True, slots=True)
class File:
    """A batch file, read back."""

    name: str
    content: bytes
    rows: list[JSON]


def read(encoding: dict[str, str], url: str) -> File:
    """Read a batch file as targets do: by its encoding, from its address."""
    content: bytes = UPath(url).read_bytes()
    if encoding["format"] == "arrow":
        rows = pa.ipc.open_file(pa.BufferReader(content)).read_all().to_pylist()
    elif encoding["format"] == "parquet":
        rows = pq.read_table(pa.BufferReader(content), use_threads=False).to_pylist()
    else:
        lines = gzip.decompress(content) if encoding.get("compression") == "gzip" else content
        # By line feeds alone: JSON leaves other line separators as they are.
        rows = [json.loads(line, parse_float=Decimal) for line in lines.split(b"\n") if line]
    return File(url.rsplit("/", 1)[1], content, rows)


def files(messages: list[JSON]) -> list[File]:
    """All batch files that messages tell of, in their order."""
    return [
        read(message["encoding"], url)
        for message in messages
        if message["type"] == "BATCH"
        for url in message["manifest"]
    ]


def rows_of(messages: list[JSON]) -> list[JSON]:
    """All rows of all batch files, in their order."""
    return [comparable(row) for file in files(messages) for row in file.rows]


@pytest.mark.parametrize("layout", ["default", "json-cells", "extra", "extra-semicolon"])
@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: "-".join(encoding.values()))
def test_files_hold_the_records(layout: str, encoding: dict[str, str], tmp_path: Path) -> None:
    """Read back, the files' rows are the records of the RECORD lane, in order, field by field."""
    with account(layout) as there:
        expected = records(there.run(there.config()))
    with account(layout) as there:
        messages = there.run(there.config(batch_config(tmp_path, encoding, batch_size=500)))

    assert len(expected) > 1400
    assert rows_of(messages) == [comparable(record) for record in expected]
    assert {message["type"] for message in messages} == {"SCHEMA", "STATE", "BATCH"}
    batches = [message for message in messages if message["type"] == "BATCH"]
    assert all(message["stream"] == STREAM for message in batches)
    assert all(message["encoding"] == encoding for message in batches)


def test_arrow_and_parquet_files_are_typed(tmp_path: Path) -> None:
    """Moments, decimals and whole numbers have their type; unknown columns are a struct."""
    with account("extra") as there:
        config = there.config(batch_config(tmp_path, {"format": "arrow"}))
        message = next(m for m in there.run(config) if m["type"] == "BATCH")
    schema = pa.ipc.open_file(message["manifest"][0].removeprefix("file://")).schema

    moment = pa.timestamp("us", "UTC")
    assert schema.names == [column.name for column in COLUMNS]
    assert {schema.field(name).type for name in ("created_at", "exported_at", "to_ts")} == {moment}
    assert pa.types.is_decimal(schema.field("cost_value").type)
    assert {schema.field(name).type for name in ("status_code", "export_id")} == {pa.int64()}
    assert pa.types.is_struct(schema.field("extra").type)
    assert not schema.field("message_id").nullable


@pytest.mark.parametrize("size", [1, 7, 240, 719, 720, 721, 5000])
def test_batch_size_is_the_most_rows_of_a_file(size: int, tmp_path: Path) -> None:
    """Each file has `batch_size` rows, save the last one of each window."""
    with account(per_hour=30) as there:
        config = there.config(batch_config(tmp_path, {"format": "jsonl"}), hours=48)
        config["batch_config"]["batch_size"] = size  # type: ignore[index]
        found = files(there.run(config))

    assert len({file.name for file in found}) == len(found)
    windows = {row["to_ts"]: 0 for file in found for row in file.rows}
    assert len(windows) == 2
    for file in found:
        assert len({row["to_ts"] for row in file.rows}) == 1, "a file holds rows of two windows"
        windows[file.rows[0]["to_ts"]] += len(file.rows)
    sizes = [min(size, rows - start) for rows in windows.values() for start in range(0, rows, size)]
    assert [len(file.rows) for file in found] == sizes


def test_a_large_batch_spans_blocks_and_row_groups(tmp_path: Path) -> None:
    """A batch of more rows than a block of the CSV or a group of Parquet is still one file."""
    with account(per_hour=6000) as there:
        config = there.config(
            batch_config(tmp_path, {"format": "parquet"}, batch_size=1_000_000), windows=1
        )
        message = next(m for m in there.run(config) if m["type"] == "BATCH")
    with pq.ParquetFile(message["manifest"][0].removeprefix("file://")) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]

    assert len(groups) > 1
    assert sum(groups) == pytest.approx(144_000, abs=10)


@pytest.mark.parametrize("encoding", ENCODINGS[::3], ids=lambda encoding: encoding["format"])
def test_deselected_columns_are_in_no_file(encoding: dict[str, str], tmp_path: Path) -> None:
    """A column that the catalog deselects is left out: of the message's, and of the export's."""
    deselected = ("recipient", "cost_value", "extra", "exported_at", "from_ts")
    with account("extra") as there:
        config = there.config(batch_config(tmp_path, encoding))
        messages = there.run(config, deselect=deselected)
        found = files(messages)
    everything = b"".join(file.content for file in found)

    kept = [column.name for column in COLUMNS if column.name not in deselected]
    assert found
    assert all(list(row) == kept for file in found for row in file.rows)
    assert b"+3363998" not in everything
    assert all(name.encode() not in everything for name in deselected)


def test_any_storage_of_fsspec_takes_files() -> None:
    """A storage root is not only a folder of this machine; its prefix begins the names."""
    with account() as there:
        config = there.config(batch_config("memory://out/of/disk", {"format": "arrow"}))
        config["batch_config"]["storage"] |= {"prefix": "sms/new-", "params": {}}  # type: ignore[index]
        messages = there.run(config)

    assert len(rows_of(messages)) > 1400
    assert all(file.name.startswith("new-tap-mailjet-sms--") for file in files(messages))
    assert all(file.name.endswith(".arrow") for file in files(messages))


def test_state_never_runs_ahead_of_the_files(tmp_path: Path) -> None:
    """Killed before any of its writes and run again, the tap has told of files with every row."""
    settings = batch_config(tmp_path, {"format": "jsonl"}, batch_size=300)
    with account() as there:
        config = there.config(settings, windows=3)
        whole = there.run(config)
        expected = {row["message_id"] for row in rows_of(whole)}
        kinds = [message["type"] for message in whole]

        assert kinds.count("BATCH") >= 6
        for writes in range(1, len(whole)):
            first = there.run(config, output=Output(break_before=writes))
            assert len(first) == writes
            states = [message["value"] for message in first if message["type"] == "STATE"]
            second = there.run(config, state=states[-1] if states else None)
            # What was read after the last STATE may be lost with the target.
            last = max((n for n, m in enumerate(first) if m["type"] == "STATE"), default=0)
            rows = rows_of(first[:last]) + rows_of(second)
            assert {row["message_id"] for row in rows} == expected, f"after {writes} writes"


def test_each_window_is_bookmarked_after_its_last_file(tmp_path: Path) -> None:
    """The bookmark moves between the last file of a window and the first of the next."""
    with account() as there:
        messages = there.run(
            there.config(batch_config(tmp_path, {"format": "arrow"}, batch_size=200), windows=3)
        )
    written: set[object] = set()
    bookmarks: list[str] = []
    for message in messages:
        if message["type"] == "BATCH":
            written |= {row["to_ts"] for file in files([message]) for row in file.rows}
        elif message["type"] == "STATE":
            state = message["value"]["bookmarks"][STREAM]
            bookmarks.append(state.get("replication_key_value", ""))
            assert len(written) == len({mark for mark in bookmarks if mark})
    assert all(before <= after for before, after in pairwise(bookmarks))
    assert len(written) == 3


def test_states_are_those_of_the_record_lane(tmp_path: Path) -> None:
    """A first run and one that goes on write the same STATE messages in both lanes."""
    seen: list[list[object]] = []
    for settings in (None, batch_config(tmp_path, {"format": "arrow"})):
        with account() as there:
            config = there.config(settings)
            first = there.run(config)
            second = there.run(config | {"lookback_days": 0.5}, state=first[-1]["value"])
        seen.append([m["value"] for m in first + second if m["type"] == "STATE"])
    assert timeless(seen[0]) == timeless(seen[1])
    assert any("starting_replication_value" in str(state) for state in seen[1])


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: "-".join(encoding.values()))
def test_an_unsound_export_leaves_no_file(
    encoding: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its last row is broken or some are missing: no file of it is told of, or stays."""
    honest = MailjetClient.download
    downloads = count(1)

    def download(self: MailjetClient, job: ExportJob, into: BinaryIO) -> bool:
        tells_length = honest(self, job, into)
        if next(downloads) == 1:
            into.write(b"a row of one cell\n")
        return tells_length

    monkeypatch.setattr(MailjetClient, "download", download)
    settings = batch_config(tmp_path, encoding, batch_size=200)
    with account() as there:
        there.backend.scenario = Scenario((Fault(fx.Rows(0.5), When(export=2)),))
        config = there.config(settings | {"max_concurrent_exports": 1})
        messages = there.run(config)
        expected = records(there.run(there.config()))

    ids = [row["message_id"] for row in rows_of(messages)]
    assert ids == [record["message_id"] for record in expected]
    told = [url for m in messages if m["type"] == "BATCH" for url in m["manifest"]]
    assert len(told) == 8
    assert {UPath(url).name for url in told} == {path.name for path in tmp_path.iterdir()}
    assert next(downloads) > 4


def test_a_window_is_told_of_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the storage fails within a window, none of its files is told of, or stays."""
    honest, files_written = batch_files._write_arrow, count(1)

    def write(pieces: Iterator[pa.RecordBatch], file: IO[bytes]) -> None:
        honest(pieces, file)
        if next(files_written) == 6:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch_files, "_write_arrow", write)
    output = Output()
    with account() as there:
        config = there.config(batch_config(tmp_path, {"format": "arrow"}, batch_size=200))
        with pytest.raises(BatchStorageError, match="No space left"):
            there.run(config, output=output)
    told = [url for m in output.messages if m["type"] == "BATCH" for url in m["manifest"]]
    assert len(told) == 4
    assert {UPath(url).name for url in told} == {path.name for path in tmp_path.iterdir()}


def test_an_error_of_the_rows_is_not_told_as_one_of_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though rows are read while a file is written, and whatever their error is."""
    honest, blocks = csv_file._Conversion.typed, count(1)

    def typed(
        conversion: csv_file._Conversion, block: pa.RecordBatch, numbers: Sequence[int]
    ) -> pa.RecordBatch:
        if next(blocks) == 3:
            raise ZeroDivisionError
        return honest(conversion, block, numbers)

    monkeypatch.setattr(rows, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(csv_file._Conversion, "typed", typed)
    with account() as there:
        config = there.config(batch_config(tmp_path, {"format": "arrow"}))
        with pytest.raises(ZeroDivisionError):
            there.run(config)
    assert next(blocks) == 4
    assert list(tmp_path.iterdir()) == []


def refused(there: Account, config: dict[str, object]) -> str:
    """The one error that a run ends with, after which nothing was asked."""
    with pytest.raises((InvalidSettingError, BatchStorageError)) as caught:
        there.run(config)
    assert there.backend.journal == []
    errors = getattr(caught.value, "errors", [str(caught.value)])
    assert len(errors) == 1
    return str(errors[0])


@pytest.mark.parametrize(
    "setting",
    [
        {"stream_maps": {STREAM: {"recipient": "md5(recipient)"}}},
        {"stream_maps": {STREAM: {"__filter__": "status_code == 3"}}},
        {"stream_maps": {"*": {"recipient": "__NULL__"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_what_would_pass_files_by_is_refused(setting: dict[str, object], tmp_path: Path) -> None:
    """A stream map does not reach batch files, so a number that it removes would leak."""
    with account() as there:
        error = refused(there, there.config(batch_config(tmp_path, {"format": "arrow"}) | setting))
    assert next(iter(setting)) in error
    assert "batch_config" in error


@pytest.mark.parametrize(
    ("batch", "named"),
    [
        ({"encoding": {"format": "csv"}, "storage": {"root": "file:///tmp"}}, "encoding.format"),
        (
            {
                "encoding": {"format": "jsonl", "compression": "lz4"},
                "storage": {"root": "file:///tmp"},
            },
            "encoding.compression",
        ),
        (
            {
                "encoding": {"format": "arrow", "compression": "gzip"},
                "storage": {"root": "file:///tmp"},
            },
            "compression",
        ),
        ({"encoding": {"format": "jsonl"}}, "storage"),
        ({"encoding": {"format": "jsonl"}, "storage": {}}, "root"),
        (
            {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp"}, "batch_size": 0},
            "batch_size",
        ),
        (
            {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp"}, "batchsize": 5},
            "batch_config",
        ),
    ],
)
def test_a_wrong_batch_config_is_refused(batch: dict[str, object], named: str) -> None:
    """A mistake is named before any request."""
    with account() as there:
        assert named in refused(there, there.config({"batch_config": batch}))


@pytest.mark.parametrize("root", ["nosuch://here", "no-such-storage://here", "gcs://bucket"])
def test_a_storage_that_is_none_is_refused(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root of an unknown kind, or of one that is not installed, ends the run at its start."""
    monkeypatch.chdir(tmp_path)
    with account() as there:
        config = there.config(batch_config(root, {"format": "arrow"}))
        assert "batch_config.storage" in refused(there, config)
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_takes_no_folder_is_refused(tmp_path: Path) -> None:
    """Where no folder can be made, the run ends before any request."""
    (tmp_path / "file").write_text("")
    with account() as there:
        config = there.config(batch_config(tmp_path / "file", {"format": "arrow"}))
        assert "batch_config.storage" in refused(there, config)


def test_a_file_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    """It is one sentence that names the setting, and no window is bookmarked."""
    output = Output()
    with account() as there:
        config = there.config(batch_config(tmp_path, {"format": "arrow"}))
        config["batch_config"]["storage"]["prefix"] = "far too long " * 30  # type: ignore[index]
        with pytest.raises(BatchStorageError, match=r"File name too long.*batch_config\.storage"):
            there.run(config, output=output)
        assert there.backend.journal
    assert {message["type"] for message in output.messages} == {"SCHEMA", "STATE"}
    assert b"replication_key_value" not in output.written
