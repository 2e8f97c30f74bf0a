"""What was proved is remembered; what was not is tried again, and said once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.layout_state import layout_from_state, layout_to_state
from tap_mailjet_sms.reading.rules import Rules, VerifyLayout
from tap_mailjet_sms.witness import Silence
from tests.proof.told import (
    KNOWN,
    NOW,
    START,
    Listed,
    file_of,
    foreign,
    message,
    messages,
    read,
    written,
)

if TYPE_CHECKING:
    from tap_mailjet_sms.reading.layout import KnownLayout
    from tests.proof.told import Cell, Read

    Columns = dict[str, Cell]

TOLD = messages(12)
DAY = timedelta(days=1)
SPACED = written("%Y-%m-%d %H:%M:%S")
#: The beginning of what is said where nothing proves a layout.
NOT_PROVED = "The layout of Mailjet's CSV is not proved yet, as "


def said(found: Read, level: str) -> list[str]:
    """What was said of a layout that is not proved."""
    texts = found.warnings if level == "WARNING" else found.infos
    return [text.removeprefix(NOT_PROVED) for text in texts if text.startswith(NOT_PROVED)]


def remembered(layout: KnownLayout | None) -> KnownLayout:
    """A layout as a later run finds it in the state."""
    assert layout is not None
    back = layout_from_state(layout_to_state(layout, NOW))
    assert back is not None
    return back[0]


# A proof.


@pytest.mark.parametrize("columns", [KNOWN, foreign("ID", "To", "CreationTS", "SentTS"), SPACED])
def test_a_proof_spares_the_list(columns: Columns) -> None:
    """A file of the same layout asks for nothing, in this run or a later one."""
    first = read(file_of(TOLD, columns), TOLD)
    for layout in (first.layout, remembered(first.layout)):
        listed = Listed()
        again = read(file_of(TOLD, columns), listed, before=layout)
        assert not listed.asked
        assert again.rows == first.rows
        assert not any("proved" in text for text in again.infos)


@pytest.mark.parametrize(
    ("rules", "columns"),
    [
        pytest.param(Rules({"Text": None}), KNOWN, id="column_map"),
        pytest.param(Rules(), {**KNOWN, "Text": lambda _: "x"}, id="header"),
        pytest.param(Rules(), dict(reversed(KNOWN.items())), id="order"),
    ],
)
def test_another_layout_is_proved_anew(rules: Rules, columns: Columns) -> None:
    """Whatever of it is another, or the setting."""
    first = read(file_of(TOLD), TOLD)
    listed = Listed([TOLD])
    read(file_of(TOLD, columns), listed, before=first.layout, rules=rules)
    assert len(listed.asked) == 1
    assert len(listed.begun_anew) == 1


def test_another_delimiter_is_another_layout() -> None:
    """Though all names are the same."""
    first = read(file_of(TOLD), TOLD)
    listed = Listed([TOLD])
    read(file_of(TOLD, delimiter=";"), listed, before=first.layout)
    assert listed.asked


def test_a_proof_by_three_messages_is_renewed_in_the_next_run() -> None:
    """And in this one it holds."""
    first = read(file_of(TOLD), Listed([TOLD[:3]]))
    same, next_run = Listed([TOLD]), Listed([TOLD], began=NOW + timedelta(hours=1))
    read(file_of(TOLD), same, before=first.layout)
    assert not same.asked
    later = NOW + timedelta(hours=1)
    renewed = read(file_of(TOLD), next_run, before=remembered(first.layout), now=later)
    assert next_run.asked
    assert renewed.layout is not None
    assert renewed.layout.proof is not None
    assert renewed.layout.proof.evidence.witnesses == 12


def test_a_proof_that_cannot_be_renewed_holds_on() -> None:
    """What it found is read as before, and it is said that the list told nothing this time."""
    csv = file_of(TOLD, foreign("ID", "To"))
    first = read(csv, Listed([TOLD[:3]]))
    later = Listed(silence=Silence.EMPTY, began=NOW + DAY)
    found = read(csv, later, before=remembered(first.layout), now=NOW + DAY)
    assert later.asked
    assert found.rows == first.rows
    (warning,) = found.warnings
    assert warning == (
        "The layout of Mailjet's CSV could not be proved anew, as Mailjet lists no message of this"
        " window: it is read as it was proved before"
    )


@pytest.mark.parametrize(
    ("columns", "days", "window_days", "is_due"),
    [
        pytest.param(SPACED, 29, 1, False, id="no zone, soon"),
        pytest.param(SPACED, 31, 1, True, id="no zone, after 30 days"),
        pytest.param(SPACED, 1, 40, True, id="no zone, a window far later"),
        pytest.param(SPACED, 1, -40, True, id="no zone, a window far earlier"),
        pytest.param(KNOWN, 400, 300, False, id="a zone"),
    ],
)
def test_a_proof_of_times_without_a_zone_is_renewed(
    columns: Columns,
    days: int,
    window_days: int,
    *,
    is_due: bool,
) -> None:
    """When it is 30 days old, or the window lies more than 30 days away: clocks change."""
    first = read(file_of(TOLD, columns), TOLD)
    start = START + window_days * DAY
    told = [message(n, created_at=start + n * timedelta(hours=1), sent_at=None) for n in range(12)]
    listed = Listed([told])
    read(
        file_of(told, columns),
        listed,
        before=remembered(first.layout),
        now=max(NOW + days * DAY, start + 5 * DAY),
        window=(start, start + 5 * DAY),
    )
    assert bool(listed.asked) is is_due


def test_a_renewed_proof_reaches_as_far_as_its_own_window() -> None:
    """Of the windows between two proofs, that of another summer time, nothing is known."""
    first = read(file_of(TOLD, SPACED), TOLD)
    start = START + 40 * DAY
    told = [message(n, created_at=start + n * timedelta(hours=1), sent_at=None) for n in range(12)]
    span, now = (start, start + DAY), start + DAY
    second = read(file_of(told, SPACED), told, before=first.layout, window=span, now=now)
    assert second.layout is not None
    assert second.layout.proof is not None
    assert (second.layout.proof.start, second.layout.proof.end) == span


# No witness to be had.


def test_a_file_without_rows_asks_for_nothing() -> None:
    """And settles nothing: the proof waits for the first file with rows."""
    listed = Listed([TOLD])
    found = read(file_of([]), listed)
    assert not listed.asked
    assert found.layout is None


@pytest.mark.parametrize(
    ("silence", "why"),
    [
        (Silence.CLOSED, "Mailjet does not list messages for this token"),
        (Silence.UNANSWERED, "Mailjet's list of messages could not be had"),
        (Silence.EMPTY, "Mailjet lists no message of this window"),
    ],
)
def test_without_a_list_the_names_are_read(silence: Silence, why: str) -> None:
    """A WARNING says so once for each reason, in later runs at INFO; the state remembers why."""
    first = read(file_of(TOLD), Listed(silence=silence))
    assert len(first.rows) == 12
    assert said(first, "WARNING")[0].startswith(why)
    assert first.layout is not None
    assert first.layout.unproved is not None
    assert first.layout.unproved.silence is silence

    later = NOW + 2 * DAY
    second = read(
        file_of(TOLD), Listed(silence=silence), before=remembered(first.layout), now=later
    )
    assert said(second, "WARNING") == []
    assert said(second, "INFO")[0].startswith(why)

    other = next(each for each in Silence if each is not silence)
    listed = Listed(silence=other)
    third = read(file_of(TOLD), listed, before=remembered(second.layout), now=later + 2 * DAY)
    assert len(said(third, "WARNING")) == 1


def test_a_list_of_other_messages_proves_nothing() -> None:
    """None of them is in the file: that is one more reason."""
    strangers = [message(number) for number in range(50, 60)]
    found = read(file_of(TOLD), strangers)
    assert said(found, "WARNING")[0].startswith("none of the messages that Mailjet lists is in it")
    assert found.layout is not None
    assert found.layout.unproved is not None
    assert found.layout.unproved.silence is Silence.ABSENT


def test_messages_that_are_newer_than_the_export_do_no_harm() -> None:
    """Those that are in the file are the witnesses."""
    found = read(file_of(TOLD), [*TOLD[6:], *(message(number) for number in range(50, 60))])
    assert found.infos == ["The layout of Mailjet's CSV is proved by 6 messages of its list"]


@pytest.mark.parametrize(
    ("silence", "hours", "is_asked"),
    [
        (Silence.CLOSED, 23, False),
        (Silence.CLOSED, 25, True),
        (Silence.UNANSWERED, 1, True),
        (Silence.EMPTY, 1, True),
        (Silence.ABSENT, 1, True),
    ],
)
def test_what_is_not_proved_is_tried_again(silence: Silence, hours: int, *, is_asked: bool) -> None:
    """With each window that has rows; a list that was refused, after a day."""
    strangers = [message(number) for number in range(50, 60)]
    listed = Listed([strangers] if silence is Silence.ABSENT else [], silence=silence)
    first = read(file_of(TOLD), listed)
    listed = Listed([TOLD])
    now = NOW + timedelta(hours=hours)
    second = read(file_of(TOLD), listed, before=remembered(first.layout), now=now)
    assert bool(listed.asked) is is_asked
    assert second.layout is not None
    assert (second.layout.proof is not None) is is_asked
    assert not said(second, "WARNING")


# The check of times against the window.


def far(number: int) -> datetime:
    """Ten days before the window."""
    return START - 10 * DAY + number * timedelta(hours=1)


def test_times_far_off_the_window_are_read_if_mailjet_itself_says_so() -> None:
    """Messages that were created long before: by the list, they belong to the window; it warns."""
    told = [message(n, created_at=far(n), sent_at=None) for n in range(12)]
    found = read(file_of(told), told)
    assert found.column("created_at") == [each.created_at for each in told]
    assert found.far is not None
    assert "10 days before the window" in found.far
    assert read(file_of(TOLD), TOLD).far is None


def test_times_far_off_the_window_are_refused_if_nobody_says_so() -> None:
    """Mailjet's list has no message of them."""
    told = [message(n, created_at=far(n), sent_at=None) for n in range(12)]
    with pytest.raises(CSVFormatError, match="10 days before the window"):
        read(file_of(told), Listed(silence=Silence.EMPTY))


def test_such_a_proof_holds_for_later_files() -> None:
    """In the same run, and by the state."""
    told = [message(n, created_at=far(n), sent_at=None) for n in range(12)]
    first = read(file_of(told), told)
    again = read(file_of(told), Listed(), before=remembered(first.layout))
    assert len(again.rows) == 12


def test_under_warn_the_proof_of_a_layout_is_the_same() -> None:
    """What is asked and remembered does not depend on what is done about contradictions."""
    found = read(file_of(TOLD), TOLD, rules=Rules(verify=VerifyLayout.WARN))
    assert found.layout is not None
    assert found.layout.proof is not None


# The state.


def test_a_layout_comes_back_from_the_state_as_it_was() -> None:
    """With all that was found; and there is no data in it."""
    columns = {**foreign("ID", "To"), **{k: v for k, v in written("%d/%m/%Y %H:%M").items()
                                         if k in {"CreationTS", "SentTS"}}}  # fmt: skip
    columns["Cost"] = lambda m: str(m.cost_value).replace(".", ",")
    found = read(file_of(TOLD, columns), TOLD)
    assert found.layout is not None
    state = layout_to_state(found.layout, NOW)
    back = layout_from_state(state)
    assert back is not None
    assert layout_to_state(*back) == state
    assert back[0].is_like(found.layout)
    assert back[0].proved == found.layout.proved
    text = repr(state)
    for each in TOLD:
        for secret in (each.message_id, each.recipient, each.sender, f"{each.created_at:%d/%m/%Y}"):
            assert str(secret) not in text


def test_a_state_without_a_proof_is_read() -> None:
    """One of the version before: its layout is known, and proved now."""
    first = read(file_of(TOLD), Listed(silence=Silence.EMPTY))
    assert first.layout is not None
    state = layout_to_state(first.layout, NOW)
    old = {key: value for key, value in state.items() if key not in {"proof", "unproved"}}
    for source in old["columns"].values():  # type: ignore[attr-defined]
        if source:
            del source["proved"]
    back = layout_from_state(old)
    assert back is not None
    listed = Listed([TOLD])
    found = read(file_of(TOLD), listed, before=back[0])
    assert listed.asked
    assert found.layout is not None
    assert found.layout.proof is not None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("proof", ["x"]),
        ("proof", {"at": "yesterday"}),
        ("proof.at", None),
        ("proof.from_ts", "x"),
        ("proof.messages", "12"),
        ("proof.messages", True),
        ("proof.roles", ["message_id", "colour"]),
        ("proof.found", {"colour": 1}),
        ("proof.found", {"sender": 0}),
        ("proof.found", {"sender": "1"}),
        ("proof.orders", {"created_at": "year_first"}),
        ("proof.decimal_mark", 1),
        ("unproved", {"why": "tired", "at": "2026-11-21T16:05:00+00:00"}),
        ("unproved", {"why": "closed"}),
        ("unproved", "closed"),
    ],
)
def test_a_damaged_proof_is_refused(part: str, value: object) -> None:
    """Rather than half believed."""
    found = read(file_of(TOLD), TOLD)
    assert found.layout is not None
    state = layout_to_state(found.layout, NOW)
    *parents, last = part.split(".")
    inner = state
    for name in parents:
        inner = inner[name]  # type: ignore[assignment]
    inner[last] = value
    assert layout_from_state(state) is None


def test_a_renewed_proof_keeps_what_an_older_one_found() -> None:
    """A few messages tell less than those before: what they do not contradict stays as it was."""
    columns = {("Teile" if name == "SmsCount" else name): cell for name, cell in SPACED.items()}
    first = read(file_of(TOLD, columns), TOLD)
    assert first.layout is not None
    assert first.layout.columns["sms_count"] is not None
    few = [message(n, created_at=START + 40 * DAY + n * timedelta(hours=1)) for n in range(2)]
    span = (START + 40 * DAY, START + 41 * DAY)
    second = read(file_of(few, columns), few, before=first.layout, window=span, now=span[1])
    assert second.column("sms_count") == [told.sms_count for told in few]
    assert second.warnings == first.warnings[:0]


def test_the_clocks_that_may_have_changed_are_asked_of() -> None:
    """Times without a zone are proved anew where summer time may begin or end."""
    first = read(file_of(TOLD, SPACED), TOLD)
    assert first.layout is not None
    assert first.layout.proof is not None
    before = replace(
        first.layout,
        proof=replace(
            first.layout.proof,
            at=datetime(2026, 10, 24, tzinfo=UTC),
            start=datetime(2026, 10, 20, tzinfo=UTC),
            end=datetime(2026, 10, 24, tzinfo=UTC),
        ),
    )
    for day, is_asked in ((24, False), (26, True)):
        start = datetime(2026, 10, day, tzinfo=UTC)
        told = [message(n, created_at=start + n * timedelta(minutes=5)) for n in range(12)]
        listed = Listed([told])
        read(
            file_of(told, SPACED),
            listed,
            before=before,
            window=(start, start + timedelta(hours=2)),
            now=start + timedelta(hours=3),
        )
        assert bool(listed.asked) is is_asked
