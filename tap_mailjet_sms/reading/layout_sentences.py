"""What is said of a layout: what is missing, twice, gone or unknown, and what to do about it.

A name that looks like data is shown by its place alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.header import are_data, nameable, quoted, show
from tap_mailjet_sms.reading.roles import CODED, DOCUMENTED, HOSTS, KEPT, STATUS, STATUS_COLUMNS
from tap_mailjet_sms.schema import plain_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import KnownLayout, Layout, Source

    ColumnMap = Mapping[str, str | None]

_SHOWN_NAMES = 40
#: Stands for a column's name in a `column_map` that is to be filled in.
_BLANK = "?"


def missing_columns(
    header: Header,
    missing: Sequence[str],
    given: Mapping[str, int],
    strange: Collection[int],
    column_map: ColumnMap,
) -> str:
    """The id or the creation time is in no column."""
    names = header.names
    if header.is_absent:
        return (
            f"Mailjet's CSV has no header, and no column that is {' or '.join(missing)} for certain"
        )
    lacks = f"Mailjet's CSV has no column known as {' or '.join(missing)}"
    if are_data(names, column_map):
        return f"{lacks}: its first line is data, not a header, so it cannot be read"
    absent = [*missing, *(name for name in without_source(given) if name not in missing)]
    nor = f" (nor as {listed(absent[len(missing) :])})" if len(absent) > len(missing) else ""
    more = f", with {strange_names(names, strange)}" if strange else ""
    shown = f"{lacks}{nor}; the header is {shown_names(names, range(len(names)))}{more}"
    taken = {*given.values(), *strange}
    free = [place for place in range(len(names)) if place not in taken]
    if not any(nameable(names[place]) for place in free):
        return f"{shown}: nothing there can be set in column_map, please report this header"
    return (
        f"{shown}: set column_map {to_fill_in(names, free, column_map)}, with"
        f" {' or '.join(absent)} for the “{_BLANK}” that is it, and null for what is none"
    )


def without_source(given: Collection[str]) -> list[str]:
    """The documented columns without a source, as far as a header can tell."""
    has_status = any(name in given for name in (STATUS, *CODED))
    return [
        name
        for name in DOCUMENTED
        if name not in given
        and not (has_status and name in STATUS_COLUMNS)
        and not (name == "cost_currency" and "cost_value" in given)
    ]


def named_twice(
    names: Sequence[str], role: str, places: Sequence[int], column_map: ColumnMap
) -> str:
    """Two columns have names that say the same."""
    found = [names[place] for place in places]
    if len(set(found)) < len(found):
        return (
            f"Mailjet's CSV has two columns called {show(found[0])} for the column {role}, and no"
            " setting can tell them apart: please report this header"
        )
    shown = " and ".join(show(name) for name in found)
    kept = to_type(names, {**column_map, **dict.fromkeys(found[1:])})
    return (
        f"Mailjet's CSV has {shown} for the column {role}: choose one of them in the"
        f" setting column_map, and give the others null there, such as column_map {kept}"
    )


def vanished_columns(
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
        and (nameable(names[index]) or index + 1) not in {*before.extra, *headers}
    ]
    mappable = [index for index in new if nameable(names[index]) and index not in layout.strange]
    gone = {
        # The column in whose cells it stood stays.
        name if source.header is None or source in there else source.header: None
        for name, source in vanished.items()
    }
    text = f"Mailjet's CSV holds no {listed(old)} any more"
    if new:
        text += f", and nothing tells what is in {shown_names(names, new)}"
    strange = [index for index in new if index in layout.strange]
    if strange:
        text += f", with {strange_names(names, strange)}"
    text += ": it is not read, as it would replace values with nulls; "
    if len(mappable) == len(new) == len(vanished) == 1:
        entry: dict[str, str | None] = {names[mappable[0]]: next(iter(vanished))}
        text += f"if that is where it went, set column_map {to_type(names, column_map, entry)}; "
    elif mappable:
        entry = dict.fromkeys((names[index] for index in mappable[:_SHOWN_NAMES]), _BLANK)
        text += (
            f"set column_map {to_type(names, column_map, entry)}, with"
            f" {' or '.join(vanished)} for the “{_BLANK}” that is it, and null for what is none; "
        )
    elif new:
        text += "if that is where it went, please report this header; "
    return f"{text}if it is gone for good, set column_map {to_type(names, column_map, gone)}"


def unhashed(
    header: Header, layout: Layout, columns: Collection[str], column_map: ColumnMap
) -> str:
    """Columns that are to be hashed have no source, so that their cells would leave as they are."""
    text = (
        f"Mailjet's CSV has no column known as {listed(sorted(columns))}, which hash_columns wants"
        " hashed: it is not read, as what is in that column would leave unhashed, in extra; "
    )
    names = header.names
    if mappable := [index for index in layout.extra if nameable(names[index])]:
        text += (
            f"set column_map {to_fill_in(names, mappable, column_map)}, with"
            f" {' or '.join(sorted(columns))} for the “{_BLANK}” that is it, and null for what is"
            " none; "
        )
    return f"{text}if there is none, take it out of hash_columns"


def hashed_by_name(columns: Collection[str]) -> str:
    """Columns are hashed that no message of Mailjet's list has proved."""
    return (
        f"That {listed(sorted(columns))}, which hash_columns wants hashed, stands where the layout"
        " of Mailjet's CSV has it is not proved by messages of Mailjet's own list: if it stands"
        " elsewhere, it leaves unhashed"
    )


def changes(before: KnownLayout, known: KnownLayout) -> str | None:
    """What has changed since the file before; None if it is only the settings, or the order."""

    def named(source: Source | None) -> str:
        if source is None:
            return "nothing"
        return quoted(source.header) if source.header else f"column {source.place}"

    moved = [
        f"{name} ({named(before.columns[name])} before, {named(source)} now)"
        for name, source in known.columns.items()
        if name in before.columns and named(source) != named(before.columns[name])
    ]
    if not moved:
        return None
    return f"The layout of Mailjet's CSV has changed: it has another source for {listed(moved)}"


def remark(
    names: Sequence[str], layout: Layout, absent: Collection[str], column_map: ColumnMap
) -> str | None:
    """What a user should know of a layout that is read."""
    unknown = [index for index in layout.extra if index not in layout.kept]
    header = {*names, *map(plain_name, names)}
    idle = [
        quoted(name) if nameable(name) else "a name that looks like data"
        for name, target in column_map.items()
        if target not in KEPT and name not in header and plain_name(name) not in header
    ]
    said = []
    ordered = [name for name in DOCUMENTED if name in absent]
    if ordered:
        said.append(f"has no column for {listed(ordered)}, null in all its rows")
    if unknown:
        said.append(f"has {shown_names(names, unknown)} that the tap does not know, kept in extra")
    if idle:
        said.append(f"has no {listed(idle)}, which column_map names")
    if layout.strange:
        said.append(f"has {strange_names(names, layout.strange)}")
    if not said:
        return None
    advice = ""
    mappable = [index for index in unknown if index not in layout.strange]
    if ordered and any(nameable(names[index]) for index in mappable):
        entries = to_fill_in(names, mappable, column_map)
        advice = (
            f"; to change that, set column_map {entries}, with {' or '.join(ordered)}"
            f" for the “{_BLANK}” that is it, and null for what is none"
        )
    return f"Mailjet's CSV {', and '.join(said)}{advice}"


def strange_names(names: Sequence[str], places: Collection[int]) -> str:
    """Names with a unit or zone that the tap cannot judge."""
    return (
        f"a unit or zone in the name of {shown_names(names, places)} that the tap does not take for"
        " granted (as a time it would be read in UTC, as a cost in one currency)"
    )


def shown_names(names: Sequence[str], places: Iterable[int]) -> str:
    """Names as they are typed; by their place where they look like data or are none."""
    found = [
        quoted(names[place]) if nameable(names[place]) else f"column {place + 1}"
        for place in sorted(places)
    ]
    more = len(found) - _SHOWN_NAMES
    return listed([*found[:_SHOWN_NAMES], *([f"{more} more"] if more > 0 else [])])


def to_fill_in(names: Sequence[str], places: Iterable[int], column_map: ColumnMap) -> str:
    """The setting `column_map` with a blank for what each of these columns is."""
    found = [names[place] for place in sorted(places) if nameable(names[place])]
    return to_type(names, column_map, dict.fromkeys(found[:_SHOWN_NAMES], _BLANK))


def to_type(names: Sequence[str], *entries: ColumnMap) -> str:
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


def listed(words: Sequence[str]) -> str:
    """A list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
