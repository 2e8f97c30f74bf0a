"""The lookback: which messages were read at what age, and which are due to be read again. Pure.

Statuses and costs change for some days after creation, often at first and then hardly ever. So it
is enough to read a message again when its age has grown by some share. The lookback has tiers: its
depth, half of it, a quarter, and so on; each is due when the last reading that deep is a quarter of
the tier old. The deepest one begins where messages are not settled yet, however long ago that is,
so each message is read for the last time at an age of the lookback's depth at least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_mailjet_sms.exporting.windows import (
    ONE_YEAR,
    ONE_YEAR_MARGIN,
    SETTLING,
    Window,
    oldest_exportable,
)
from tap_mailjet_sms.utc import iso, whole_second

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from tap_mailjet_sms.exporting.job import ExportJob

#: One of a year could never be read as a whole.
DEEPEST = ONE_YEAR - 2 * ONE_YEAR_MARGIN
#: A tier is due when the last reading that deep is this part of it old.
PART = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """All messages created from `start` to `end` were read, with statuses as of `at` or later.

    In the states of earlier versions no end is told; then it is the start.
    """

    start: datetime
    end: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What earlier runs have read, as the state has it; all moments in UTC, whole seconds.

    Attributes:
        bookmark: Everything before it was read once; None before the first window is through.
        read_from: Nothing before it is read again; None in the states of earlier versions.
        settled_until: Every message before it was read at the full age; None as `read_from`.
        readings: The past readings that matter for what is due, by their moment.
        skipped: Spans between `settled_until` and the bookmark that were never read, in order:
            behind a `start_date` later than the bookmark, or a year old before their turn came.
    """

    bookmark: datetime | None = None
    read_from: datetime | None = None
    settled_until: datetime | None = None
    readings: tuple[Reading, ...] = ()
    skipped: tuple[Window, ...] = ()

    def after(self, window: Window, *, settled: datetime) -> History:
        """The history once a window is through, as the run's windows come in order.

        Args:
            window: The window.
            settled: Messages created before were old enough when its export was asked for.
        """
        joins = self.bookmark or self.read_from or window.start
        gap = (Window(joins, window.start),) if window.start > joins else ()
        reached = max(self.bookmark or window.end, window.end)
        history = replace(self, bookmark=reached, skipped=(*self.skipped, *gap)).past_gaps()
        if history.settled_until is None or window.start > history.settled_until:
            return history
        until = max(history.settled_until, min(window.end, settled))
        return replace(history, settled_until=until).past_gaps()

    def without_older(self, oldest: datetime) -> History:
        """The history, once it is sure that Mailjet exports nothing before `oldest` any more."""
        if self.bookmark is None or self.settled_until is None:
            return self
        settled = max(self.settled_until, min(oldest, self.bookmark))
        return replace(self, settled_until=settled).past_gaps()

    def past_gaps(self) -> History:
        """The same, with the settled moment behind the skipped spans that it has come to."""
        history = self
        while (
            history.skipped
            and history.settled_until is not None
            and history.skipped[0].start <= history.settled_until
        ):
            gap, *others = history.skipped
            history = replace(
                history,
                read_from=gap.end,
                settled_until=max(history.settled_until, gap.end),
                skipped=tuple(others),
            )
        return history

    def last_reading(self, depth: timedelta | None) -> Reading | None:
        """The last reading at least that deep, or, with None, of all that is not settled."""
        deep = [
            reading
            for reading in self.readings
            if (self.settled_until is not None and reading.start <= self.settled_until)
            or (depth is not None and reading.at - reading.start >= depth)
        ]
        return max(deep, key=lambda reading: reading.at, default=None)

    def with_reading(self, reading: Reading, lookback: Lookback) -> History:
        """The history with one more reading, and without those that matter no more."""
        history = replace(self, readings=(*self.readings, reading))
        last = {history.last_reading(depth) for depth in (None, *lookback.tiers[1:])}
        kept = [reading for reading in dict.fromkeys(history.readings) if reading in last]
        return replace(history, readings=tuple(sorted(kept, key=lambda reading: reading.at)))


@dataclass(frozen=True, slots=True)
class Again:
    """From where on a run reads again what was read before, and why.

    Attributes:
        start: Where it begins, before the bookmark.
        tier: How deep it is to reach; the deepest one to where all is settled.
        last: The moment of the last reading that deep; None if there was none.
        is_spaced: Whether that is why; otherwise every run reads so deep.
    """

    start: datetime
    tier: timedelta
    last: datetime | None
    is_spaced: bool

    def sentence(self, now: datetime) -> str:
        """For the user: from where on, and why."""
        text = f"This run reads again from {iso(self.start)}: "
        if not self.is_spaced:
            return f"{text}every run does, as lookback_schedule says"
        if self.last is None:
            return f"{text}no earlier reading that deep is known"
        return f"{text}the last reading that deep is {age(now - self.last)} old"


def age(length: timedelta) -> str:
    """A length of time in words: `18 h`."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 72 * 60 else f"{round(minutes / 1440)} days"


@dataclass(frozen=True, slots=True)
class Lookback:
    """How old a message must be when it is read for the last time, and how it is read until then.

    Attributes:
        depth: That age, in whole seconds; `DEEPEST` at most.
        is_spaced: Whether a run reads as deep as is due; otherwise every run reads all of it.
    """

    depth: timedelta
    is_spaced: bool = True

    @property
    def tiers(self) -> tuple[timedelta, ...]:
        """Its depth, half of it, a quarter, and so on, as far as it reaches before a run's end.

        Empty if it does not reach there at all: then all messages are old enough at once.
        """
        tiers, tier = [], self.depth
        while tier > SETTLING:
            tiers.append(whole_second(tier))
            tier /= 2
        return tuple(tiers)

    def due(self, history: History, now: datetime) -> Again | None:
        """From where on a run at `now` reads again; None if nothing before the bookmark is due."""
        bookmark, settled = history.bookmark, history.settled_until
        if bookmark is None or settled is None:
            return None
        oldest = oldest_exportable(now)
        for tier in self.tiers:
            is_deepest = tier == self.tiers[0]
            start = max(settled, oldest if is_deepest else now - tier)
            last = history.last_reading(None if is_deepest else tier)
            if start < bookmark and not (last and self.is_spaced and now - last.at < tier / PART):
                return Again(start, tier, last.at if last else None, self.is_spaced)
        return None

    def calls_for(self, job: ExportJob, now: datetime) -> bool:
        """Whether an export's window would be due again by now, had it been read when asked for.

        Some part of it, that is: its newest messages are the first to be due.
        """
        window, asked_at = job.window, job.requested_at
        if asked_at > now:
            return True  # a clock was set back: nobody knows how old it is
        if window.end <= asked_at - self.depth or not self.tiers:
            return False
        reaching = [tier for tier in self.tiers if now - tier < window.end]
        tier = reaching[-1] if reaching else self.tiers[0]
        return now - asked_at >= tier / PART


def without(span: Window, gaps: Iterable[Window]) -> list[Window]:
    """What is left of a span without some gaps, in order."""
    left, start = [], span.start
    for gap in sorted(gaps):
        if start < min(gap.start, span.end):
            left.append(Window(start, min(gap.start, span.end)))
        start = max(start, gap.end)
    return [*left, Window(start, span.end)] if start < span.end else left
