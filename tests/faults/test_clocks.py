"""Clocks that are apart, and spans at the edges of what can be read."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest

from mailjet_sandbox import Fault, Layout, Operation, Scenario
from mailjet_sandbox import effects as fx
from tests.simulation.play import bookmark
from tests.simulation.schedule import DAY, EPOCH, start_date
from tests.support.story import (
    API,
    FINISHED,
    HOUR,
    REFUSED,
    asked,
    is_complete,
    on,
    play,
    run_unchecked,
    story,
)


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


def test_an_end_date_in_the_future_is_lowered(caplog: pytest.LogCaptureFixture) -> None:
    """An `end_date` later than five minutes ago is lowered to that, and it is said."""
    simulation = story(end_date=start_date(EPOCH + DAY))
    with caplog.at_level(logging.INFO):
        play(simulation)
    assert is_complete(simulation)
    assert "later than five minutes before this run: reading up to" in caplog.text


def test_a_year_ago_there_is_a_margin() -> None:
    """Without a start date a run begins an hour short of a year ago: clocks may differ."""
    simulation = story()
    simulation.schedule = replace(simulation.schedule, config={"window_days": 365})
    simulation.backend.advance(now=200)  # Mailjet's clock is ahead
    assert run_unchecked(simulation).ending is FINISHED
    first = asked(simulation, Operation.REQUEST)[0]
    assert first.from_ts is not None
    assert first.from_ts - (EPOCH - 365 * DAY) == pytest.approx(HOUR, abs=2)


@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_times_of_another_zone_are_warned_of(ahead: int, caplog: pytest.LogCaptureFixture) -> None:
    """Where they are read all the same, it is told once a run, with the largest distance."""
    end_date = start_date(EPOCH - 3 * HOUR)
    simulation = story(layout=Layout(ahead=ahead), end_date=end_date, verify_layout="warn")
    outcome = run_unchecked(simulation)
    assert outcome.ending is FINISHED
    warned = [line.getMessage() for line in caplog.records if "Messages were created" in line.msg]
    assert len(warned) == 1
    assert "another zone than UTC" in warned[0]
    where = "after" if ahead > 0 else "before"
    assert re.search(rf"up to (1:5\d|2:00):\d\d {where} the window", warned[0])


@pytest.mark.parametrize("verify", ["warn", "off"])
def test_times_far_off_are_read_with_a_warning_where_the_user_says_so(
    verify: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two days off, or in the future: who asked for no error gets all messages, and is told."""
    simulation = story(windows=1, layout=Layout(ahead=2 * DAY), verify_layout=verify)
    outcome = run_unchecked(simulation)
    assert outcome.ending is FINISHED
    assert [message for message in outcome.messages if message.record is not None]
    warned = [line for line in caplog.records if "Messages were created" in line.msg]
    assert [line.levelname for line in warned] == ["WARNING"]


@pytest.mark.parametrize(
    ("ahead", "why"),
    [(-2 * DAY, "days before the window"), (2 * DAY, "days after"), (7200, "in the future")],
)
def test_times_that_were_not_asked_for_are_refused(ahead: int, why: str) -> None:
    """More than a day off the window, or in the future: an unsound file, none of which leaves.

    That is where no message of Mailjet's list says first how far off they are.
    """
    simulation = story(windows=1, layout=Layout(ahead=ahead))
    closed = Fault(fx.Http(403), on(Operation.MESSAGES, times=None))
    simulation.backend.scenario = Scenario((closed,))
    outcome = run_unchecked(simulation)
    assert outcome.ending is REFUSED
    text = str(outcome.error)
    assert re.search(r"Row \d+ of Mailjet's CSV .* the cell of the column 'CreationTS'", text)
    assert why in text or "1 day" in text
    assert len(asked(simulation, Operation.REQUEST)) == 2, "it was downloaded and exported again"
    assert not [message for message in outcome.messages if message.record is not None]
