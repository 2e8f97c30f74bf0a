"""A CSV without a header is read by what messages of Mailjet's list say, or refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tap_mailjet_sms.witness import Silence
from tests.proof.told import (
    KNOWN,
    Listed,
    file_of,
    foreign,
    is_true,
    message,
    messages,
    read,
    refusal,
)

if TYPE_CHECKING:
    from tap_mailjet_sms.witness import Witness

TOLD = messages(12)
#: Without a column of descriptions, statuses are found as names.
NAMED = {**KNOWN, "Status": lambda m: m.status_name or ""}


def headless(told: list[Witness]) -> str:
    """A file that begins with a message."""
    return file_of(told, NAMED, headless=True)


def test_a_file_without_a_header_is_read() -> None:
    """All of it: its first row is a message, too."""
    found = read(headless(TOLD), TOLD)
    assert is_true(found, TOLD)
    (said,) = found.infos
    assert "column 1 is message_id" in said
    assert "column_map" not in said


def test_a_later_file_asks_for_nothing() -> None:
    """It has as many columns, and its first row has a time where the times of creation are."""
    first = read(headless(TOLD), TOLD)
    more = [message(number) for number in range(12, 20)]
    listed = Listed()
    found = read(headless(more), listed, before=first.layout)
    assert is_true(found, more)
    assert not listed.asked


def test_a_later_file_of_one_message_is_read() -> None:
    """Its one row is a message, not a header without messages."""
    first = read(headless(TOLD), TOLD)
    found = read(headless([message(12)]), Listed(), before=first.layout)
    assert is_true(found, [message(12)])


def test_a_header_that_appears_later_is_one() -> None:
    """A known one is read by its names and proved; nothing of it becomes a message."""
    first = read(headless(TOLD), TOLD)
    found = read(file_of(TOLD, NAMED), TOLD, before=first.layout)
    assert is_true(found, TOLD)
    foreign_names = {**foreign(), "Zu": NAMED["Status"]}
    found = read(file_of(TOLD, foreign_names), TOLD, before=first.layout)
    assert is_true(found, TOLD)


def test_another_number_of_columns_is_proved_anew() -> None:
    """The layout of before says nothing of it."""
    first = read(headless(TOLD), TOLD)
    fewer = {name: cell for name, cell in NAMED.items() if name != "From"}
    listed = Listed([TOLD])
    text = refusal(file_of(TOLD, fewer, headless=True), listed, before=first.layout)
    assert listed.asked
    assert "holds no sender (was column 2) any more" in text


def test_without_witnesses_it_is_refused_and_no_cell_is_shown() -> None:
    """Names that look like data are none, and the error says why nothing tells."""
    for silence, why in (
        (Silence.EMPTY, "Mailjet lists no message of this window"),
        (Silence.CLOSED, "Mailjet does not list messages for this token"),
    ):
        text = refusal(headless(TOLD), Listed(silence=silence))
        assert why in text
        for secret in (TOLD[0].message_id, TOLD[0].sender, TOLD[0].recipient, "0.045"):
            assert str(secret) not in text
        assert not re.search(r"\d{4}", text)


def test_unknown_names_over_no_rows_are_no_message() -> None:
    """An export without messages: nothing is asked twice, and nothing is remembered."""
    listed = Listed(silence=Silence.EMPTY)
    found = read(file_of([], foreign()), listed)
    assert (found.rows, found.layout) == ([], None)
