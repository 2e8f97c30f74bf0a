"""Which columns hold what no name gives, by the rows of witnesses. Pure.

===================  ====================================  =======================================
the name             the cells of the witnesses' rows      so the column
===================  ====================================  =======================================
unknown, constant    all agree, it alone, with this alone  is found
unknown, may change  all in the file are of its kind, it   is found
                     alone, and enough agree
unknown              anything else                         goes to ``extra``
===================  ====================================  =======================================

What never changes is found first. A name that several columns have gives none of them: which one is
meant is found in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tap_mailjet_sms.reading.agreement import Says, code_in, is_kind, is_number, price_in
from tap_mailjet_sms.reading.cells import is_null
from tap_mailjet_sms.reading.roles import (
    CHANGING,
    CONSTANT,
    REQUIRED,
    STATUS,
    STATUS_ROLES,
    TIMES,
)
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.reading.statuses import OPEN_STATUSES
from tap_mailjet_sms.reading.testimony import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_mailjet_sms.reading.naming import Naming
    from tap_mailjet_sms.reading.testimony import Testimony

#: The place of a column that may be it and, of a column of times, the order of its dates.
Candidate: TypeAlias = tuple[int, DateOrder | None]


class WholeFile(Protocol):
    """What can be told of a column only by all of its cells."""

    def are_statuses(self, place: int) -> bool:
        """Whether each that is not empty is a status of Mailjet's table."""

    def are_sendings(self, place: int, form: TimeForm, created: int, of_created: TimeForm) -> bool:
        """Whether each that is not empty is a time, and not before the creation."""


@dataclass(slots=True)
class UnnamedColumns:
    """The columns that no name gives, once they were looked for.

    Attributes:
        found: the place of each role that one of them has.
        lacks: the roles of which other witnesses may tell what these do not.
        candidates: of a required column that was not found, the places that it may have.
    """

    _testimony: Testimony
    _naming: Naming
    _file: WholeFile
    found: dict[str, int] = field(default_factory=dict, init=False)
    lacks: set[str] = field(default_factory=set, init=False)
    candidates: dict[str, list[int]] = field(default_factory=dict, init=False)

    def find(self) -> None:
        """Look for all that no name gives; the orders of dates go to the testimony."""
        named = self._naming.places
        taken = {*self._naming.mapped, *(p for places in named.values() for p in places)}
        free = [place for place in self._testimony.places if place not in taken]
        for role in CONSTANT:
            if role not in self._naming.alone:
                self._find_constant(role, named.get(role, free))
        for role in self._wanted_changing():
            self._find_changing(role)

    def likely(self, role: str) -> list[Candidate]:
        """The columns without a name that may be a role that changes."""
        candidates = self._candidates(role, self._free(), self._is_likely)
        if role == STATUS:  # names of statuses beside codes say the same, and are no other numbers
            texts = [each for each in candidates if not self._are_numbers(each[0])]
            candidates = texts or candidates
        if len({place for place, _ in candidates}) == 1 and len(candidates) > 1:
            of_creation = self._testimony.orders.get("created_at")
            candidates = [each for each in candidates if each[1] is of_creation]
        return candidates

    def _find_constant(self, role: str, places: Iterable[int]) -> None:
        """The only one of these columns whose cells all agree, with this role alone."""
        testimony = self._testimony
        candidates = self._candidates(role, places, testimony.all_agree)
        if role == "created_at":  # a date alone is half of a time
            candidates = [each for each in candidates if testimony.is_precise(role, *each)]
        if len(candidates) == 1 and self._is_told(role, *candidates[0]):
            self._take(role, *candidates[0])
            return
        if candidates or role in REQUIRED:
            self.lacks.add(role)
        if role in REQUIRED:
            self.candidates[role] = sorted({place for place, _ in candidates})

    def _find_changing(self, role: str) -> None:
        """The only column without a name that is of the kind, and agrees enough."""
        candidates = self.likely(role)
        if len(candidates) == 1 and len(self._testimony.rows) >= ENOUGH:
            self._take(role, *candidates[0])
        elif candidates or any(
            self._testimony.counts(role, place)[Says.AGREES] for place in self._free()
        ):
            self.lacks.add(role)

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
        return place in self._naming.currencies or any(price_in(cell).currency for cell in cells)

    def _free(self) -> list[int]:
        """The columns that may still be anything.

        Of columns with the same name one was found; what the others are, no name says.
        """
        taken = {*self._naming.mapped, *self._naming.alone.values(), *self.found.values()}
        return [place for place in self._testimony.places if place not in taken]

    def _candidates(
        self,
        role: str,
        places: Iterable[int],
        fits: Callable[[str, int, DateOrder | None], bool],
    ) -> list[Candidate]:
        """Those of these columns that fit a role, a column of times in each order of dates."""
        return [
            (place, order)
            for place in places
            for order in (self._testimony.possible_orders(role, place) if role in TIMES else [None])
            if fits(role, place, order)
        ]

    def _take(self, role: str, place: int, order: DateOrder | None) -> None:
        self.found[role] = place
        if order is not None:
            self._testimony.orders[role] = order

    # When a column is told from others.

    def _is_told(self, role: str, place: int, order: DateOrder | None) -> bool:
        """Whether a column of which all cells agree can be nothing else, and not by chance."""
        testimony = self._testimony
        is_named = role in self._naming.places
        others = (other for other in (*CONSTANT, *CHANGING) if other != role)
        return (
            len(testimony.agreeing(role, place, order)) >= ENOUGH
            and testimony.varies(role, place, order)
            and (is_named or not any(testimony.all_agree(other, place, order) for other in others))
        )

    def _is_likely(self, role: str, place: int, order: DateOrder | None) -> bool:
        """Whether a column may be a role that changes."""
        counts = self._testimony.counts(role, place, order)
        agrees, differs = counts[Says.AGREES], counts[Says.DIFFERS]
        if not agrees:
            return False
        if role == STATUS:
            return self._is_status(place) and self._file.are_statuses(place)
        if role == "sent_at":
            # Some may have been sent since the export; a time of delivery is empty more often.
            is_most = 4 * agrees >= 3 * counts.total() and agrees >= ENOUGH
            return is_most and not differs and self._is_sending(place, order)
        if role == "cost_value":
            return self._is_cost(place) and agrees >= ENOUGH
        return agrees >= ENOUGH and agrees == counts.total()

    def _is_status(self, place: int) -> bool:
        """Whether statuses move on as they can, and more agree; of numbers, not all with one."""
        testimony = self._testimony
        differing = testimony.differing(STATUS, place)
        if any(code_in(row.cells[place]) not in OPEN_STATUSES for row in differing):
            return False
        agreeing = testimony.agreeing(STATUS, place)
        if not self._are_numbers(place):
            return len(agreeing) >= len(differing)
        return testimony.varies(STATUS, place) and len(agreeing) >= max(ENOUGH, len(differing))

    def _are_numbers(self, place: int) -> bool:
        return all(is_number(cell) for cell in self._testimony.filled(place))

    def _is_sending(self, place: int, order: DateOrder | None) -> bool:
        testimony = self._testimony
        created = {**self._naming.alone, **self.found}.get("created_at")
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
            testimony.varies("cost_value", place)
            and any((row.witness.sms_count or 0) > 1 for row in agreeing)
            and not testimony.stuck("cost_value", place)
            and all(is_kind("cost_value", cell, TimeForm()) for cell in testimony.filled(place))
        )
