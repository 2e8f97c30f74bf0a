"""Downloads that are cut, links that are gone, and links that lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mailjet_sandbox import Ending, Fault, Framing, Link, Operation, When
from mailjet_sandbox import effects as fx
from tests.simulation.schedule import DAY
from tests.support.story import ALWAYS, REFUSED, asked, interrupted, is_complete, on, play, story

if TYPE_CHECKING:
    from mailjet_sandbox.effects import Effect
    from tests.simulation.play import Simulation
    from tests.support.on_socket import OnSocket

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


def file_form(simulation: Simulation) -> object:
    """What the state says of how Mailjet writes files."""
    state: Any = simulation.state
    return state["bookmarks"]["sms_messages"]["file_form"]


def test_a_line_that_was_cut_before_it_was_sent_is_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last price lacks a digit, the length is right: downloaded again, then exported again."""
    simulation = story(windows=2)
    play(simulation, Fault(fx.OpenEnd(missing=1), on(Operation.DOWNLOAD, times=2)))
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) <= 3
    assert "does not end with a line end and may be incomplete; downloading it" in caplog.text
    assert file_form(simulation) == []


def test_files_that_all_end_so_are_taken_and_remembered(caplog: pytest.LogCaptureFixture) -> None:
    """Once two exports agree with the count; said once, and the next run asks for nothing twice."""
    simulation = story(windows=3)
    always = Fault(fx.OpenEnd(), on(Operation.DOWNLOAD, times=None))
    play(simulation, always)
    assert is_complete(simulation)
    assert len(asked(simulation, Operation.REQUEST)) == 4
    assert len(asked(simulation, Operation.DOWNLOAD)) == 5
    assert caplog.text.count("such files are kept from now on") == 1
    assert file_form(simulation) == ["open_end"]
    caplog.clear()
    play(simulation, always, pause=DAY)
    assert is_complete(simulation)
    assert "line end" not in caplog.text


def test_a_file_whose_end_nobody_tells_is_not_taken_without_its_last_line_end() -> None:
    """Neither a length nor chunks: it may be cut each time, so the run ends."""
    simulation = story(windows=1, max_attempts=3)
    effect = fx.OpenEnd(framing=Framing.CLOSE)
    outcome = play(simulation, Fault(effect, on(Operation.DOWNLOAD, times=None)))
    assert outcome.ending is REFUSED
    assert "does not end with a line end and may be incomplete" in str(outcome.error)
    assert not simulation.rows


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
