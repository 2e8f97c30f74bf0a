"""What a failure means for a window: the rules of recovery, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.root import ROOT
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
    OpenEndError,
    RequestRefusedError,
    SpoolError,
    TapMailjetSMSError,
    UnexpectedAnswerError,
    UnsoundFileError,
    WindowTooLongError,
    WindowTooOldError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting import verdict
from tap_mailjet_sms.exporting.verdict import Failure, Kind, Remedy, judge
from tap_mailjet_sms.exporting.waiting import Retrying
from tap_mailjet_sms.exporting.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = Window(NOW - 24 * HOUR, NOW)
#: What `max_attempts` says here.
MOST = 4

RETRYING = Retrying(MOST, jitter=lambda most: most)


@dataclass(frozen=True)
class Case:
    """A failure of a window, and what is to become of it."""

    failure: TapMailjetSMSError
    remedy: Remedy
    said: str = "failure"
    wait: float = 0
    before: Mapping[Kind, int] = field(default_factory=dict)
    hours: int = 24
    from_state: bool = False
    keeps_id: bool = False


ANEW = "failure; asking for a new export in {} s"
CASES = [
    # A wrong token, and whatever else the same request would meet again.
    Case(NotAuthorisedError("failure"), Remedy.GIVE_UP),
    Case(NotAuthorisedError("failure"), Remedy.GIVE_UP, from_state=True),
    Case(RequestRefusedError("failure"), Remedy.GIVE_UP),
    Case(UnexpectedAnswerError("failure"), Remedy.GIVE_UP),
    Case(WrongWindowError("failure"), Remedy.GIVE_UP),
    Case(MailjetUnavailableError("failure"), Remedy.GIVE_UP),
    Case(DownloadBrokenError("failure"), Remedy.GIVE_UP),
    Case(SpoolError("failure"), Remedy.GIVE_UP),
    # An id of the state that is of no use.
    *(
        Case(
            kind("failure"),
            Remedy.EXPORT_AGAIN,
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
            Case(kind("failure"), Remedy.EXPORT_AGAIN, ANEW.format("1.0"), wait=1),
            Case(
                kind("failure"),
                Remedy.EXPORT_AGAIN,
                ANEW.format("4.0"),
                wait=4,
                before={Kind.GONE: 2},
            ),
            Case(kind("failure"), Remedy.GIVE_UP, before={Kind.GONE: MOST - 1}),
        )
    ),
    # An export that ends in ERROR, or without any row.
    *(
        case
        for kind in (ExportFailedError, EmptyExportError)
        for case in (
            Case(kind("failure"), Remedy.EXPORT_AGAIN, ANEW.format("1.0"), wait=1),
            Case(
                kind("failure"), Remedy.EXPORT_AGAIN, ANEW.format("0.5"), wait=0.5, from_state=True
            ),
            Case(
                kind("failure"),
                Remedy.EXPORT_AGAIN,
                ANEW.format("1.0"),
                wait=1,
                before={Kind.FAILED: 1},
                from_state=True,
            ),
            Case(
                kind("failure"),
                Remedy.HALVE,
                "failure; asking for shorter windows",
                before={Kind.FAILED: 1},
            ),
            Case(
                kind("failure"),
                Remedy.HALVE,
                "failure; asking for shorter windows",
                before={Kind.FAILED: 1},
                hours=2,
            ),
            Case(
                kind("failure"),
                Remedy.EXPORT_AGAIN,
                ANEW.format("2.0"),
                wait=2,
                before={Kind.FAILED: 1},
                hours=1,
            ),
            Case(
                kind("failure"),
                Remedy.GIVE_UP,
                "failure, 4 times; to go on without the messages of 2026-11-21T15:00:00+00:00 to"
                " 2026-11-21T16:00:00+00:00, set start_date to 2026-11-21T16:00:00+00:00, and they"
                " are lost; if they lie before the bookmark, set lookback_days to 0 until they are"
                " older than it is now, and they stay as they were read",
                before={Kind.FAILED: MOST - 1},
                hours=1,
            ),
        )
    ),
    # An export that is late.
    Case(
        ExportLateError("failure"),
        Remedy.EXPORT_AGAIN,
        "failure; asking for a new export",
        keeps_id=True,
    ),
    Case(ExportLateError("failure"), Remedy.GIVE_UP, before={Kind.LATE: 1}),
    # A window that is longer than Mailjet exports at once.
    Case(
        WindowTooLongError("failure"),
        Remedy.HALVE,
        "failure; asking for shorter windows, as a lower window_days would at once",
    ),
    Case(WindowTooLongError("failure"), Remedy.GIVE_UP, hours=1),
    # A window that begins more than a year back.
    Case(WindowTooOldError("failure"), Remedy.TRIM),
    Case(WindowTooOldError("failure"), Remedy.GIVE_UP, before={Kind.TOO_OLD: MOST - 1}),
]
#: What is found out only when a file is read.
READ_CASES = [
    *(
        case
        for error, kind, last in (
            (CSVFormatError("failure"), Kind.UNSOUND, 3),
            (DownloadBrokenError("failure"), Kind.UNSOUND, 3),
            (NotCSVError("failure"), Kind.UNSOUND, 3),
            (CountMismatchError("failure"), Kind.DISPUTED, 4),
        )
        for case in (
            Case(error, Remedy.FETCH_AGAIN, "failure; downloading it again"),
            *(
                Case(
                    error,
                    Remedy.EXPORT_AGAIN,
                    "failure; asking for a new export",
                    before={kind: times},
                )
                for times in range(1, last - 1)
            ),
            Case(error, Remedy.GIVE_UP, before={kind: last - 1}),
        )
    ),
    # A last line without a line end is counted by itself.
    Case(
        OpenEndError("failure"),
        Remedy.FETCH_AGAIN,
        "failure; downloading it again",
        before={Kind.UNSOUND: 2},
    ),
    Case(
        OpenEndError("failure"),
        Remedy.EXPORT_AGAIN,
        "failure; asking for a new export",
        before={Kind.OPEN_END: 1},
    ),
    Case(OpenEndError("failure"), Remedy.GIVE_UP, before={Kind.OPEN_END: 2}),
]


@pytest.mark.parametrize(
    ("case", "was_read"),
    [(case, False) for case in CASES] + [(case, True) for case in READ_CASES],
    ids=repr,
)
def test_a_failure_has_its_verdict(case: Case, *, was_read: bool) -> None:
    """The remedy, the sentence, the wait, and whether the id stays in the state."""
    window = Window(NOW - case.hours * HOUR, NOW)

    found = judge(Failure(case.failure, window, case.before, case.from_state, was_read), RETRYING)

    assert found.remedy is case.remedy
    assert found.sentence == case.said
    assert found.wait == case.wait
    assert found.keeps_id == case.keeps_id
    assert (str(found.error) == case.said) == (found.remedy is Remedy.GIVE_UP)


#: What the table calls a failure.
FAILURES: Mapping[str, Callable[[], Failure]] = {
    "400, 401, 403": lambda: Failure(RequestRefusedError("403"), DAY),
    "400, 403, 404 or another window for an id of the state": lambda: Failure(
        WrongWindowError("another window"), DAY, from_state=True
    ),
    "400 because the window is too long (a guess)": lambda: Failure(WindowTooLongError("400"), DAY),
    "400 because `FromTS` is more than a year back": lambda: Failure(WindowTooOldError("400"), DAY),
    "404 on an export of this run": lambda: Failure(ExportNotFoundError("404"), DAY),
    "an export ends in `ERROR`": lambda: Failure(ExportFailedError("ERROR"), DAY),
    "no rows at all, though there must be some": lambda: Failure(
        EmptyExportError("none"), DAY, was_read=True
    ),
    "an export is not finished within `poll_timeout_seconds`": lambda: Failure(
        ExportLateError("late"), DAY
    ),
    "a row or a cell cannot be read": lambda: Failure(CSVFormatError("row"), DAY, was_read=True),
    "the last line has no line end, though all others have": lambda: Failure(
        OpenEndError("end"), DAY, was_read=True
    ),
    "fewer rows than `/sms/count` says": lambda: Failure(
        CountMismatchError("fewer"), DAY, was_read=True
    ),
}
#: And how often it has happened, this time included.
TIMES = {
    "once": 1,
    "once, longer than an hour": 1,
    "once, an hour or less": 1,
    "twice": 2,
    "twice, longer than an hour": 2,
    "three times": 3,
    "three times, with all rows": 3,
    "three times, with rows missing": 3,
    "four times": 4,
    "`max_attempts` times": MOST,
}


def table() -> list[tuple[str, str, str]]:
    """The rows of the table of rules: what happens, how often so far, verdict."""
    rows = []
    what = ""
    for line in str(verdict.__doc__).splitlines():
        if line.startswith("| ") and not line.startswith("| What happens"):
            happens, so_far, then = line.strip("| ").split(" | ")
            what = what if happens == "…" else happens
            rows.append((what, so_far, then))
    return rows


@pytest.mark.parametrize(("what", "so_far", "then"), table())
def test_the_table_of_rules_is_true(what: str, so_far: str, then: str) -> None:
    """Each row says what is decided, and what happens is in the words of the promises."""
    failure = FAILURES[what]()
    if so_far in {"`max_attempts` times", "once, an hour or less"}:
        failure = replace(failure, window=Window(NOW - HOUR, NOW))
    failure = replace(failure, has_all_rows=so_far.endswith("with all rows"))
    before = {failure.kind: TIMES[so_far] - 1}

    found = judge(replace(failure, strikes=before), RETRYING)

    words = found.remedy.value
    words += ", after a wait" if found.wait else ""
    words += ", keep the id" if found.keeps_id else ""
    assert words == then
    promises = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    first_table = promises.partition("\n## Mailjet")[2].partition("\n## ")[0]
    assert f"\n| {what} |" in first_table


def test_the_table_of_rules_has_every_failure() -> None:
    """None is left out, or the test of its rows would not see it."""
    assert {what for what, _, _ in table()} == set(FAILURES)


def test_a_header_that_cannot_be_mapped_is_no_unsound_file() -> None:
    """The next file would have the same one: so the run ends, whatever was tried."""
    assert not issubclass(CSVHeaderError, UnsoundFileError)
