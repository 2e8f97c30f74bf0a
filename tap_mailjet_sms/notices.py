"""What the user should read, from modules that know no logger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the log; equal ones are one, so it is enough to say it once.

    A detail is for whoever looks into what the tap does: to be said at DEBUG only.
    """

    text: str
    is_warning: bool = False
    is_detail: bool = False
