"""Exports: what to do next with a job, and how long to wait before asking again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.exceptions import ExportFailedError
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus, Step, next_step
from tap_mailjet_sms.exporting.waiting import PollSchedule
from tap_mailjet_sms.exporting.windows import Window

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)


def job(status: ExportStatus | int | None, expires_at: datetime | None = None) -> ExportJob:
    """A job as Mailjet's last answer described it."""
    return ExportJob(7, WINDOW, NOW, status, "https://api.mailjet.com/x.csv", NOW, expires_at)


@pytest.mark.parametrize(
    ("export", "step"),
    [
        (job(None), Step.POLL),
        (job(ExportStatus.PENDING), Step.POLL),
        (job(ExportStatus.IN_PROGRESS), Step.POLL),
        (job(99), Step.POLL),
        (job(ExportStatus.COMPLETED), Step.DOWNLOAD),
        (job(ExportStatus.COMPLETED, NOW + timedelta(seconds=1)), Step.DOWNLOAD),
        (job(ExportStatus.COMPLETED, NOW), Step.REQUEST),
    ],
)
def test_the_next_step_follows_from_the_status(export: ExportJob, step: Step) -> None:
    """The same for a new export and one from the state; an unknown status is waited for."""
    assert next_step(export, now=NOW) is step


def test_an_error_names_the_export_and_its_window() -> None:
    """So that it can be found at Mailjet."""
    with pytest.raises(ExportFailedError, match=r"export 7 \(2026-11-20T16:00:00\+00:00 to 2026-"):
        next_step(job(ExportStatus.ERROR), now=NOW)


def exact(seconds: float) -> float:
    """No jitter."""
    return seconds


@given(duration=st.floats(2, 1200))
def test_a_finished_export_is_noticed_soon_with_few_polls(duration: float) -> None:
    """At most ten percent late, and polls grow with the logarithm of the wait, even with jitter."""
    schedule = PollSchedule(interval=1, max_interval=30, timeout=3600, jitter=exact)
    waited, polls = 0.0, 0
    while waited < duration:
        last = waited
        waited += schedule.pause(waited) * 0.9  # the most that jitter takes off
        polls += 1

    assert waited - duration <= max(1, duration / 10)
    assert waited > last
    assert polls <= 12 + 12 * math.log(duration)


def test_pauses_stay_within_the_settings() -> None:
    """The first is the interval, none is shorter, none longer than the longest."""
    schedule = PollSchedule(interval=2, max_interval=30, timeout=3600, jitter=exact)

    assert [schedule.pause(waited) for waited in (0, 10, 100, 1000)] == [2, 2, 10, 30]
    assert PollSchedule(interval=60, max_interval=30, timeout=3600, jitter=exact).pause(0) == 60
