"""The stream's columns in one table: name, type, meaning, and what the CSV may call them.

Mailjet does not document the export's CSV, so each column lists the headers that are plausible.
The marks in the descriptions say how sure we are: *documented* by Mailjet, *seen* in its clients,
or *guessed*. Nothing here needs pyarrow, so that ``--about`` and ``--discover`` stay light.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass


class ColumnType(enum.Enum):
    """What a column holds, apart from nulls."""

    TEXT = enum.auto()
    INTEGER = enum.auto()
    DECIMAL = enum.auto()
    TIMESTAMP = enum.auto()
    OBJECT = enum.auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the stream; `aliases` are the CSV headers it may have, normalised."""

    name: str
    type: ColumnType
    nullable: bool
    description: str
    aliases: tuple[str, ...] = ()


def plain_name(header: str) -> str:
    """Drop what headers of one meaning differ in: case, spaces and the marks ``_ . -``."""
    return re.sub(r"[\s_.\-]+", "", header).casefold()


MESSAGE_COLUMNS: tuple[Column, ...] = (
    Column(
        "message_id",
        ColumnType.TEXT,
        nullable=False,
        description="Mailjet's id of the message, a UUID (documented `MessageId`, seen `ID`).",
        aliases=("id", "messageid", "smsid"),
    ),
    Column(
        "sender",
        ColumnType.TEXT,
        nullable=True,
        description="Alphanumeric or numeric sender (documented as `From`).",
        aliases=("from", "sender", "senderid", "sendername"),
    ),
    Column(
        "recipient",
        ColumnType.TEXT,
        nullable=True,
        description="Phone number of the recipient, E.164 (documented as `To`).",
        aliases=("to", "recipient", "recipientnumber", "phonenumber", "destination"),
    ),
    Column(
        "status_code",
        ColumnType.INTEGER,
        nullable=True,
        description=(
            "Delivery status as a number, 0 to 16 so far (documented as `Status.Code`);"
            " it changes for some days after creation."
        ),
        aliases=("statuscode",),
    ),
    Column(
        "status_name",
        ColumnType.TEXT,
        nullable=True,
        description="Delivery status in Mailjet's spelling (documented as `Status.Name`).",
        aliases=("statusname",),
    ),
    Column(
        "status_description",
        ColumnType.TEXT,
        nullable=True,
        description="Mailjet's sentence on the status (documented as `Status.Description`).",
        aliases=("statusdescription",),
    ),
    Column(
        "created_at",
        ColumnType.TIMESTAMP,
        nullable=False,
        description="When Mailjet took the message, UTC (documented as `CreationTS`, in seconds).",
        aliases=(
            "creationts",
            "creationdate",
            "creationtime",
            "creationtimestamp",
            "created",
            "createdat",
            "createdts",
            "createddate",
        ),
    ),
    Column(
        "sent_at",
        ColumnType.TIMESTAMP,
        nullable=True,
        description=(
            "When the message went out, UTC (documented as `SentTS`, in seconds);"
            " null while it is being sent."
        ),
        aliases=("sentts", "sentdate", "senttime", "senttimestamp", "sent", "sentat"),
    ),
    Column(
        "sms_count",
        ColumnType.INTEGER,
        nullable=True,
        description="Parts that the message was sent in, at most 5 (documented as `SMSCount`).",
        aliases=("smscount", "parts", "smsparts", "partscount", "numberofparts"),
    ),
    Column(
        "cost_value",
        ColumnType.DECIMAL,
        nullable=True,
        description=(
            "Price of the message in `cost_currency`, exact (documented as `Cost.Value`);"
            " it can change with the status."
        ),
        aliases=("cost", "costvalue", "price", "pricevalue"),
    ),
    Column(
        "cost_currency",
        ColumnType.TEXT,
        nullable=True,
        description="Currency of `cost_value`: EUR, USD, GBP (documented as `Cost.Currency`).",
        aliases=("currency", "costcurrency", "pricecurrency"),
    ),
    Column(
        "extra",
        ColumnType.OBJECT,
        nullable=True,
        description="Columns of the CSV that the tap does not know, as text, by their header.",
    ),
)

EXPORT_COLUMNS: tuple[Column, ...] = (
    Column(
        "export_id",
        ColumnType.INTEGER,
        nullable=False,
        description="Id of the export that brought the row (documented as `ID`).",
    ),
    Column(
        "exported_at",
        ColumnType.TIMESTAMP,
        nullable=True,
        description=(
            "When Mailjet finished the export's file, UTC (documented as `CreationTS`):"
            " the moment at which status and cost were true."
        ),
    ),
    Column(
        "from_ts",
        ColumnType.TIMESTAMP,
        nullable=False,
        description="Begin of the export's window, UTC (documented as `FromTS`).",
    ),
    Column(
        "to_ts",
        ColumnType.TIMESTAMP,
        nullable=False,
        description="End of the export's window, UTC; the bookmark (documented as `ToTS`).",
    ),
)

#: Which account a row is of, where several fill one table; only if the setting `account` is set.
ACCOUNT_COLUMN = Column(
    "account",
    ColumnType.TEXT,
    nullable=False,
    description="What the setting `account` says; there only if that is set.",
)

COLUMNS: tuple[Column, ...] = MESSAGE_COLUMNS + EXPORT_COLUMNS

#: A CSV column of this name can hold a code, a name, or all of a status in one JSON cell (guessed),
#: so it completes the columns `status_code`, `status_name` and `status_description`.
STATUS_ALIASES: tuple[str, ...] = (
    "status",
    "state",
    "deliverystatus",
    "messagestatus",
    "smsstatus",
)

#: Documented by Mailjet, "insufficent" included.
STATUS_NAMES: dict[int, str] = {
    0: "unknown",
    1: "sent_pending",
    2: "sent",
    3: "delivered",
    4: "rejected_operator",
    5: "rejected_undelivered",
    6: "rejected_expired",
    7: "rejected_incorrect_delivery",
    8: "rejected_network",
    9: "rejected_dnd",
    10: "rejected_from_blacklist",
    11: "rejected_to_blacklist",
    12: "rejected_anti_flood",
    13: "rejected_system_error",
    14: "invalid_phone_number",
    15: "rejected_insufficent_funds",
    16: "rejected_daily_limit_reached",
}

_JSON_TYPES: dict[ColumnType, str] = {
    ColumnType.TEXT: "string",
    ColumnType.INTEGER: "integer",
    ColumnType.DECIMAL: "number",
    ColumnType.TIMESTAMP: "string",
    ColumnType.OBJECT: "object",
}


#: Decimal places of a cost: room for what a price in binary floating point may print (17 digits
#: after some zeros), so that none has to be rounded, and for 18 digits before the point.
DECIMAL_DIGITS, DECIMAL_PLACES = 38, 20

#: The one column of decimals.
DECIMAL_COLUMN = "cost_value"

#: The value of the setting `decimals` with which costs leave as text.
TEXT_DECIMALS = "x-singer.decimal"
#: A number that leaves as text, so that no target takes it for a floating point number on its way;
#: targets of the SDK make a decimal column of it.
TEXT_DECIMAL: dict[str, object] = {
    "type": ["string", "null"],
    "format": TEXT_DECIMALS,
    "precision": DECIMAL_DIGITS,
    "scale": DECIMAL_PLACES,
}


def _json_schema(column: Column) -> dict[str, object]:
    name = _JSON_TYPES[column.type]
    schema: dict[str, object] = {"type": [name, "null"] if column.nullable else [name]}
    if column.type is ColumnType.TIMESTAMP:
        schema["format"] = "date-time"
    if column.type is ColumnType.OBJECT:
        schema["additionalProperties"] = {"type": ["string", "null"]}
    schema["description"] = column.description
    return schema


def stream_schema(columns: tuple[Column, ...], *, text_decimals: bool = False) -> dict[str, object]:
    """The JSON schema of a stream with these columns; its decimals are numbers, or texts."""
    properties = {column.name: _json_schema(column) for column in columns}
    if text_decimals:
        properties[DECIMAL_COLUMN] |= TEXT_DECIMAL
    return {
        "type": "object",
        "properties": properties,
        "required": [column.name for column in columns if not column.nullable],
    }
