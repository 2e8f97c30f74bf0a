"""What the tap has to make of an account: a record for each of its messages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mailjet_sandbox import Layout, Message
    from tests.support.account import JSON, Account


def expected(layout: Layout, message: Message) -> JSON:
    """The record of a message, but for what tells of its export."""
    row = dict(layout.expected(message))
    created, sent = row.pop("created_ts"), row.pop("sent_ts")
    row["created_at"] = iso(created)
    row["sent_at"] = None if sent is None else iso(sent)
    if row["cost_value"] is not None:
        row["cost_value"] = Decimal(str(row["cost_value"]))
    row["extra"] = row["extra"] or None
    return row


def iso(seconds: object) -> str:
    """A moment as records have it."""
    assert isinstance(seconds, int)
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def truth(served: Account, config: Mapping[str, object]) -> dict[str, JSON]:
    """What a run with these settings has to bring, by message."""
    start, end = (
        int(datetime.fromisoformat(str(config[name])).timestamp())
        for name in ("start_date", "end_date")
    )
    layout = served.backend.layout
    return {
        message.message_id: expected(layout, message)
        for message in served.backend.truth(start, end)
    }


def without_export(record: JSON) -> JSON:
    """The record of a message, but for what tells of its export."""
    about_export = ("export_id", "exported_at", "from_ts", "to_ts")
    return {name: value for name, value in record.items() if name not in about_export}
