"""The tap with a bug in how it settles a layout: random layouts must find each of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest.mock import patch

from tap_mailjet_sms.reading import evidence, proving, search, testimony, unnamed_columns
from tap_mailjet_sms.reading.named_columns import Judgement
from tap_mailjet_sms.reading.unnamed_columns import UnnamedColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from tap_mailjet_sms.reading.testimony import Row


def names_over_cells() -> AbstractContextManager[object]:
    """What a known name says is true, whatever stands below it."""
    return patch.object(evidence, "judge", lambda *_: Judgement(is_proved=True))


def first_candidate() -> AbstractContextManager[object]:
    """Of several columns that agree with all witnesses, the first is taken."""

    def find(self: UnnamedColumns, role: str, places: Iterable[int]) -> None:
        for first in self._candidates(role, places, self._testimony.all_agree)[:1]:
            self._take(role, *first)

    return patch.object(UnnamedColumns, "_find_constant", find)


def one_witness() -> AbstractContextManager[object]:
    """The row of one message is enough to tell all columns."""
    honest = search.find_rows

    def find_rows(*args: object, **options: object) -> list[Row]:
        return honest(*args, **options)[:1]  # type: ignore[arg-type]

    stack = ExitStack()
    stack.enter_context(patch.object(proving, "find_rows", find_rows))
    for module in (evidence, unnamed_columns):
        stack.enter_context(patch.object(module, "ENOUGH", 1))
    stack.enter_context(patch.object(testimony, "_DIFFERENT", {}))
    return stack


MUTANTS: tuple[Callable[[], AbstractContextManager[object]], ...] = (
    names_over_cells,
    first_candidate,
    one_witness,
)
