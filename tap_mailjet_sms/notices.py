"""What the user should read, from modules that know no logger."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Weight(enum.IntEnum):
    """How much a notice matters: a level of `logging`."""

    #: For whoever looks into what the tap does.
    DETAIL = 10
    NEWS = 20
    WARNING = 30


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the log; equal ones are one, so it is enough to say it once."""

    text: str
    weight: Weight = Weight.NEWS
