"""What each column of a CSV holds, what none holds, and what has changed since the file before.

The layout is not documented, so the header's names decide (`naming.py`), and what messages of
Mailjet's own list say of the cells below them (`evidence.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import CSVHeaderError
from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.reading import layout_sentences as sentences
from tap_mailjet_sms.reading.header import meaning, nameable
from tap_mailjet_sms.reading.layout import KnownLayout, Layout, Source
from tap_mailjet_sms.reading.naming import name_columns
from tap_mailjet_sms.reading.roles import (
    CODED,
    DOCUMENTED,
    HOSTS,
    KEPT,
    REQUIRED,
    STATUS,
    STATUS_COLUMNS,
)
from tap_mailjet_sms.schema import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import Evidence, Proven

    ColumnMap = Mapping[str, str | None]

#: So many names are remembered.
_REMEMBERED = 40


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
    hosted: Mapping[str, bool],
    column_map: ColumnMap,
    before: KnownLayout | None,
) -> tuple[KnownLayout, list[Notice]]:
    """Judge the layout of a file that has rows, once they are read.

    Args:
        proven: How the file was read; of the last columns without a name, `extra` has those with
            text.
        hosted: What the rows tell of the columns in `HOSTS`: True if any row has a value there,
            False if there is none where one belongs. Of a column of which they tell nothing, what
            was so before is still so.
        column_map: The setting.
        before: The layout of the file with rows before this one, in this run or an earlier one.

    Returns:
        The layout to remember, and what is to be said of it: warnings, unless `before` is the same.

    Raises:
        CSVHeaderError: A column had a source before and has none now, and nothing says that this
            is meant: its values would be overwritten with nulls.
    """
    names, layout, proof = proven.header.names, proven.layout, proven.proof
    columns = _columns(names, layout, hosted, before)
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
    hosted: Mapping[str, bool],
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
            is_there = hosted.get(name)
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
