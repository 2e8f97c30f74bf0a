"""From typed Arrow to what leaves the tap: finished RECORD lines, or single records.

Both forms are made from the same JSON, so they are equal by construction: the fast lane wraps each
line of it into a message, the other one decodes it for whatever wants to see single records.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import arro3.io
import msgspec
import pyarrow as pa

from tap_mailjet_sms.utc import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

#: Rows are made into JSON in slices: they stay in the processor's cache, and memory does not depend
#: on a batch's size.
SLICE = 500

_SHORT_DECIMAL = pa.decimal128(38, 4)

_decoder = msgspec.json.Decoder(dict, float_hook=Decimal)


def record_lines(
    batch: pa.RecordBatch, *, stream: str, export_fields: Mapping[str, object]
) -> Iterator[bytes]:
    """RECORD messages, one line each, equal to what the SDK writes for the same records.

    Args:
        batch: Typed rows with the selected columns.
        stream: The stream's name.
        export_fields: Further fields, the same for every row.

    Yields:
        Some of the lines.
    """
    before = b'{"type":"RECORD","stream":%b,"record":' % msgspec.json.encode(stream)
    after = b',"time_extracted":%b}' % msgspec.json.encode(datetime.now(UTC))
    return json_lines(batch, export_fields, before=before, after=after)


def single_records(
    batch: pa.RecordBatch, *, export_fields: Mapping[str, object]
) -> Iterator[Record]:
    """The same records as mappings: numbers with a point are `Decimal`, date-times are strings."""
    for lines in json_lines(batch, export_fields):
        yield from _decoder.decode_lines(lines)


def json_lines(
    batch: pa.RecordBatch,
    export_fields: Mapping[str, object],
    *,
    before: bytes = b"",
    after: bytes = b"",
) -> Iterator[bytes]:
    """Each row as a JSON object on a line, with `before` and `after` around it.

    JSON holds no raw line feed, so `}` and a line feed end a row and nothing else: what stands
    around a row is put there for the price of copying the bytes. Twice one byte where that does as
    well, since looking for two bytes takes Python ten times as long as looking for one.

    Args:
        batch: Typed rows with the selected columns.
        export_fields: Further fields, the same for every row.
        before: What stands before each object.
        after: What stands behind it, on the same line.

    Yields:
        Some of the lines.
    """
    constants = {
        name: iso(value) if isinstance(value, datetime) else value
        for name, value in export_fields.items()
    }
    fields = msgspec.json.encode(constants)[1:]  # without its brace: the row is open already
    ending = (b"," if batch.num_columns and len(fields) > 1 else b"") + fields + after
    batch = _without_idle_zeros(batch)
    for start in range(0, batch.num_rows, SLICE):
        rows = batch.slice(start, SLICE)
        buffer = io.BytesIO()
        buffer.write(before)
        arro3.io.write_ndjson(rows, buffer, explicit_nulls=True)
        lines = buffer.getvalue()
        if lines.count(b"}") == rows.num_rows:  # so each of them ends a row
            lines = lines.replace(b"}", ending).replace(b"\n", b"\n" + before)
        else:
            lines = lines.replace(b"}\n", ending + b"\n" + before)
        yield lines[: len(lines) - len(before)]


def with_text_costs(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its costs as texts: all digits, no exponent, no idle zeros."""
    index = batch.schema.get_field_index("cost_value")
    if index < 0:
        return batch
    costs = batch.column(index).dictionary_encode()
    texts = [f"{cost:f}".rstrip("0").rstrip(".") for cost in costs.dictionary.to_pylist()]
    return batch.set_column(index, "cost_value", pa.array(texts, pa.string()).take(costs.indices))


def _without_idle_zeros(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its costs at four decimals where that loses nothing: all are printed."""
    index = batch.schema.get_field_index("cost_value")
    if index < 0 or not pa.types.is_decimal(batch.column(index).type):
        return batch
    try:
        costs = batch.column(index).cast(_SHORT_DECIMAL)
    except pa.ArrowInvalid:
        return batch
    return batch.set_column(index, "cost_value", costs)
