"""What the rows of witnesses say of a layout: which column holds what. Pure.

A witness is a message of Mailjet's own list, whose fields are documented; its row is the one that
has its id. Each cell of it agrees with what the witness has for a column of the stream, or not, and
the header's names are a second voice:

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
                     whole quarter hours away
known, may change    fewer agree than in a column that is  is refused, or told
                     found as below
known, may change    none agrees                           is read, unproved; a warning of ten or
                                                           more
unknown, constant    all agree, it alone, with this alone  is found
unknown, may change  all in the file are of its kind, it   is found
                     alone, and enough agree
unknown              anything else                         goes to ``extra``
===================  ====================================  =======================================

Constant is what never changes: id, sender, recipient, creation time, parts. Statuses, sending times
and costs move on between the export and the list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from tap_mailjet_sms.reading.agreement import Says, is_kind, is_number, value
from tap_mailjet_sms.reading.cells import is_null
from tap_mailjet_sms.reading.header import looks_like_data
from tap_mailjet_sms.reading.layout import Evidence
from tap_mailjet_sms.reading.prices import MarkEvidence, Price, price_of
from tap_mailjet_sms.reading.roles import CHANGING, CONSTANT, REQUIRED, STATUS, STATUS_ROLES, TIMES
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.reading.statuses import StatusForm, status_of
from tap_mailjet_sms.reading.testimony import Testimony
from tap_mailjet_sms.schema import STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from tap_mailjet_sms.reading.layout import Naming
    from tap_mailjet_sms.reading.testimony import Row

#: Witnesses that a column needs which no name gives, with different ids.
ENOUGH = 3
#: Different values that they need in it; what is not here may be the same in all.
_DIFFERENT = {
    "message_id": 3,
    "created_at": 3,
    "recipient": 2,
    "sms_count": 2,
    "cost_value": 2,
    "status_code": 2,
}
#: Witnesses that all disagree on what may change, of whom there is a warning.
_MANY = 10
#: What a word has, other than a number or a time.
_WORD = re.compile(r"[^\W\d_]{2}")
#: Statuses that are not the last (documented as codes, guessed as such).
_OPEN_STATUSES = {0, 1, 2}
_ROLES = (*CONSTANT, *CHANGING)
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


class WholeFile(Protocol):
    """What can be told of a column only by all of its cells."""

    def are_statuses(self, place: int) -> bool:
        """Whether each that is not empty is a status of Mailjet's table."""

    def are_sendings(self, place: int, form: TimeForm, created: int, of_created: TimeForm) -> bool:
        """Whether each that is not empty is a time, and not before the creation."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be said of the column at `place`, the source of `role`.

    `instead` is what it holds, and `elsewhere` the place where its own values are, if plain.
    """

    role: str
    place: int
    text: str
    instead: str | None = None
    elsewhere: int | None = None


@dataclass(slots=True)
class Findings:
    """What witnesses say of a layout, and what of it should be said.

    `lacks` are the roles of which other witnesses may tell what these do not; `candidates` the
    places of which these do not tell which one is a required column; `created` is when the
    witnesses were.
    """

    evidence: Evidence = field(default_factory=Evidence)
    contradictions: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    lacks: set[str] = field(default_factory=set)
    candidates: dict[str, list[int]] = field(default_factory=dict)
    created: list[datetime] = field(default_factory=list)


def weigh(rows: Sequence[Row], naming: Naming, zone: tzinfo, file: WholeFile) -> Findings:
    """Decide what each column is; see the table above.

    Args:
        rows: The rows of different witnesses, at least one.
        naming: What the names say.
        zone: The zone of times without one.
        file: What is asked of whole columns, where it has to be.
    """
    testimony = Testimony(rows, zone)
    findings = Findings(created=[row.witness.created_at for row in rows])
    open_orders = {
        role
        for role in TIMES
        if role in naming.alone and not testimony.settle_order(role, naming.alone[role])
    }
    findings.lacks.update(open_orders)
    search = _Search(testimony, naming, file, findings)
    found = search.found()
    proved = set(found)
    for role, place in naming.alone.items():
        if role in open_orders:
            continue  # the reader refuses such dates, and says why
        if role in CHANGING and (better := search.better(role, place)):
            findings.contradictions.append(better)
            continue
        judge = _judge_constant if role in CONSTANT else _judge_changing
        if judge(role, place, testimony, findings):
            proved.add(role)
    if len(rows) <= ENOUGH:
        findings.lacks.update(REQUIRED)
    sources = naming.alone | found
    findings.evidence = Evidence(
        witnesses=len(rows),
        found=found,
        proved=frozenset(proved),
        orders=testimony.orders,
        decimal_mark=_decimal_mark(testimony, sources.get("cost_value")),
        is_zoned=all(
            time.has_zone
            for role in TIMES
            if role in sources
            for time in testimony.times(role, sources[role])
        ),
        unwitnessed=_unwitnessed(rows),
    )
    return findings


# Columns whose name is known.


def _judge_constant(role: str, place: int, testimony: Testimony, findings: Findings) -> bool:
    """Hold a column that never changes against the witnesses; whether it is proved."""
    told = testimony.told(role, place)
    agrees, differs, empty = told[Says.AGREES], told[Says.DIFFERS], told[Says.EMPTY]
    if agrees == told.total():
        if agrees and role == "created_at" and not testimony.is_precise(role, place):
            text = "has no time of day: its messages are read as of midnight, or the full hour"
            findings.warnings.append(Finding(role, place, text))
        return agrees > 0
    if agrees:
        text = f"agrees with Mailjet's own list in {agrees} messages, and not in {differs + empty}"
        elsewhere = testimony.elsewhere(role, place, different=_DIFFERENT.get(role, 1))
        is_wrong = differs > 1 and elsewhere is not None
        if role == "created_at":
            is_wrong = not testimony.is_rounded(role, place)
        where = findings.contradictions if is_wrong else findings.warnings
        where.append(Finding(role, place, text, _instead(role, place, testimony), elsewhere))
        return not is_wrong
    if not differs:
        text = f"is empty for all {empty} messages that were looked at, though they have a value"
        findings.warnings.append(Finding(role, place, text))
    elif differs > 1 or _tells_alone(role, place, testimony):
        findings.contradictions.append(_what_is_wrong(role, place, testimony))
    return False


def _tells_alone(role: str, place: int, testimony: Testimony) -> bool:
    """Whether one witness is enough to say that a column is another one."""
    if testimony.elsewhere(role, place) is not None:
        return True
    return role == "created_at" and bool(testimony.ahead(role, place))


def _judge_changing(role: str, place: int, testimony: Testimony, findings: Findings) -> bool:
    """Hold a column that may have moved on against the witnesses; whether it is proved."""
    told = testimony.told(role, place)
    agrees, differs = told[Says.AGREES], told[Says.DIFFERS]
    stuck = _stuck(role, place, testimony)
    if differs and (wrong := _is_another(role, place, testimony, stuck)):
        findings.contradictions.append(wrong)
        return False
    text = None
    if agrees and stuck:
        text = (
            f"agrees with Mailjet's own list in {agrees} messages, and cannot be right in {stuck}"
        )
    elif not agrees and differs >= _MANY:
        text = f"agrees with Mailjet's own list in none of {differs} messages"
    if text:
        findings.warnings.append(Finding(role, place, text))
    if role == "cost_value":  # that nothing was free of charge tells no column from another
        return any(row.witness.cost_value for row in testimony.agreeing(role, place))
    return agrees > 0


def _stuck(role: str, place: int, testimony: Testimony) -> int:
    """In how many rows a value differs that cannot have moved on to that of the list.

    A message is sent once, and costs what it costs once its status is the last.
    """
    differing = testimony.differing(role, place)
    if role in STATUS_ROLES:
        codes = [_code_in(row.cells[place]) for row in differing]
        return sum(code in STATUS_NAMES and code not in _OPEN_STATUSES for code in codes)
    if role == "cost_value":
        return sum(row.witness.status_code not in _OPEN_STATUSES for row in differing)
    return len(differing) if role == "sent_at" else 0


def _is_another(role: str, place: int, testimony: Testimony, stuck: int) -> Finding | None:
    """What is wrong with a column that differs; None if it may have moved on."""
    told = testimony.told(role, place)
    agrees, differs = told[Says.AGREES], told[Says.DIFFERS]
    if role in TIMES and not agrees and (late := _ahead(role, place, testimony)):
        return late
    if role == "cost_value" and (otherwise := _counted_otherwise(place, testimony)):
        return Finding(role, place, otherwise)
    if differs < 2 or (agrees and stuck <= agrees):  # noqa: PLR2004
        return None
    instead = _instead(role, place, testimony)
    if instead:
        text = f"holds {_WORDS[instead]}"
    elif role in STATUS_ROLES and stuck >= ENOUGH and stuck > agrees:
        text = "holds other values, which no status can have been before it was that of the list"
    elif not agrees and not _may_be(role, place, testimony):
        text = f"holds something else than {_WORDS[role]}"
    else:
        return None
    return Finding(role, place, text, instead, testimony.elsewhere(role, place))


def _counted_otherwise(place: int, testimony: Testimony) -> str | None:
    """How costs are counted, if it is in another way in all messages that differ."""
    differing = testimony.differing("cost_value", place)
    costs = [
        (cost, row.witness.cost_value, row.witness.sms_count or 0)
        for row in differing
        if (cost := _price_in(row.cells[place]).value) and row.witness.cost_value
    ]
    if len(differing) < 2 or len(costs) < len(differing):  # noqa: PLR2004
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
    return role in STATUS_ROLES and are_words and not any(_price_in(cell).value for cell in cells)


def _ahead(role: str, place: int, testimony: Testimony) -> Finding | None:
    """That a column of times is in another zone, if all of them are."""
    ahead = testimony.ahead(role, place)
    if not ahead:
        return None
    text = f"is {_off(ahead)} Mailjet's own times"
    if not any(time.has_zone for time in testimony.times(role, place)):
        text += ": set csv_time_zone to the zone that it is in"
    return Finding(role, place, text)


def _instead(role: str, place: int, testimony: Testimony) -> str | None:
    """What a column holds in place of its role; a single value says too little."""
    instead = testimony.holds(place, _ROLES, but=role)
    if instead and testimony.different(instead, place) < max(2, _DIFFERENT.get(instead, 1)):
        return None
    return instead


def _what_is_wrong(role: str, place: int, testimony: Testimony) -> Finding:
    if role == "created_at" and (late := _ahead(role, place, testimony)):
        return late
    instead = testimony.holds(place, _ROLES, but=role)
    text = f"holds {_WORDS[instead]}" if instead else "holds other values"
    return Finding(role, place, text, instead, testimony.elsewhere(role, place))


# Columns whose name says nothing, or what the name of another one says, too.


class _Search:
    """Finds the columns that no name gives, those first that never change."""

    def __init__(
        self, testimony: Testimony, naming: Naming, file: WholeFile, findings: Findings
    ) -> None:
        self._testimony = testimony
        self._naming = naming
        self._file = file
        self._findings = findings
        self._found: dict[str, int] = {}

    def found(self) -> dict[str, int]:
        named = self._naming.places
        taken = {*self._naming.mapped, *(p for places in named.values() for p in places)}
        free = [p for p in range(len(self._testimony.rows[0].cells)) if p not in taken]
        for role in CONSTANT:
            if role not in self._naming.alone:
                self._find_constant(role, named.get(role, free))
        for role in self._wanted_changing():
            self._find_changing(role)
        return self._found

    def _wanted_changing(self) -> list[str]:
        named = self._naming.places
        wanted = [
            role for role in ("status_description", "sent_at", "cost_value") if role not in named
        ]
        if named.keys().isdisjoint(STATUS_ROLES):
            wanted.insert(0, STATUS)  # a column of any form of status
        if "cost_currency" not in named and not self._cost_names_currency():
            wanted.append("cost_currency")
        return wanted

    def _cost_names_currency(self) -> bool:
        """Whether the cells of the costs, or the name above them, tell the currency."""
        place = self._naming.alone.get("cost_value")
        if place is None:
            return False
        cells = self._testimony.filled(place)
        return place in self._naming.currencies or any(_price_in(cell).currency for cell in cells)

    def _find_constant(self, role: str, places: Iterable[int]) -> None:
        """The only one of these columns whose cells all agree, with this role alone."""
        testimony, is_twice = self._testimony, role in self._naming.places
        candidates: list[tuple[int, DateOrder | None]] = []
        for place in places:
            orders = testimony.possible_orders(role, place) if role in TIMES else [None]
            candidates += [(place, o) for o in orders if testimony.all_agree(role, place, o)]
        if role == "created_at":  # a date alone is half of a time
            candidates = [each for each in candidates if testimony.is_precise(role, *each)]
        if len(candidates) == 1:
            place, order = candidates[0]
            is_other = any(
                testimony.all_agree(other, place, order) for other in _ROLES if other != role
            )
            enough = len(testimony.agreeing(role, place, order)) >= ENOUGH
            differ = testimony.different(role, place, order) >= _DIFFERENT.get(role, 1)
            if enough and differ and (is_twice or not is_other):
                self._take(role, place, order)
                return
        if candidates or role in REQUIRED:
            self._findings.lacks.add(role)
        if role in REQUIRED:
            self._findings.candidates[role] = sorted({place for place, _ in candidates})

    def _find_changing(self, role: str) -> None:
        """The only column without a name that is of the kind, and agrees enough."""
        candidates = self._likely(role)
        if len(candidates) == 1 and len(self._testimony.rows) >= ENOUGH:
            self._take(role, *candidates[0])
        elif candidates or any(
            self._testimony.told(role, place)[Says.AGREES] for place in self._free()
        ):
            self._findings.lacks.add(role)

    def better(self, role: str, place: int) -> Finding | None:
        """What is wrong with a column, if one without a name says more of its role."""
        role_of_any = STATUS if role in STATUS_ROLES else role
        candidates = self._likely(role_of_any)
        if len(candidates) != 1 or len(self._testimony.rows) < ENOUGH:
            return None
        other, order = candidates[0]
        agrees = self._testimony.told(role, place)[Says.AGREES]
        more = self._testimony.told(role_of_any, other, order)[Says.AGREES]
        if more < agrees + 2:
            return None
        text = f"agrees with Mailjet's own list in {agrees} messages, and another column in {more}"
        return Finding(role, place, text, elsewhere=other)

    def _likely(self, role: str) -> list[tuple[int, DateOrder | None]]:
        """The columns without a name that may be this role, and in which order of dates."""
        testimony = self._testimony
        candidates: list[tuple[int, DateOrder | None]] = []
        for place in self._free():
            orders = testimony.possible_orders(role, place) if role in TIMES else [None]
            candidates += [
                (place, order) for order in orders if self._is_likely(role, place, order)
            ]
        if role == STATUS:  # names of statuses beside codes say the same, and are no other numbers
            texts = [each for each in candidates if not self._are_numbers(each[0])]
            candidates = texts or candidates
        if len({place for place, _ in candidates}) == 1 and len(candidates) > 1:
            of_creation = testimony.orders.get("created_at")
            candidates = [each for each in candidates if each[1] is of_creation]
        return candidates

    def _free(self) -> list[int]:
        """The columns that may still be anything.

        Of columns with the same name one was found; what the others are, no name says.
        """
        naming = self._naming
        taken = {*naming.mapped, *naming.alone.values(), *self._found.values()}
        return [p for p in range(len(self._testimony.rows[0].cells)) if p not in taken]

    def _take(self, role: str, place: int, order: DateOrder | None) -> None:
        self._found[role] = place
        if order is not None:
            self._testimony.orders[role] = order

    def _is_likely(self, role: str, place: int, order: DateOrder | None) -> bool:
        testimony = self._testimony
        told = testimony.told(role, place, order)
        agrees, differs = told[Says.AGREES], told[Says.DIFFERS]
        if not agrees:
            return False
        if role in STATUS_ROLES:
            return self._is_status(place) and self._file.are_statuses(place)
        if role == "sent_at":
            # Some may have been sent since the export; a time of delivery is empty more often.
            is_most = 4 * agrees >= 3 * told.total() and agrees >= ENOUGH
            return is_most and not differs and self._is_sending(place, order)
        if role == "cost_value":
            return self._is_cost(place) and agrees >= ENOUGH
        return agrees >= ENOUGH and agrees == told.total()

    def _is_status(self, place: int) -> bool:
        """Whether statuses move on as they can, and more agree; of numbers, not all with one."""
        testimony = self._testimony
        differing = testimony.differing(STATUS, place)
        if any(_code_in(row.cells[place]) not in _OPEN_STATUSES for row in differing):
            return False
        agreeing = testimony.agreeing(STATUS, place)
        if not self._are_numbers(place):
            return len(agreeing) >= len(differing)
        differ = testimony.different(STATUS, place) >= _DIFFERENT["status_code"]
        return differ and len(agreeing) >= max(ENOUGH, len(differing))

    def _are_numbers(self, place: int) -> bool:
        return all(is_number(cell) for cell in self._testimony.filled(place))

    def _is_sending(self, place: int, order: DateOrder | None) -> bool:
        testimony = self._testimony
        created = {**self._naming.alone, **self._found}.get("created_at")
        if created is None or testimony.all_agree("created_at", place, order):
            return False
        # What was not sent yet has another time, that of an update; few lack theirs in the list.
        unsent = [row for row in testimony.rows if row.witness.sent_at is None]
        filled = [row for row in unsent if not is_null(row.cells[place])]
        if len(filled) >= len(testimony.agreeing("sent_at", place, order)):
            return False
        form = testimony.form("sent_at", order)
        return self._file.are_sendings(place, form, created, testimony.form("created_at"))

    def _is_cost(self, place: int) -> bool:
        """Whether these are costs of messages, not of their parts, and not all the same.

        A cost may change with the status, as long as that does.
        """
        testimony = self._testimony
        agreeing = testimony.agreeing("cost_value", place)
        return (
            testimony.different("cost_value", place) >= _DIFFERENT["cost_value"]
            and any((row.witness.sms_count or 0) > 1 for row in agreeing)
            and all(
                row.witness.status_code in _OPEN_STATUSES
                for row in testimony.differing("cost_value", place)
            )
            and all(is_kind("cost_value", cell, TimeForm()) for cell in testimony.filled(place))
        )


# What else they tell.


def _decimal_mark(testimony: Testimony, place: int | None) -> str:
    """The decimal mark of prices, where a price shows it that is that of its witness."""
    if place is None:
        return ""
    prices = [price_of(row.cells[place]) for row in testimony.agreeing("cost_value", place)]
    marks = {price.mark for price in prices if price.evidence is not MarkEvidence.NONE}
    return marks.pop() if len(marks) == 1 else ""


def _unwitnessed(rows: Sequence[Row]) -> frozenset[str]:
    """The columns of which no witness has a value, if there are enough to say so."""
    if len(rows) < ENOUGH:
        return frozenset()
    return frozenset(r for r in _ROLES if all(value(r, row.witness) is None for row in rows))


def _code_in(cell: str) -> int | None:
    try:
        return status_of(cell, StatusForm.ANY)[0]
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _price_in(cell: str) -> Price:
    """What a cell says of a price; nothing, if it is none."""
    try:
        return price_of(cell)
    except (ValueError, ArithmeticError, RecursionError):
        return Price()


def _off(ahead: Iterable[timedelta]) -> str:
    """How far times are from others, in words: ``1 h ahead of``, ``1 h to 2 h behind``."""
    lengths = sorted({abs(length) for length in ahead})
    shown = " to ".join(dict.fromkeys(map(_hours, (lengths[0], lengths[-1]))))
    is_behind = any(length < timedelta(0) for length in ahead)
    return f"{shown} behind" if is_behind else f"{shown} ahead of"


def _hours(length: timedelta) -> str:
    hours, minutes = divmod(length // timedelta(minutes=1), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)
