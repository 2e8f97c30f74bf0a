"""The table of `schema.py` in Arrow's types, for readers and writers alike."""

from __future__ import annotations

import pyarrow as pa

from tap_mailjet_sms.schema import (
    ACCOUNT_COLUMN,
    DECIMAL_DIGITS,
    DECIMAL_PLACES,
    EXPORT_COLUMNS,
    MESSAGE_COLUMNS,
    ColumnType,
)

TIMESTAMP = pa.timestamp("us", "UTC")
DECIMAL = pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES)
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
