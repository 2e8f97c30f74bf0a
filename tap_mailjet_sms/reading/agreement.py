"""What the cell of a witness's row says of a column: that it holds the column's value, or another.

Cells are compared as the reader reads them: times at the precision in which they are written,
numbers by their digits, ids without case, texts trimmed. Pure.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.cells import bare, integer, is_null, recipient
from tap_mailjet_sms.reading.prices import Price, currency_of, price_of
from tap_mailjet_sms.reading.statuses import STATUS_FORMS, StatusForm, status_of
from tap_mailjet_sms.reading.time_texts import ReadTime, read_time
from tap_mailjet_sms.schema import STATUS_NAMES, plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tap_mailjet_sms.reading.rules import TimeForm
    from tap_mailjet_sms.witness import Witness

_SECOND = timedelta(seconds=1)
_QUARTER = timedelta(minutes=15)
#: No message costs so much, in any currency.
_NO_COST = 10_000
#: No zone is farther from UTC.
_FARTHEST_ZONE = timedelta(hours=14)

_PHONE = re.compile(r"(?:\+|00)?0*(\d{4,})", re.ASCII)
#: What ids are written with or without: the dashes of a UUID, braces, blanks.
ID_MARKS = r"[^\pL\pN]+"
_PHONE_MARKS = re.compile(r"[\s().\-/]+")


class Says(enum.Enum):
    """What one cell says, held against the witness of its row."""

    AGREES = enum.auto()
    DIFFERS = enum.auto()
    #: The cell holds nothing, where the witness has a value.
    EMPTY = enum.auto()
    #: The witness has no value, so nothing can be said.
    NOTHING = enum.auto()


def said(role: str, cell: str, witness: Witness, form: TimeForm) -> Says:
    """What a cell says, if its column is the source of `role`: a column's name, or `STATUS`."""
    expected, agrees = _EXPECTED[role](witness), _AGREE[role]
    if expected is None:
        return Says.NOTHING
    if is_null(cell):
        return Says.EMPTY
    try:
        return Says.AGREES if agrees(cell, witness, form) else Says.DIFFERS
    except (ValueError, ArithmeticError, RecursionError):
        return Says.DIFFERS


def is_kind(role: str, cell: str, form: TimeForm) -> bool:
    """Whether a cell that is not empty can be of this role at all: a time, an amount, a status."""
    try:
        return _KIND[role](cell, form) if role in _KIND else True
    except (ValueError, ArithmeticError, RecursionError):
        return False


def hours_ahead(cell: str, moment: datetime, form: TimeForm) -> timedelta | None:
    """How far ahead of a moment a time is, if by a zone's whole quarter hours.

    Seconds that are not written count for nothing; None if it is no such time.
    """
    try:
        found = read_time(cell, form)
    except ValueError:
        return None
    if found is None or found.precision > _QUARTER:
        return None
    ahead = found.moment - moment
    whole = round(ahead / _QUARTER) * _QUARTER
    is_whole = _is_at(found._replace(moment=found.moment - whole, later=None), moment)
    return whole if whole and is_whole and abs(whole) <= _FARTHEST_ZONE else None


def code_in(cell: str) -> int | None:
    """The code of the status that a cell says; None if it says none."""
    try:
        return status_of(cell, StatusForm.ANY)[0]
    except (ValueError, ArithmeticError, RecursionError):
        return None


def price_in(cell: str) -> Price:
    """What a cell says of a price; nothing, if it is none."""
    try:
        return price_of(cell)
    except (ValueError, ArithmeticError, RecursionError):
        return Price()


def digits(text: str) -> str | None:
    """The digits of a phone number, without what may stand before them; None if it is none."""
    match = _PHONE.fullmatch(_PHONE_MARKS.sub("", text))
    return match[1] if match else None


def _is_at(found: ReadTime, moment: datetime) -> bool:
    if found.precision > _SECOND:
        return any(then <= moment < then + found.precision for then in found.either)
    return any(
        abs(moment - then) < _SECOND and _is_same_second(then, moment) for then in found.either
    )


def _is_same_second(one: datetime, other: datetime) -> bool:
    """Whether two moments may be one: of seconds alone, both; of a part of one, less apart."""
    return bool(one.microsecond or other.microsecond) or one == other


def plain_id(text: str) -> str:
    """The letters and digits of an id."""
    return "".join(filter(str.isalnum, text))


def is_number(cell: str) -> bool:
    """Whether a cell is a whole number."""
    try:
        return integer(cell) >= 0
    except ValueError:
        return False


def _is_id(cell: str, witness: Witness, _: TimeForm) -> bool:
    """Whether these are one id: some programs write UUIDs without dashes, or in braces."""
    return plain_id(cell).casefold() == plain_id(witness.message_id).casefold()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_text(cell: str, expected: str | None) -> bool:
    found, meant = recipient(cell) or "", bare(expected or "")
    if _folded(found) == _folded(meant):  # a name in capitals is the same name
        return True
    phone = digits(found)
    return phone is not None and phone == digits(meant)


def _is_time(cell: str, expected: datetime | None, form: TimeForm) -> bool:
    found = read_time(cell, form)
    return found is not None and expected is not None and _is_at(found, expected)


def _is_cost(cell: str) -> bool:
    amount = price_of(cell).value
    return amount is not None and abs(amount) < _NO_COST


def _status(form: StatusForm) -> Callable[[str, Witness, TimeForm], bool]:
    def agrees(cell: str, witness: Witness, _: TimeForm) -> bool:
        code, name, _description = status_of(cell, form)
        if code is not None:
            return code == _code(witness)
        known = _name(witness)
        return bool(name and known) and plain_name(name or "") == plain_name(known or "")

    return agrees


def _code(witness: Witness) -> int | None:
    if witness.status_code is not None:
        return witness.status_code
    name = plain_name(witness.status_name or "")
    return next((code for code, known in STATUS_NAMES.items() if plain_name(known) == name), None)


def _name(witness: Witness) -> str | None:
    return witness.status_name or STATUS_NAMES.get(-1 if (c := witness.status_code) is None else c)


def _is_known_status(form: StatusForm) -> Callable[[str, TimeForm], bool]:
    return lambda cell, _: status_of(cell, form)[0] in STATUS_NAMES


#: The value that a witness has for a role; None if it has none.
_EXPECTED: Mapping[str, Callable[[Witness], object]] = {
    "message_id": lambda witness: witness.message_id,
    "sender": lambda witness: bare(witness.sender or "") or None,
    "recipient": lambda witness: bare(witness.recipient or "") or None,
    "created_at": lambda witness: witness.created_at,
    "sent_at": lambda witness: witness.sent_at,
    "sms_count": lambda witness: witness.sms_count,
    "status_description": lambda witness: bare(witness.status_description or "") or None,
    "cost_value": lambda witness: witness.cost_value,
    "cost_currency": lambda witness: bare(witness.cost_currency or "") or None,
    **dict.fromkeys(STATUS_FORMS, lambda w: _name(w) if _code(w) is None else _code(w)),
}
#: Whether a cell holds that value; a ValueError if it holds nothing of the kind.
_AGREE: Mapping[str, Callable[[str, Witness, TimeForm], bool]] = {
    "message_id": _is_id,
    "sender": lambda cell, witness, _: _is_text(cell, witness.sender),
    "recipient": lambda cell, witness, _: _is_text(cell, witness.recipient),
    "created_at": lambda cell, witness, form: _is_time(cell, witness.created_at, form),
    "sent_at": lambda cell, witness, form: _is_time(cell, witness.sent_at, form),
    "sms_count": lambda cell, witness, _: integer(cell) == witness.sms_count,
    "status_description": (
        lambda cell, witness, _: bare(cell) == bare(witness.status_description or "")
    ),
    "cost_value": lambda cell, witness, _: price_of(cell).value == witness.cost_value,
    "cost_currency": (
        lambda cell, witness, _: currency_of(cell) == bare(witness.cost_currency or "").upper()
    ),
    **{role: _status(form) for role, form in STATUS_FORMS.items()},
}
#: Whether a cell is of the kind of a role.
_KIND: Mapping[str, Callable[[str, TimeForm], bool]] = {
    "sent_at": lambda cell, form: read_time(cell, form) is not None,
    "cost_value": lambda cell, _: _is_cost(cell),
    **{role: _is_known_status(form) for role, form in STATUS_FORMS.items()},
}


def value(role: str, witness: Witness) -> object:
    """What a witness has for a role; None if it has nothing."""
    return _EXPECTED[role](witness)
