"""Messages to be written into a file: the truth, and what has become of them since."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

PENDING, SENT, DELIVERED = 1, 2, 3
_SENDERS = ("MJPilot", "ACME Shop", "36190", "33757000000", "Clinic", "OTP", "Bakery, 24")
_PRICES = ("0.0450", "0.028", "0.04", "0.0075", "0.033", "0.1", "1.25")
#: The nights on which clocks are set back or forward, somewhere.
_CHANGES = (
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2025, 11, 2, 6, tzinfo=UTC),
)
_SPANS = (1 / 24, 1 / 24, 0.25, 1, 1, 7, 30, 30, 365)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Mailjet has it at some moment; a recipient is written as its digits."""

    message_id: str
    sender: str
    recipient: str
    status_code: int
    created_at: datetime
    sent_at: datetime | None
    sms_count: int
    cost_value: Decimal
    cost_currency: str
    #: What it costs once it is sent.
    price: Decimal


def draw_messages(rng: Random) -> list[Message]:
    """Some messages of one account and one window, in the order of their creation."""
    count = rng.choice((1, 2, 3, 4, 6, 10, 15, 25, 25, 40, 60, 120))
    span = timedelta(days=rng.choice(_SPANS))
    if rng.random() < 0.3:
        start = rng.choice(_CHANGES) - span * rng.random()
    else:
        start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(600 * 86_400))
    senders = rng.sample(_SENDERS, rng.choice((1, 1, 2, 4)))
    phones = [f"336399{rng.randrange(10**5):05}" for _ in range(rng.choice((2, 9, 200)))]
    currencies = rng.choice((["EUR"], ["EUR"], ["USD"], ["EUR", "USD", "GBP"]))
    prices = rng.sample(_PRICES, rng.choice((1, 2, 3)))
    all_parts = rng.choice(((1,), (1, 1, 1, 2), (1, 2, 3, 4, 5)))
    fates = rng.choice(((3,), (3, 3, 3, 3, 2, 5, 6), (0, 1, 2, 3, 4, 5, 9, 14, 16)))
    is_exact = rng.random() < 0.2
    in_bursts = rng.random() < 0.1
    moments = sorted(start + span * rng.random() for _ in range(count))
    if in_bursts:
        moments = [moment.replace(second=0) for moment in moments]
    messages = []
    for moment in moments:
        created = moment.replace(microsecond=moment.microsecond // 1000 * 1000 if is_exact else 0)
        fate, parts = rng.choice(fates), rng.choice(all_parts)
        unsent = fate == PENDING or fate > 8
        price = Decimal(rng.choice(prices)) * parts
        messages.append(
            Message(
                message_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                sender=rng.choice(senders),
                recipient=rng.choice(phones),
                status_code=fate,
                created_at=created,
                sent_at=None if unsent else created + timedelta(seconds=rng.choice((0, 1, 2, 31))),
                sms_count=parts,
                cost_value=Decimal(0) if unsent else price,
                cost_currency=rng.choice(currencies),
                price=price,
            )
        )
    return messages


def moved_on(message: Message, rng: Random) -> Message:
    """What becomes of a message: it is sent, delivered, costs something, or stays as it is."""
    if message.status_code not in {0, PENDING, SENT}:
        return message
    return replace(
        message,
        status_code=rng.choice((SENT, DELIVERED, DELIVERED, 5)),
        sent_at=message.sent_at or message.created_at + timedelta(seconds=rng.randrange(90)),
        cost_value=message.price,
    )
