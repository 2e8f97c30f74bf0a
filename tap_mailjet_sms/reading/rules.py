"""How files are read: the settings that say so, and what their cells leave open."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo


class VerifyLayout(enum.Enum):
    """What to do where a column holds something else than its name says."""

    OFF = "off"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Rules:
    """How the CSV is to be read: `column_map`, `csv_encoding`, `csv_time_zone`, `verify_layout`.

    `hashed` are the columns of which nothing plain may leave (`hash_columns`).
    """

    column_map: Mapping[str, str | None] = field(default_factory=dict)
    encoding: str = "utf-8"
    zone: tzinfo = UTC
    verify: VerifyLayout = VerifyLayout.ERROR
    hashed: frozenset[str] = frozenset()


class DateOrder(enum.Enum):
    """What comes first in a date that does not begin with the year: its text does not tell."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a file writes times, as far as their text leaves it open.

    Attributes:
        zone: that of times without one.
        order: that of dates that do not begin with the year; None if it is not known.
    """

    zone: tzinfo = UTC
    order: DateOrder | None = None
