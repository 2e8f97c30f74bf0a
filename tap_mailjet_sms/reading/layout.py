"""The layout of a CSV: what each column holds, what none holds, and what has changed since.

The layout is not documented, so the header's names decide: `schema.py` has those that are known.
What is remembered of a layout is names and places, never data: a name that looks like data stands
for itself nowhere, neither in a state nor in a log, but by its place.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import CSVHeaderError
from tap_mailjet_sms.notices import Notice
from tap_mailjet_sms.reading.header import STATUS, is_known, looks_like_data, meaning, quoted, show
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, plain_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tap_mailjet_sms.reading.header import Header

    ColumnMap = Mapping[str, str | None]

#: What `column_map` says of a header that is to stay as it is.
_KEPT = (None, "extra")
#: The columns that a CSV should have, all but `extra`.
_DOCUMENTED = [column.name for column in MESSAGE_COLUMNS if column.aliases]
_REQUIRED = [column.name for column in MESSAGE_COLUMNS if not column.nullable]
#: These two complete each other.
_CODED = ("status_code", "status_name")
_STATUS_COLUMNS = (*_CODED, "status_description")
#: Columns that may stand in the cells of another, and that one.
HOSTS = {"status_description": "status_code", "cost_currency": "cost_value"}

_SHOWN_NAMES, _SHOWN_LENGTH = 40, 80
#: Stands for a column's name in a `column_map` that is to be filled in.
_BLANK = "?"


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
    """

    sources: Mapping[str, int]
    extra: tuple[int, ...]
    labels: tuple[str, ...]
    unnamed: tuple[int, ...] = ()
    currency: str | None = None
    strange: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The column of a CSV that holds a column of the stream: its place from 1 on, and its name.

    The name is None where it looks like data.
    """

    place: int
    header: str | None


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """What is remembered of a layout from file to file and, in the state, from run to run.

    Attributes:
        fingerprint: tells layouts apart: a hash of the header, the delimiter and `column_map`.
        columns: where each documented column is; None if nowhere. One that may stand in the cells
            of another has no entry before a row has told whether it does.
        extra: what goes to `extra`: a name, or a place from 1 on where that looks like data.
    """

    fingerprint: str
    columns: Mapping[str, Source | None]
    extra: tuple[str | int, ...] = ()

    @property
    def absent(self) -> frozenset[str]:
        """The documented columns that it does not have."""
        return frozenset(name for name, source in self.columns.items() if source is None)


def lay_out(header: Header, column_map: ColumnMap) -> Layout:
    """Decide what each column of the CSV is; what nothing names goes to `extra`.

    `column_map` wins over the table of known names: by the header as written, else normalised.

    Raises:
        CSVHeaderError: The id or the creation time is missing, or a column is there twice.
    """
    names = header.names
    exact = {name: column_map[name] for name in names if name in column_map}
    loose = {
        plain_name(name): target
        for name, target in column_map.items()
        if name not in exact and plain_name(name)
    }
    mapped: dict[str, list[int]] = {}
    named: dict[str, list[int]] = {}
    kept, strange = [], []
    meanings = [meaning(name) for name in names]
    for index, name in enumerate(names):
        if name in exact or plain_name(name) in loose:
            role = exact[name] if name in exact else loose[plain_name(name)]
            group = mapped
            kept += [index] if role in _KEPT else []
        else:
            role = meanings[index].role
            group = named
        if meanings[index].is_strange(role):
            strange.append(index)
        if role not in _KEPT:
            group.setdefault(role, []).append(index)
    candidates = named | mapped
    missing = [name for name in _REQUIRED if name not in candidates]
    if missing:
        given = {role: indexes[0] for role, indexes in candidates.items()}
        raise CSVHeaderError(_missing(names, missing, given, strange, column_map))
    for role, indexes in candidates.items():
        if len(indexes) > 1:
            raise CSVHeaderError(_twice(names, role, indexes, column_map))
    sources = {role: indexes[0] for role, indexes in candidates.items()}
    end = len(names)
    while not names[end - 1].strip() and end - 1 not in sources.values():
        end -= 1
    extra = tuple(index for index in range(end) if index not in sources.values())
    cost = sources.get("cost_value")
    return Layout(
        sources=sources,
        extra=extra,
        labels=_labels(names, extra),
        unnamed=tuple(range(end, len(names))),
        currency=None if cost is None else meanings[cost].currency,
        strange=tuple(strange),
        kept=tuple(kept),
    )


def settle(
    header: Header,
    layout: Layout,
    *,
    told: Mapping[str, bool],
    column_map: ColumnMap,
    before: KnownLayout | None,
) -> tuple[KnownLayout, Notice | None]:
    """Judge the layout of a file that has rows, once they are read.

    Args:
        header: The header.
        layout: What it says; of the last columns without a name, `extra` has those with text.
        told: What the rows tell of the columns in `HOSTS`: True if any row has a value there, False
            if there is none where one belongs. Of a column of which they tell nothing, what was so
            before is still so.
        column_map: The setting.
        before: The layout of the file with rows before this one, in this run or an earlier one.

    Returns:
        The layout to remember, and what is to be said of it, if anything: a warning, unless
        `before` is the same.

    Raises:
        CSVHeaderError: A column had a source before and has none now, and nothing says that this
            is meant: its values would be overwritten with nulls.
    """
    names = header.names
    fingerprint = _fingerprint(header, column_map)
    columns = _columns(names, layout, told, before)
    if before is not None:  # What has no name and no text in this file is no news in the next.
        empty = {place for place in layout.unnamed if place + 1 in before.extra}
        layout = replace(layout, extra=tuple(sorted({*layout.extra, *empty})))
    extra = tuple(_nameable(names[place]) or place + 1 for place in layout.extra[:_SHOWN_NAMES])
    known = KnownLayout(fingerprint, columns, extra)
    meant = _meant(column_map, before)
    if before is not None:
        vanished = {
            name: source
            for name, source in before.columns.items()
            if source is not None and name in known.absent and name not in meant
        }
        if vanished:
            raise CSVHeaderError(_vanished(names, layout, vanished, before, column_map))
    text = _said(names, layout, known.absent - meant, column_map)
    return known, Notice(text, is_warning=known != before) if text else None


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
    status = next((sources[name] for name in (STATUS, *_CODED) if name in sources), None)
    cost = sources.get("cost_value")
    places = {**dict.fromkeys(_STATUS_COLUMNS, status), "cost_currency": cost} | dict(sources)
    columns: dict[str, Source | None] = {}
    for name in _DOCUMENTED:
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
    return Source(place + 1, _nameable(names[place]))


def _meant(column_map: ColumnMap, before: KnownLayout | None) -> set[str]:
    """The columns that the setting wants absent: it sends their header to `extra`."""
    kept = {plain_name(name): name for name, target in column_map.items() if target in _KEPT}
    roles = {meaning(name).role for name in kept.values()}
    meant = {name for name in _DOCUMENTED if name in roles}
    if STATUS in roles:
        meant.update(_STATUS_COLUMNS)
    if before is not None:
        meant |= {
            name
            for name, source in before.columns.items()
            if source is not None and source.header and plain_name(source.header) in kept
        }
    return meant


def _fingerprint(header: Header, column_map: ColumnMap) -> str:
    told = json.dumps([header.names, header.delimiter, sorted(column_map.items())])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


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


# What is said.


def _missing(
    names: Sequence[str],
    missing: list[str],
    given: Mapping[str, int],
    strange: Collection[int],
    column_map: ColumnMap,
) -> str:
    lacks = f"Mailjet's CSV has no column known as {' or '.join(missing)}"
    like_data = sum(map(looks_like_data, names))
    if like_data >= max(1, sum(is_known(name, column_map) for name in names)):
        return f"{lacks}: its first line is data, not a header, so it cannot be read"
    absent = [*missing, *(name for name in _without_source(given) if name not in missing)]
    nor = f" (nor as {_listed(absent[len(missing) :])})" if len(absent) > len(missing) else ""
    more = f", with {_strange(names, strange)}" if strange else ""
    shown = f"{lacks}{nor}; the header is {_shown(names, range(len(names)))}{more}"
    taken = {*given.values(), *strange}
    free = [place for place in range(len(names)) if place not in taken]
    if not any(_nameable(names[place]) for place in free):
        return f"{shown}: nothing there can be set in column_map, please report this header"
    return (
        f"{shown}: set column_map {_to_fill_in(names, free, column_map)}, with"
        f" {' or '.join(absent)} for the “{_BLANK}” that is it, and null for what is none"
    )


def _without_source(given: Collection[str]) -> list[str]:
    """The documented columns without a source, as far as a header can tell."""
    has_status = any(name in given for name in (STATUS, *_CODED))
    return [
        name
        for name in _DOCUMENTED
        if name not in given
        and not (has_status and name in _STATUS_COLUMNS)
        and not (name == "cost_currency" and "cost_value" in given)
    ]


def _twice(names: Sequence[str], role: str, places: list[int], column_map: ColumnMap) -> str:
    found = [names[place] for place in places]
    if len(set(found)) < len(found):
        return (
            f"Mailjet's CSV has two columns called {show(found[0])} for the column {role}, and no"
            " setting can tell them apart: please report this header"
        )
    shown = " and ".join(show(name) for name in found)
    kept = _to_type(names, {**column_map, **dict.fromkeys(found[1:])})
    return (
        f"Mailjet's CSV has {shown} for the column {role}: choose one of them in the"
        f" setting column_map, and give the others null there, such as column_map {kept}"
    )


def _vanished(
    names: Sequence[str],
    layout: Layout,
    vanished: Mapping[str, Source],
    before: KnownLayout,
    column_map: ColumnMap,
) -> str:
    """A column that had a source has none."""
    there = [source for name, source in before.columns.items() if source and name not in vanished]
    headers = {source.header for source in there}
    # What stood in the cells of a column that has gone itself goes where that goes.
    vanished = {
        name: source
        for name, source in vanished.items()
        if name not in HOSTS or vanished.get(HOSTS[name]) != source
    }
    old = [
        f"{name} (was {quoted(source.header) if source.header else f'column {source.place}'})"
        for name, source in vanished.items()
    ]
    new = [
        index
        for index in layout.extra
        if index not in layout.kept
        and (_nameable(names[index]) or index + 1) not in {*before.extra, *headers}
    ]
    nameable = [index for index in new if _nameable(names[index]) and index not in layout.strange]
    gone = {
        # The column in whose cells it stood stays.
        name if source.header is None or source in there else source.header: None
        for name, source in vanished.items()
    }
    text = f"Mailjet's CSV holds no {_listed(old)} any more"
    if new:
        text += f", and nothing tells what is in {_shown(names, new)}"
    strange = [index for index in new if index in layout.strange]
    if strange:
        text += f", with {_strange(names, strange)}"
    text += ": it is not read, as it would replace values with nulls; "
    if len(nameable) == len(new) == len(vanished) == 1:
        entry: dict[str, str | None] = {names[nameable[0]]: next(iter(vanished))}
        text += f"if that is where it went, set column_map {_to_type(names, column_map, entry)}; "
    elif nameable:
        entry = dict.fromkeys((names[index] for index in nameable[:_SHOWN_NAMES]), _BLANK)
        text += (
            f"set column_map {_to_type(names, column_map, entry)}, with"
            f" {' or '.join(vanished)} for the “{_BLANK}” that is it, and null for what is none; "
        )
    elif new:
        text += "if that is where it went, please report this header; "
    return f"{text}if it is gone for good, set column_map {_to_type(names, column_map, gone)}"


def _said(
    names: Sequence[str], layout: Layout, absent: Collection[str], column_map: ColumnMap
) -> str | None:
    """What a user should know of a layout that is read."""
    unknown = [index for index in layout.extra if index not in layout.kept]
    header = {*names, *map(plain_name, names)}
    idle = [
        quoted(name) if _nameable(name) else "a name that looks like data"
        for name, target in column_map.items()
        if target not in _KEPT and name not in header and plain_name(name) not in header
    ]
    said = []
    ordered = [name for name in _DOCUMENTED if name in absent]
    if ordered:
        said.append(f"has no column for {_listed(ordered)}, null in all its rows")
    if unknown:
        said.append(f"has {_shown(names, unknown)} that the tap does not know, kept in extra")
    if idle:
        said.append(f"has no {_listed(idle)}, which column_map names")
    if layout.strange:
        said.append(f"has {_strange(names, layout.strange)}")
    if not said:
        return None
    advice = ""
    nameable = [index for index in unknown if index not in layout.strange]
    if ordered and any(_nameable(names[index]) for index in nameable):
        entries = _to_fill_in(names, nameable, column_map)
        advice = (
            f"; to change that, set column_map {entries}, with {' or '.join(ordered)}"
            f" for the “{_BLANK}” that is it, and null for what is none"
        )
    return f"Mailjet's CSV {', and '.join(said)}{advice}"


def _strange(names: Sequence[str], places: Collection[int]) -> str:
    return (
        f"a unit or zone in the name of {_shown(names, places)} that the tap does not take for"
        " granted (as a time it would be read in UTC, as a cost in one currency)"
    )


def _shown(names: Sequence[str], places: Iterable[int]) -> str:
    """Names as they are typed; by their place where they look like data or are none."""
    listed = [
        quoted(names[place]) if _nameable(names[place]) else f"column {place + 1}"
        for place in sorted(places)
    ]
    more = len(listed) - _SHOWN_NAMES
    return _listed([*listed[:_SHOWN_NAMES], *([f"{more} more"] if more > 0 else [])])


def _to_fill_in(names: Sequence[str], places: Iterable[int], column_map: ColumnMap) -> str:
    found = [names[place] for place in sorted(places) if _nameable(names[place])]
    return _to_type(names, column_map, dict.fromkeys(found[:_SHOWN_NAMES], _BLANK))


def _to_type(names: Sequence[str], *entries: ColumnMap) -> str:
    """The setting `column_map` as it is typed, these entries in it, later ones winning.

    Without the dots of names, which Meltano takes for something else: they mean the same.
    """
    merged: dict[str, str | None] = {}
    for part in entries:
        for name, target in part.items():
            alike = sum(plain_name(other) == plain_name(name) for other in names)
            bare = name.replace(".", "")
            merged[bare if alike <= 1 and plain_name(name) else name] = target
    pairs = (
        f"{quoted(name)}: {'null' if target is None else quoted(target)}"
        for name, target in merged.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _nameable(name: str) -> str | None:
    """The name, if it may be shown and remembered."""
    is_fit = name.strip() and len(name) <= _SHOWN_LENGTH and not looks_like_data(name)
    return name if is_fit else None


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
