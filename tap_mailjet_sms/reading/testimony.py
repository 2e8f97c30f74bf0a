"""The rows of witnesses, and what the cells of one column say of them together. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.agreement import Says, code_in, hours_ahead, said, value
from tap_mailjet_sms.reading.cells import is_null
from tap_mailjet_sms.reading.roles import STATUS, STATUS_ROLES
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.reading.statuses import OPEN_STATUSES
from tap_mailjet_sms.reading.time_texts import ReadTime, read_time
from tap_mailjet_sms.schema import STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from tap_mailjet_sms.witness import Witness

#: Witnesses that a column needs which no name gives, with different ids.
ENOUGH = 3
#: Different values that they need in it; what is not here may be the same in all.
_DIFFERENT = {
    "message_id": 3,
    "created_at": 3,
    "recipient": 2,
    "sms_count": 2,
    "cost_value": 2,
    STATUS: 2,
}
_MINUTE, _SECOND = timedelta(minutes=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a witness: its cells, as text."""

    witness: Witness
    cells: tuple[str, ...]


@dataclass(slots=True)
class Testimony:
    """What the rows of different witnesses say, all of one length, at least one.

    `orders` is in which order dates are written, of each role of which that is known.
    """

    rows: Sequence[Row]
    zone: tzinfo
    orders: dict[str, DateOrder] = field(default_factory=dict)

    @property
    def places(self) -> range:
        """The columns of the rows."""
        return range(len(self.rows[0].cells))

    def form(self, role: str, order: DateOrder | None = None) -> TimeForm:
        """How a column of times is read."""
        return TimeForm(self.zone, order or self.orders.get(role))

    def counts(self, role: str, place: int, order: DateOrder | None = None) -> Counter[Says]:
        """How often the cells of a column say what, if it is this role, where anything is said."""
        counts = Counter(what for _, what in self._says(role, place, order))
        del counts[Says.NOTHING]
        return counts

    def differing(self, role: str, place: int) -> list[Row]:
        """The rows whose cell is another value."""
        return [row for row, what in self._says(role, place) if what is Says.DIFFERS]

    def agreeing(self, role: str, place: int, order: DateOrder | None = None) -> list[Row]:
        """The rows whose cell is that of the witness."""
        return [row for row, what in self._says(role, place, order) if what is Says.AGREES]

    def all_agree(self, role: str, place: int, order: DateOrder | None = None) -> bool:
        """Whether each cell agrees, of witnesses with a value, at least one."""
        counts = self.counts(role, place, order)
        return 0 < counts.total() == counts[Says.AGREES]

    def different(self, role: str, place: int, order: DateOrder | None = None) -> int:
        """How many different values those have that agree."""
        found = [value(role, row.witness) for row in self.agreeing(role, place, order)]
        return len({each.casefold() if isinstance(each, str) else each for each in found})

    def varies(self, role: str, place: int, order: DateOrder | None = None) -> bool:
        """Whether they are different enough to tell this column from others."""
        return self.different(role, place, order) >= _DIFFERENT.get(role, 1)

    def stuck(self, role: str, place: int) -> int:
        """In how many rows a value differs that cannot have moved on to that of the list.

        A message is sent once, and costs what it costs once its status is the last.
        """
        differing = self.differing(role, place)
        if role in STATUS_ROLES:
            codes = [code_in(row.cells[place]) for row in differing]
            return sum(code in STATUS_NAMES and code not in OPEN_STATUSES for code in codes)
        if role == "cost_value":
            return sum(row.witness.status_code not in OPEN_STATUSES for row in differing)
        return len(differing) if role == "sent_at" else 0

    def holds(self, place: int, roles: Iterable[str], *, but: str) -> str | None:
        """Which of these roles a column is, if all of its cells agree with one but this."""
        alike = STATUS_ROLES if but in STATUS_ROLES else (but,)
        return next((r for r in roles if r not in alike and self.all_agree(r, place)), None)

    def elsewhere(self, role: str, place: int) -> int | None:
        """The one other column of which all cells agree with this role."""
        others = [other for other in self.places if other != place]
        found = [other for other in others if self.all_agree(role, other)]
        return found[0] if len(found) == 1 else None

    def is_precise(self, role: str, place: int, order: DateOrder | None = None) -> bool:
        """Whether all times of a column have a minute at least."""
        found = (_time(cell, self.form(role, order)) for cell in self.filled(place))
        return all(time.precision <= _MINUTE for time in found if time is not None)

    def is_rounded(self, role: str, place: int) -> bool:
        """Whether some times differ, by a second at most, as those do that are rounded."""
        differing = self.differing(role, place)
        apart = [
            min(abs(then - moment) for then in time.either)
            for row in differing
            if (moment := self._moment(role, row)) is not None
            and (time := _time(row.cells[place], self.form(role))) is not None
        ]
        return 0 < len(apart) == len(differing) and max(apart) <= _SECOND

    def filled(self, place: int) -> list[str]:
        """The cells of a column that hold anything."""
        return [cell for row in self.rows if not is_null(cell := row.cells[place])]

    def times(self, role: str, place: int) -> list[ReadTime]:
        """The times of a column, as far as its cells are times."""
        found = (_time(cell, self.form(role)) for cell in self.filled(place))
        return [time for time in found if time is not None]

    def possible_orders(self, role: str, place: int) -> list[DateOrder | None]:
        """The orders of dates in which a column of times agrees; None stands for needing none."""
        if self._are_times(place, None):
            return [None]
        if role == "created_at":
            return [order for order in DateOrder if self.all_agree(role, place, order)]
        counts = {order: self.counts(role, place, order) for order in DateOrder}
        return [o for o, n in counts.items() if 0 < n[Says.AGREES] >= n[Says.DIFFERS]]

    def settle_order(self, role: str, place: int) -> bool:
        """Find in which order a column of times writes dates; False if more than one agrees.

        Where none does, but one would in another zone, it is that one.
        """
        orders = self.possible_orders(role, place)
        of_creation = self.orders.get("created_at")
        if len(orders) > 1 and of_creation in orders:
            orders = [of_creation]
        if not orders and role == "sent_at" and of_creation is not None:
            orders = [of_creation] if self._are_times(place, of_creation) else []
        if not orders:
            orders = [o for o in DateOrder if self.ahead(role, place, o)]
        if len(orders) == 1 and orders[0] is not None:
            self.orders[role] = orders[0]
        return len(orders) <= 1

    def ahead(self, role: str, place: int, order: DateOrder | None = None) -> set[timedelta]:
        """How far ahead the times of a column are; none, unless all are by whole quarter hours."""
        form = self.form(role, order)
        found = {
            hours_ahead(row.cells[place], moment, form)
            for row in self.rows
            if (moment := self._moment(role, row)) is not None and not is_null(row.cells[place])
        }
        lengths = {length for length in found if length is not None}
        return lengths if len(lengths) == len(found) else set()

    def _says(
        self, role: str, place: int, order: DateOrder | None = None
    ) -> list[tuple[Row, Says]]:
        form = self.form(role, order)
        return [(row, said(role, row.cells[place], row.witness, form)) for row in self.rows]

    def _are_times(self, place: int, order: DateOrder | None) -> bool:
        cells, form = self.filled(place), TimeForm(self.zone, order)
        return bool(cells) and all(_is_time(cell, form) for cell in cells)

    @staticmethod
    def _moment(role: str, row: Row) -> datetime | None:
        return row.witness.created_at if role == "created_at" else row.witness.sent_at


def _is_time(cell: str, form: TimeForm) -> bool:
    try:
        read_time(cell, form)
    except ValueError:
        return False
    return True


def _time(cell: str, form: TimeForm) -> ReadTime | None:
    try:
        return read_time(cell, form)
    except ValueError:
        return None
