"""Export jobs: how they wait, are built, and end."""

from __future__ import annotations

import enum
import heapq
import threading
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailjet_sandbox.effects import Plan
    from mailjet_sandbox.unknowns import Build


class ExportStatus(enum.IntEnum):
    """Documented."""

    PENDING = 1
    IN_PROGRESS = 2
    COMPLETED = 3
    ERROR = 4


@dataclass(slots=True)
class Export:
    """A job; `created_ts` is the moment its file was made (documented), so null until then."""

    id: int
    ordinal: int
    from_ts: int
    to_ts: int
    plan: Plan
    starts_at: float
    done_at: float
    polls: int = 0
    ended: bool = False
    created_ts: int | None = None
    rendering: threading.Lock = field(default_factory=threading.Lock)

    @property
    def expires_ts(self) -> int | None:
        """Documented: until then the file can be downloaded."""
        return None if self.created_ts is None else self.created_ts + self.plan.lifetime

    def status(self, now: float) -> ExportStatus:
        """Tell how far the job is."""
        if self.ended:
            return ExportStatus.ERROR if self.plan.fails else ExportStatus.COMPLETED
        waits = now < self.starts_at or self.polls <= 1
        return ExportStatus.PENDING if waits else ExportStatus.IN_PROGRESS


class Exports:
    """All jobs of an account, first come first served. Needs a lock around it."""

    def __init__(self, build: Build, *, first_id: int, stamp: Callable[[float], int]) -> None:
        """Begin without a job; `stamp` gives the second that a moment goes down as."""
        self._build = build
        self._first_id = first_id
        self._stamp = stamp
        self._all: list[Export] = []
        self._open: dict[int, Export] = {}
        self._free_at = [0.0] * (build.at_once or 0)

    @property
    def newest(self) -> Export:
        """The job that was taken in last."""
        return self._all[-1]

    @property
    def next_ordinal(self) -> int:
        """How many jobs there will be with the next one."""
        return len(self._all) + 1

    @property
    def under_way(self) -> int:
        """How many jobs have not ended."""
        return len(self._open)

    def find(self, export_id: int) -> Export | None:
        """Look a job up."""
        place = export_id - self._first_id
        return self._all[place] if 0 <= place < len(self._all) else None

    def add(self, from_ts: int, to_ts: int, plan: Plan, *, now: float) -> Export:
        """Take a new job in."""
        starts_at = done_at = now
        if self._build.polls is None:
            if self._free_at:
                starts_at = max(now, heapq.heappop(self._free_at))
            done_at = starts_at + self._build.seconds
            if self._build.at_once:
                heapq.heappush(self._free_at, done_at)
        export = Export(
            self._first_id + len(self._all),
            self.next_ordinal,
            from_ts,
            to_ts,
            plan,
            starts_at,
            done_at + plan.late,
        )
        self._all.append(export)
        self._open[export.id] = export
        return export

    def settle(self, now: float) -> None:
        """End the jobs whose time has come; where polls count, it comes with a poll."""
        for export in list(self._open.values()):
            polled = self._build.polls is None or export.polls > self._build.polls
            if polled and export.done_at <= now:
                export.ended = True
                del self._open[export.id]
                if not export.plan.fails:
                    moment = now if self._build.polls is not None else export.done_at
                    export.created_ts = self._stamp(moment)

    def poll(self, export: Export, *, now: float) -> ExportStatus:
        """Tell how far the job is, which counts as a poll."""
        needed = self._build.polls or 0
        waiting = (job.id for job in self._open.values() if job.polls <= needed)
        if self._build.polls is None or export.id in islice(waiting, self._build.at_once):
            export.polls += 1
            self.settle(now)
        return export.status(now)
