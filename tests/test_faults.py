"""What the tap does when Mailjet or the network misbehaves: a test for each row of the promises.

Most rows play in virtual time, with the real tap and the checks of the simulation around it; what
depends on how a connection breaks plays on a socket.
"""

from __future__ import annotations

import logging
import math
import random
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import (
    Backend,
    Build,
    Ending,
    Fault,
    Framing,
    Layout,
    Link,
    Messages,
    Operation,
    Sandbox,
    Scenario,
    Unknowns,
    When,
)
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import TapMailjetSMSError
from tap_mailjet_sms.exporting import waiting
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.simulation import run as simulated
from tests.simulation.play import Simulation, bookmark, pending
from tests.simulation.process import Interruption, Kind, Process
from tests.simulation.schedule import DAY, EPOCH, SETTLING, Run, Schedule, start_date
from tests.support.account import records, run_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailjet_sandbox import Asked
    from mailjet_sandbox.effects import Effect
    from tests.simulation.run import Outcome, State

HOUR = 3600
#: The time where the tap's own clock is real.
NOW = int(time.time())
FINISHED, REFUSED = simulated.Ending.FINISHED, simulated.Ending.REFUSED
API = (Operation.REQUEST, Operation.STATUS, Operation.COUNT)
ALL = (*API, Operation.DOWNLOAD)
ALWAYS = When(times=None)


def story(
    *, build: Build | None = None, windows: float = 3, hours: float = 8, **config: object
) -> Simulation:
    """An account with six messages an hour, and so many windows to read in it."""
    start = EPOCH - SETTLING - int(windows * hours * HOUR)
    return Simulation(
        Schedule(
            seed=0,
            messages=Messages(since=start - HOUR, per_hour=6),
            layout=Layout(),
            build=build or Build(seconds=5),
            unknowns=Unknowns(),
            start=start,
            end=math.inf,
            lookback=0,
            config={
                "start_date": start_date(start),
                "window_days": (hours * HOUR + 0.5) / DAY,
                "lookback_days": 0,
                "max_concurrent_exports": 4,
                **config,
            },
            runs=(),
            last_pause=0,
        )
    )


def play(simulation: Simulation, *faults: Fault, pause: float = 0) -> Outcome:
    """Play one run with these faults; everything that must always hold is checked on the way."""
    simulation.run(Run(pause=pause, faults=faults))
    return simulation.outcomes[-1]


def run_unchecked(simulation: Simulation, state: State | None = None) -> Outcome:
    """Run the tap where the simulation's own checks would not agree."""
    outcome = simulated.run_tap(
        simulation.backend,
        Process(simulation.timeline, random.Random(0)),  # noqa: S311
        config={"auth_token": simulation.backend.token, **simulation.schedule.config},
        state=state,
        before_effect=lambda _: None,
    )
    simulation.outcomes.append(outcome)
    return outcome


def is_complete(simulation: Simulation) -> bool:
    """Whether every message is in the warehouse, up to the end of the last run."""
    end = int(bookmark(simulation.state) or 0)
    truth = {m.message_id for m in simulation.backend.truth(simulation.schedule.start, end)}
    return end >= EPOCH - SETTLING and truth == set(simulation.rows)


def asked(simulation: Simulation, operation: Operation) -> list[Asked]:
    """The journal's lines of one operation."""
    return [line for line in simulation.backend.journal if line.operation == operation.value]


def on(*operations: Operation, times: int | None = 1, skip: int = 0) -> When:
    """The next calls of these operations."""
    return When(on=frozenset(operations), times=times, skip=skip)


# 429


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("operation", ALL)
def test_retry_after_is_waited_for(operation: Operation, *, as_date: bool) -> None:
    """A 429 on any call is waited out as `Retry-After` says, in seconds or as a date."""
    simulation = story()
    play(simulation, Fault(fx.Http(429, 30, as_date=as_date), on(operation)))
    assert is_complete(simulation)
    calls = asked(simulation, operation)
    refused = next(line for line in calls if line.status == 429)
    again = next(line for line in calls if line.path == refused.path and line.time > refused.time)
    if operation is Operation.COUNT:
        again = next(line for line in calls
                     if line.from_ts == refused.from_ts and line.time > refused.time)  # fmt: skip
    assert 29 <= again.time - refused.time < 32


def test_retry_after_is_bounded() -> None:
    """Two minutes is the longest wait, whatever `Retry-After` says."""
    simulation = story(windows=1)
    play(simulation, Fault(fx.Http(429, 86_400), on(Operation.STATUS)))
    assert is_complete(simulation)
    first, second, *_ = asked(simulation, Operation.STATUS)
    assert 119 < second.time - first.time < 122


def test_a_busy_answer_holds_up_only_its_own_export() -> None:
    """While one export waits for `Retry-After`, the others are polled."""
    simulation = story(build=Build(seconds=20))
    play(simulation, Fault(fx.Http(429, 60), When(frozenset({Operation.STATUS}), export=1)))
    assert is_complete(simulation)
    first, second, *_ = [line for line in asked(simulation, Operation.STATUS)
                         if line.export_id == 56660]  # fmt: skip
    between = [line for line in simulation.backend.journal if first.time < line.time < second.time]
    others = [line for line in between if line.export_id not in {None, 56660}]
    assert len(others) > 10


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_at_once_than_allowed(limit: int) -> None:
    """Never more than `max_concurrent_exports` calls at once, also while Mailjet is busy."""
    simulation = story(windows=12, hours=2, max_concurrent_exports=limit)
    outcome = play(simulation, Fault(fx.Http(429), When(times=None, chance=0.3)))
    assert is_complete(simulation)
    assert outcome.most_calls <= limit


# 5xx, broken connections, and pages: on a socket.

BROKEN: dict[str, Effect] = {
    "500": fx.Http(500),
    "502": fx.Http(502),
    "503": fx.Http(503),
    "504": fx.Http(504),
    "closed": fx.Broken(Ending.CUT),
    "reset": fx.Broken(Ending.RESET),
    "hung": fx.Broken(Ending.HANG),
    "page": fx.Page(fx.Body.HTML),
    "broken json": fx.Page(fx.Body.BROKEN_JSON),
    "cut": fx.Cut(0.5),
    "cut chunked": fx.Cut(0.5, Framing.CHUNKED),
    "reset midway": fx.Cut(0.5, ending=Ending.RESET),
    "hung midway": fx.Cut(0.5, ending=Ending.HANG),
}


class OnSocket:
    """A tap in this process and an account on a socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **unknowns: object) -> None:
        monkeypatch.setattr(waiting, "MAX_BACKOFF", 0.05)
        self.backend = Backend(
            data=Messages(since=NOW - DAY, per_hour=6),
            clock=lambda: NOW,
            build=Build(seconds=0),
            unknowns=Unknowns(**{"date_header": False, **unknowns}),  # type: ignore[arg-type]
        )
        self.error: str | None = None

    @contextmanager
    def open(self, *faults: Fault) -> Iterator[str]:
        """Serve the account, with these faults."""
        self.backend.scenario = Scenario(faults)
        with Sandbox(self.backend) as sandbox:
            yield sandbox.url

    def settings(self, url: str, **more: object) -> dict[str, object]:
        """Settings to read 12 hours in two windows, without much patience."""
        return {
            "api_url": url,
            "auth_token": self.backend.token,
            "start_date": start_date(NOW - DAY),
            "end_date": start_date(NOW - DAY // 2),
            "window_days": 0.25,
            "poll_interval_seconds": 0.01,
            "request_timeout_seconds": 0.5,
            "max_attempts": 3,
            **more,
        }

    def run(self, *faults: Fault, **more: object) -> list[dict[str, object]]:
        """Run the tap, and give its records."""

        def sync(url: str) -> None:
            try:
                TapMailjetSMS(config=self.settings(url, **more)).sync_all()
            except TapMailjetSMSError as error:
                self.error = str(error)

        with self.open(*faults) as url:
            return records(run_here(lambda: sync(url)))

    @property
    def truth(self) -> list[str]:
        """The ids of all messages."""
        messages = self.backend.truth(NOW - DAY, NOW - DAY // 2)
        return [message.message_id for message in messages]

    def is_complete(self, got: list[dict[str, object]]) -> bool:
        """Whether the records are all messages, each once."""
        return sorted(str(record["message_id"]) for record in got) == sorted(self.truth)


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> OnSocket:
    """An account on a socket, and short waits between attempts."""
    return OnSocket(monkeypatch)


@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize("effect", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_tried_again(
    socket: OnSocket, effect: Effect, operation: Operation
) -> None:
    """500, 502, 503, 504, a broken connection, or a page instead of JSON or CSV: asked again."""
    got = socket.run(Fault(effect, on(operation, times=2)))
    assert socket.error is None
    assert socket.is_complete(got)


@pytest.mark.parametrize("operation", API)
@pytest.mark.parametrize("effect", [fx.Http(503), fx.Broken(Ending.RESET), fx.Page(fx.Body.HTML)])
def test_what_stays_broken_ends_the_run(
    socket: OnSocket, effect: Effect, operation: Operation
) -> None:
    """After `max_attempts` tries of one request comes one clear error."""
    got = socket.run(
        Fault(effect, on(operation, times=None)), verify_counts="error", max_concurrent_exports=1
    )
    assert not got
    tries = [line for line in socket.backend.journal if line.operation == operation.value]
    assert len(tries) == 3
    assert socket.error is not None
    assert start_date(NOW - DAY) in socket.error
    assert "\n" not in socket.error


def test_nobody_there_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is tried again, then it is one clear error that names `api_url`."""
    socket = OnSocket(monkeypatch)
    socket.run(api_url="http://127.0.0.1:9/v4")
    assert socket.error is not None
    assert "refused" in socket.error
    assert "api_url" in socket.error


def test_waits_grow_exponentially_with_full_jitter() -> None:
    """Between the tries of a request lie random waits, each bound twice the one before."""
    waits = []
    for seed in range(20):
        simulation = story(windows=1)
        simulation.schedule = replace(simulation.schedule, seed=seed)
        play(simulation, Fault(fx.Http(503), on(Operation.STATUS, times=5)))
        times = [line.time for line in asked(simulation, Operation.STATUS)]
        waits.append([after - before for before, after in pairwise(times[:5])])
    for attempt in range(4):
        of_attempt = [wait[attempt] for wait in waits]
        assert max(of_attempt) <= 2**attempt + 0.2
        assert max(of_attempt) > 2**attempt * 0.5
        assert min(of_attempt) < 2**attempt * 0.5


# Refusals


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    """400, 401 and 403 end the run at once, with what Mailjet says and its ErrorIdentifier."""
    simulation = story()
    outcome = play(simulation, Fault(fx.Http(status), on(Operation.REQUEST, times=None)))
    assert outcome.ending is REFUSED
    assert len(simulation.backend.journal) == 1
    assert f"HTTP {status}, Mailjet says “" in str(outcome.error)
    assert "ErrorCode mj-00" in str(outcome.error)
    assert "ErrorIdentifier " in str(outcome.error)


def test_a_window_older_than_a_year_is_trimmed(caplog: pytest.LogCaptureFixture) -> None:
    """Where Mailjet finds `FromTS` too old, the window is trimmed, and what is lost is told."""
    simulation = story()
    too_old = fx.Http(400, message="FromTS must not be older than one year.")
    simulation.backend.scenario = Scenario((Fault(too_old, on(Operation.REQUEST)),))
    with caplog.at_level(logging.WARNING):
        outcome = run_unchecked(simulation)
    assert outcome.ending is FINISHED
    first, second, *_ = asked(simulation, Operation.REQUEST)
    assert first.from_ts is not None
    assert second.from_ts == first.from_ts + HOUR - 1  # asked for from a second earlier
    assert "is lost" in caplog.text


# Exports that are gone, or of another window


def test_an_export_that_is_gone_is_asked_for_anew() -> None:
    """404 on an export of this run: a new one of the same window, after a wait, never halved."""
    simulation = story(windows=1)
    outcome = play(simulation, Fault(fx.Http(404), on(Operation.STATUS, times=3)))
    assert outcome.ending is FINISHED
    assert is_complete(simulation)
    requests = asked(simulation, Operation.REQUEST)
    assert len(requests) == 4
    assert len({(line.from_ts, line.to_ts) for line in requests}) == 1


def test_an_export_that_is_gone_each_time_ends_the_run() -> None:
    """Each 404 counts as an attempt."""
    simulation = story(windows=1, max_attempts=3)
    outcome = play(simulation, Fault(fx.Http(404), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert len(asked(simulation, Operation.REQUEST)) == 3


ECHOES = {
    "400": fx.Http(400),
    "403": fx.Http(403),
    "404": fx.Http(404),
    "another window": fx.Echo(3600),
}


@pytest.mark.parametrize("effect", ECHOES.values(), ids=ECHOES)
def test_an_id_of_the_state_that_is_no_good_is_dropped(effect: Effect) -> None:
    """An id from the state with 400, 403, 404 or another window: its window is asked for anew."""
    simulation = story(windows=1)
    interrupted(simulation)
    (job,) = pending(simulation.state)
    outcome = play(simulation, Fault(effect, on(Operation.STATUS)), pause=60)
    assert outcome.ending is FINISHED
    assert is_complete(simulation)
    downloaded = {line.export_id for line in asked(simulation, Operation.DOWNLOAD)}
    assert job.id not in downloaded
    assert job.id + 1 in downloaded


def interrupted(simulation: Simulation) -> None:
    """A run that dies as soon as its exports are in the state."""
    for at in range(1, 100):
        simulation.run(Run(pause=0, interruption=Interruption(at, Kind.KILL)))
        if pending(simulation.state):
            return


@pytest.mark.parametrize("shift", [3600, -3600])
def test_an_export_of_another_window_is_not_used(shift: int) -> None:
    """An answer that does not cover the window asked for in this run is an error."""
    simulation = story(windows=1)
    outcome = play(simulation, Fault(fx.Echo(shift), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert "does not cover the window" in str(outcome.error)
    assert not simulation.rows


def test_a_missing_echo_is_accepted() -> None:
    """An answer that does not name its window is taken at its id's word."""
    simulation = story()
    play(simulation, Fault(fx.Echo(None), on(Operation.REQUEST, Operation.STATUS, times=None)))
    assert is_complete(simulation)


# Exports that end in ERROR


def test_a_failed_export_is_asked_for_again() -> None:
    """One ERROR: the same window again, after a wait."""
    simulation = story(windows=1)
    play(simulation, Fault(fx.Fails()))
    assert is_complete(simulation)
    assert len({(line.from_ts, line.to_ts) for line in asked(simulation, Operation.REQUEST)}) == 1


def test_an_export_that_fails_twice_is_halved() -> None:
    """After two failures the halves are tried, and later windows have the length that worked."""
    simulation = story(windows=3, hours=8, max_concurrent_exports=1)
    play(simulation, Fault(fx.Fails(), When(longer_than=2 * HOUR + 2, times=None)))
    assert is_complete(simulation)
    lengths = [length(line) for line in asked(simulation, Operation.REQUEST)]
    assert lengths[:7] == pytest.approx([8, 8, 4, 4, 2, 2, 2], abs=0.01)
    assert lengths[5:] == pytest.approx([2] * 11 + lengths[16:], abs=0.01)


def test_an_hour_that_always_fails_ends_the_run() -> None:
    """It is halved down to one hour; then an error names the window and the way past it."""
    simulation = story(windows=2, hours=4, max_concurrent_exports=1, max_attempts=3)
    poison = simulation.schedule.start + 5 * HOUR + 60
    outcome = play(simulation, Fault(fx.Fails(), When(covers=poison, times=None)))
    assert outcome.ending is REFUSED
    way_past = datetime.fromtimestamp(simulation.schedule.start + 6 * HOUR, UTC).isoformat()
    assert f"set start_date to {way_past}" in str(outcome.error)
    assert "are lost" in str(outcome.error)
    shortest = min(length(line) for line in asked(simulation, Operation.REQUEST))
    assert shortest == pytest.approx(1, abs=0.01)
    assert bookmark(simulation.state) == simulation.schedule.start + 5 * HOUR


def length(line: Asked) -> float:
    """How many hours an export is asked for."""
    assert line.from_ts is not None
    assert line.to_ts is not None
    return (line.to_ts - line.from_ts) / HOUR


@pytest.mark.parametrize("attempts", [1, 6])
def test_a_failed_export_of_the_state_is_asked_for_anew(attempts: int) -> None:
    """An ERROR of an earlier run's export is no attempt of this run."""
    simulation = story(windows=1, max_attempts=attempts)
    simulation.backend.scenario = Scenario((Fault(fx.Fails()),))
    for at in range(1, 100):
        run = Run(0, (Fault(fx.Fails()),), Interruption(at, Kind.KILL))
        simulation.run(run)
        if pending(simulation.state):
            break
    play(simulation, pause=60)
    assert is_complete(simulation)


# Exports that are not finished


def test_a_late_export_is_asked_for_once_more() -> None:
    """Not finished after `poll_timeout_seconds`: asked for once more."""
    simulation = story(windows=1, poll_timeout_seconds=60)
    play(simulation, Fault(fx.Late(None)))
    assert is_complete(simulation)
    first, second = asked(simulation, Operation.REQUEST)
    assert 60 <= second.time - first.time < 62


def test_an_export_that_stays_late_is_taken_up_by_the_next_run() -> None:
    """Late twice: an error names the setting, and the id waits in the state for the next run."""
    simulation = story(windows=2, poll_timeout_seconds=60, max_concurrent_exports=1)
    outcome = play(simulation, Fault(fx.Late(1000), When(skip=1, times=None)))
    assert outcome.ending is REFUSED
    assert "poll_timeout_seconds" in str(outcome.error)
    assert bookmark(simulation.state) == simulation.schedule.start + 8 * HOUR
    (job,) = pending(simulation.state)
    assert job.id == asked(simulation, Operation.REQUEST)[-1].export_id

    play(simulation, pause=1000)
    assert is_complete(simulation)
    assert job.id in {line.export_id for line in asked(simulation, Operation.DOWNLOAD)}


def test_an_unknown_status_is_polled_until_the_time_out() -> None:
    """An unknown code is polled at the normal pace, then an error names it: no busy loop."""
    simulation = story(windows=1, poll_timeout_seconds=100)
    outcome = play(simulation, Fault(fx.StatusCode(9), on(Operation.STATUS, times=None)))
    assert outcome.ending is REFUSED
    assert "unknown code 9" in str(outcome.error)
    assert len(asked(simulation, Operation.STATUS)) < 100  # two exports of 100 seconds


@pytest.mark.parametrize("seconds", [0.5, 3, 10, 40, 250, 900, 3000])
def test_a_finished_export_is_noticed_soon(seconds: float) -> None:
    """Polls come ever more rarely, yet never a tenth (or the longest wait) late."""
    simulation = story(windows=1, build=Build(seconds=seconds))
    play(simulation)
    finished = EPOCH + seconds
    noticed = asked(simulation, Operation.DOWNLOAD)[0].time
    assert noticed - finished <= max(1, min(30, seconds / 10)) + 0.5
    times = [line.time for line in asked(simulation, Operation.STATUS)]
    assert all(later - time <= 30.2 for time, later in pairwise(times))


# Downloads

CUTS = {
    "content-length": fx.Cut(0.4),
    "chunked": fx.Cut(0.4, Framing.CHUNKED),
    "no length": fx.Cut(0.4, Framing.CLOSE),
    "reset": fx.Cut(0.4, ending=Ending.RESET),
    "hung": fx.Cut(0.4, ending=Ending.HANG),
    "nothing": fx.Cut(0, Framing.CLOSE),
}


@pytest.mark.parametrize("effect", CUTS.values(), ids=CUTS)
def test_a_cut_download_is_downloaded_again(socket: OnSocket, effect: Effect) -> None:
    """Nothing of a cut body is emitted; it is downloaded again."""
    got = socket.run(Fault(effect, on(Operation.DOWNLOAD)))
    assert socket.error is None
    assert socket.is_complete(got)


@pytest.mark.parametrize("effect", [effect for name, effect in CUTS.items() if name != "nothing"])
def test_what_is_cut_each_time_is_never_emitted(socket: OnSocket, effect: Effect) -> None:
    """A download that never comes whole ends the run without a record."""
    got = socket.run(Fault(effect, on(Operation.DOWNLOAD, times=None)), verify_counts="error")
    assert socket.error is not None
    assert not got


@pytest.mark.parametrize("verify", ["warn", "error"])
def test_missing_rows_are_asked_for_again(verify: str) -> None:
    """Fewer rows than `/sms/count` says: downloaded again, then exported again."""
    simulation = story(windows=1, verify_counts=verify)
    play(simulation, Fault(fx.Rows(0.5)))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.DOWNLOAD)) == 3
    assert len(asked(simulation, Operation.REQUEST)) == 2


def test_rows_missing_twice_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """If another export agrees, it is taken under `warn`, with both figures and the window."""
    simulation = story(windows=1, verify_counts="warn")
    play(simulation, Fault(fx.Counted(7), on(Operation.COUNT, times=None)))
    assert is_complete(simulation)
    assert "has 48 rows where Mailjet counts 55" in caplog.text
    assert "2026-05-28T12:21:40+00:00 to 2026-05-28T20:21:40+00:00" in caplog.text


def test_rows_missing_twice_are_an_error() -> None:
    """Under `error` the run ends, with both figures and the window, and nothing is emitted."""
    simulation = story(windows=1, verify_counts="error")
    outcome = play(simulation, Fault(fx.Counted(7), on(Operation.COUNT, times=None)))
    assert outcome.ending is REFUSED
    assert "has 48 rows where Mailjet counts 55" in str(outcome.error)
    assert "2026-05-28T12:21:40+00:00 to 2026-05-28T20:21:40+00:00" in str(outcome.error)
    assert not simulation.rows


@pytest.mark.parametrize("effect", [fx.Rows(0), fx.Linked(Link.NONE)], ids=["header", "no URL"])
def test_an_empty_export_of_a_full_window_is_a_failed_one(effect: Effect) -> None:
    """No rows at all, though Mailjet counts some, is a failed export, also under `warn`."""
    simulation = story(windows=1, verify_counts="warn")
    play(simulation, Fault(effect))
    assert is_complete(simulation)


def test_a_failing_count_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Where `/sms/count` does not answer, `warn` says so once."""
    simulation = story()
    play(simulation, Fault(fx.Http(403), on(Operation.COUNT, times=None)))
    assert is_complete(simulation)
    assert caplog.text.count("is not verified") == 1


@pytest.mark.parametrize("status", [400, 403, 404, 503])
def test_a_failing_count_costs_no_export(status: int) -> None:
    """Where counts must agree, a failing one ends the run, and the export stays in the state."""
    simulation = story(windows=1, verify_counts="error")
    outcome = play(simulation, Fault(fx.Http(status), on(Operation.COUNT, times=None)))
    assert outcome.ending is REFUSED
    assert "set verify_counts to warn or off" in str(outcome.error)
    assert len(asked(simulation, Operation.REQUEST)) == len(pending(simulation.state)) == 1


GONE = {str(status): fx.Http(status) for status in (403, 404, 410)}


@pytest.mark.parametrize("effect", GONE.values(), ids=GONE)
def test_a_link_that_is_gone_is_read_again(effect: Effect) -> None:
    """403, 404 or 410 on the download: the export is read again for a fresh link."""
    simulation = story(windows=1)
    play(simulation, Fault(effect, on(Operation.DOWNLOAD)))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 1


@pytest.mark.parametrize("effect", [*GONE.values(), fx.LinkExpires(0)], ids=[*GONE, "expired"])
def test_a_file_that_is_gone_is_exported_anew(effect: Effect) -> None:
    """If the fresh link is gone as well, another export is asked for."""
    simulation = story(windows=1)
    when = When()
    if isinstance(effect, fx.Http):
        # With 403 each download is tried once more without the token.
        when = on(Operation.DOWNLOAD, times=4 if effect.status == 403 else 2)
    play(simulation, Fault(effect, when))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 2


def test_an_expired_export_is_asked_for_anew() -> None:
    """An export of the state that has expired meanwhile is asked for anew."""
    simulation = story(windows=1)
    interrupted(simulation)
    play(simulation, pause=9 * DAY)
    assert is_complete(simulation)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(fx.Linked(Link.OTHER_HOST), ALWAYS),
        Fault(fx.Redirect(), on(Operation.DOWNLOAD, times=2)),
    ],
    ids=["link", "redirect"],
)
def test_another_host_gets_no_token(socket: OnSocket, fault: Fault) -> None:
    """A link or a redirect to another host is followed without the token."""
    got = socket.run(fault)
    assert socket.is_complete(got)
    own = socket.backend.public_url.split("/")[2]
    calls = [line for line in socket.backend.journal if line.operation == "download"]
    assert {line.host == own for line in calls} >= {False}
    assert all(line.authorization is (line.host == own) for line in calls)


def test_a_link_that_is_not_https_is_refused() -> None:
    """A plain http link is not followed: the error says so and does not show it."""
    simulation = story(windows=1)
    outcome = play(simulation, Fault(fx.Linked(Link.PLAIN_HTTP), ALWAYS))
    assert outcome.ending is REFUSED
    assert "not https" in str(outcome.error)
    assert not asked(simulation, Operation.DOWNLOAD)


# Clocks, states, two at once


@pytest.mark.parametrize("apart", [90, -90])
def test_clocks_a_minute_apart_are_warned_of(apart: int, caplog: pytest.LogCaptureFixture) -> None:
    """If Mailjet's clock is more than a minute off, it is said once."""
    simulation = story()
    play(simulation, Fault(fx.ClockSkew(apart), on(*API, times=None)))
    assert is_complete(simulation)
    assert caplog.text.count("s apart") == 1


@pytest.mark.parametrize("apart", [400, -400])
def test_clocks_minutes_apart_end_the_run(apart: int) -> None:
    """If it is more than five minutes off, the run ends before a window is bookmarked."""
    simulation = story()
    outcome = play(simulation, Fault(fx.ClockSkew(apart), on(*API, times=None)))
    assert outcome.ending is REFUSED
    assert "clock" in str(outcome.error)
    assert bookmark(simulation.state) is None


def state_at(moment: float, **more: object) -> State:
    """A state with its bookmark at a moment."""
    value = datetime.fromtimestamp(moment, UTC).isoformat()
    stream = {"replication_key": "to_ts", "replication_key_value": value, **more}
    return {"bookmarks": {"sms_messages": stream}}


def test_a_bookmark_in_the_future_is_an_error() -> None:
    """A bookmark later than now is named, with how to set it."""
    simulation = story()
    outcome = run_unchecked(simulation, state_at(EPOCH + DAY))
    assert outcome.ending is REFUSED
    assert "lies in the future" in str(outcome.error)
    assert "replication_key_value" in str(outcome.error)
    assert not simulation.backend.journal


def test_an_end_date_in_the_future_is_lowered(caplog: pytest.LogCaptureFixture) -> None:
    """An `end_date` later than five minutes ago is lowered to that, and it is said."""
    simulation = story(end_date=start_date(EPOCH + DAY))
    with caplog.at_level(logging.INFO):
        play(simulation)
    assert is_complete(simulation)
    assert "reading up to the latter" in caplog.text


def test_a_year_ago_there_is_a_margin() -> None:
    """Without a start date a run begins an hour short of a year ago: clocks may differ."""
    simulation = story()
    simulation.schedule = replace(simulation.schedule, config={"window_days": 365})
    simulation.backend.advance(now=200)  # Mailjet's clock is ahead
    assert run_unchecked(simulation).ending is FINISHED
    first = asked(simulation, Operation.REQUEST)[0]
    assert first.from_ts is not None
    assert first.from_ts - (EPOCH - 365 * DAY) == pytest.approx(HOUR, abs=2)


def test_two_runs_at_once_are_safe() -> None:
    """Two runs on the same state at the same time: upserted in any order, all is there."""
    simulation = story(windows=2)
    play(simulation)
    before = simulation.state
    simulation.timeline.now += 8 * HOUR
    first = run_unchecked(simulation, before)
    second = run_unchecked(simulation, before)
    lines = [*first.messages, *second.messages]
    random.Random(1).shuffle(lines)  # noqa: S311
    for message in lines:
        if message.record is not None:
            simulation.rows[str(message.record["message_id"])] = message.record
    simulation.state = first.messages[-1].state
    assert is_complete(simulation)


def test_a_state_of_another_make_is_read() -> None:
    """A state without pending exports, with foreign keys and streams, is read; these are kept."""
    simulation = story()
    state = state_at(EPOCH - DAY / 2, progress_markers={"Note": "foreign"}, mine={"kept": 1})
    state["bookmarks"]["other_stream"] = {"replication_key_value": "x"}  # type: ignore[index]
    outcome = run_unchecked(simulation, state)
    assert outcome.ending is FINISHED
    last = outcome.messages[-1].state
    assert last is not None
    bookmarks = last["bookmarks"]
    assert isinstance(bookmarks, dict)
    assert bookmarks["other_stream"] == {"replication_key_value": "x"}
    assert bookmarks["sms_messages"]["mine"] == {"kept": 1}
    assert bookmark(last) == EPOCH - SETTLING


@pytest.mark.parametrize(
    "damage",
    [
        {"replication_key_value": "yesterday"},
        {"replication_key_value": 7},
        {"pending_exports": [{"id": 1}]},
        {"pending_exports": {"id": 1}},
    ],
)
def test_a_damaged_state_is_an_error(damage: dict[str, object]) -> None:
    """What cannot be read of a state is named, and nothing is asked of Mailjet."""
    simulation = story()
    with pytest.raises(TapMailjetSMSError, match="of sms_messages"):
        run_unchecked(simulation, state_at(EPOCH - DAY, **damage))
    assert not simulation.backend.journal
