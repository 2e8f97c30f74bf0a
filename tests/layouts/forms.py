"""How values are written: ids, phone numbers, moments, statuses, and costs, each in many forms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from tests.layouts.messages import Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)

STATUS_NAMES = (
    "unknown", "sent_pending", "sent", "delivered", "rejected_operator", "rejected_undelivered",
    "rejected_expired", "rejected_incorrect_delivery", "rejected_network", "rejected_dnd",
    "rejected_from_blacklist", "rejected_to_blacklist", "rejected_anti_flood",
    "rejected_system_error", "invalid_phone_number", "rejected_insufficent_funds",
    "rejected_daily_limit_reached",
)  # fmt: skip
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a moment is written, and to which precision; a naive one is that of a zone."""

    write: Callable[[datetime], str]
    precision: timedelta = SECOND
    naive: bool = False


def _naive(form: str, precision: timedelta = SECOND) -> TimeForm:
    return TimeForm(lambda moment: moment.strftime(form), precision, naive=True)


def _without_zeros(moment: datetime) -> str:
    return f"{moment.month}/{moment.day}/{moment.year} {moment:%I:%M %p}".replace(" 0", " ")


def _utc(form: str, precision: timedelta = SECOND) -> TimeForm:
    return TimeForm(lambda moment: moment.astimezone(UTC).strftime(form), precision)


def _fraction(moment: datetime) -> str:
    return f"{moment.microsecond // 1000:03}"


TIMES: dict[str, TimeForm] = {
    "unix": TimeForm(lambda moment: str((moment - EPOCH) // SECOND)),
    "milliseconds": TimeForm(lambda moment: str((moment - EPOCH) // MILLISECOND), MILLISECOND),
    "unix with a fraction": TimeForm(
        lambda moment: f"{(moment - EPOCH) // SECOND}.{_fraction(moment)}", MILLISECOND
    ),
    "Z": _utc("%Y-%m-%dT%H:%M:%SZ"),
    "Z with a fraction": TimeForm(
        lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{_fraction(moment)}Z",
        MILLISECOND,
    ),
    "offset": TimeForm(lambda moment: moment.replace(microsecond=0).isoformat()),
    "offset without marks": TimeForm(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S %z")),
    "Go": _utc("%Y-%m-%d %H:%M:%S +0000 UTC"),
    "RFC 2822": _utc("%a, %d %b %Y %H:%M:%S +0000"),
    "compact": _utc("%Y%m%dT%H%M%SZ"),
    "T": _naive("%Y-%m-%dT%H:%M:%S"),
    "blank": _naive("%Y-%m-%d %H:%M:%S"),
    "blank to the minute": _naive("%Y-%m-%d %H:%M", MINUTE),
    "slashes": _naive("%Y/%m/%d %H:%M:%S"),
    "day first": _naive("%d/%m/%Y %H:%M:%S"),
    "day first to the minute": _naive("%d/%m/%Y %H:%M", MINUTE),
    "day first with points": _naive("%d.%m.%Y %H:%M:%S"),
    "day first with dashes": _naive("%d-%m-%Y %H:%M:%S"),
    "month first": _naive("%m/%d/%Y %H:%M:%S"),
    "twelve hours": _naive("%m/%d/%Y %I:%M:%S %p"),
    "twelve hours to the minute": TimeForm(_without_zeros, MINUTE, naive=True),
    "short years": _naive("%d/%m/%y %H:%M:%S"),
    "words": _naive("%d %b %Y %H:%M:%S"),
}


def written(moment: datetime | None, form: TimeForm, zone: tzinfo, nothing: str) -> str:
    """A moment as it stands in a cell, in the zone where the form does not say one."""
    return nothing if moment is None else form.write(moment.astimezone(zone))


def as_read(moment: datetime, form: TimeForm, zone: tzinfo) -> set[datetime]:
    """The moments that a right reader may make of it: two in an hour that the clocks repeat."""
    there = moment.astimezone(zone)
    floor = timedelta(microseconds=moment.microsecond)
    if form.precision == MILLISECOND:
        floor = timedelta(microseconds=moment.microsecond % 1000)
    elif form.precision == MINUTE:
        floor += timedelta(seconds=moment.second)
    if not form.naive:
        return {moment - floor}
    return {there.replace(fold=fold).astimezone(UTC) - floor for fold in (0, 1)}


def _grouped(digits: str) -> str:
    return "+" + " ".join(digits[at : at + 2] for at in range(0, len(digits), 2))


PHONES: dict[str, Callable[[str], str]] = {
    "+": lambda digits: f"+{digits}",
    "digits": str,
    "zeros": lambda digits: f"00{digits}",
    "apostrophe": lambda digits: f"'+{digits}",
    "blanks": _grouped,
}

IDS: dict[str, Callable[[str], str]] = {
    "uuid": str,
    "capitals": str.upper,
    "bare": lambda text: text.replace("-", ""),
    "number": lambda text: str(10**18 + int(text[-12:], 16)),
}


def description(code: int) -> str:
    """What Mailjet says of a status (guessed)."""
    return f"Message is {STATUS_NAMES[code].replace('_', ' ')}."


def _json_status(code: int) -> str:
    return json.dumps({"Code": code, "Name": STATUS_NAMES[code], "Description": description(code)})


_CODE, _NAME, _BOTH = ("status_code",), ("status_name",), ("status_code", "status_name")
#: The columns in which a status is written: the field that a name is for, the columns of the stream
#: that it holds, and how.
STATUSES: dict[str, list[tuple[str, tuple[str, ...], Callable[[int], str]]]] = {
    "code": [("status", _BOTH, str)],
    "name": [("status", _BOTH, STATUS_NAMES.__getitem__)],
    "capitals": [("status", _BOTH, lambda code: STATUS_NAMES[code].upper())],
    "words": [("status", _BOTH, lambda code: STATUS_NAMES[code].replace("_", " ").capitalize())],
    "both": [("status", _BOTH, lambda code: f"{code} - {STATUS_NAMES[code]}")],
    "json": [("status", (*_BOTH, "status_description"), _json_status)],
    "two columns": [
        ("status_code", _BOTH, str),
        ("status_name", _BOTH, STATUS_NAMES.__getitem__),
    ],
    "three columns": [
        ("status_code", _BOTH, str),
        ("status_name", _BOTH, STATUS_NAMES.__getitem__),
        ("status_description", ("status_description",), description),
    ],
}


def _comma(message: Message) -> str:
    return str(message.cost_value).replace(".", ",")


_VALUE, _COST = ("cost_value",), ("cost_value", "cost_currency")
_CURRENCY = ("cost_currency", ("cost_currency",), lambda message: message.cost_currency)
COSTS: dict[str, list[tuple[str, tuple[str, ...], Callable[[Message], str]]]] = {
    "columns": [("cost_value", _VALUE, lambda m: str(m.cost_value)), _CURRENCY],
    "value": [("cost_value", _VALUE, lambda m: str(m.cost_value))],
    "comma": [("cost_value", _VALUE, _comma), _CURRENCY],
    "text": [("cost_value", _COST, lambda m: f"{m.cost_value} {m.cost_currency}")],
    "text with a comma": [("cost_value", _COST, lambda m: f"{_comma(m)} {m.cost_currency}")],
    "symbol": [("cost_value", _COST, lambda m: f"{SYMBOLS[m.cost_currency]}{m.cost_value}")],
    "json": [
        (
            "cost_value",
            _COST,
            lambda m: f'{{"Value": {m.cost_value}, "Currency": "{m.cost_currency}"}}',
        )
    ],
}
