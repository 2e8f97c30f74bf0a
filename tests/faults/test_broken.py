"""5xx, broken connections, and pages in place of answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Ending, Fault, Framing, Operation
from mailjet_sandbox import effects as fx
from tests.simulation.schedule import DAY, start_date
from tests.support.on_socket import NOW, OnSocket
from tests.support.story import ALL, API, asked, on, play, story

if TYPE_CHECKING:
    from mailjet_sandbox.effects import Effect

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
