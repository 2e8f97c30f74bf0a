"""What a column of the CSV can be: a column of the stream, or one that holds several of them."""

from __future__ import annotations

from tap_mailjet_sms.schema import MESSAGE_COLUMNS

#: The role of a column that may hold a code, a name or a JSON cell.
STATUS = "status"
#: These complete each other, and any of them gives a status.
CODED = ("status_code", "status_name")
STATUS_COLUMNS = (*CODED, "status_description")
STATUS_ROLES = (STATUS, *CODED)
#: Columns that may stand in the cells of another, and that one.
HOSTS = {"status_description": "status_code", "cost_currency": "cost_value"}
#: What `column_map` says of a header that is to stay as it is.
KEPT = (None, "extra")
#: The columns that a CSV should have, all but `extra`.
DOCUMENTED = tuple(column.name for column in MESSAGE_COLUMNS if column.aliases)
REQUIRED = tuple(column.name for column in MESSAGE_COLUMNS if not column.nullable)
#: What never changes after a message was created.
CONSTANT = ("message_id", "created_at", "sender", "recipient", "sms_count")
#: Times.
TIMES = ("created_at", "sent_at")
#: What may have changed between the export and a list.
CHANGING = (*STATUS_ROLES, "status_description", "sent_at", "cost_value", "cost_currency")
ROLES = frozenset((*CONSTANT, *CHANGING))
