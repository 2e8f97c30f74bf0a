"""What is drawn is what it says: files, names and forms are fit to judge a reader by."""

from __future__ import annotations

import csv
import io
import random

from tap_mailjet_sms.reading.header import meaning
from tests.layouts import forms
from tests.layouts.decoys import DECOYS
from tests.layouts.drawn import draw
from tests.layouts.names import LANGUAGES, MEANINGLESS, NAMES

CASES = [draw(random.Random(seed)) for seed in range(300)]  # noqa: S311 - no secret


def test_a_seed_says_all() -> None:
    """The same seed gives the same file and list, another one another."""
    again = [draw(random.Random(seed)) for seed in range(9)]  # noqa: S311 - no secret
    assert again == CASES[:9]
    assert len({case.csv for case in CASES}) == len(CASES)


def test_a_file_holds_its_columns() -> None:
    """Python's own reader of CSV finds the names and cells of the columns, and nothing else."""
    for case in CASES:
        text = io.StringIO(case.csv.decode("utf-8-sig"), newline="")
        rows = list(csv.reader(text, delimiter=case.delimiter, strict=True))
        if case.kind != "none":
            assert rows.pop(0) == [column.name for column in case.columns]
        assert rows == [list(row) for row in zip(*(c.cells for c in case.columns), strict=True)]
        assert len(rows) == len(case.messages)


def test_no_name_is_known_for_something_else() -> None:
    """Known names stand over what they say; foreign ones and those of other things are unknown."""
    for language, fields in NAMES.items():
        for field, names in fields.items():
            roles = {meaning(name).role for name in names}
            assert roles == {field} if language == "known" else roles <= {field, None}
    for words, _ in DECOYS:
        assert {meaning(word).role for word in words} == {None}
    assert all(meaning(name).role is None for names in MEANINGLESS for name in names)


def test_each_form_of_each_thing_is_drawn() -> None:
    """None is forgotten."""
    for thing, every in (
        ("time", forms.TIMES),
        ("sent", forms.TIMES),
        ("id", forms.IDS),
        ("status", forms.STATUSES),
        ("cost", forms.COSTS),
        ("phone", forms.PHONES),
    ):
        assert {case.forms[thing] for case in CASES} == {*every}
    assert {case.delimiter for case in CASES} == {*",;\t|"}
    assert {case.kind for case in CASES} == {"known", "foreign", "mixed", "meaningless", "none"}
    assert {len(LANGUAGES) + 1} == {len(NAMES)}


def test_a_naive_time_may_mean_two_moments() -> None:
    """Where clocks are set back, and nowhere else."""
    for case in CASES:
        form = forms.TIMES[case.time_form]
        zone = case.place
        for message in case.messages:
            cell = forms.written(message.created_at, form, zone, "")
            for moment in forms.as_read(message.created_at, form, zone):
                assert forms.written(moment, form, zone, "") == cell
