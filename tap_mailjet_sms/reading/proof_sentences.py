"""What is said of a layout that was held against Mailjet's own list. No cell, and no witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.header import meaning, nameable, quoted
from tap_mailjet_sms.reading.layout_sentences import listed, to_type
from tap_mailjet_sms.reading.roles import DOCUMENTED, REQUIRED, STATUS, STATUS_COLUMNS
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_mailjet_sms.reading.evidence import Findings
    from tap_mailjet_sms.reading.layout import Evidence, KnownLayout, Unproved
    from tap_mailjet_sms.reading.named_columns import Remark

    ColumnMap = Mapping[str, str | None]

#: Why no message tells what the columns hold.
WHY_UNTOLD = {
    Silence.CLOSED: "Mailjet does not list messages for this token",
    Silence.UNANSWERED: "Mailjet's list of messages could not be had",
    Silence.EMPTY: "Mailjet lists no message of this window",
    Silence.ABSENT: "none of the messages that Mailjet lists is in it",
}


def without_witnesses(silence: Silence, *, is_proved: bool) -> str:
    """No message tells what the columns hold, though it was time to ask; what is read instead."""
    why = WHY_UNTOLD[silence]
    if is_proved:
        return (
            f"The layout of Mailjet's CSV could not be proved anew, as {why}: it is read as it was"
            " proved before"
        )
    return (
        f"The layout of Mailjet's CSV is not proved yet, as {why}: until it is, the names above the"
        " columns alone say what they hold"
    )


def contradiction(names: Sequence[str], findings: Findings, column_map: ColumnMap) -> str:
    """Columns hold something else than their names say."""
    wrong = findings.contradictions
    told = listed([f"{_column(names, remark)} {remark.text}" for remark in wrong])
    by = _messages(findings.evidence.witnesses)
    text = f"In Mailjet's CSV, {told}: so say {by} of Mailjet's own list"
    meant: dict[str, str | None] = {}
    for remark in wrong:
        if remark.elsewhere is not None and _is_single(names, remark.elsewhere):
            meant[names[remark.elsewhere]] = remark.role
    for remark in wrong:
        # Without a column that must be there, nothing is read at all.
        if _is_single(names, remark.place) and (remark.instead or remark.role not in REQUIRED):
            meant.setdefault(names[remark.place], remark.instead)
    if not any("csv_time_zone" in remark.text for remark in wrong):
        text += (
            f"; set column_map {to_type(names, column_map, meant)}"
            if meant
            else "; please report it"
        )
    return f"{text} (verify_layout: warn reads on all the same)"


def doubt(names: Sequence[str], remark: Remark) -> str:
    """A column may hold something else than its name says."""
    return f"In Mailjet's CSV, {_column(names, remark)} {remark.text}: it is read as it stands"


def undecided(names: Sequence[str], findings: Findings | None, unproved: Unproved | None) -> str:
    """Why the witnesses could not tell of columns that must be there."""
    if findings is None:
        return WHY_UNTOLD[unproved.silence] if unproved else "no message of its list was asked for"
    told = [
        f"{' or '.join(_name(names, place) for place in places)} may be {role}"
        if places
        else f"no column is {role}"
        for role, places in findings.candidates.items()
    ]
    by = _messages(findings.evidence.witnesses)
    return f"by {by} of Mailjet's own list, {listed(told)}" if told else f"so do {by} of its list"


def proved(names: Sequence[str], evidence: Evidence, column_map: ColumnMap) -> str:
    """How a layout was proved, and what was found that no name says."""
    text = f"The layout of Mailjet's CSV is proved by {_messages(evidence.witnesses)} of its list"
    if not evidence.found:
        return text
    found = [f"{_name(names, place)} is {role}" for role, place in evidence.found.items()]
    text += f", which told that {listed(found)}"
    entries = {
        names[place]: role for role, place in evidence.found.items() if nameable(names[place])
    }
    if len(entries) < len(evidence.found):
        return text
    return f"{text}; to say so yourself, set column_map {to_type(names, column_map, entries)}"


def layout_lines(layout: KnownLayout) -> list[str]:
    """A line for each documented column: where it is, and how sure that is; then how to keep that.

    It holds names of columns, and no data.
    """
    by = f"proved by {_messages(layout.proof.evidence.witnesses)}" if layout.proof else ""
    lines = ["The layout of Mailjet's CSV, which holds no data and may be shown to anyone:"]
    entries: dict[str, str | None] = {}
    for name in DOCUMENTED:
        source = layout.columns.get(name)
        if source is None:
            lines.append(f"  nothing -> {name}")
            continue
        shown = quoted(source.header) if source.header else f"column {source.place}"
        lines.append(f"  {shown} -> {name}, {by if name in layout.proved else 'unproved'}")
        if source.header:
            role = meaning(source.header).role
            is_status = name in STATUS_COLUMNS and role not in STATUS_COLUMNS
            entries.setdefault(source.header, STATUS if is_status else name)
    extras = (quoted(each) if isinstance(each, str) else f"column {each}" for each in layout.extra)
    lines += [f"  {extra} -> extra" for extra in extras]
    if entries:
        lines.append(f"  to keep it so, set column_map {to_type(list(entries), entries)}")
    return lines


def _is_single(names: Sequence[str], place: int) -> bool:
    """Whether a setting can name the column."""
    return nameable(names[place]) is not None and names.count(names[place]) == 1


def _column(names: Sequence[str], remark: Remark) -> str:
    return f"the column {_name(names, remark.place)} ({remark.role})"


def _name(names: Sequence[str], place: int) -> str:
    return quoted(names[place]) if nameable(names[place]) else f"column {place + 1}"


def _messages(number: int) -> str:
    return f"{number} message{'' if number == 1 else 's'}"
