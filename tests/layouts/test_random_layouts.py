"""Random layouts are read as they are, or refused; `python -m tests.layouts` reads more of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layouts.check import COLUMNS, Outcome, Verdict, judged, outcome
from tests.layouts.drawn import Case, draw
from tests.layouts.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

LAYOUTS = 200
MISLEADING = 100

#: A file of any layout; Hypothesis draws the seed.
cases: st.SearchStrategy[Case] = st.randoms(use_true_random=True).map(draw)


@cache
def known_cases() -> list[tuple[str, Outcome]]:
    """The first layouts and what became of them, read once for all tests."""
    return [judged(seed) for seed in range(LAYOUTS)]


def wrong(found: list[tuple[str, Outcome]]) -> dict[int, str]:
    """The seeds that were read wrong, and how."""
    outcomes = enumerate(outcome for _, outcome in found)
    return {seed: each.why for seed, each in outcomes if each.verdict is Verdict.WRONG}


def test_no_layout_is_read_wrong() -> None:
    """Each value is the truth; or null, with the cells in `extra`, and a notice says so."""
    assert not wrong(known_cases()), "python -m tests.layouts --seed ..."


def test_no_misleading_name_is_believed() -> None:
    """A known name over something else is refused, or there is a warning that names its column."""
    found = [judged(seed, is_misleading=True) for seed in range(MISLEADING)]
    assert not wrong(found), "python -m tests.layouts --misleading --seed ..."


@given(cases)
@settings(max_examples=30)
def test_no_new_layout_is_read_wrong(case: Case) -> None:
    """Nor are others, each time."""
    found = outcome(case)
    assert found.verdict is not Verdict.WRONG, found.why


def test_what_can_be_told_is_read() -> None:
    """A reader that refuses all would never be wrong: most that can be told is read."""
    told = [outcome for kind, outcome in known_cases() if "too little" not in kind]
    read = [outcome for outcome in told if outcome.verdict is not Verdict.REFUSED]
    assert len(told) > LAYOUTS / 4
    assert len(read) > 0.8 * len(told)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_random_layouts_find(mutant: Callable[[], AbstractContextManager[object]]) -> None:
    """A tap that settles a layout too lightly reads a wrong value, within the layouts above.

    A mutant that does not fit the tap any more would fail in another way, and prove nothing.
    """
    with mutant():
        found = (judged(seed)[1] for seed in range(LAYOUTS))
        wrong = next((each.why for each in found if each.verdict is Verdict.WRONG), "nothing")
    assert wrong.partition(":")[0] in COLUMNS
