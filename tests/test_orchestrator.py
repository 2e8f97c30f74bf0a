"""The life of all exports of a run, with a scripted Mailjet and a clock that does not wait."""

from __future__ import annotations

import io
from collections import defaultdict
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import pytest
from typing_extensions import override

from tap_mailjet_sms.exceptions import (
    ClockError,
    CountMismatchError,
    CSVFormatError,
    DownloadBrokenError,
    DownloadGoneError,
    ExportFailedError,
    ExportLateError,
    ExportNotFoundError,
    MailjetUnavailableError,
    NotAuthorisedError,
    OpenEndError,
    RequestRefusedError,
    TapMailjetSMSError,
    UnsoundFileError,
    WindowTooOldError,
    WrongWindowError,
)
from tap_mailjet_sms.exporting.counting import Tally, VerifyCounts
from tap_mailjet_sms.exporting.fetching import Fetcher, has_open_end
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tap_mailjet_sms.exporting.orchestrator import Orchestrator
from tap_mailjet_sms.exporting.pace import Pace
from tap_mailjet_sms.exporting.waiting import EndOfRun, PollSchedule, Retrying
from tap_mailjet_sms.exporting.windows import Window

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from tap_mailjet_sms.witness import Witness

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
#: When runs begin: all windows lie before.
TODAY = NOW + timedelta(days=2)
HOUR = timedelta(hours=1)
T = TypeVar("T")


class Time:
    """Time that passes only where somebody waits for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The present moment."""
        return TODAY + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.seconds += seconds

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Let them pass, unless a worker is done."""
        if not woken.is_set():
            assert seconds is not None, "nothing is under way, and nothing is due"
            self.seconds += seconds


class Inline(Executor):
    """Runs everything at once."""

    def submit(self, fn: Callable[..., T], /, *args: object, **kwargs: object) -> Future[T]:
        """Run it."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


@dataclass
class Answers:
    """A Mailjet that answers as scripted: an error or a change for each call, then all is well.

    Every export is completed at its first poll and holds as many rows as it is counted.
    """

    rows: int = 3
    requests: list[TapMailjetSMSError | ExportStatus] = field(default_factory=list)
    polls: list[TapMailjetSMSError | ExportStatus | int] = field(default_factory=list)
    downloads: list[TapMailjetSMSError | int] = field(default_factory=list)
    counts: list[TapMailjetSMSError | int] = field(default_factory=list)
    within_edges: int = 3
    listed: list[datetime] = field(default_factory=list)
    always_failing: Callable[[Window], bool] = lambda _: False
    asked: list[Window] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def request_export(self, window: Window, *, not_before: datetime) -> ExportJob:
        """The next id, pending."""
        assert not_before <= window.start
        self.calls["request"] += 1
        if self.requests and isinstance(error := self.requests.pop(0), Exception):
            raise error
        self.asked.append(window)
        return ExportJob(len(self.asked), window, NOW, ExportStatus.PENDING)

    def get_export(self, job: ExportJob) -> ExportJob:
        """Completed, or as scripted."""
        self.calls["poll"] += 1
        step = self.polls.pop(0) if self.polls else ExportStatus.COMPLETED
        if isinstance(step, Exception):
            raise step
        status = ExportStatus.ERROR if self.always_failing(job.window) else step
        return replace(job, status=status, url="https://x/y.csv")

    def download(self, job: ExportJob, into: BinaryIO) -> bool:
        """As many bytes as there are rows, or as scripted."""
        assert job.url is not None
        self.calls["download"] += 1
        step = self.downloads.pop(0) if self.downloads else self.rows
        if isinstance(step, Exception):
            raise step
        into.write(b"\n" * step)
        return True

    def count(self, window: Window, *, not_before: datetime, edges: bool = True) -> int:
        """As many as there are rows, or as scripted."""
        if not edges:
            return self.within_edges
        assert not_before <= window.start
        self.calls["count"] += 1
        step = self.counts.pop(0) if self.counts else self.rows
        if isinstance(step, Exception):
            raise step
        return step

    def list_created(self, window: Window, *, not_before: datetime, offset: int) -> list[datetime]:
        """As scripted."""
        assert not_before <= window.start
        self.calls["list"] += 1
        return self.listed[offset:]

    def list_messages(self, window: Window, *, not_before: datetime, limit: int) -> list[Witness]:
        """Nothing: no layout is proved here."""
        assert not_before <= window.start
        return [][:limit]


class Notes:
    """A ledger that remembers what it was told."""

    def __init__(self) -> None:
        self.pending: dict[Window, int] = {}
        self.open_ends = False
        self.value: datetime | None = None

    def add(self, job: ExportJob) -> None:
        """Note an export."""
        self.pending[job.window] = job.id

    def drop(self, window: Window) -> None:
        """Forget one."""
        del self.pending[window]

    @property
    def takes_open_ends(self) -> bool:
        """Whether files end within a line."""
        return self.open_ends

    def take_open_ends(self) -> None:
        """They do."""
        self.open_ends = True


class Unseen:
    """A display that nobody looks at."""

    every = 60.0

    def waiting(self, text: str, share: float, fields: Mapping[str, object]) -> None:
        """Show nothing."""

    def finished(self, text: str, share: float, fields: Mapping[str, object]) -> None:
        """Show nothing."""


def read(file: BinaryIO | None) -> int:
    """One row for each byte."""
    return 0 if file is None else len(file.read())


def hours(*edges: int) -> list[Window]:
    """Windows between edges in hours, the first at 0."""
    moments = [NOW + HOUR * edge for edge in (0, *edges)]
    return [Window(start, end) for start, end in pairwise(moments)]


def orchestrator(
    mailjet: Answers,
    notes: Notes | None = None,
    *,
    verify_counts: VerifyCounts = VerifyCounts.WARN,
    at_once: int = 2,
) -> Orchestrator:
    """An orchestrator that asks the scripted Mailjet."""
    clock, end = Time(), EndOfRun()
    fetcher = Fetcher(
        mailjet=mailjet,
        clock=clock,
        end=end,
        pace=Pace(clock, end, patience=600, at_once=16, jitter=lambda most: most),
        schedule=PollSchedule(interval=1, max_interval=30, timeout=600),
        retrying=Retrying(max_attempts=4, jitter=lambda most: most),
        verify_counts=verify_counts,
        not_before=NOW - 400 * 24 * HOUR,
    )
    return Orchestrator(fetcher, notes or Notes(), Inline(), at_once, Unseen())


def finished(
    conductor: Orchestrator,
    windows: list[Window],
    resumed: dict[Window, ExportJob] | None = None,
    read: Callable[[BinaryIO | None], int] = read,
) -> Iterator[tuple[Window, int]]:
    """Window and rows of every export, in the order in which they come."""
    for arrival in conductor.files(windows, resumed or {}):
        try:
            rows = read(arrival.file)
            arrival.verify(Tally(rows))
        except UnsoundFileError as error:
            arrival.reject(error)
            continue
        yield arrival.window, rows


def emitted(
    conductor: Orchestrator,
    windows: list[Window],
    resumed: dict[Window, ExportJob] | None = None,
    read: Callable[[BinaryIO | None], int] = read,
) -> list[tuple[Window, int]]:
    """The same, all at once."""
    return [*finished(conductor, windows, resumed, read)]


def test_windows_come_in_order() -> None:
    """Each with what its file holds."""
    windows = hours(1, 2, 3, 4, 5)

    assert emitted(orchestrator(Answers()), windows) == [(window, 3) for window in windows]


def test_no_window_of_the_future_is_asked_for() -> None:
    """A clock that was set back during the run was ahead when its windows were planned."""
    mailjet = Answers()
    soon = Window(TODAY - HOUR, TODAY + HOUR)

    with pytest.raises(ClockError, match=r"ends in the future.*NTP"):
        emitted(orchestrator(mailjet), [*hours(1, 2), soon])

    assert mailjet.asked == hours(1, 2)


def test_exports_are_asked_for_ahead_but_not_more_than_allowed() -> None:
    """While one window is emitted, so many others are under way."""
    mailjet, notes = Answers(), Notes()
    exports = finished(orchestrator(mailjet, notes, at_once=2), hours(1, 2, 3, 4, 5))

    next(exports)

    assert mailjet.asked == hours(1, 2, 3)
    assert list(notes.pending) == hours(1, 2, 3)


def test_an_export_from_the_state_is_not_asked_for_anew() -> None:
    """It is polled at once and used."""
    window = hours(1)[0]
    mailjet = Answers()

    found = emitted(orchestrator(mailjet), [window], {window: ExportJob(77, window, NOW)})

    assert found == [(window, 3)]
    assert mailjet.asked == []


@pytest.mark.parametrize(
    "error",
    [
        RequestRefusedError("400"),
        ExportNotFoundError("404"),
        WrongWindowError("another window"),
        DownloadGoneError("410"),
    ],
)
def test_an_id_from_the_state_that_is_of_no_use_is_dropped(error: TapMailjetSMSError) -> None:
    """It may be damaged, expired or another account's: the window is asked for anew, at once."""
    window = hours(1)[0]
    mailjet, notes = Answers(polls=[error]), Notes()
    notes.add(ExportJob(77, window, NOW))
    conductor = orchestrator(mailjet, notes)

    assert emitted(conductor, [window], {window: ExportJob(77, window, NOW)}) == [(window, 3)]
    assert mailjet.asked == [window]


def test_a_wrong_token_ends_the_run_even_for_an_id_from_the_state() -> None:
    """Nothing else would fare better."""
    window = hours(1)[0]
    mailjet = Answers(polls=[NotAuthorisedError("401")])

    with pytest.raises(NotAuthorisedError):
        emitted(orchestrator(mailjet), [window], {window: ExportJob(77, window, NOW)})
    assert mailjet.asked == []


def test_no_usable_answer_is_asked_for_again() -> None:
    """Each call up to `max_attempts` times."""
    broken: list[TapMailjetSMSError] = [MailjetUnavailableError("503")] * 3
    mailjet = Answers(requests=[*broken], polls=[*broken], downloads=[*broken], counts=[*broken])

    assert emitted(orchestrator(mailjet), hours(1)) == [(hours(1)[0], 3)]
    assert dict(mailjet.calls) == {"request": 4, "poll": 4, "download": 4, "count": 4}


@pytest.mark.parametrize("call", ["requests", "polls", "downloads"])
def test_no_usable_answer_at_all_ends_the_run(call: str) -> None:
    """With what the last attempt said, and the windows before it emitted."""
    mailjet = Answers()
    exports = finished(orchestrator(mailjet, at_once=1), hours(1, 2))
    getattr(mailjet, call).extend([MailjetUnavailableError("503")] * 4)
    if call == "requests":
        mailjet.requests.insert(0, ExportStatus.PENDING)
        next(exports)
    with pytest.raises(MailjetUnavailableError, match="503"):
        list(exports)


def test_retry_after_is_honoured_within_bounds() -> None:
    """Instead of the backoff."""
    mailjet = Answers(
        requests=[
            MailjetUnavailableError("429", retry_after=50),
            MailjetUnavailableError("429", retry_after=5000),
        ]
    )
    conductor = orchestrator(mailjet)

    emitted(conductor, hours(1))

    assert 170 <= conductor.fetcher.clock.monotonic() < 175


def test_a_retry_after_of_nothing_does_not_switch_backoff_off() -> None:
    """Else all attempts would be gone within one second of a limit per second."""
    mailjet = Answers(requests=[MailjetUnavailableError("429", retry_after=0)] * 3)
    conductor = orchestrator(mailjet)

    emitted(conductor, hours(1))

    assert conductor.fetcher.clock.monotonic() >= 1 + 2 + 4


def test_a_gone_export_is_asked_for_anew_and_never_halved() -> None:
    """With backoff; it counts as an attempt."""
    mailjet = Answers(polls=[ExportNotFoundError("404")] * 3)

    assert emitted(orchestrator(mailjet), hours(24)) == [(hours(24)[0], 3)]
    assert mailjet.asked == hours(24) * 4


def test_an_export_that_is_gone_every_time_ends_the_run() -> None:
    """After `max_attempts`."""
    mailjet = Answers(polls=[ExportNotFoundError("404")] * 9)

    with pytest.raises(ExportNotFoundError):
        emitted(orchestrator(mailjet), hours(24))
    assert len(mailjet.asked) == 4


def test_a_failing_export_is_halved_until_it_works() -> None:
    """After two failures each, and later windows are cut to the length that works."""
    mailjet = Answers(always_failing=lambda window: window.length > 2 * HOUR)

    found = [window for window, _ in emitted(orchestrator(mailjet), hours(8, 16))]

    assert found == hours(2, 4, 6, 8, 10, 12, 14, 16)
    assert mailjet.asked.count(hours(8)[0]) == 2


def test_halving_leaves_short_windows_alone() -> None:
    """They keep what has happened to them: a refusal stays one."""
    mailjet = Answers(always_failing=lambda window: window.length > 4 * HOUR)
    mailjet.requests = [ExportStatus.PENDING, RequestRefusedError("403")]
    exports = finished(orchestrator(mailjet, at_once=2), hours(8, 9))

    assert [next(exports)[0] for _ in range(2)] == hours(4, 8)
    with pytest.raises(RequestRefusedError):
        next(exports)
    assert mailjet.calls["request"] == 5, "two failures, two halves, one refusal"


def test_an_hour_that_fails_every_time_ends_the_run() -> None:
    """With the window, and which start_date would skip it; windows before it are emitted."""
    bad = hours(1, 2)[1]
    mailjet = Answers(always_failing=lambda window: window.overlaps(bad))
    exports = finished(orchestrator(mailjet), hours(1, 2, 3))

    assert next(exports)[0] == hours(1)[0]
    with pytest.raises(ExportFailedError) as caught:
        next(exports)

    assert str(bad) in str(caught.value)
    assert f"set start_date to {bad.end.isoformat()}" in str(caught.value)
    assert mailjet.asked.count(bad) == 4


def test_a_late_export_is_asked_for_once_more() -> None:
    """And its successor used."""
    mailjet = Answers(polls=[ExportStatus.IN_PROGRESS] * 80)
    conductor = orchestrator(mailjet)

    assert emitted(conductor, hours(1)) == [(hours(1)[0], 3)]
    assert len(mailjet.asked) == 2
    assert conductor.fetcher.clock.monotonic() > 600


def test_an_export_that_is_late_twice_ends_the_run_and_stays_in_the_state() -> None:
    """It may be finished by the next run; the error names the setting and the unknown status."""
    mailjet, notes = Answers(polls=[99] * 1000), Notes()

    with pytest.raises(ExportLateError, match=r"unknown code 99.*poll_timeout_seconds"):
        emitted(orchestrator(mailjet, notes), hours(1))

    assert notes.pending == {hours(1)[0]: 2}
    assert mailjet.calls["poll"] < 200, "no busy loop"


def test_a_window_that_mailjet_finds_too_old_is_trimmed() -> None:
    """By its clock a year has passed: what is left is exported."""
    old = Window(TODAY - 365 * 24 * HOUR, TODAY - 364 * 24 * HOUR)
    mailjet = Answers(requests=[WindowTooOldError("one year")])

    ((window, _),) = emitted(orchestrator(mailjet), [old])

    assert window.end == old.end
    assert HOUR <= window.start - old.start <= 2 * HOUR


def test_a_broken_file_is_downloaded_again_then_exported_again() -> None:
    """Then it is an error, and nothing of the file was emitted."""
    mailjet = Answers()

    def unreadable(_: BinaryIO | None) -> int:
        msg = "row 3"
        raise CSVFormatError(msg)

    with pytest.raises(CSVFormatError):
        emitted(orchestrator(mailjet), hours(1), read=unreadable)

    assert (len(mailjet.asked), mailjet.calls["download"]) == (2, 3)


def test_a_broken_file_that_is_whole_the_next_time_is_used() -> None:
    """Whether its download was cut or its rows are short."""
    mailjet = Answers(downloads=[DownloadBrokenError("cut"), 2])

    assert emitted(orchestrator(mailjet), hours(1)) == [(hours(1)[0], 3)]
    assert (len(mailjet.asked), mailjet.calls["download"]) == (1, 3)


def test_a_link_that_is_gone_is_replaced_by_a_fresh_one() -> None:
    """Then the window is asked for anew."""
    mailjet = Answers(downloads=[DownloadGoneError("410")])
    assert emitted(orchestrator(mailjet), hours(1)) == [(hours(1)[0], 3)]
    assert (len(mailjet.asked), mailjet.calls["poll"]) == (1, 2)

    mailjet = Answers(downloads=[DownloadGoneError("410")] * 2)
    assert emitted(orchestrator(mailjet), hours(1)) == [(hours(1)[0], 3)]
    assert len(mailjet.asked) == 2


@pytest.mark.parametrize("verify", [VerifyCounts.WARN, VerifyCounts.ERROR])
def test_fewer_rows_than_counted_are_not_taken_on_trust(verify: VerifyCounts) -> None:
    """Downloaded again, exported again; if that agrees, it is taken with a warning or refused."""
    mailjet = Answers(counts=[5] * 100)
    conductor = orchestrator(mailjet, verify_counts=verify)

    if verify is VerifyCounts.WARN:
        assert emitted(conductor, hours(1, 2)) == [(window, 3) for window in hours(1, 2)]
        assert len(mailjet.asked) == 3, "a later window that lacks as many is not exported again"
        assert mailjet.calls["download"] == 5, "but downloaded once more"
    else:
        with pytest.raises(CountMismatchError, match="3 rows where Mailjet counts 5"):
            emitted(conductor, hours(1, 2))


def test_a_disputed_count_is_no_licence_to_lose_rows() -> None:
    """What one window's exports confirmed is forgiven others, and not a row more."""
    first, second, third = hours(1, 2, 3)
    counted = {first: 4, second: 4, third: 40}

    class Disputed(Answers):
        @override
        def count(self, window: Window, *, not_before: datetime, edges: bool = True) -> int:
            return counted[window] if edges else 3

    mailjet = Disputed()

    assert emitted(orchestrator(mailjet), [first, second, third]) == [
        (first, 3), (second, 3), (third, 3),
    ]  # fmt: skip
    asked = [mailjet.asked.count(window) for window in (first, second, third)]
    assert asked == [2, 1, 2], "only the second lacks no more than was confirmed"


def test_an_empty_export_may_lack_what_lies_on_the_edges() -> None:
    """A count may include them and the export not: that is no failed export."""
    window = hours(1)[0]
    mailjet = Answers(rows=0, counts=[1], within_edges=0, listed=[window.end])

    assert emitted(orchestrator(mailjet), [window]) == [(window, 0)]
    assert len(mailjet.asked) == 1


@pytest.mark.parametrize("off", [timedelta(seconds=1), HOUR / 2, HOUR - timedelta(seconds=1)])
def test_a_count_that_leaves_out_its_own_edges_is_no_proof(off: timedelta) -> None:
    """The list of messages says where they lie: one within is missing from an empty export."""
    window = hours(1)[0]
    mailjet = Answers(rows=0, counts=[1] * 9, within_edges=0, listed=[window.start + off])

    with pytest.raises(ExportFailedError, match="has 0 rows where Mailjet counts 1"):
        emitted(orchestrator(mailjet), [window])


def test_more_rows_than_counted_are_taken() -> None:
    """They may have arrived since."""
    assert emitted(orchestrator(Answers(counts=[1])), hours(1)) == [(hours(1)[0], 3)]


@pytest.mark.parametrize("verify", [VerifyCounts.WARN, VerifyCounts.ERROR])
def test_no_rows_where_mailjet_counts_some_is_a_failed_export(verify: VerifyCounts) -> None:
    """Under `warn` too: an empty file would lose a whole window."""
    mailjet = Answers(rows=0, counts=[5] * 100)

    with pytest.raises(ExportFailedError, match="has 0 rows where Mailjet counts 5"):
        emitted(orchestrator(mailjet, verify_counts=verify), hours(1))


def test_counts_are_not_asked_for_where_they_are_off() -> None:
    """One request less for each window."""
    mailjet = Answers()

    emitted(orchestrator(mailjet, verify_counts=VerifyCounts.OFF), hours(1, 2))

    assert mailjet.calls["count"] == 0


def test_a_failing_count_warns_once_or_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """As `verify_counts` says."""
    refused: list[TapMailjetSMSError | int] = [RequestRefusedError("HTTP 403")] * 9

    assert len(emitted(orchestrator(Answers(counts=[*refused])), hours(1, 2, 3))) == 3
    assert caplog.text.count("not verified") == 1

    strict = orchestrator(Answers(counts=refused), verify_counts=VerifyCounts.ERROR)
    with pytest.raises(CountMismatchError, match="HTTP 403; set verify_counts"):
        emitted(strict, hours(1))


class OpenEnded(Answers):
    """Writes files that end within a line, and tells their end or not."""

    tells_end = True

    def download(self, job: ExportJob, into: BinaryIO) -> bool:
        """As many bytes as there are rows, without a line end at last."""
        whole = io.BytesIO()
        super().download(job, whole)
        into.write(whole.getvalue()[:-1] + b"x")
        return self.tells_end


def test_a_file_that_may_be_cut_is_never_taken() -> None:
    """Without a length, one that ends within a line may be cut, at the same place each time."""
    mailjet = OpenEnded()
    mailjet.tells_end = False
    with pytest.raises(
        DownloadBrokenError, match="does not end with a line end and may be incomplete"
    ):
        emitted(orchestrator(mailjet), hours(1))
    assert mailjet.calls["download"] == 4


@pytest.mark.parametrize("verify_counts", VerifyCounts)
def test_an_open_end_is_taken_when_another_export_has_it_too(
    verify_counts: VerifyCounts, caplog: pytest.LogCaptureFixture
) -> None:
    """Downloaded again, exported again, then taken; said once, and later windows have no delay."""
    mailjet, notes = OpenEnded(), Notes()
    caplog.set_level("WARNING")
    conductor = orchestrator(mailjet, notes, verify_counts=verify_counts)
    assert emitted(conductor, hours(1, 2, 3)) == [(window, 3) for window in hours(1, 2, 3)]
    assert (mailjet.calls["request"], mailjet.calls["download"]) == (4, 5)
    assert caplog.text.count("such files are kept from now on") == 1
    assert notes.takes_open_ends

    again = OpenEnded()
    assert len(emitted(orchestrator(again, notes), hours(1, 2))) == 2
    assert (again.calls["request"], again.calls["download"]) == (2, 2)


def test_an_open_end_is_not_taken_where_rows_are_missing() -> None:
    """The count has to agree."""
    mailjet, notes = OpenEnded(counts=[3, 3, 4]), Notes()
    conductor = orchestrator(mailjet, notes)
    conductor.checks._forgiven = 1
    with pytest.raises(OpenEndError, match="line end and may be incomplete"):
        emitted(conductor, hours(1))
    assert not notes.takes_open_ends


def test_an_open_end_that_goes_away_was_a_cut(caplog: pytest.LogCaptureFixture) -> None:
    """The next download has all of the line; nothing is learned from that."""

    class CutOnce(Answers):
        def download(self, job: ExportJob, into: BinaryIO) -> bool:
            whole = io.BytesIO()
            super().download(job, whole)
            into.write(whole.getvalue()[:-1] + (b"x" if self.calls["download"] == 1 else b"\n"))
            return True

    mailjet, notes = CutOnce(), Notes()
    caplog.set_level("WARNING")
    assert emitted(orchestrator(mailjet, notes), hours(1)) == [(hours(1)[0], 3)]
    assert (mailjet.calls["request"], mailjet.calls["download"]) == (1, 2)
    assert "may be incomplete; downloading it again" in caplog.text
    assert not notes.takes_open_ends


@pytest.mark.parametrize(
    ("content", "open_end"),
    [
        (b"", False),
        (b"ID\n1\n", False),
        (b"ID\r1\r", False),
        (b"ID\r\n1", True),
        (b"ID", True),
        ("ID\n1\n".encode("utf-16"), False),
        ("ID\n1\n".encode("utf-16-be"), False),
        ("ID\n1".encode("utf-16"), True),
        ("ID\n1".encode("utf-16-be"), True),
        (b"\x1f\x8b\x08packed", False),
    ],
)
def test_an_open_end_is_told_by_the_last_bytes(content: bytes, *, open_end: bool) -> None:
    """In any encoding; what is packed has an end of its own."""
    file = io.BytesIO(content)
    assert has_open_end(file) is open_end
    assert file.tell() == 0
