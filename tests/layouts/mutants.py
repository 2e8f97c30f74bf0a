"""The tap with a bug in how it settles a layout: random layouts must find each of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest.mock import patch

from tap_mailjet_sms.reading import evidence, proving, search
from tap_mailjet_sms.reading.roles import TIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from tap_mailjet_sms.reading.testimony import Row


def names_over_cells() -> AbstractContextManager[object]:
    """What a known name says is true, whatever stands below it."""
    return patch.multiple(
        evidence, _judge_constant=lambda *_: True, _judge_changing=lambda *_: True
    )


def first_candidate() -> AbstractContextManager[object]:
    """Of several columns that agree with all witnesses, the first is taken."""

    def find(self: evidence._Search, role: str, places: Iterable[int]) -> None:
        testimony = self._testimony
        for place in places:
            orders = testimony.possible_orders(role, place) if role in TIMES else [None]
            for order in orders:
                if testimony.all_agree(role, place, order):
                    self._take(role, place, order)
                    return

    return patch.object(evidence._Search, "_find_constant", find)


def one_witness() -> AbstractContextManager[object]:
    """The row of one message is enough to tell all columns."""
    honest = search.find_rows

    def find_rows(*args: object, **options: object) -> list[Row]:
        return honest(*args, **options)[:1]  # type: ignore[arg-type]

    stack = ExitStack()
    stack.enter_context(patch.object(proving, "find_rows", find_rows))
    stack.enter_context(
        patch.multiple(evidence, ENOUGH=1, _DIFFERENT=dict.fromkeys(evidence._DIFFERENT, 1))
    )
    return stack


MUTANTS: tuple[Callable[[], AbstractContextManager[object]], ...] = (
    names_over_cells,
    first_candidate,
    one_witness,
)
