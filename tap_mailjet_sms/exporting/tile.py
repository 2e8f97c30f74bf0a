"""A window on its way through a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tap_mailjet_sms.exporting.counting import Tally
    from tap_mailjet_sms.exporting.fetching import Fetched
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.verdict import Strikes
    from tap_mailjet_sms.exporting.windows import Window


@dataclass(slots=True, eq=False)
class Tile:
    """A window: its export, its file, and what has gone wrong with it so far.

    Attributes:
        window: the window.
        job: its export, if it was asked for.
        fetch: what a worker is at for it.
        fetched: its file, once it is here, until it is read.
        error: what ends the run in its turn.
        due: before when, on the clock's `monotonic`, it is not asked for.
        from_state: whether its export was asked for by an earlier run.
        strikes: the failures of each kind.
        waited: for how many seconds this run has waited for its exports, if it asked for any.
        tally: what was counted in the file before this one, if there was one.
        tally_of: the id of the export which that was a file of.
    """

    window: Window
    job: ExportJob | None = None
    fetch: Future[Fetched] | None = None
    fetched: Fetched | None = None
    error: Exception | None = None
    due: float = 0.0
    from_state: bool = False
    strikes: Strikes = field(default_factory=dict)
    waited: float | None = None
    tally: Tally | None = None
    tally_of: int | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way for it."""
        return self.fetch is None and self.fetched is None

    @property
    def seconds(self) -> float:
        """How long its window is."""
        return self.window.length.total_seconds()

    @property
    def fields(self) -> dict[str, object]:
        """What a log in JSON has of it."""
        return self.window.fields if self.job is None else self.job.fields
