"""What the log says of a run while it goes on, and in its end."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from mailjet_sandbox import Build, Fault, Messages, Operation
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exporting.progress import (
    Here,
    Progress,
    Rest,
    about,
    days,
    duration,
    size_of,
)
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.writing.stdout import MessageWriter
from tests.simulation.play import Simulation
from tests.simulation.process import Interruption, Kind
from tests.simulation.run import Ending
from tests.simulation.schedule import EPOCH, SETTLING, Run, start_date
from tests.support.story import interrupted, on, play, run_unchecked, story

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 5, 20, tzinfo=UTC)
DAY = timedelta(days=1)
FINISHED = re.compile(
    r"window (?P<number>\d+) of (?P<windows>\d+) · (?P<days>[\d :-]+ to [\d :-]+(?: UTC)?) · "
    r"export (?P<export>\d+) · waited (?P<waited>[\d.]+ (?:s|min|h)) · "
    r"(?P<messages>[\d,]+) messages? · "
    r"(?P<size>[\d.]+ (?:bytes|kB|MB)) · (?P<share>\d+) % of the span"
    r"(?: · (?P<left>(?:about [\d.]+ (?:min|h)|less than a minute)) left)?"
)
WAITING = re.compile(
    r"window (?P<number>\d+) of (?P<windows>\d+) · [\d :-]+ to [\d :-]+(?: UTC)? · "
    r"(?:export \d+, asked for [\d.]+ (?:s|min|h) ago · (?P<what>.+)|its export cannot be asked .*)"
)
SUMMARY = re.compile(
    r"Read (?P<messages>[\d,]+) messages? · (?P<windows>[\d,]+)(?: of (?P<of>[\d,]+))? windows? · "
    r"(?P<asked>[\d,]+) exports? asked for, (?P<taken_up>\d+) taken up · "
    r"(?P<retries>[\d,]+) (?:retry|retries) · (?P<size>[\d.]+ (?:bytes|kB|MB)) · "
    r"waited (?P<mailjet>[\d.]+ (?:s|min|h)) for Mailjet, (?P<target>[\d.]+ (?:s|min|h)) for the "
    r"target · bookmark (?P<bookmark>\S+|not moved)"
)


class Log(logging.Handler):
    """The tap's log, each line with the virtual moment at which it was written."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self.simulation = simulation
        self.lines: list[tuple[float, logging.LogRecord]] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("tap-mailjet-sms"):
            self.lines.append((self.simulation.timeline.now, record))

    def matching(self, pattern: re.Pattern[str]) -> list[tuple[float, re.Match[str]]]:
        """The lines that are of this form, with their moments."""
        found = [(at, pattern.fullmatch(record.getMessage())) for at, record in self.lines]
        return [(at, match) for at, match in found if match]

    @property
    def summary(self) -> re.Match[str]:
        """The last line, which sums a run up."""
        match = SUMMARY.fullmatch(self.lines[-1][1].getMessage())
        assert match, self.lines[-1][1].getMessage()
        return match


@contextmanager
def log_of(simulation: Simulation) -> Iterator[Log]:
    """What is logged meanwhile."""
    root, log = logging.getLogger(), Log(simulation)
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(level)


def seconds(text: str) -> float:
    """What a duration says."""
    if text == "less than a minute":
        return 30
    number, unit = text.removeprefix("about ").split()
    return float(number) * {"s": 1, "min": 60, "h": 3600}[unit]


def window(number: int, length: timedelta = 30 * DAY) -> Window:
    """One of a row of windows."""
    return Window(T0 + number * length, T0 + (number + 1) * length)


def window_of(record: logging.LogRecord) -> Window:
    """The window that a line has as its fields."""
    start, end = (datetime.fromisoformat(record.__dict__[name]) for name in ("from_ts", "to_ts"))
    return Window(start, end)


def progress(*messages: int, waited: float = 0, is_taken_up: bool = False) -> Progress:
    """A run that has so many windows behind it, each of a day, with so many messages."""
    made = Progress(began=0)
    for number, count in enumerate(messages):
        made.finish(window(number, DAY), messages=count, size=0, waited=None if is_taken_up else 60)
    made.waited = waited
    return made


def rest(unmade: float, *here: Here) -> Rest:
    """So many days that there are no exports of, and some windows whose files are here."""
    length = unmade * 86_400
    whole = length + sum(one.seconds for one in here)
    return Rest(round(unmade) + len(here), whole, here, length)


def test_a_window_is_told_in_a_line() -> None:
    """Its place, days, export, wait, messages, bytes, and how far the run is."""
    simulation = story(windows=4, hours=72, build=Build(seconds=50), max_concurrent_exports=1)
    with log_of(simulation) as log:
        play(simulation)

    lines = [match for _, match in log.matching(FINISHED)]
    assert [line["number"] for line in lines] == ["1", "2", "3", "4"]
    assert {line["windows"] for line in lines} == {"4"}
    assert [line["share"] for line in lines] == ["25", "50", "75", "100"]
    assert lines[0]["days"] == "2026-05-16 to 2026-05-19"
    assert all(50 <= seconds(line["waited"]) <= 56 for line in lines)
    assert lines[1]["messages"] == "432"
    assert all(line["size"].endswith(" kB") for line in lines)
    assert [bool(line["left"]) for line in lines] == [True, True, True, False]
    ids = [int(line["export"]) for line in lines]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("wait", [20, 200])
def test_the_estimate_is_about_right(wait: int, at_once: int) -> None:
    """From the first window on, however many exports are made at once."""
    simulation = story(windows=16, build=Build(seconds=wait), max_concurrent_exports=at_once)
    with log_of(simulation) as log:
        play(simulation)

    end = log.lines[-1][0]
    told = [(end - at, line["left"]) for at, line in log.matching(FINISHED)]
    assert len(told) == 16
    for actual, left in told[:-1]:
        assert abs(seconds(left) - actual) <= 60 + 0.35 * actual
    assert told[-1][1] is None


def test_a_line_a_minute_says_what_is_waited_for() -> None:
    """While nothing finishes: the window, its export, since when, and what Mailjet says."""
    simulation = story(windows=2, build=Build(seconds=600), max_concurrent_exports=1)
    with log_of(simulation) as log:
        play(simulation)

    told = [at for at, _ in log.matching(WAITING)]
    news = sorted([log.lines[0][0], *told, *(at for at, _ in log.matching(FINISHED))])
    assert max(later - sooner for sooner, later in pairwise(news)) <= 60
    assert min(later - sooner for sooner, later in pairwise(told)) >= 60
    whats = {line["what"] for _, line in log.matching(WAITING)}
    assert whats <= {"Mailjet says status PENDING", "Mailjet says status IN_PROGRESS"}
    assert whats


def test_a_pause_between_two_attempts_is_told_too() -> None:
    """Nothing is under way then, but the log does not fall silent."""
    simulation = story(windows=1, max_attempts=20)
    fault = Fault(fx.Http(503, 120), on(Operation.REQUEST, times=3))
    with log_of(simulation) as log:
        play(simulation, fault)

    assert len(log.matching(WAITING)) >= 3
    assert int(log.summary["retries"]) == 3


def test_the_last_line_sums_a_run_up() -> None:
    """Messages, windows, exports, retries, bytes, waits and the bookmark."""
    simulation = story(windows=3, build=Build(seconds=40))
    with log_of(simulation) as log:
        outcome = play(simulation, Fault(fx.Http(502), on(Operation.STATUS, times=2)))

    assert outcome.ending is Ending.FINISHED
    summary = log.summary
    assert int(summary["messages"]) == len(simulation.rows)
    assert (summary["windows"], summary["of"]) == ("3", None)
    assert (summary["asked"], summary["taken_up"], summary["retries"]) == ("3", "0", "2")
    assert 40 <= seconds(summary["mailjet"]) < 60
    stream = simulation.state["bookmarks"]["sms_messages"]  # type: ignore[index]
    assert summary["bookmark"] == stream["replication_key_value"]


def test_a_run_that_fails_is_summed_up_all_the_same() -> None:
    """With how many of its windows are through."""
    simulation = story(windows=3, max_concurrent_exports=1)
    with log_of(simulation) as log:
        play(simulation, Fault(fx.Http(401), on(Operation.REQUEST, skip=1, times=None)))

    assert (log.summary["windows"], log.summary["of"]) == ("1", "3")
    assert (log.summary["asked"], log.summary["taken_up"]) == ("1", "0")


def test_a_terminated_run_is_summed_up_all_the_same() -> None:
    """At whatever moment the signal comes, once a run has begun."""
    for at in (6, 9, 14, 20):
        simulation = story(windows=3)
        with log_of(simulation) as log:
            simulation.run(Run(pause=0, interruption=Interruption(at, Kind.TERMINATE)))
        assert log.summary["of"]


def test_exports_that_are_taken_up_say_nothing_of_how_fast_mailjet_is() -> None:
    """They are finished at once: no estimate is made of them."""
    simulation = story(windows=9, build=Build(seconds=120), max_concurrent_exports=2)
    interrupted(simulation)
    simulation.timeline.now += 600
    with log_of(simulation) as log:
        simulation.run(Run(pause=0))

    lines = log.matching(FINISHED)
    taken_up = int(log.summary["taken_up"])
    assert taken_up
    assert lines[0][1]["waited"] == "0 s"
    assert lines[taken_up - 1][1]["left"] is None
    end = log.lines[-1][0]
    for at, line in lines[taken_up:-1]:
        assert abs(seconds(line["left"]) - (end - at)) <= 60 + 0.35 * (end - at)


def test_a_count_that_is_refused_leaves_the_estimate() -> None:
    """It goes by what the files held, or by the length of windows."""
    simulation = story(windows=6, build=Build(seconds=90), max_concurrent_exports=1)
    with log_of(simulation) as log:
        play(simulation, Fault(fx.Http(403), on(Operation.COUNT, times=None)))

    told = [line["left"] for _, line in log.matching(FINISHED)]
    assert all(told[:-1])
    assert told[-1] is None


def test_an_account_without_messages_has_progress_too() -> None:
    """Its windows count by their length."""
    schedule = story(windows=4, build=Build(seconds=90), max_concurrent_exports=1).schedule
    simulation = Simulation(replace(schedule, messages=Messages(since=2**31, per_hour=1)))
    with log_of(simulation) as log:
        play(simulation)

    lines = [line for _, line in log.matching(FINISHED)]
    assert [line["messages"] for line in lines] == ["0"] * 4
    assert all(line["left"] for line in lines[:-1])
    assert log.summary["messages"] == "0"


def test_a_window_that_is_halved_counts_as_two() -> None:
    """And the share of the span goes on growing."""
    simulation = story(windows=2, max_concurrent_exports=1)
    with log_of(simulation) as log:
        play(simulation, Fault(fx.Fails(), on(Operation.REQUEST, times=2)))

    lines = [line for _, line in log.matching(FINISHED)]
    assert [line["windows"] for line in lines] == ["4"] * 4
    assert [line["share"] for line in lines] == ["25", "50", "75", "100"]


def test_a_run_with_nothing_to_read_is_summed_up() -> None:
    """It asked for nothing, and the bookmark is where it was."""
    simulation = story(windows=1, end_date=start_date(EPOCH - SETTLING))
    states = [message.value for message in run_unchecked(simulation).messages if message.value]
    with log_of(simulation) as log:
        run_unchecked(simulation, states[-1])

    assert log.summary["messages"] == "0"
    assert log.summary["asked"] == "0"


def test_lines_have_window_and_export_as_fields() -> None:
    """For a log in JSON; named as the columns are."""
    simulation = story(windows=1, build=Build(seconds=90))
    with log_of(simulation) as log:
        play(simulation, Fault(fx.Http(502), on(Operation.STATUS)))

    for part in ("Asked Mailjet", "trying again", "asked for 60 s ago", "% of the span"):
        (record,) = (record for _, record in log.lines if part in record.getMessage())
        assert record.__dict__["export_id"] > 0
        assert window_of(record).length == timedelta(hours=8)


def test_no_line_shows_data() -> None:
    """No link, no token, no phone number and no id of a message."""
    simulation = story(windows=2, build=Build(seconds=90))
    with log_of(simulation) as log:
        play(simulation)

    text = "\n".join(str(record.__dict__) + record.getMessage() for _, record in log.lines)
    assert "http" not in text
    assert simulation.backend.token not in text
    assert not re.search(r"\+\d{6}", text)
    assert not any(message_id in text for message_id in simulation.rows)


@given(
    here=st.lists(
        st.builds(
            Here,
            st.just(86_400.0),
            st.none() | st.integers(0, 10**9),
            st.none() | st.floats(0, 1e6),
        ),
        max_size=4,
    ),
    written=st.lists(st.integers(0, 10**9), max_size=4),
    unmade=st.floats(0, 400),
    waited=st.floats(0, 1e6),
    is_taken_up=st.booleans(),
)
def test_an_estimate_is_a_length_of_time_or_none(
    here: list[Here], written: list[int], unmade: float, waited: float, *, is_taken_up: bool
) -> None:
    """Whatever is known, and whatever is not."""
    made = progress(*written, waited=waited, is_taken_up=is_taken_up)

    left = made.seconds_left(rest(unmade, *here), now=1e6)

    assert left is None or 0 <= left < float("inf")
    assert 0 <= made.share(rest(unmade, *here)) <= 1


def test_messages_count_where_they_are_known() -> None:
    """A window with ten times the messages takes ten times as long to write."""
    made = progress(100)

    assert made.seconds_left(rest(0, Here(86_400, 1000, waited=60)), now=60) == 600
    assert made.seconds_left(rest(0, Here(86_400, None, waited=60)), now=60) == pytest.approx(60)


def test_the_slower_of_mailjet_and_the_target_counts() -> None:
    """Exports are made while others are written."""
    mailjet, target = progress(10, waited=60), progress(10, waited=0)
    left = rest(2, Here(86_400, 10, waited=60))

    assert (
        mailjet.seconds_left(left, now=60) == 120
    )  # two exports made, a minute each, and two to go
    assert target.seconds_left(left, now=60) == 180  # one window written in a minute, three to go


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (duration(41.4), "41 s"),
        (duration(500), "8 min"),
        (duration(9000), "2.5 h"),
        (about(59), "less than a minute"),
        (about(350), "about 6 min"),
        (about(9000), "about 2.5 h"),
        (size_of(0), "0 bytes"),
        (size_of(1_900_000), "1.9 MB"),
        (size_of(999_960), "1.0 MB"),
        (size_of(3e9), "3.0 GB"),
        (days(window(0)), "2026-05-20 to 2026-06-19"),
        (days(window(0, timedelta(hours=1))), "2026-05-20 00:00 to 2026-05-20 01:00 UTC"),
    ],
)
def test_figures_are_for_people(text: str, expected: str) -> None:
    """In units that suit."""
    assert text == expected


def test_a_target_that_does_not_read_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """From another thread, since the write waits; and the wait is counted."""
    reading, writing = os.pipe()
    waits: list[float] = []

    def told(waited: float) -> None:
        waits.append(waited)
        if len(waits) == 2:
            threading.Thread(target=drain, daemon=True).start()

    def drain() -> None:
        while os.read(reading, 1 << 16):
            pass

    writer = MessageWriter()
    with os.fdopen(writing, "w") as output, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", output)
        with writer.telling_of_waits(told, every=0.05):
            writer.write_lines(b"{}\n" * 100_000)

    assert 0.05 <= waits[0] < waits[1]
    assert writer.waited >= waits[1]
