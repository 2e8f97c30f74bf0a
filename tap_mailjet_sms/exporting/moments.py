"""The times in Mailjet's answers, in whatever form they come. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tap_mailjet_sms.utc import CENTURY_BEGINS, CENTURY_ENDS, EPOCH

#: No moment of this century has so many seconds, and none has fewer milliseconds.
MILLISECONDS_FROM = 10**11
#: How Go, and so perhaps Mailjet, writes that there is no time (a guess).
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def moment(value: object) -> datetime | None:
    """The one way to read a time of Mailjet's: None only where there is none.

    Unix seconds are documented; milliseconds and RFC 3339 with any offset are guesses. Each may be
    a number or text. Null, an empty text, zero and the year 1 stand for no time.

    Raises:
        ValueError: If something is there that is none of these, so nobody takes it for missing.
    """
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "":
        return None
    if isinstance(text, str) and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII):
        return _rfc3339(text)
    is_number = isinstance(text, int | float | str) and not isinstance(text, bool)
    number = Decimal(str(text)) if is_number else Decimal("nan")
    if number == 0:
        return None
    if not number.is_finite() or not 0 < number < MILLISECONDS_FROM * 1000:
        raise ValueError
    seconds = number if number < MILLISECONDS_FROM else number / 1000
    then = EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    if not CENTURY_BEGINS <= then < CENTURY_ENDS:
        raise ValueError  # a date in digits, say
    return then


def _rfc3339(text: str) -> datetime | None:
    then = datetime.fromisoformat(text)
    if then.tzinfo is None:
        raise ValueError
    try:
        then = then.astimezone(UTC)
    except OverflowError:
        raise ValueError from None
    return None if then == NO_TIME else then
