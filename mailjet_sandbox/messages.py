"""The messages of an account, as a function of a seed and of time: there is no database.

Message number *n* is created in the *n*-th slot of a steady pace, somewhere inside the slot. So
the creation times rise with the number, and each question (how many between two times, the
messages of a window, the one with this id) costs no walk through the history.
"""

from __future__ import annotations

import hashlib
import struct
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Documented, in Mailjet's spelling.
STATUS_NAMES = (
    "unknown",
    "sent_pending",
    "sent",
    "delivered",
    "rejected_operator",
    "rejected_undelivered",
    "rejected_expired",
    "rejected_incorrect_delivery",
    "rejected_network",
    "rejected_dnd",
    "rejected_from_blacklist",
    "rejected_to_blacklist",
    "rejected_anti_flood",
    "rejected_system_error",
    "invalid_phone_number",
    "rejected_insufficent_funds",
    "rejected_daily_limit_reached",
)
#: Guessed: that there is a description is documented, its words are not.
STATUS_DESCRIPTIONS = tuple(
    f"Message is {name.replace('_', ' ')}, as far as we know." for name in STATUS_NAMES
)
PENDING, SENT, DELIVERED = 1, 2, 3

#: After this many seconds, and before, no status or cost changes any more.
SETTLED_AFTER = 2 * 86_400

_BLOCK = 256
_BYTES = 32
_WORDS = struct.Struct(f"<{_BLOCK * _BYTES // 8}Q")
_ID_BITS = 48
_ID_FACTOR = 0x5DEECE66D  # odd, so the multiplication can be undone modulo a power of two
_ID_MASK = (1 << _ID_BITS) - 1
_ID_INVERSE = pow(_ID_FACTOR, -1, 1 << _ID_BITS)

# Guessed shares: nearly all messages arrive, yet each code occurs, and some never leave 1 or 2.
_FATES = tuple(
    code
    for code in range(len(STATUS_NAMES))
    for _ in range({DELIVERED: 256 - 8 - 6 - 14 * 2, 5: 8, 6: 6}.get(code, 2))
)
# Guessed: these are refused by Mailjet itself, so such a message was never sent; nor was one that
# hangs in "pending".
_UNSENT = frozenset({PENDING, *range(9, len(STATUS_NAMES))})
# How long the network takes, as masks on random bits: mostly seconds, at times more than a day.
_WAITS = (*[0x1F] * 40, *[0x3FF] * 14, *[0x7FFF] * 6, *[0x1FFFF] * 4)
_PARTS = (*[1] * 11, 2, 2, 3, 4, 5)
# Documented: senders are alphanumeric or numeric.
_SENDERS = ("MJPilot", "ACME Shop", "36190", "Bakery 24", "33757000000", "Clinic", "BusLine", "OTP")
# Ranges that regulators keep for fiction, so that no row can be a real subscriber.
_PHONES = (
    *[f"+3363998{n:04}" for n in range(10_000)],
    *[f"+447700900{n:03}" for n in range(1000)],
    *[f"+12025550{n:03}" for n in range(100, 200)],
)
_PRICES = (
    ("0.0450", "EUR"),
    ("0.028", "EUR"),
    ("0.04", "EUR"),
    ("0.0075", "USD"),
    ("0.033", "GBP"),
)
_COSTS = tuple(
    (str(Decimal(price) * parts), currency) for price, currency in _PRICES for parts in range(6)
)


class Message(NamedTuple):
    """A message as it stood at some moment; times are unix seconds."""

    message_id: str
    sender: str
    recipient: str
    status: int
    sms_count: int
    created_ts: int
    sent_ts: int | None
    cost_value: str
    cost_currency: str


def as_number(message_id: str) -> str:
    """Give the same id as a long number, as one of Mailjet's samples has it."""
    return str(10**18 + int(message_id[-12:], 16))


class Messages:
    """All messages that an account ever sent, and will send."""

    def __init__(
        self, *, since: int, seed: int = 0, per_hour: float = 60, arrival_lag: int = 0
    ) -> None:
        """Describe an account.

        Args:
            since: when the first message was created, in unix seconds.
            seed: other seeds give other messages.
            per_hour: how many messages are created in an hour.
            arrival_lag: how many seconds at most it takes until Mailjet's store shows a message
                (guessed: nothing is documented about it).
        """
        if per_hour <= 0:
            msg = f"per_hour must be more than 0, not {per_hour}"
            raise ValueError(msg)
        pace = Fraction(per_hour) / 3600
        self.seed = seed
        self.since = since
        self.per_hour = per_hour
        self.arrival_lag = arrival_lag
        self._seconds = pace.denominator
        self._slots = pace.numerator << 16
        self._id_key = int.from_bytes(hashlib.sha256(f"id {seed}".encode()).digest()[:6])
        self._block = lru_cache(maxsize=512)(self._random_block)

    def numbers(self, start: int, end: int, *, at: int) -> range:
        """Give the numbers of all messages created in [start, end), as far as they exist by `at`.

        With an arrival lag, the newest of them may still be invisible: see :meth:`is_visible`.
        """
        first = self._first_from(start)
        return range(first, max(first, self._first_from(min(end, at + 1))))

    def count(self, start: int, end: int, *, at: int) -> int:
        """Count the messages created in [start, end) that the store shows at `at`."""
        numbers = self.numbers(start, end, at=at)
        sure = min(max(self._first_from(at - self.arrival_lag), numbers.start), numbers.stop)
        unsure = range(sure, numbers.stop)
        return sure - numbers.start + sum(self.is_visible(number, at) for number in unsure)

    def between(self, start: int, end: int, *, at: int, aged: int = 0) -> Iterator[Message]:
        """Give the messages created in [start, end) as of `at`, oldest first."""
        for block in self.blocks(start, end, at=at, aged=aged):
            yield from block

    def newest(self, start: int, end: int, *, at: int, aged: int = 0) -> Iterator[Message]:
        """Give the messages created in [start, end) as of `at`, newest first."""
        for number in reversed(self.numbers(start, end, at=at)):
            if self.is_visible(number, at):
                yield self.message(number, at=at, aged=aged)

    def find(self, message_id: str, *, at: int, aged: int = 0) -> Message | None:
        """Look a message up by its id, which holds its number in disguise."""
        try:
            disguised = int(message_id[-12:], 16)
        except ValueError:
            return None
        number = ((disguised ^ self._id_key) * _ID_INVERSE) & _ID_MASK
        if number > self._first_from(at + 1) or not self.is_visible(number, at):
            return None
        message = self.message(number, at=at, aged=aged)
        return message if message.message_id == message_id else None

    def message(self, number: int, *, at: int, aged: int = 0) -> Message:
        """Give one message by its number."""
        return self._render(number, number + 1, at + aged)[0]

    def blocks(self, start: int, end: int, *, at: int, aged: int = 0) -> Iterator[list[Message]]:
        """Give the messages created in [start, end) as of `at`, oldest first, in short lists.

        Args:
            start: first second of the span.
            end: first second after the span.
            at: the moment of the question: no later message exists, no later status is known.
            aged: how many seconds more the statuses have moved on.
        """
        numbers = self.numbers(start, end, at=at)
        fresh = self._first_from(at - self.arrival_lag)
        low = numbers.start
        while low < numbers.stop:
            high = min(numbers.stop, low - low % _BLOCK + _BLOCK)
            block = self._render(low, high, at + aged)
            if high > fresh:
                shown = range(low, high)
                block = [m for n, m in zip(shown, block, strict=True) if self.is_visible(n, at)]
            yield block
            low = high

    def is_visible(self, number: int, at: int) -> bool:
        """Tell whether the store shows the message yet."""
        created = self._created(number)
        if created > at:
            return False
        return created + number * 7919 % (self.arrival_lag + 1) <= at

    def _created(self, number: int) -> int:
        words = self._block(number // _BLOCK)[0]
        jitter = words[number % _BLOCK * 4 + 2] & 0xFFFF
        return self.since + (number << 16 | jitter) * self._seconds // self._slots

    def _first_from(self, moment: int) -> int:
        """Give the number of the first message that is created at `moment` or later."""
        slots = (moment - self.since) * self._slots // (self._seconds << 16)
        number = max(0, slots - 1)
        while self._created(number) < moment:
            number += 1
        return number

    def _random_block(self, block: int) -> tuple[tuple[int, ...], str]:
        """Derive the random bits of a block of messages, as words and as hexadecimal text."""
        name = f"messages {self.seed} {block}".encode()
        bits = hashlib.shake_128(name).digest(_BLOCK * _BYTES)
        return _WORDS.unpack(bits), bits.hex()

    def _render(self, first: int, stop: int, now: int) -> list[Message]:
        """Make the messages [first, stop) of one block as of `now`: the hot loop of an export."""
        words, text = self._block(first // _BLOCK)
        low, high = first % _BLOCK, first % _BLOCK + stop - first
        since, seconds, slots, key = self.since, self._seconds, self._slots, self._id_key
        new = tuple.__new__  # a third faster than calling Message
        messages = []
        for number, digits, bits, more in zip(
            range(first, stop),
            range(low * _BYTES * 2, high * _BYTES * 2, _BYTES * 2),
            words[low * 4 + 2 : high * 4 : 4],
            words[low * 4 + 3 : high * 4 : 4],
            strict=True,
        ):
            a, b = text[digits : digits + 8], text[digits + 8 : digits + 12]
            c, d = text[digits + 12 : digits + 15], text[digits + 15 : digits + 18]
            created = since + (number << 16 | bits & 0xFFFF) * seconds // slots
            leaves = created + (bits >> 16 & 31)
            fate = _FATES[bits >> 21 & 255]
            parts = _PARTS[bits >> 35 & 15]
            cost, currency = _COSTS[(bits >> 39 & 255) % 5 * 6 + parts]
            sent = None
            if now < leaves or fate in _UNSENT:
                status = PENDING if now < leaves else fate
                cost = "0"  # guessed: what was not sent costs nothing, so a cost can change as well
            else:
                sent = leaves
                status = fate if now > leaves + (more & _WAITS[bits >> 29 & 63]) else SENT
            values = (
                f"{a}-{b}-4{c}-a{d}-{(number * _ID_FACTOR & _ID_MASK) ^ key:012x}",
                _SENDERS[bits >> 47 & 7],
                _PHONES[(more >> 32) % len(_PHONES)],
                status,
                parts,
                created,
                sent,
                cost,
                currency,
            )
            messages.append(new(Message, values))
        return messages
