"""What the names above the columns say, and the setting `column_map` of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.header import meaning
from tap_mailjet_sms.reading.roles import KEPT
from tap_mailjet_sms.schema import plain_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.reading.header import Header

    ColumnMap = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Naming:
    """What the names above the columns say, and the setting `column_map` of them.

    Attributes:
        places: the columns that are named as each role, a column of the stream or `STATUS`.
        kept: places of columns that `column_map` sends to `extra`.
        mapped: places of columns of which `column_map` says anything.
        strange: places of columns whose unit or zone is none that the tap takes for granted.
        currencies: the currency that a name has in it, by place.
    """

    places: Mapping[str, tuple[int, ...]]
    kept: tuple[int, ...] = ()
    mapped: frozenset[int] = frozenset()
    strange: tuple[int, ...] = ()
    currencies: Mapping[int, str] = field(default_factory=dict)

    @property
    def alone(self) -> dict[str, int]:
        """The place of each role that one column only is named as."""
        return {role: places[0] for role, places in self.places.items() if len(places) == 1}


def name_columns(header: Header, column_map: ColumnMap) -> Naming:
    """What each column is by its name; what nothing names has no role.

    `column_map` wins over the table of known names: by the header as written, else normalised.
    """
    names = header.names
    exact = {name: column_map[name] for name in names if name in column_map}
    loose = {
        plain_name(name): target
        for name, target in column_map.items()
        if name not in exact and plain_name(name)
    }
    by_map: dict[str, list[int]] = {}
    by_name: dict[str, list[int]] = {}
    kept, mapped, strange, currencies = [], set(), [], {}
    for index, name in enumerate(names):
        says = meaning(name)
        role, group = says.role, by_name
        if name in exact or plain_name(name) in loose:
            role = exact[name] if name in exact else loose[plain_name(name)]
            group = by_map
            mapped.add(index)
            kept += [index] if role in KEPT else []
        if says.is_strange(role):
            strange.append(index)
        if says.currency is not None:
            currencies[index] = says.currency
        if role not in KEPT:
            group.setdefault(role, []).append(index)
    places = {role: tuple(found) for role, found in (by_name | by_map).items()}
    return Naming(places, tuple(kept), frozenset(mapped), tuple(strange), currencies)
