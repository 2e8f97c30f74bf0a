"""Many runs in virtual time, without files: what is read when, by the plan and the state alone."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import InvalidStateError
from tap_mailjet_sms.exporting.client import CLOCK_LIMIT
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.planning import Plan, Scope, plan_run
from tap_mailjet_sms.state import Bookmark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.exporting.windows import Window

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(slots=True)
class Journey:
    """An account with a message at each of some moments, and the state between two runs.

    Attributes:
        created: When the messages were created, in order.
        read: For each message, the moments as of which it was read.
        state: What the last run left behind.
        now: The time.
        windows: How many windows were read.
    """

    created: list[datetime]
    read: list[list[datetime]] = field(init=False)
    state: dict[str, object] = field(default_factory=dict)
    now: datetime = BEGIN
    windows: int = 0
    _ids: int = 0

    def __post_init__(self) -> None:
        """Begin with nothing read."""
        self.read = [[] for _ in self.created]

    def get_context_state(self, context: None) -> Mapping[str, object]:  # noqa: ARG002 - as the SDK has it
        """What the state holds at present."""
        return self.state

    def write_state(self, change: Mapping[str, object]) -> None:
        """Change it, as a JSON document does."""
        self.state = {**self.state, **json.loads(json.dumps(change))}

    def messages_in(self, window: Window) -> range:
        """The messages of a window."""
        return range(bisect_left(self.created, window.start), bisect_left(self.created, window.end))

    def bookmark(self, scope: Scope) -> Bookmark:
        """The state as a run at this moment has it."""
        return self._bookmark(scope, self.now)

    def _bookmark(self, scope: Scope, now: datetime) -> Bookmark:
        return Bookmark(self, now=now, lookback=scope.lookback, moves=True)

    def run(  # noqa: PLR0913 - all that is special about it
        self,
        scope: Scope,
        *,
        takes: timedelta = timedelta(seconds=2),
        killed_at: int | None = None,
        ahead: int = 1,
        skew: timedelta = timedelta(),
        cut_at: int | None = None,
    ) -> Plan | None:
        """One run: each window takes some time, and it may be killed before one of them is through.

        Exports are asked for `ahead` of what is written. Before the window `cut_at` the time of a
        run that may be cut is up. The clock may go wrong by `skew`: if that is more than may be,
        Mailjet's first answer ends the run; if the bookmark lies in the future by it, nothing
        begins, and the plan is None.
        """
        try:
            bookmark = self._bookmark(scope, self.now + skew)
        except InvalidStateError:
            return None
        plan = plan_run(self.now + skew, scope, bookmark.history, bookmark.pending)
        bookmark.begin(plan)
        if abs(skew) > timedelta(seconds=CLOCK_LIMIT):
            return plan
        began_at = bookmark.value
        jobs = {window: (job, job.requested_at) for window, job in plan.resumed.items()}
        for number, window in enumerate(plan.windows):
            for coming in plan.windows[number : number + ahead]:
                if coming not in jobs:
                    self._ids += 1
                    job = ExportJob(self._ids, coming, self.now + skew)
                    jobs[coming] = job, self.now
                    bookmark.add(job)
            is_over = plan.max_run is not None and cut_at is not None and number >= cut_at
            if number == killed_at or (is_over and bookmark.value != began_at):
                break
            self.now += takes
            job, asked_at = jobs[window]
            for message in self.messages_in(window):
                self.read[message].append(asked_at)
            self.windows += 1
            bookmark.commit(job)
        return plan
