"""What the number of rows, and of different ids, says of a file."""

from __future__ import annotations

import pytest

from tap_mailjet_sms.exporting.counting import Finding, Tally, hold


@pytest.mark.parametrize(
    ("tally", "expected", "before", "same_export", "forgiven", "finding"),
    [
        (Tally(71, 71, 5), 71, None, False, 0, Finding.AGREES),
        (Tally(71), 71, None, False, 0, Finding.AGREES),
        (Tally(71, 71, 5), None, None, False, 0, Finding.AGREES),
        (Tally(0, 0), 0, None, False, 0, Finding.AGREES),
        (Tally(0, 0), None, None, False, 0, Finding.AGREES),
        (Tally(72, 72, 5), 71, None, False, 0, Finding.MORE),
        (Tally(0, 0), 71, None, False, 71, Finding.EMPTY),
        # Some are missing: not taken on trust, whatever was confirmed before.
        (Tally(70, 70, 5), 71, None, False, 0, Finding.DISPUTED),
        (Tally(70, 70, 5), 71, None, False, 1, Finding.DISPUTED),
        # The same file once more: taken if an earlier window lacked as many, and no more.
        (Tally(70, 70, 5), 71, Tally(70, 70, 5), True, 0, Finding.DISPUTED),
        (Tally(70, 70, 5), 71, Tally(70, 70, 5), True, 1, Finding.FORGIVEN),
        (Tally(69, 69, 5), 71, Tally(69, 69, 5), True, 1, Finding.DISPUTED),
        # As many rows, but other messages.
        (Tally(70, 70, 5), 71, Tally(70, 70, 6), True, 1, Finding.DISPUTED),
        (Tally(70, 70, 5), 71, Tally(70, 70, 6), False, 0, Finding.DISPUTED),
        # Another export with the same messages.
        (Tally(70, 70, 5), 71, Tally(70, 70, 5), False, 0, Finding.CONFIRMED),
        # One message twice, and another one missing: the number of rows agrees all the same.
        (Tally(71, 70, 5), 71, None, False, 0, Finding.DISPUTED),
        (Tally(71, 70, 5), None, None, False, 0, Finding.DISPUTED),
        (Tally(72, 71, 5), 71, None, False, 0, Finding.DISPUTED),
        (Tally(71, 70, 5), 71, Tally(71, 70, 5), False, 0, Finding.CONFIRMED),
    ],
)
def test_a_tally_has_its_finding(  # noqa: PLR0913 - a row of the table each
    tally: Tally, expected: int | None, before: Tally | None, *, same_export: bool, forgiven: int,
    finding: Finding,
) -> None:  # fmt: skip
    """Nothing is taken that was not confirmed, and no more than what was."""
    assert (
        hold(tally, expected, before=before, same_export=same_export, forgiven=forgiven) is finding
    )


def test_a_disagreement_is_told_with_all_figures() -> None:
    """So that it can be looked into."""
    assert Tally(70, 70).against(71) == "70 rows where Mailjet counts 71"
    assert Tally(71, 69).against(71) == "71 rows with 69 different ids where Mailjet counts 71"
    assert Tally(71, 69).against(None) == "71 rows with 69 different ids"
