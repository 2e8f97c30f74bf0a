"""What an ordinary account may look like is read; what only looks like it is not believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.proof.told import KNOWN, file_of, foreign, message, messages, read, refusal, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.witness import Witness
    from tests.proof.told import Cell

TOLD = messages(12)


def with_cells(**cells: Cell) -> dict[str, Cell]:
    """A file of known names, some of them over other cells."""
    return {**KNOWN, **cells}


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(with_cells(From=lambda m: (m.sender or "").upper()), id="sender in capitals"),
        pytest.param(with_cells(Status=lambda _: "Livré"), id="one word for all statuses"),
        pytest.param(
            with_cells(Status=lambda m: "OK" if m.status_code == 3 else "KO"), id="two words"
        ),
        pytest.param(
            with_cells(Status=lambda m: "Failed" if m.status_code in {4, 5} else "Fine"),
            id="a word for several statuses",
        ),
    ],
)
def test_other_spellings_are_read(columns: Mapping[str, Cell]) -> None:
    """A name in capitals is the same name; words for statuses are kept as they stand."""
    found = read(file_of(TOLD, columns), TOLD)
    assert found.column("message_id") == [told.message_id for told in TOLD]
    assert found.layout is not None
    assert found.layout.proof is not None


def test_times_that_are_rounded_are_read_with_a_warning() -> None:
    """To the second after, in a third of the rows."""
    late = {told.message_id for told in TOLD[::3]}
    columns = with_cells(
        CreationTS=lambda m: str(int(m.created_at.timestamp()) + (m.message_id in late))
    )
    found = read(file_of(TOLD, columns), TOLD)
    assert len(found.rows) == len(TOLD)
    assert any('"CreationTS" (created_at) agrees' in doubt for doubt in found.doubts)


def test_sending_times_are_in_the_order_of_the_creation() -> None:
    """Where Mailjet's list has no sending time to tell it."""
    columns = written("%d/%m/%Y %H:%M:%S")
    listed = [replace(told, sent_at=None) for told in TOLD]
    found = read(file_of(TOLD, columns), listed)
    assert found.column("sent_at") == [told.sent_at for told in TOLD]


def test_late_changes_of_two_last_statuses_are_read() -> None:
    """A message that was given up may arrive all the same."""
    old = [replace(told, status_code=5) for told in TOLD[:2]]
    listed = [replace(told, status_code=3, status_name="delivered") for told in TOLD[:2]]
    found = read(file_of(old), listed)
    assert found.column("status_code") == [5, 5]


def test_a_first_message_is_no_header() -> None:
    """The status of the first of two messages is not taken for a name."""
    told = [message(4), message(9)]
    columns = {**KNOWN, "Status": lambda m: m.status_name or ""}
    text = refusal(file_of(told, columns, headless=True), told)
    assert "its first line is data" in text
    assert '"sent"' not in text


def test_a_date_alone_is_no_creation_time() -> None:
    """Not where a column has no name, nor where two share one."""
    dates: dict[str, Cell] = {
        "Creation date": lambda m: f"{m.created_at:%Y-%m-%d}",
        "Creation time": lambda m: f"{m.created_at:%H:%M:%S}",
    }
    halves = {name: cell for name, cell in KNOWN.items() if name != "CreationTS"} | dates
    assert "Creation date" in refusal(file_of(TOLD, halves), TOLD)
    alone = foreign("CreationTS") | {"Erst": dates["Creation date"]}
    assert "no column known as created_at" in refusal(file_of(TOLD, alone), TOLD)


def test_a_date_alone_below_the_known_name_is_warned_of() -> None:
    """It is all that there is."""
    columns = with_cells(CreationTS=lambda m: f"{m.created_at:%Y-%m-%d}", SentTS=lambda _: "")
    found = read(file_of(TOLD, columns), TOLD)
    assert any("has no time of day" in doubt for doubt in found.doubts)


def test_the_price_of_a_part_is_no_cost() -> None:
    """It is right for messages of one part, so it agrees with some."""
    columns = with_cells(Cost=lambda m: str((m.cost_value or 0) / (m.sms_count or 1)))
    assert "holds the price of one part" in refusal(file_of(TOLD, columns), TOLD)


def test_a_cost_in_cents_is_no_cost() -> None:
    """A hundred times of all that the list has."""
    columns = with_cells(Cost=lambda m: f"{(m.cost_value or 0) * 100:f}")
    assert "in a smaller unit" in refusal(file_of(TOLD[:5], columns), TOLD[:5])


def test_another_time_of_sending_is_warned_of() -> None:
    """That of the delivery, which is that of the sending in a few messages."""
    few = {told.message_id for told in TOLD[:3]}

    def delivered(told: Witness) -> str:
        assert told.sent_at
        late = timedelta(seconds=0 if told.message_id in few else 97)
        return str(int((told.sent_at + late).timestamp()))

    found = read(file_of(TOLD, with_cells(SentTS=delivered)), TOLD)
    assert any('"SentTS" (sent_at) agrees' in doubt for doubt in found.doubts)


def test_one_message_tells_a_sending_of_another_zone() -> None:
    """A whole hour off is no chance."""
    told = [message(3)]
    later = told[0].sent_at + timedelta(hours=1) if told[0].sent_at else None
    columns = with_cells(SentTS=lambda _: f"{later:%Y-%m-%d %H:%M:%S}")
    assert "is 1 h ahead of Mailjet's own times" in refusal(file_of(told, columns), told)


def test_strangers_are_no_witnesses_rows() -> None:
    """To one recipient there are many messages, some of which are whole hours apart."""
    one = {"recipient": "+33639986002", "sent_at": None}
    told = [
        message(n, **one, created_at=message(0).created_at + n * timedelta(hours=1))
        for n in range(12)
    ]
    strangers = [
        replace(
            each, message_id=f"other{n:08}", created_at=each.created_at + timedelta(hours=n % 3)
        )
        for n, each in enumerate(told)
    ]
    columns = with_cells(Cost=lambda _: str(Decimal("0.01")))
    found = read(file_of(strangers[:1], columns), told[5:])
    assert len(found.rows) == 1
