"""The layout of a CSV: what each column holds, what none holds, and what has changed since.

The layout is not documented, so the header's names decide (`schema.py` has those that are known),
and what messages of Mailjet's own list say of the cells below them (`evidence.py`).
What is remembered of a layout is names and places, never data: a name that looks like data stands
for itself nowhere, neither in a state nor in a log, but by its place.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import CSVHeaderError
from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.reading import layout_sentences as sentences
from tap_mailjet_sms.reading.header import meaning, nameable
from tap_mailjet_sms.reading.roles import (
    CODED,
    DOCUMENTED,
    HOSTS,
    KEPT,
    REQUIRED,
    STATUS,
    STATUS_COLUMNS,
    STATUS_ROLES,
)
from tap_mailjet_sms.schema import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.rules import DateOrder
    from tap_mailjet_sms.witness import Silence

    ColumnMap = Mapping[str, str | None]

#: So many names are remembered.
_REMEMBERED = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a CSV holds what; places count from 0.

    Attributes:
        sources: the place of each column that the header gives, also of `STATUS`.
        extra: the places of what goes to `extra`.
        labels: what each of those is called there.
        unnamed: places of the last columns that have no name: of no meaning if they are empty.
        currency: the currency of all costs, where the name of their column says it.
        strange: places of columns whose unit or zone is none that the tap takes for granted.
        kept: places of columns that `column_map` sends to `extra`.
        orders: the order of dates, of each column of times where it was found.
        decimal_mark: that of prices, if it was found.
    """

    sources: Mapping[str, int]
    extra: tuple[int, ...]
    labels: tuple[str, ...]
    unnamed: tuple[int, ...] = ()
    currency: str | None = None
    strange: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    orders: Mapping[str, DateOrder] = field(default_factory=dict)
    decimal_mark: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The column of a CSV that holds a column of the stream: its place from 1 on, and its name.

    The name is None where it looks like data.
    """

    place: int
    header: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rows of witnesses say of a layout; see `evidence.py`. Places count from 0.

    Attributes:
        witnesses: how many there are.
        found: the place of each role that no name gives, or more than one.
        proved: the roles whose cells agree with the witnesses.
        orders: the order of dates, of each role that needs one.
        decimal_mark: that of prices, if it is known.
        is_zoned: whether each time says itself which moment it is.
        unwitnessed: the columns of which no witness has a value.
        is_far: whether messages were created more than a day from their window.
    """

    witnesses: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    proved: frozenset[str] = frozenset()
    orders: Mapping[str, DateOrder] = field(default_factory=dict)
    decimal_mark: str = ""
    is_zoned: bool = True
    unwitnessed: frozenset[str] = frozenset()
    is_far: bool = False

    @property
    def is_proof(self) -> bool:
        """Whether it is enough to ask for no more witnesses of this layout."""
        return self.proved.issuperset(REQUIRED)


@dataclass(frozen=True, slots=True)
class Proof:
    """When a layout was proved by evidence, and by messages of which span."""

    evidence: Evidence
    at: datetime
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Unproved:
    """Why a layout could not be proved, and when that was tried."""

    silence: Silence
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """What is remembered of a layout from file to file and, in the state, from run to run.

    Attributes:
        fingerprint: tells layouts apart: a hash of the header, the delimiter and the settings that
            matter.
        columns: where each documented column is; None if nowhere. One that may stand in the cells
            of another has no entry before a row has told whether it does.
        extra: what goes to `extra`: a name, or a place from 1 on where that looks like data.
        proof: how it was proved, if it was.
        unproved: why it could not be proved when that was tried last, if so.
    """

    fingerprint: str
    columns: Mapping[str, Source | None]
    extra: tuple[str | int, ...] = ()
    proof: Proof | None = None
    unproved: Unproved | None = None

    @property
    def absent(self) -> frozenset[str]:
        """The documented columns that it does not have."""
        return frozenset(name for name, source in self.columns.items() if source is None)

    @property
    def proved(self) -> frozenset[str]:
        """The documented columns that are proved."""
        roles = self.proof.evidence.proved if self.proof else frozenset[str]()
        proved = {name for name in DOCUMENTED if name in roles}
        if not roles.isdisjoint(STATUS_ROLES):
            proved.update(CODED)
        return frozenset(name for name in proved if self.columns.get(name) is not None)

    def is_like(self, other: KnownLayout | None) -> bool:
        """Whether the columns are the same, however they were told."""
        return other is not None and replace(self, proof=None, unproved=None) == replace(
            other, proof=None, unproved=None
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """How a file is to be read, and what is to be remembered and said of that."""

    header: Header
    layout: Layout
    fingerprint: str
    proof: Proof | None = None
    unproved: Unproved | None = None
    notices: tuple[Notice, ...] = ()


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


def lay_out(header: Header, column_map: ColumnMap, evidence: Evidence | None = None) -> Layout:
    """Decide what each column of the CSV is; what nothing tells goes to `extra`.

    Raises:
        CSVHeaderError: The id or the creation time is missing, or a column is there twice.
    """
    names = header.names
    naming = name_columns(header, column_map)
    sources = naming.alone | dict(evidence.found if evidence else {})
    for role, places in naming.places.items():
        if role not in sources:
            raise CSVHeaderError(sentences.named_twice(names, role, places, column_map))
    missing = [name for name in REQUIRED if name not in sources]
    if missing:
        text = sentences.missing_columns(header, missing, sources, naming.strange, column_map)
        raise CSVHeaderError(text)
    end = len(names)
    while not names[end - 1].strip() and end - 1 not in sources.values():
        end -= 1
    extra = tuple(index for index in range(end) if index not in sources.values())
    cost = sources.get("cost_value")
    proved = {sources.get(role) for role in evidence.proved} if evidence else set()
    return Layout(
        sources=sources,
        extra=extra,
        labels=_labels(names, extra),
        unnamed=tuple(range(end, len(names))),
        currency=None if cost is None else naming.currencies.get(cost),
        strange=tuple(place for place in naming.strange if place not in proved),
        kept=naming.kept,
        orders=evidence.orders if evidence else {},
        decimal_mark=evidence.decimal_mark if evidence else "",
    )


def settle(
    proven: Proven,
    *,
    told: Mapping[str, bool],
    column_map: ColumnMap,
    before: KnownLayout | None,
) -> tuple[KnownLayout, list[Notice]]:
    """Judge the layout of a file that has rows, once they are read.

    Args:
        proven: How the file was read; of the last columns without a name, `extra` has those with
            text.
        told: What the rows tell of the columns in `HOSTS`: True if any row has a value there, False
            if there is none where one belongs. Of a column of which they tell nothing, what was so
            before is still so.
        column_map: The setting.
        before: The layout of the file with rows before this one, in this run or an earlier one.

    Returns:
        The layout to remember, and what is to be said of it: warnings, unless `before` is the same.

    Raises:
        CSVHeaderError: A column had a source before and has none now, and nothing says that this
            is meant: its values would be overwritten with nulls.
    """
    names, layout, proof = proven.header.names, proven.layout, proven.proof
    columns = _columns(names, layout, told, before)
    if before is not None:  # What has no name and no text in this file is no news in the next.
        empty = {place for place in layout.unnamed if place + 1 in before.extra}
        layout = replace(layout, extra=tuple(sorted({*layout.extra, *empty})))
    extra = tuple(nameable(names[place]) or place + 1 for place in layout.extra[:_REMEMBERED])
    known = KnownLayout(proven.fingerprint, columns, extra, proof, proven.unproved)
    meant = _meant(column_map, before)
    notices = []
    if before is not None and not known.is_like(before):
        no_loss = meant | (proof.evidence.unwitnessed if proof else frozenset())
        vanished = {
            name: source
            for name, source in before.columns.items()
            if source is not None and name in known.absent and name not in no_loss
        }
        if vanished:
            text = sentences.vanished_columns(names, layout, vanished, before, column_map)
            raise CSVHeaderError(text)
        is_anew = proof is not None and known.fingerprint != before.fingerprint
        if is_anew and (changed := sentences.changes(before, known)):
            notices.append(Notice(changed, Weight.WARNING))
    if remark := sentences.remark(names, layout, known.absent - meant, column_map):
        weight = Weight.DETAIL if known.is_like(before) else Weight.WARNING
        notices.append(Notice(remark, weight))
    return known, notices


def _columns(
    names: Sequence[str],
    layout: Layout,
    told: Mapping[str, bool],
    before: KnownLayout | None,
) -> dict[str, Source | None]:
    """Where each documented column comes from.

    A column of statuses completes the others by Mailjet's table, and its cells may hold a
    description; the cells of costs may hold a currency, and so may the name above them.
    """
    sources = layout.sources
    status = next((sources[name] for name in (STATUS, *CODED) if name in sources), None)
    cost = sources.get("cost_value")
    places = {**dict.fromkeys(STATUS_COLUMNS, status), "cost_currency": cost} | dict(sources)
    columns: dict[str, Source | None] = {}
    for name in DOCUMENTED:
        place = places.get(name)
        if name in HOSTS and name not in sources and place is not None:
            is_there = told.get(name)
            if name == "cost_currency" and layout.currency is not None:
                is_there = True
            if is_there is None:
                if before is not None and name in before.columns:
                    columns[name] = before.columns[name]
                continue
            place = place if is_there else None
        columns[name] = None if place is None else _source(names, place)
    return columns


def _source(names: Sequence[str], place: int) -> Source:
    return Source(place + 1, nameable(names[place]))


def _meant(column_map: ColumnMap, before: KnownLayout | None) -> set[str]:
    """The columns that the setting wants absent: it sends their header to `extra`."""
    kept = {plain_name(name): name for name, target in column_map.items() if target in KEPT}
    roles = {meaning(name).role for name in kept.values()}
    meant = {name for name in DOCUMENTED if name in roles}
    if STATUS in roles:
        meant.update(STATUS_COLUMNS)
    if before is not None:
        meant |= {
            name
            for name, source in before.columns.items()
            if source is not None and source.header and plain_name(source.header) in kept
        }
    return meant


def fingerprint_of(header: Header, column_map: ColumnMap, zone: str) -> str:
    """What tells layouts apart: the header and the settings by which it is read.

    Where there is none, how many columns there are.
    """
    names = len(header.names) if header.is_absent else header.names
    told: list[object] = [names, header.delimiter, sorted(column_map.items())]
    if zone != "UTC":
        told.append(zone)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _labels(names: Sequence[str], places: Iterable[int]) -> tuple[str, ...]:
    """What columns are called in `extra`, no two alike."""
    labels: list[str] = []
    times: Counter[str] = Counter()
    taken = set(names)
    for place in places:
        name = names[place] if names[place].strip() else f"column {place + 1}"
        label = name
        while label in labels or (label != name and label in taken):
            times[name] += 1
            label = f"{name} ({times[name] + 1})"
        labels.append(label)
    return tuple(labels)
