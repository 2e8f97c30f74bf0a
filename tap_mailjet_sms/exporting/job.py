"""Exports: what Mailjet says of a job, and what to do next with it. Pure; no network, no clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import ExportFailedError

if TYPE_CHECKING:
    from datetime import datetime

    from tap_mailjet_sms.exporting.windows import Window


class ExportStatus(enum.IntEnum):
    """The codes of an export's `Status` (documented)."""

    PENDING = 1
    IN_PROGRESS = 2
    COMPLETED = 3
    ERROR = 4


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One export at Mailjet, as its last answer described it.

    `status` is None until Mailjet was asked in this run (an export taken up from the state), and
    Mailjet's own code or name where it is not a documented one. `url` is None until the file is
    there, and for a completed export without any message (a guess).
    """

    id: int
    window: Window
    requested_at: datetime
    status: ExportStatus | int | str | None = None
    url: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None

    def __str__(self) -> str:
        """The export and its window, as they stand in messages to the user."""
        return f"export {self.id} ({self.window})"

    @property
    def fields(self) -> dict[str, object]:
        """What a log in JSON has of it, named as the columns are."""
        return {"export_id": self.id, **self.window.fields}


class Step(enum.Enum):
    """What to do next with an export."""

    REQUEST = enum.auto()
    POLL = enum.auto()
    DOWNLOAD = enum.auto()


def next_step(job: ExportJob, *, now: datetime) -> Step:
    """Decide what to do next; the same for a new export and one taken up from the state.

    Raises:
        ExportFailedError: If Mailjet reports that the export ended in an error.
    """
    if job.status is ExportStatus.ERROR:
        msg = f"Mailjet reports status ERROR for {job}"
        raise ExportFailedError(msg)
    if job.status is not ExportStatus.COMPLETED:
        return Step.POLL
    if job.expires_at is not None and job.expires_at <= now:
        return Step.REQUEST
    return Step.DOWNLOAD
