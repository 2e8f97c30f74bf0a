"""A message as the list of messages has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailjet_sandbox.messages import STATUS_DESCRIPTIONS, STATUS_NAMES, as_number
from mailjet_sandbox.unknowns import Spelling, Unsent

if TYPE_CHECKING:
    from mailjet_sandbox.messages import Message
    from mailjet_sandbox.unknowns import Listing

#: The keys of the id and of the number of parts.
_KEYS = {
    Spelling.LIVE: ("ID", "SmsCount"),  # seen
    Spelling.SAMPLES: ("MessageId", "SMSCount"),  # documented
    Spelling.PROSE: ("MessageID", "SMSCount"),  # documented
}


def as_listed(message: Message, listing: Listing) -> dict[str, object]:
    """Write a message; by default as seen live, with "" for no sending time (documented)."""
    identity, parts = _KEYS[listing.spelling]
    document: dict[str, object] = {
        identity: as_number(message.message_id) if listing.number_ids else message.message_id,
        "From": message.sender,
        "To": message.recipient,
        "Status": {
            "Code": message.status,
            "Name": STATUS_NAMES[message.status],
            "Description": STATUS_DESCRIPTIONS[message.status],
        },
        parts: message.sms_count,
        "CreationTS": message.created_ts,
        "SentTS": message.sent_ts,
        "Cost": {"Value": float(message.cost_value), "Currency": message.cost_currency},
    }
    if message.sent_ts is None:
        match listing.unsent:
            case Unsent.EMPTY:
                document["SentTS"] = ""
            case Unsent.MISSING:
                del document["SentTS"]
    return document
