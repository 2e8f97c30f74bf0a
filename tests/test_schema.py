"""The table of columns: the stream's public contract, and the names that the CSV may use."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import jsonschema
import pytest

from tap_mailjet_sms.schema import (
    COLUMNS,
    EXPORT_COLUMNS,
    MESSAGE_COLUMNS,
    STATUS_ALIASES,
    STATUS_NAMES,
    Column,
    plain_name,
    stream_schema,
)

SCHEMA = stream_schema(COLUMNS)


def test_names_and_order_of_the_columns() -> None:
    """The names are a public contract; a change breaks users' warehouses."""
    assert [column.name for column in COLUMNS] == [
        "message_id",
        "sender",
        "recipient",
        "status_code",
        "status_name",
        "status_description",
        "created_at",
        "sent_at",
        "sms_count",
        "cost_value",
        "cost_currency",
        "extra",
        "export_id",
        "exported_at",
        "from_ts",
        "to_ts",
    ]
    assert COLUMNS == MESSAGE_COLUMNS + EXPORT_COLUMNS
    assert len(MESSAGE_COLUMNS) == 12


def test_json_schema_of_the_stream() -> None:
    """The JSON schema is sound, and says type and null of each column."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    properties = SCHEMA["properties"]
    assert isinstance(properties, dict)
    assert {name: schema["type"] for name, schema in properties.items()} == {
        "message_id": ["string"],
        "sender": ["string", "null"],
        "recipient": ["string", "null"],
        "status_code": ["integer", "null"],
        "status_name": ["string", "null"],
        "status_description": ["string", "null"],
        "created_at": ["string"],
        "sent_at": ["string", "null"],
        "sms_count": ["integer", "null"],
        "cost_value": ["number", "null"],
        "cost_currency": ["string", "null"],
        "extra": ["object", "null"],
        "export_id": ["integer"],
        "exported_at": ["string", "null"],
        "from_ts": ["string"],
        "to_ts": ["string"],
    }
    dates = {name for name, schema in properties.items() if schema.get("format") == "date-time"}
    assert dates == {"created_at", "sent_at", "exported_at", "from_ts", "to_ts"}
    assert properties["extra"]["additionalProperties"] == {"type": ["string", "null"]}
    assert SCHEMA["required"] == [
        "message_id",
        "created_at",
        "export_id",
        "from_ts",
        "to_ts",
    ]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_each_description_names_mailjets_word_for_it(column: Column) -> None:
    """A user can find each column in Mailjet's own documentation."""
    assert column.description.endswith(".")
    assert column.name == "extra" or "documented" in column.description


def test_no_header_means_two_columns() -> None:
    """Each alias is normalised and belongs to one column only."""
    aliases = list(chain(STATUS_ALIASES, *(column.aliases for column in COLUMNS)))
    assert len(aliases) == len(set(aliases))
    assert [plain_name(alias) for alias in aliases] == aliases


@pytest.mark.parametrize("column", MESSAGE_COLUMNS[:-1], ids=lambda column: column.name)
def test_the_streams_own_names_are_known_headers(column: Column) -> None:
    """A file written with the stream's column names reads back."""
    assert plain_name(column.name) in column.aliases


@pytest.mark.parametrize(
    "header", ["MessageID", "message_id", "Message ID", " message-id ", "Message.Id", "MESSAGEID"]
)
def test_headers_are_normalised(header: str) -> None:
    """Case, spaces and the marks ``_ . -`` make no difference."""
    assert plain_name(header) == "messageid"


def test_status_names_are_mailjets() -> None:
    """Codes 0 to 16, in Mailjet's spelling, its slip included."""
    assert list(STATUS_NAMES) == list(range(17))
    assert STATUS_NAMES[3] == "delivered"
    assert STATUS_NAMES[15] == "rejected_insufficent_funds"


def test_the_table_needs_no_arrow() -> None:
    """The catalog is made without pyarrow, which takes long to import."""
    code = "import sys, tap_mailjet_sms.schema; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
