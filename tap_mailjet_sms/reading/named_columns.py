"""Whether a column holds what the name above it says, by the rows of witnesses. Pure.

===================  ====================================  =======================================
the name             the cells of the witnesses' rows      so the column
===================  ====================================  =======================================
known                agree                                 is proved
known, constant      none agrees, of two or more; or one,  is refused, or told under
                     whose value stands elsewhere or is    ``verify_layout: warn``
                     whole quarter hours away
known, constant      some agree, and another column does   the same
                     in all; or it is the creation time
known, constant      some agree                            is read, with a warning
known, may change    some agree                            is proved; a warning of times that
                                                           differ, or statuses that cannot have
                                                           moved on
known, may change    none agrees, and none is of the       is refused, or told
                     kind, or all are another column's;
                     or most are statuses that cannot
                     have moved on; or all times are
                     whole quarter hours away; or costs
                     cannot have moved on, and stand in
                     another column alone
known, may change    fewer agree than in a column that is  is refused, or told
                     found without a name
known, may change    none agrees                           is read, unproved; a warning of ten or
                                                           more
===================  ====================================  =======================================

Constant is what never changes: id, sender, recipient, creation time, parts. Statuses, sending times
and costs move on between the export and the list. What has no name: `unnamed_columns.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.agreement import Says, is_kind, price_in
from tap_mailjet_sms.reading.header import looks_like_data
from tap_mailjet_sms.reading.roles import CHANGING, CONSTANT, STATUS, STATUS_ROLES, TIMES
from tap_mailjet_sms.reading.testimony import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_mailjet_sms.reading.testimony import Testimony
    from tap_mailjet_sms.reading.unnamed_columns import UnnamedColumns

#: Witnesses that all disagree on what may change, of whom there is a warning.
_MANY = 10
#: What a word has, other than a number or a time.
_WORD = re.compile(r"[^\W\d_]{2}")
_WORDS = {
    "message_id": "the id",
    "created_at": "the creation time",
    "sender": "the sender",
    "recipient": "the recipient",
    "sms_count": "the number of parts",
    "sent_at": "the sending time",
    "cost_value": "the cost",
    "cost_currency": "the currency",
    "status_description": "the status's description",
    **dict.fromkeys(STATUS_ROLES, "the status"),
}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be said of the column at `place`, the source of `role`.

    `instead` is what it holds, and `elsewhere` the place where its own values are, if plain.
    """

    role: str
    place: int
    text: str
    instead: str | None = None
    elsewhere: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a column is proved to hold what its name says, and what is to be said of it."""

    is_proved: bool = False
    contradiction: Remark | None = None
    warning: Remark | None = None


def judge(role: str, place: int, testimony: Testimony, unnamed: UnnamedColumns) -> Judgement:
    """Hold a column against the witnesses, and against those without a name; see the table."""
    if role in CONSTANT:
        return _judge_constant(role, place, testimony)
    if better := _better(role, place, testimony, unnamed):
        return Judgement(contradiction=better)
    return _judge_changing(role, place, testimony)


# What never changes.


def _judge_constant(role: str, place: int, testimony: Testimony) -> Judgement:
    counts = testimony.counts(role, place)
    agrees, differs, empty = counts[Says.AGREES], counts[Says.DIFFERS], counts[Says.EMPTY]
    if agrees == counts.total():
        return Judgement(is_proved=agrees > 0, warning=_coarse(role, place, testimony))
    if agrees:
        text = f"agrees with Mailjet's own list in {agrees} messages, and not in {differs + empty}"
        elsewhere = _varied_elsewhere(role, place, testimony)
        remark = Remark(role, place, text, _instead(role, place, testimony), elsewhere)
        is_wrong = differs > 1 and elsewhere is not None
        if role == "created_at":
            is_wrong = not testimony.is_rounded(role, place)
        if is_wrong:
            return Judgement(contradiction=remark)
        return Judgement(is_proved=True, warning=remark)
    if not differs:
        text = f"is empty for all {empty} messages that were looked at, though they have a value"
        return Judgement(warning=Remark(role, place, text))
    if differs > 1 or _tells_alone(role, place, testimony):
        return Judgement(contradiction=_what_is_wrong(role, place, testimony))
    return Judgement()


def _coarse(role: str, place: int, testimony: Testimony) -> Remark | None:
    """That creation times are written without their minutes, if they are."""
    if role != "created_at" or testimony.is_precise(role, place):
        return None
    text = "has no time of day: its messages are read as of midnight, or the full hour"
    return Remark(role, place, text)


def _varied_elsewhere(role: str, place: int, testimony: Testimony) -> int | None:
    """The one other column with this role's values, if they are different enough to tell."""
    other = testimony.elsewhere(role, place)
    return other if other is not None and testimony.varies(role, other) else None


def _tells_alone(role: str, place: int, testimony: Testimony) -> bool:
    """Whether one witness is enough to say that a column is another one."""
    if testimony.elsewhere(role, place) is not None:
        return True
    return role == "created_at" and bool(testimony.ahead(role, place))


def _what_is_wrong(role: str, place: int, testimony: Testimony) -> Remark:
    if role == "created_at" and (late := _ahead(role, place, testimony)):
        return late
    instead = _holds(role, place, testimony)
    text = f"holds {_WORDS[instead]}" if instead else "holds other values"
    return Remark(role, place, text, instead, testimony.elsewhere(role, place))


# What may have changed.


def _better(role: str, place: int, testimony: Testimony, unnamed: UnnamedColumns) -> Remark | None:
    """What is wrong with a column, if one without a name says more of its role."""
    role_of_any = STATUS if role in STATUS_ROLES else role
    candidates = unnamed.likely(role_of_any)
    if len(candidates) != 1 or len(testimony.rows) < ENOUGH:
        return None
    other, order = candidates[0]
    agrees = testimony.counts(role, place)[Says.AGREES]
    more = testimony.counts(role_of_any, other, order)[Says.AGREES]
    if more < agrees + 2:
        return None
    text = f"agrees with Mailjet's own list in {agrees} messages, and another column in {more}"
    return Remark(role, place, text, elsewhere=other)


def _judge_changing(role: str, place: int, testimony: Testimony) -> Judgement:
    counts = testimony.counts(role, place)
    agrees, differs = counts[Says.AGREES], counts[Says.DIFFERS]
    stuck = testimony.stuck(role, place)
    if differs and (wrong := _is_another(role, place, testimony, stuck)):
        return Judgement(contradiction=wrong)
    text = None
    if agrees and stuck:
        text = (
            f"agrees with Mailjet's own list in {agrees} messages, and cannot be right in {stuck}"
        )
    elif not agrees and differs >= _MANY:
        text = f"agrees with Mailjet's own list in none of {differs} messages"
    is_proved = agrees > 0
    if role == "cost_value":  # that nothing was free of charge tells no column from another
        is_proved = any(row.witness.cost_value for row in testimony.agreeing(role, place))
    return Judgement(is_proved, warning=Remark(role, place, text) if text else None)


def _is_another(role: str, place: int, testimony: Testimony, stuck: int) -> Remark | None:
    """What is wrong with a column that differs; None if it may have moved on."""
    counts = testimony.counts(role, place)
    agrees, differs = counts[Says.AGREES], counts[Says.DIFFERS]
    if role in TIMES and not agrees and (late := _ahead(role, place, testimony)):
        return late
    if role == "cost_value" and (otherwise := _counted_otherwise(place, testimony)):
        return Remark(role, place, otherwise)
    if differs <= 1 or (agrees and stuck <= agrees):
        return None
    instead = _instead(role, place, testimony)
    elsewhere = _varied_elsewhere(role, place, testimony)
    if instead:
        text = f"holds {_WORDS[instead]}"
    elif role in STATUS_ROLES and stuck >= ENOUGH and stuck > agrees:
        text = "holds other values, which no status can have been before it was that of the list"
    elif role == "cost_value" and not agrees and stuck >= ENOUGH and elsewhere is not None:
        text = "holds other values, and another column the costs"
    elif not agrees and not _may_be(role, place, testimony):
        text = f"holds something else than {_WORDS[role]}"
    else:
        return None
    return Remark(role, place, text, instead, testimony.elsewhere(role, place))


def _counted_otherwise(place: int, testimony: Testimony) -> str | None:
    """How costs are counted, if it is in another way in all messages that differ."""
    differing = testimony.differing("cost_value", place)
    costs = [
        (cost, row.witness.cost_value, row.witness.sms_count or 0)
        for row in differing
        if (cost := price_in(row.cells[place]).value) and row.witness.cost_value
    ]
    if len(differing) <= 1 or len(costs) < len(differing):
        return None
    if all(cost * parts == listed for cost, listed, parts in costs):
        return "holds the price of one part"
    factors = {cost / listed for cost, listed, _ in costs}
    if not testimony.agreeing("cost_value", place) and factors <= {Decimal(100), Decimal(1000)}:
        return "holds the cost in a smaller unit than Mailjet's own list"
    return None


def _may_be(role: str, place: int, testimony: Testimony) -> bool:
    """Whether any of the cells is of the kind; words that are no status may say one otherwise."""
    cells, form = testimony.filled(place), testimony.form(role)
    if any(is_kind(role, cell, form) for cell in cells):
        return True
    are_words = all(_WORD.search(cell) and not looks_like_data(cell) for cell in cells)
    return role in STATUS_ROLES and are_words and not any(price_in(cell).value for cell in cells)


# What a column holds in place of what its name says.


def _holds(role: str, place: int, testimony: Testimony) -> str | None:
    """The other role with which all cells agree."""
    return testimony.holds(place, (*CONSTANT, *CHANGING), but=role)


def _instead(role: str, place: int, testimony: Testimony) -> str | None:
    """The same, in different values: a single one says too little."""
    instead = _holds(role, place, testimony)
    if instead is None or testimony.different(instead, place) <= 1:
        return None
    return instead if testimony.varies(instead, place) else None


def _ahead(role: str, place: int, testimony: Testimony) -> Remark | None:
    """That a column of times is in another zone, if all of them are."""
    ahead = testimony.ahead(role, place)
    if not ahead:
        return None
    text = f"is {_off(ahead)} Mailjet's own times"
    if not any(time.has_zone for time in testimony.times(role, place)):
        text += ": set csv_time_zone to the zone that it is in"
    return Remark(role, place, text)


def _off(ahead: Iterable[timedelta]) -> str:
    """How far times are from others, in words: ``1 h ahead of``, ``1 h to 2 h behind``."""
    lengths = sorted({abs(length) for length in ahead})
    shown = " to ".join(dict.fromkeys(map(_hours, (lengths[0], lengths[-1]))))
    is_behind = any(length < timedelta(0) for length in ahead)
    return f"{shown} behind" if is_behind else f"{shown} ahead of"


def _hours(length: timedelta) -> str:
    hours, minutes = divmod(length // timedelta(minutes=1), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)
