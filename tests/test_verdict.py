"""What a failure means for a window: the rules of recovery, row by row."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import (
    CountMismatchError,
    CSVFormatError,
    CSVHeaderError,
    DownloadBrokenError,
    DownloadGoneError,
    EmptyExportError,
    ExportFailedError,
    ExportLateError,
    ExportNotFoundError,
    MailjetUnavailableError,
    NotAuthorisedError,
    NotCSVError,
    RequestRefusedError,
    SpoolError,
    TapMailjetSMSError,
    UnexpectedAnswerError,
    UnsoundFileError,
    WindowTooOldError,
    WrongWindowError,
)
from tap_mailjet_sms.exports import ExportJob
from tap_mailjet_sms.orchestrator import _Tile
from tap_mailjet_sms.windows import Window
from tests.test_orchestrator import Answers, Notes, orchestrator

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: What `max_attempts` says here.
MOST = 4

FETCH_AGAIN = "fetch again"
EXPORT_AGAIN = "export again"
HALVE = "halve"
TRIM = "trim"
GIVE_UP = "give up"


@dataclass(frozen=True)
class Case:
    """A failure of a window, and what is to become of it."""

    failure: TapMailjetSMSError
    remedy: str
    said: str = "failure"
    wait: float = 0
    before: Mapping[str, int] = field(default_factory=dict)
    hours: int = 24
    from_state: bool = False
    keeps_id: bool = False


@dataclass(frozen=True)
class Decision:
    """What became of it."""

    remedy: str
    said: str
    wait: float
    keeps_id: bool


ANEW = "failure; asking for a new export in {} s"
CASES = [
    # A wrong token, and whatever else the same request would meet again.
    Case(NotAuthorisedError("failure"), GIVE_UP),
    Case(NotAuthorisedError("failure"), GIVE_UP, from_state=True),
    Case(RequestRefusedError("failure"), GIVE_UP),
    Case(UnexpectedAnswerError("failure"), GIVE_UP),
    Case(WrongWindowError("failure"), GIVE_UP),
    Case(MailjetUnavailableError("failure"), GIVE_UP),
    Case(DownloadBrokenError("failure"), GIVE_UP),
    Case(SpoolError("failure"), GIVE_UP),
    # An id of the state that is of no use.
    *(
        Case(
            kind("failure"),
            EXPORT_AGAIN,
            "failure; asking for a new export instead of the one in the state",
            from_state=True,
        )
        for kind in (
            RequestRefusedError,
            ExportNotFoundError,
            DownloadGoneError,
            UnexpectedAnswerError,
            WrongWindowError,
        )
    ),
    # An export of this run that is gone.
    *(
        case
        for kind in (ExportNotFoundError, DownloadGoneError)
        for case in (
            Case(kind("failure"), EXPORT_AGAIN, ANEW.format("1.0"), wait=1),
            Case(kind("failure"), EXPORT_AGAIN, ANEW.format("4.0"), wait=4, before={"gone": 2}),
            Case(kind("failure"), GIVE_UP, before={"gone": MOST - 1}),
        )
    ),
    # An export that ends in ERROR, or without any row.
    *(
        case
        for kind in (ExportFailedError, EmptyExportError)
        for case in (
            Case(kind("failure"), EXPORT_AGAIN, ANEW.format("1.0"), wait=1),
            Case(kind("failure"), EXPORT_AGAIN, ANEW.format("0.5"), wait=0.5, from_state=True),
            Case(
                kind("failure"),
                EXPORT_AGAIN,
                ANEW.format("1.0"),
                wait=1,
                before={"failures": 1},
                from_state=True,
            ),
            Case(
                kind("failure"),
                HALVE,
                "failure; asking for shorter windows",
                before={"failures": 1},
            ),
            Case(
                kind("failure"),
                HALVE,
                "failure; asking for shorter windows",
                before={"failures": 1},
                hours=2,
            ),
            Case(
                kind("failure"),
                EXPORT_AGAIN,
                ANEW.format("2.0"),
                wait=2,
                before={"failures": 1},
                hours=1,
            ),
            Case(
                kind("failure"),
                GIVE_UP,
                "failure, 4 times; to go on without it, set start_date to 2026-11-21T16:00:00+00:00"
                ": the messages of 2026-11-21T15:00:00+00:00 to 2026-11-21T16:00:00+00:00 are lost"
                " then",
                before={"failures": MOST - 1},
                hours=1,
            ),
        )
    ),
    # An export that is late.
    Case(
        ExportLateError("failure"),
        EXPORT_AGAIN,
        "failure; asking for a new export",
        keeps_id=True,
    ),
    Case(ExportLateError("failure"), GIVE_UP, before={"late": 1}),
    # A window that begins more than a year back.
    Case(WindowTooOldError("failure"), TRIM, "Mailjet no longer exports what is older than a year"),
    Case(WindowTooOldError("failure"), GIVE_UP, before={"trims": MOST - 1}),
]
#: What is found out only when a file is read.
READ_CASES = [
    *(
        case
        for kind in (CSVFormatError, DownloadBrokenError, NotCSVError, CountMismatchError)
        for case in (
            Case(kind("failure"), FETCH_AGAIN, "failure; downloading it again", keeps_id=True),
            Case(
                kind("failure"),
                EXPORT_AGAIN,
                "failure; asking for a new export",
                before={"bad_files": 1},
            ),
            Case(kind("failure"), GIVE_UP, before={"bad_files": 2}, keeps_id=True),
        )
    ),
]


def decided(case: Case, *, reading: bool, caplog: pytest.LogCaptureFixture) -> Decision:
    """What becomes of a window after a failure."""
    caplog.set_level(logging.INFO)
    window = Window(NOW - case.hours * HOUR, NOW)
    if isinstance(case.failure, WindowTooOldError):
        window = Window(NOW - 365 * 24 * HOUR, NOW - 364 * 24 * HOUR)
    mailjet, notes = Answers(), Notes()
    conductor = orchestrator(mailjet, notes)
    job = ExportJob(7, window, NOW)
    tile = _Tile(window, job=job, from_state=case.from_state)
    for strike, times in case.before.items():
        setattr(tile, strike, times)
    notes.add(job)
    conductor._tiles = deque([tile])
    if reading:
        assert isinstance(case.failure, UnsoundFileError)
        conductor._tiles.clear()
        conductor.take_back(tile, case.failure)
    elif isinstance(case.failure, WindowTooOldError):
        notes.drop(window)
        tile.job = None
        mailjet.requests = [case.failure]
        conductor._request(tile)
    else:
        tile.fetch = Future()
        tile.fetch.set_exception(case.failure)
        conductor._collect(tile)
    said = str(tile.error) if tile.error else caplog.records[-1].getMessage()
    if tile.error is not None:
        remedy = GIVE_UP
    elif len(conductor._tiles) > 1:
        remedy = HALVE
    elif tile.window != window:
        remedy = TRIM
    elif tile.job is None:
        remedy = EXPORT_AGAIN
    else:
        remedy = FETCH_AGAIN
    return Decision(remedy, said, tile.due, keeps_id=window in notes.pending)


@pytest.mark.parametrize(
    ("case", "reading"),
    [(case, False) for case in CASES] + [(case, True) for case in READ_CASES],
    ids=repr,
)
def test_a_failure_has_its_verdict(
    case: Case, *, reading: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The remedy, the sentence, the wait, and whether the id stays in the state."""
    found = decided(case, reading=reading, caplog=caplog)

    assert found.remedy == case.remedy
    assert found.said.startswith(case.said)
    assert found.wait == case.wait
    if found.remedy in {EXPORT_AGAIN, FETCH_AGAIN}:
        assert found.keeps_id == case.keeps_id


def test_a_header_that_cannot_be_mapped_is_no_unsound_file() -> None:
    """The next file would have the same one: so the run ends, whatever was tried."""
    assert not issubclass(CSVHeaderError, UnsoundFileError)
