"""What the user should read, from modules that know no logger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the log; equal ones are one, so it is enough to say it once.

    What is no warning is information; what `is_repeated` was said in an earlier run.
    """

    text: str
    is_warning: bool = False
    is_repeated: bool = False
