"""The table of `schema.py` in Arrow's types, for readers and writers alike."""

from __future__ import annotations

import pyarrow as pa

from tap_mailjet_sms.schema import ACCOUNT_COLUMN, EXPORT_COLUMNS, MESSAGE_COLUMNS, ColumnType

TIMESTAMP = pa.timestamp("us", "UTC")
#: Room for what a price in binary floating point may print (17 digits after some zeros), so that
#: no price has to be rounded, and for 18 digits before the point.
DECIMAL = pa.decimal128(38, 20)
#: The columns of a CSV that the tap does not know, by their header.
EXTRA = pa.map_(pa.string(), pa.string())

_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DECIMAL: DECIMAL,
    ColumnType.TIMESTAMP: TIMESTAMP,
    ColumnType.OBJECT: EXTRA,
}

#: The schema of every batch of messages.
MESSAGE_SCHEMA = pa.schema(
    [pa.field(column.name, _TYPES[column.type], column.nullable) for column in MESSAGE_COLUMNS]
)
#: The columns that are the same for each message of an export: what tells of it, and the account.
EXPORT_SCHEMA = pa.schema(
    [
        pa.field(column.name, _TYPES[column.type], column.nullable)
        for column in (*EXPORT_COLUMNS, ACCOUNT_COLUMN)
    ]
)
