"""How far a run is, and how long the rest may take: figures in, sentences out. Pure.

No sentence holds data: windows, ids of exports and figures only. Times are UTC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.exporting.windows import Window

#: Between two parts of a line.
DOT = " · "
#: A window of so much is told by its days, a shorter one by its minutes.
DAYS = timedelta(days=2)
#: Up to so many of a unit it is counted in that, from there on in the next larger one.
MOST_OF_A_UNIT = 100


class Display(Protocol):
    """Where a run shows how far it is: in the log, or with a bar at a terminal as well.

    `share` is how much of the span is done, from 0 to 1, and `fields` are for a log in JSON.
    """

    @property
    def every(self) -> float:
        """After so many seconds without news it is told what is being waited for."""

    def waiting(self, text: str, share: float, fields: Mapping[str, object]) -> None:
        """Show what is being waited for."""

    def finished(self, text: str, share: float, fields: Mapping[str, object]) -> None:
        """Show that a window is through."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Some windows together: how long they are, in seconds, and how many messages they have."""

    seconds: float = 0.0
    messages: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Both."""
        return Amount(self.seconds + other.seconds, self.messages + other.messages)


@dataclass(frozen=True, slots=True)
class Here:
    """A window whose file is here: its length, and Mailjet's count, None if that is not known.

    `waited` is for how many seconds this run has waited for its export, None if an earlier run has.
    """

    seconds: float
    messages: int | None
    waited: float | None


@dataclass(frozen=True, slots=True)
class Rest:
    """What a run still has to do: so many windows, of so many seconds.

    `unmade` are the seconds of those that Mailjet has yet to finish exports of for this run, which
    makes `at_once` of them at a time, and has waited `waited` seconds for those under way.
    """

    windows: int = 0
    seconds: float = 0.0
    here: tuple[Here, ...] = ()
    unmade: float = 0.0
    at_once: int = 1
    waited: float = 0.0


@dataclass(slots=True)
class Progress:
    """What a run has done so far.

    `began` is on the run's monotonic clock, `size` in bytes, and `waited` for how many seconds
    there was nothing to do but to wait for Mailjet.
    """

    began: float
    windows: int = 0
    asked_for: int = 0
    taken_up: int = 0
    size: int = 0
    waited: float = 0.0
    written: Amount = field(default_factory=Amount)
    _made: Amount = field(default_factory=Amount)
    _made_in: float = 0.0

    def finish(self, window: Window, *, messages: int, size: int, waited: float | None) -> None:
        """A window is through: all its messages are out, and bookmarked; see `Here.waited`."""
        amount = Amount(window.length.total_seconds(), messages)
        self.windows += 1
        self.size += size
        self.written += amount
        if waited is None:
            self.taken_up += 1
        else:
            self._made += amount
            self._made_in += waited

    def share(self, rest: Rest) -> float:
        """How much of the span is done, from 0 to 1."""
        whole = self.written.seconds + rest.seconds
        return self.written.seconds / whole if whole else 1.0

    def seconds_left(self, rest: Rest, *, now: float) -> float | None:
        """How long the rest may take, going by what this run has seen; None if it cannot say.

        Exports are made while others are written, so the slower of the two says how long it takes.
        What an earlier run asked for says nothing of how fast Mailjet is. Windows count by their
        messages, unknown ones by those of the others, and by their length where none has any.
        """
        counted = [Amount(w.seconds, w.messages) for w in rest.here if w.messages is not None]
        known = sum(counted, self.written)
        per_second = known.messages / known.seconds if known.messages else 0.0

        def weight(seconds: float, messages: int | None = None) -> float:
            return messages if per_second and messages is not None else seconds * (per_second or 1)

        unmade = weight(rest.unmade)
        made, made_in = weight(self._made.seconds, self._made.messages), self._made_in
        for window in rest.here:
            if window.waited is not None:
                made += weight(window.seconds, window.messages)
                made_in += window.waited
        written = weight(self.written.seconds, self.written.messages)
        if not written or (unmade and not made):
            return None
        by_mailjet = (made_in * unmade / made - rest.waited) / rest.at_once if unmade else 0.0
        unwritten = unmade + sum(weight(w.seconds, w.messages) for w in rest.here)
        busy = max(0.0, now - self.began - self.waited)
        return max(0.0, by_mailjet, busy * unwritten / written)

    def place(self, window: Window, rest: Rest) -> str:
        """Which window it is of how many, while it is not through; `rest` has it, too."""
        return f"window {self.windows + 1} of {self.windows + rest.windows}{DOT}{days(window)}"

    def of_rest(self, rest: Rest, *, now: float) -> str:
        """How far the run is, and how long the rest may take."""
        text = f"{int(100 * self.share(rest))} % of the span"
        left = self.seconds_left(rest, now=now) if rest.windows else None
        return text if left is None else f"{text}{DOT}{about(left)} left"

    def summary(self, rest: Rest, *, retries: int, for_target: float, bookmark: str) -> str:
        """A run in a line, when it is over."""
        all_windows = self.windows + rest.windows
        of_all = f" of {all_windows}" if rest.windows else ""
        exports = f"{many(self.asked_for, 'export')} asked for, {self.taken_up} taken up"
        waits = f"waited {duration(self.waited)} for Mailjet, {duration(for_target)} for the target"
        return DOT.join(
            (
                f"Read {many(self.written.messages, 'message')}",
                f"{self.windows:,}{of_all} {'window' if all_windows == 1 else 'windows'}",
                exports,
                "1 retry" if retries == 1 else f"{retries:,} retries",
                size_of(self.size),
                waits,
                f"bookmark {bookmark}",
            )
        )


def days(window: Window) -> str:
    """A window in short, in UTC: `2026-05-20 to 2026-06-19`, or with minutes where it is short."""
    if window.length >= DAYS:
        return f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"
    return f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"


def many(number: int, what: str) -> str:
    """So many of them: `18,204 messages`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def size_of(size: float) -> str:
    """Bytes in the unit that suits: `1.9 MB`."""
    if size < 1000:  # noqa: PLR2004 - the next unit
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 999.95:  # noqa: PLR2004 - would be shown as 1000.0
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits: `41 s`, `12 min`, `2.5 h`."""
    if seconds < MOST_OF_A_UNIT:
        return f"{seconds:.0f} s"
    if seconds < MOST_OF_A_UNIT * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def about(seconds: float) -> str:
    """The same for a guess: `about 6 min`."""
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return "less than a minute"
    return f"about {minutes} min" if minutes < MOST_OF_A_UNIT else f"about {duration(seconds)}"
