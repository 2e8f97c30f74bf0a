"""Reads a drawn file with the tap, and holds what it makes of it against the truth."""

from __future__ import annotations

import enum
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import TapMailjetSMSError
from tests.layouts.drawn import ENOUGH, draw
from tests.layouts.reading import ListOf, read
from tests.layouts.truth import are_same, truth

if TYPE_CHECKING:
    from tests.layouts.drawn import Case, Column
    from tests.layouts.messages import Message
    from tests.layouts.reading import Found
    from tests.layouts.truth import Row

REQUIRED = ("message_id", "created_at")
CONSTANT = (*REQUIRED, "sender", "recipient", "sms_count")
_STATUS = ("status_code", "status_name", "status_description", "status")
COLUMNS = (
    "message_id", "sender", "recipient", "status_code", "status_name", "status_description",
    "created_at", "sent_at", "sms_count", "cost_value", "cost_currency",
)  # fmt: skip


class Verdict(enum.Enum):
    """What became of a file."""

    READ = "read"
    #: Read, but for columns that went to `extra` though they are what the stream has.
    READ_IN_PART = "read in part"
    REFUSED = "refused"
    #: A value is wrong, but all messages that the list gave say that it is right.
    BY_CHANCE = "wrong, as all witnesses said"
    #: A column is not what its name says, and a warning tells so.
    WARNED = "wrong, with a warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, and why."""

    verdict: Verdict
    why: str = ""


def outcome(case: Case) -> Outcome:
    """Read a file and judge."""
    listing = ListOf(case)
    try:
        found = read(case, listing)
    except TapMailjetSMSError as error:
        return Outcome(Verdict.REFUSED, kind_of(str(error)))
    except Exception as error:  # noqa: BLE001 - a crash is wrong
        return Outcome(Verdict.WRONG, f"{type(error).__name__}: {error}")
    return _judged(case, found, listing.given)


def judged(seed: int, *, is_misleading: bool = False) -> tuple[str, Outcome]:
    """Draw a file, read it and judge; what kind of file it is, and the outcome."""
    case = draw(random.Random(seed), is_misleading=is_misleading)  # noqa: S311 - no secret
    how = "" if ought_to_be_read(case) else ", too little to tell"
    return f"names {case.kind}{how}", outcome(case)


def ought_to_be_read(case: Case) -> bool:
    """Whether there is no excuse: what a file must have is there, and enough messages tell it."""
    moments = {min(truth(case, message)["created_at"]) for message in case.listed}
    is_spelt_alike = {case.id_form, case.listed_id_form} <= {"uuid", "capitals"}
    return (
        case.holds("message_id")
        and case.holds("created_at")
        and case.is_zone_known
        and case.forms["list"].startswith("all")
        and (is_spelt_alike or case.id_form == case.listed_id_form)
        and len(case.listed) >= ENOUGH
        and len(moments) >= ENOUGH
    )


def kind_of(sentence: str) -> str:
    """A sentence without what differs from file to file."""
    bare = sentence.replace("Mailjet's", "Mailjet")
    bare = re.sub(r" \(nor as [^)]*\)|\{.*\}|“.*”|\"[^\"]*\"|'[^']*'|\d+|column …", "…", bare)
    return re.sub(r"(…[ ,]*(or|and|column)? ?)+", "… ", bare)[:260]


def _judged(case: Case, read_as: Found, given: dict[str, Message]) -> Outcome:
    rows = read_as.rows
    if len(rows) != len(case.messages):
        return Outcome(Verdict.WRONG, f"{len(rows)} rows of {len(case.messages)}")
    meant = [truth(case, message) for message in case.messages]
    aside = []
    for name in COLUMNS:
        found = [row[name] for row in rows]
        expected = [row[name] for row in meant]
        if all(are_same(name, f, e) for f, e in zip(found, expected, strict=True)):
            continue
        if all(value is None for value in found) and _is_aside(case, name, rows):
            aside += [name] if case.holds(name) else []
            continue
        wrong = [n for n, (f, e) in enumerate(zip(found, expected, strict=True))
                 if not are_same(name, f, e)]  # fmt: skip
        text = f"{name}: {len(wrong)} of {len(rows)}, {found[wrong[0]]} for {expected[wrong[0]]}"
        if _is_chance(case, name, found, given):
            return Outcome(Verdict.BY_CHANCE, text)
        roles = _STATUS if name in _STATUS else (name,)
        told = any(f"({role})" in warning for role in roles for warning in read_as.warnings)
        is_warned = told and name not in REQUIRED
        return Outcome(Verdict.WARNED if is_warned else Verdict.WRONG, text)
    lost = [
        column.name
        for place, column in enumerate(case.columns)
        if not column.holds
        and place not in read_as.sources
        and not _is_in_extra(column, rows)
        and any(map(str.strip, column.cells))
    ]
    if lost:
        return Outcome(Verdict.WRONG, f"neither read nor in extra: {lost}")
    if aside and not read_as.said:
        return Outcome(Verdict.WRONG, f"not said that these are not read: {aside}")
    return Outcome(Verdict.READ_IN_PART if aside else Verdict.READ, ", ".join(aside))


def _is_aside(case: Case, name: str, rows: list[Row]) -> bool:
    """Whether what the file has of a column is in `extra`, cell by cell; true if it has nothing."""
    return all(_is_in_extra(column, rows) for column in case.columns if name in column.holds)


def _is_in_extra(column: Column, rows: list[Row]) -> bool:
    cells = [cell or None for cell in column.cells]
    labels = set().union(*((row["extra"] or {}) for row in rows))
    return any([(row["extra"] or {}).get(label) for row in rows] == cells for label in labels)


def _is_chance(case: Case, name: str, found: list[object], given: dict[str, Message]) -> bool:
    """Whether what was read is what the list has, for each message that it gave.

    Not so where the file has the column as well, and it never changes: then two columns agreed, and
    none should have been taken.
    """
    if name in CONSTANT and case.holds(name) and case.is_zone_known:
        return False
    pairs = [
        (value, truth(case, given[message.message_id])[name])
        for value, message in zip(found, case.messages, strict=True)
        if message.message_id in given
    ]
    return bool(pairs) and all(are_same(name, value, expected) for value, expected in pairs)


def told(case: Case) -> str:
    """A case in words, to be looked at."""
    zones = f"zone {case.zone}, setting {case.zone_setting}"
    lines = [
        f"names {case.kind}; {case.forms}; delimiter {case.delimiter!r}; {zones}",
        f"{len(case.messages)} messages, {len(case.listed)} listed by {case.cap}",
        *(f"  {column.name!r} = {column.holds}: {column.cells[:4]}" for column in case.columns),
    ]
    return "\n".join(lines)
