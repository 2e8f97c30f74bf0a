"""What a run would do, before it does it: for people and for programs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from tap_mailjet_sms.exporting.counting import NO_COUNT
from tap_mailjet_sms.exporting.progress import days, many
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.utc import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tap_mailjet_sms.exporting.planning import Plan

#: Windows whose messages are counted, and that people are shown: each costs a request.
MOST_WINDOWS = 24


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages Mailjet counts: in all that a run would read, and in some of its windows.

    `total` is None where Mailjet does not say, and `refusal` is then what it says instead.
    """

    total: int | None = 0
    by_window: Mapping[Window, int] = field(default_factory=dict)
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do.

    Attributes:
        stream: The stream's name.
        plan: What the run would read.
        counted: How many messages that are.
        bookmark: Where the bookmark is; None if there is none yet, and for a full table.
        moves_bookmark: Whether the run moves it.
    """

    stream: str
    plan: Plan
    counted: Counted
    bookmark: datetime | None
    moves_bookmark: bool

    @property
    def bookmark_afterwards(self) -> datetime | None:
        """Where the bookmark would be when all windows are through."""
        if not self.moves_bookmark or not self.plan.windows:
            return self.bookmark
        return max(self.bookmark or self.plan.end, self.plan.end)

    def document(self) -> dict[str, object]:
        """The preview for programs, as JSON; windows and exports are named as the columns are."""
        plan, counted = self.plan, self.counted
        again = plan.again
        return {
            "stream": self.stream,
            "span": None if plan.span is None else plan.span.fields,
            "reads_again_from": None if again is None else iso(again.start),
            "reads_again_hours": None if again is None else again.tier.total_seconds() / 3600,
            "last_reading_that_deep": again and again.last and iso(again.last),
            "max_run_minutes": plan.max_run and plan.max_run.total_seconds() / 60,
            "exports_to_ask_for": len(plan.windows) - len(plan.resumed),
            "exports_taken_up": len(plan.resumed),
            "messages": counted.total,
            "windows": [
                {
                    **window.fields,
                    "export_id": plan.resumed[window].id if window in plan.resumed else None,
                    "messages": counted.by_window.get(window),
                }
                for window in plan.windows
            ],
            "bookmark": self.bookmark and iso(self.bookmark),
            "bookmark_afterwards": self.bookmark_afterwards and iso(self.bookmark_afterwards),
            "lost": None if plan.lost is None else plan.lost.fields,
            "notices": [notice.text for notice in plan.notices if notice.weight >= Weight.NEWS],
        }

    def lines(self) -> Iterator[str]:
        """The preview for people."""
        plan, counted = self.plan, self.counted
        if plan.span is None:
            yield f"A run would read nothing of {self.stream} up to {iso(plan.end)}"
        else:
            yield f"A run would read {self.stream} from {plan.span}"
        for notice in plan.notices:
            if notice.weight >= Weight.NEWS:
                yield f"  {notice.text}"
        if plan.windows:
            asked = many(len(plan.windows) - len(plan.resumed), "export")
            taken_up = many(len(plan.resumed), "export")
            yield f"  {asked} to ask for, {taken_up} of the state to take up"
            total = "?" if counted.total is None else many(counted.total, "message")
            yield f"  {total}, as Mailjet counts them"
        if counted.refusal is not None:
            yield f"  {counted.refusal}"
        before, after = (
            "none" if moment is None else iso(moment)
            for moment in (self.bookmark, self.bookmark_afterwards)
        )
        yield f"  bookmark {before} now, {after} afterwards"
        yield from self._rows()

    def _rows(self) -> Iterator[str]:
        windows = self.plan.windows
        if not windows:
            return
        yield ""
        yield f"  {'window':<44}  {'messages':>11}  export"
        for window in islice(windows, MOST_WINDOWS):
            messages = self.counted.by_window.get(window)
            job = self.plan.resumed.get(window)
            yield (
                f"  {days(window):<44}  {'' if messages is None else f'{messages:,}':>11}  "
                f"{'to be asked for' if job is None else f'{job.id}, of the state'}"
            )
        if len(windows) > MOST_WINDOWS:
            yield f"  and {many(len(windows) - MOST_WINDOWS, 'more window')}"


def counted(plan: Plan, count: Callable[[Window], int]) -> Counted:
    """Have Mailjet count what a run would read: in all, and in some windows without an export.

    Asks for one count of each span without a gap, of which there is one as a rule, and for one of
    each window, `MOST_WINDOWS` at most; for no more of them where Mailjet does not answer one.

    Raises:
        NotAuthorisedError: If the token is wrong.
    """
    total, by_window = None, dict[Window, int]()
    try:
        total = sum(count(span) for span in _spans(plan.windows))
        unmade = (window for window in plan.windows if window not in plan.resumed)
        for window in islice(unmade, MOST_WINDOWS):
            by_window[window] = count(window)
    except NO_COUNT as error:
        return Counted(total, by_window, refusal=str(error))
    return Counted(total, by_window)


def _spans(windows: tuple[Window, ...]) -> list[Window]:
    """What windows cover, in order."""
    spans: list[Window] = []
    for window in windows:
        if spans and spans[-1].end == window.start:
            spans[-1] = Window(spans[-1].start, window.end)
        else:
            spans.append(window)
    return spans
