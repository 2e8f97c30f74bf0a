"""What the rows of an export's file are held against: Mailjet's count, and their own ids. Pure.

Mailjet's `/sms/count` is the only figure to hold the number of rows against. A file in which one
message stands twice and another one is missing agrees with it all the same, so ids are told apart
too.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tap_mailjet_sms.exceptions import (
    MailjetBusyError,
    MailjetUnavailableError,
    RequestRefusedError,
    UnexpectedAnswerError,
)

#: What may come in place of a count; a run can do without one.
NO_COUNT = (
    RequestRefusedError,
    MailjetUnavailableError,
    MailjetBusyError,
    UnexpectedAnswerError,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted while a file was read.

    `distinct` is how many different ids its `rows` have, and `checksum` depends on the ids alone,
    not on their order: two files of equal tallies have the same messages. Where ids were not told
    apart, these are None and 0, and equal tallies say that the rows are as many, no more.
    """

    rows: int
    distinct: int | None = None
    checksum: int = 0

    def lack(self, expected: int | None) -> int:
        """How many messages are missing, at least; `expected` is Mailjet's count, if known.

        A message that is there twice stands for another one: nothing says that it does not.
        """
        distinct = self.rows if self.distinct is None else self.distinct
        return max(self.rows, expected or 0) - distinct

    def against(self, expected: int | None) -> str:
        """Both figures, as a disagreement is told."""
        text = f"{self.rows} rows"
        if self.distinct is not None and self.distinct < self.rows:
            text += f" with {self.distinct} different ids"
        return text if expected is None else f"{text} where Mailjet counts {expected}"


class VerifyCounts(enum.Enum):
    """What to do where an export and `/sms/count` disagree."""

    OFF = "off"
    WARN = "warn"
    ERROR = "error"


class Finding(enum.Enum):
    """What a file's tally says of it."""

    AGREES = enum.auto()
    MORE = enum.auto()
    EMPTY = enum.auto()
    DISPUTED = enum.auto()
    CONFIRMED = enum.auto()
    FORGIVEN = enum.auto()


def hold(
    tally: Tally, expected: int | None, *, before: Tally | None, same_export: bool, forgiven: int
) -> Finding:
    """Hold a file's tally against Mailjet's count, and against itself.

    Mailjet's count may be steadily off, and then the same lack comes with every window. What one
    window's second export has confirmed is forgiven others: as much and no more, and only if their
    file, downloaded once more, has the same messages again.

    Args:
        tally: What the file has.
        expected: Mailjet's count; None if it is not known.
        before: The tally of the window's file before this one, if there was one.
        same_export: Whether that was a file of the same export.
        forgiven: The largest lack that was confirmed for a window of this run.
    """
    lack = tally.lack(expected)
    if not lack:
        return Finding.AGREES if expected in {None, tally.rows} else Finding.MORE
    if not tally.rows:
        return Finding.EMPTY
    if tally != before:
        return Finding.DISPUTED
    if not same_export:
        return Finding.CONFIRMED
    return Finding.FORGIVEN if lack <= forgiven else Finding.DISPUTED
