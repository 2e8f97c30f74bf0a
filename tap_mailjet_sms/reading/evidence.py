"""What the rows of witnesses say of a layout: which column holds what. Pure.

A witness is a message of Mailjet's own list, whose fields are documented; its row is the one that
has its id. Each cell of it agrees with what the witness has for a column of the stream, or not, and
the header's names are a second voice. Together they are a table of rules. One half of it tells when
a name is believed (`named_columns.py`), the other which columns are found that no name gives
(`unnamed_columns.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.agreement import value
from tap_mailjet_sms.reading.layout import Evidence
from tap_mailjet_sms.reading.named_columns import judge
from tap_mailjet_sms.reading.prices import MarkEvidence, price_of
from tap_mailjet_sms.reading.roles import CHANGING, CONSTANT, REQUIRED, TIMES
from tap_mailjet_sms.reading.testimony import ENOUGH, Testimony
from tap_mailjet_sms.reading.unnamed_columns import UnnamedColumns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from tap_mailjet_sms.reading.named_columns import Remark
    from tap_mailjet_sms.reading.naming import Naming
    from tap_mailjet_sms.reading.testimony import Row
    from tap_mailjet_sms.reading.unnamed_columns import WholeFile


@dataclass(frozen=True, slots=True)
class Findings:
    """What witnesses say of a layout, and what of it should be said.

    Attributes:
        evidence: what they say.
        contradictions: columns that hold something else than their names say.
        warnings: columns that may.
        lacks: the roles of which other witnesses may tell what these do not.
        candidates: the places of which these do not tell which one is a required column.
        created: when the witnesses were.
    """

    evidence: Evidence
    contradictions: Sequence[Remark]
    warnings: Sequence[Remark]
    lacks: frozenset[str]
    candidates: Mapping[str, Sequence[int]]
    created: Sequence[datetime]


def weigh(rows: Sequence[Row], naming: Naming, zone: tzinfo, file: WholeFile) -> Findings:
    """Decide what each column is.

    Args:
        rows: The rows of different witnesses, at least one.
        naming: What the names say.
        zone: The zone of times without one.
        file: What is asked of whole columns, where it has to be.
    """
    testimony, named = Testimony(rows, zone), naming.alone
    open_orders = {
        role for role in TIMES if role in named and not testimony.settle_order(role, named[role])
    }
    unnamed = UnnamedColumns(testimony, naming, file)
    unnamed.find()
    judged = {
        role: judge(role, place, testimony, unnamed)
        for role, place in named.items()
        if role not in open_orders  # the reader refuses such dates, and says why
    }
    proved = {*unnamed.found, *(role for role, each in judged.items() if each.is_proved)}
    sources = named | unnamed.found
    evidence = Evidence(
        witnesses=len(rows),
        found=unnamed.found,
        proved=frozenset(proved),
        orders=testimony.orders,
        decimal_mark=_decimal_mark(testimony, sources.get("cost_value")),
        is_zoned=_is_zoned(testimony, sources),
        unwitnessed=_unwitnessed(rows),
    )
    few = REQUIRED if len(rows) <= ENOUGH else ()
    return Findings(
        evidence,
        contradictions=[each.contradiction for each in judged.values() if each.contradiction],
        warnings=[each.warning for each in judged.values() if each.warning],
        lacks=frozenset({*open_orders, *unnamed.lacks, *few}),
        candidates=unnamed.candidates,
        created=[row.witness.created_at for row in rows],
    )


# What else they tell.


def _decimal_mark(testimony: Testimony, place: int | None) -> str:
    """The decimal mark of prices, where a price shows it that is that of its witness."""
    if place is None:
        return ""
    prices = [price_of(row.cells[place]) for row in testimony.agreeing("cost_value", place)]
    marks = {price.mark for price in prices if price.evidence is not MarkEvidence.NONE}
    return marks.pop() if len(marks) == 1 else ""


def _is_zoned(testimony: Testimony, sources: Mapping[str, int]) -> bool:
    """Whether each time says itself in which zone it is."""
    return all(
        time.has_zone
        for role in TIMES
        if role in sources
        for time in testimony.times(role, sources[role])
    )


def _unwitnessed(rows: Sequence[Row]) -> frozenset[str]:
    """The columns of which no witness has a value, if there are enough to say so."""
    if len(rows) < ENOUGH:
        return frozenset()
    roles = (*CONSTANT, *CHANGING)
    return frozenset(r for r in roles if all(value(r, row.witness) is None for row in rows))
