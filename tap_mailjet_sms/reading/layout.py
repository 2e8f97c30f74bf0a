"""The layout of a CSV: where it holds what, how that was proved, and what is remembered of it.

What is remembered of a layout is names and places, never data: a name that looks like data stands
for itself nowhere, neither in a state nor in a log, but by its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.roles import CODED, DOCUMENTED, REQUIRED, STATUS_ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tap_mailjet_sms.notices import Notice
    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.rules import DateOrder
    from tap_mailjet_sms.witness import Silence


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
