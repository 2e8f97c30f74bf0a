"""What a right reader may make of a drawn file's row."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.layouts import forms

if TYPE_CHECKING:
    from datetime import datetime

    from tests.layouts.drawn import Case
    from tests.layouts.messages import Message

Row: TypeAlias = dict[str, Any]


def truth(case: Case, message: Message) -> Row:
    """The columns of the stream; of a moment, the set of what may be read of it."""
    return {
        "message_id": forms.IDS[case.id_form](message.message_id),
        "sender": message.sender,
        "recipient": message.recipient,
        "status_code": message.status_code,
        "status_name": forms.STATUS_NAMES[message.status_code],
        "status_description": forms.description(message.status_code),
        "created_at": _moments(message.created_at, case),
        "sent_at": _moments(message.sent_at, case),
        "sms_count": message.sms_count,
        "cost_value": message.cost_value,
        "cost_currency": message.cost_currency,
    }


def are_same(column: str, found: object, expected: object) -> bool:
    """Whether a value that was read is true: recipients by their digits, as they are written."""
    if isinstance(expected, set):
        return found in expected
    if column == "recipient" and isinstance(found, str) and isinstance(expected, str):
        return _digits(found) == _digits(expected)
    return found == expected


def _moments(moment: datetime | None, case: Case) -> set[datetime | None]:
    """What may be read of a moment, in any form that the file has.

    An hour that is repeated in the zone that the tap was told is either of the two.
    """
    if moment is None:
        return {None}
    meant: set[datetime | None] = {moment}
    for name in (case.time_form, case.sent_form):
        form = forms.TIMES[name]
        meant |= forms.as_read(moment, form, case.place)
        there = moment.astimezone(case.place).replace(tzinfo=case.setting)
        if form.naive and moment in {there.replace(fold=f).astimezone(UTC) for f in (0, 1)}:
            meant |= forms.as_read(moment, form, case.setting)
    return meant


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone).lstrip("0")
