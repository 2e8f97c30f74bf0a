"""The limits: pyarrow alone on a file, as fast as it goes, with no thought for what is in it.

`python arrow.py parse|arrow|parquet FILE.csv INTO` parses and types, and writes an Arrow IPC or
Parquet file with the columns of the tap's batch files.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

if "jemalloc" in pa.supported_memory_backends():
    pa.set_memory_pool(pa.jemalloc_memory_pool())

#: As the tap has them.
BLOCK_BYTES, ROW_GROUP = 1024 * 1024, 32_768

MOMENT = pa.timestamp("us", "UTC")
TYPES = {
    "ID": pa.string(),
    "From": pa.string(),
    "To": pa.string(),
    "Status": pa.int64(),
    "SmsCount": pa.int64(),
    "CreationTS": pa.int64(),
    "SentTS": pa.int64(),
    "Cost": pa.decimal128(38, 20),
    "Currency": pa.string(),
}
STATUSES = pa.array([f"a_status_of_usual_length_{n}"[:9] for n in range(17)])


def batches(path: str) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file, typed."""
    constant = pa.scalar(1_767_225_600_000_000, MOMENT)
    with pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(column_types=TYPES, null_values=[""]),
    ) as reader:
        for block in reader:
            rows = block.num_rows
            columns = {
                "message_id": block["ID"],
                "sender": block["From"],
                "recipient": block["To"],
                "status_code": block["Status"],
                "status_name": STATUSES.take(block["Status"]),
                "status_description": pa.nulls(rows, pa.string()),
                "created_at": pc.multiply(block["CreationTS"], 1_000_000).cast(MOMENT),
                "sent_at": pc.multiply(block["SentTS"], 1_000_000).cast(MOMENT),
                "sms_count": block["SmsCount"],
                "cost_value": block["Cost"],
                "cost_currency": block["Currency"],
                "extra": pa.nulls(rows),
                "export_id": pa.repeat(1, rows),
                "exported_at": pa.repeat(constant, rows),
                "from_ts": pa.repeat(constant, rows),
                "to_ts": pa.repeat(constant, rows),
            }
            yield pa.RecordBatch.from_pydict(columns)


def main(what: str, path: str, into: str) -> None:
    """Do one of the three."""
    pieces = batches(path)
    first = next(pieces)
    if what == "parse":
        for _ in pieces:
            pass
    elif what == "arrow":
        with pa.ipc.new_file(into, first.schema) as file:
            file.write_batch(first)
            for piece in pieces:
                file.write_batch(piece)
    else:
        with pq.ParquetWriter(into, first.schema, compression="snappy") as parquet:
            group, rows = [first], first.num_rows
            for piece in pieces:
                if rows + piece.num_rows > ROW_GROUP:
                    parquet.write_table(pa.Table.from_batches(group))
                    group, rows = [], 0
                group.append(piece)
                rows += piece.num_rows
            parquet.write_table(pa.Table.from_batches(group))


if __name__ == "__main__":
    main(*sys.argv[1:])
