"""A thousand schedules of faults and deaths; `python -m tests.simulation` plays more of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.simulation.play import failure

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEDULES = 1000
SHARE = 50


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing of this is worth a log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, SCHEDULES, SHARE))
def test_promises_hold_under_every_schedule(first: int) -> None:
    """Whatever fails and whenever the tap dies, all comes through, and nothing is wasted."""
    seeds = range(first, first + SHARE)
    failing = [f"{wrong}: python -m tests.simulation --seed {seed}"
               for seed in seeds if (wrong := failure(seed))]  # fmt: skip
    assert not failing, "\n".join(failing)
