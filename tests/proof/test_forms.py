"""What names cannot settle: the order of dates, zones, the decimal mark, how ids are spelt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.reading.rules import Rules, TimeForm, VerifyLayout
from tap_mailjet_sms.reading.time_texts import read_time
from tests.proof.told import (
    KNOWN,
    Listed,
    file_of,
    foreign,
    is_true,
    messages,
    read,
    refusal,
    unix,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_mailjet_sms.witness import Witness
    from tests.proof.told import Cell

TOLD = messages(12)
PARIS = ZoneInfo("Europe/Paris")
SET_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
DAY_BEGIN = SET_BACK.replace(hour=0)


def from_day(day: datetime, number: int = 12) -> list[Witness]:
    """Messages that begin on another day, an hour and some seconds apart."""
    times = [day + n * timedelta(hours=1, seconds=7) for n in range(number)]
    return [
        replace(told, created_at=time, sent_at=time + timedelta(seconds=2 + n))
        for n, (told, time) in enumerate(zip(messages(number), times, strict=True))
    ]


def local(form: str, zone: ZoneInfo = PARIS) -> dict[str, Cell]:
    """A file whose times are those of a place."""
    return {
        **KNOWN,
        "CreationTS": lambda m: m.created_at.astimezone(zone).strftime(form),
        "SentTS": lambda m: m.sent_at.astimezone(zone).strftime(form) if m.sent_at else "",
    }


def window(told: Sequence[Witness]) -> tuple[datetime, datetime]:
    """The span of some messages."""
    times = [each.created_at for each in told]
    return min(times), max(times) + timedelta(seconds=1)


# The order of dates.


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("%d/%m/%Y %H:%M:%S", id="day first"),
        pytest.param("%d.%m.%Y %H:%M:%S", id="day first, points"),
        pytest.param("%m/%d/%Y %H:%M:%S", id="month first"),
        pytest.param("%m/%d/%Y %I:%M:%S %p", id="12 hours"),
    ],
)
def test_dates_are_read_in_the_order_that_witnesses_tell(form: str) -> None:
    """Without witnesses they are refused, though most days of this file leave no doubt."""
    csv = file_of(TOLD, written(form))
    assert is_true(read(csv, TOLD), TOLD)
    with pytest.raises(CSVFormatError, match="may begin with the day or with the month"):
        read(csv, [])


def test_the_witnesses_tell_days_that_are_months_too() -> None:
    """3 April or 4 March: the file could be either, and the list says which."""
    told = from_day(datetime(2026, 4, 3, 7, tzinfo=UTC))
    for form in ("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"):
        found = read(file_of(told, written(form)), told, window=window(told))
        assert is_true(found, told)


def test_03_03_is_not_guessed() -> None:
    """Both orders agree: more witnesses are asked for, and if they tell nothing, it is refused."""
    told = from_day(datetime(2026, 3, 3, 1, tzinfo=UTC))
    listed = Listed([told[:4], told[4:8], told[8:]])
    with pytest.raises(CSVFormatError, match="no message of Mailjet's list tells"):
        read(file_of(told, written("%d/%m/%Y %H:%M:%S")), listed, window=window(told))
    assert len(listed.asked) == 4


def test_another_witness_settles_03_03() -> None:
    """One of another day is enough."""
    told = [*from_day(datetime(2026, 3, 3, 1, tzinfo=UTC)),
            *(replace(m, message_id=f"x{m.message_id}", recipient=f"{m.recipient}9")
              for m in from_day(datetime(2026, 3, 4, 1, tzinfo=UTC)))]  # fmt: skip
    listed = Listed([told[:8], told[20:]])
    found = read(file_of(told, written("%d/%m/%Y %H:%M:%S")), listed, window=window(told))
    assert is_true(found, told)


def test_the_order_is_remembered() -> None:
    """The next file is read without a list, also where its own dates would not tell."""
    form = written("%d/%m/%Y %H:%M:%SZ")
    first = read(file_of(TOLD, form), TOLD)
    told = from_day(datetime(2026, 12, 3, 1, tzinfo=UTC))
    listed = Listed()
    later = datetime(2026, 12, 4, tzinfo=UTC)
    found = read(file_of(told, form), listed, before=first.layout, now=later, window=window(told))
    assert is_true(found, told)
    assert not listed.asked


# Zones.


def test_times_of_another_zone_are_refused_with_the_setting() -> None:
    """The error says by how much, and which setting cures it."""
    text = refusal(file_of(TOLD, local("%Y-%m-%d %H:%M:%S")), TOLD)
    assert (
        '"CreationTS" (created_at) is 1 h ahead of Mailjet\'s own times: set csv_time_zone' in text
    )
    assert "column_map" not in text


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"])
@pytest.mark.parametrize("month", [1, 7])
def test_times_without_a_zone_are_in_that_of_the_setting(form: str, month: int) -> None:
    """In summer and in winter, whole columns of a common form, and text by text."""
    told = from_day(datetime(2026, month, 20, tzinfo=UTC))
    csv = file_of(told, local(form))
    found = read(csv, told, rules=Rules(zone=PARIS), window=window(told))
    assert is_true(found, told)
    assert found.layout is not None
    assert "created_at" in found.layout.proved


def test_a_time_that_names_its_zone_is_read_by_that() -> None:
    """Whatever the setting says, also unix seconds."""
    for columns in (KNOWN, written("%Y-%m-%dT%H:%M:%SZ"), written("%Y-%m-%d %H:%M:%S +0000 UTC")):
        assert is_true(read(file_of(TOLD, columns), TOLD, rules=Rules(zone=PARIS)), TOLD)


def around_set_back(number: int = 40) -> list[Witness]:
    """Messages from before and after 01:00 UTC on 25 October, when 03:00 became 02:00 in Paris."""
    return [
        replace(told, created_at=then, sent_at=then + timedelta(seconds=5 + 7 * (n % 9)))
        for n, told in enumerate(messages(number))
        for then in (SET_BACK + (n - number / 2) * timedelta(minutes=7, seconds=3),)
    ]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d %H%M%S"])
def test_the_window_tells_an_hour_that_comes_twice(form: str) -> None:
    """A window ends where clocks are set back: of two moments one lies in it, whatever the form."""
    told, rules = around_set_back(), Rules(zone=PARIS)
    floor = timedelta(seconds=1 if "%S" in form else 60)
    edges = (told[0].created_at, SET_BACK, told[-1].created_at + floor)
    for start, end in pairwise(edges):
        part = [m for m in told if start <= m.created_at < end]
        found = read(file_of(part, local(form)), part, rules=rules, window=(start, end))
        assert not any("Clocks" in text for text in found.warnings)
        for name in ("created_at", "sent_at"):
            true = [getattr(m, name) for m in part]
            assert found.column(name) == [then - (then - DAY_BEGIN) % floor for then in true]


def test_of_the_second_that_two_windows_share_the_earlier_time_is_taken() -> None:
    """It is the last one before clocks are set back, or the last one of the second hour."""
    second = timedelta(seconds=1)
    (told,) = (replace(m, created_at=SET_BACK - second, sent_at=SET_BACK) for m in messages(1))
    csv = file_of([told], local("%Y-%m-%d %H:%M:%S"))
    rules, behind = Rules(zone=PARIS), (SET_BACK, SET_BACK + timedelta(days=1))
    found = read(csv, [told], rules=rules, window=behind)
    assert found.column("created_at") == [told.created_at]
    assert sum("may mean the later one" in text for text in found.warnings) == 1


def test_the_very_end_of_a_window_is_within_it() -> None:
    """Whether Mailjet's edges belong to an export is not known."""
    end = SET_BACK + timedelta(minutes=25)
    told = [m for m in around_set_back() if SET_BACK <= m.created_at < end]
    told.append(replace(messages(41)[40], created_at=end, sent_at=None))
    csv = file_of(told, local("%Y-%m-%d %H:%M:%S"))
    found = read(csv, told, rules=Rules(zone=PARIS), window=(SET_BACK, end))
    assert found.column("created_at") == [m.created_at for m in told]
    assert found.far is None


def test_rounded_times_of_the_second_hour_are_read_as_those_of_any_other() -> None:
    """A proof is made anew where clocks change, and must say the same there."""
    told = [m for m in around_set_back() if m.created_at >= SET_BACK]
    second = timedelta(seconds=1)
    rounded = [
        replace(m, created_at=m.created_at + second * (n % 3 == 0)) for n, m in enumerate(told)
    ]
    csv = file_of(rounded, local("%Y-%m-%d %H:%M:%S"))
    window = (SET_BACK, SET_BACK + timedelta(days=1))
    found = read(csv, told, rules=Rules(zone=PARIS), window=window)
    assert found.column("created_at") == [m.created_at for m in rounded]
    assert len(found.doubts) == 1


def test_a_window_with_both_hours_takes_the_earlier_one_and_says_so() -> None:
    """In Paris on 25 October, 02:30 is 00:30 UTC and 01:30 UTC: witnesses of either agree."""
    told = around_set_back()
    rules = Rules(zone=PARIS)
    found = read(file_of(told, local("%Y-%m-%d %H:%M:%S")), told, rules=rules, window=window(told))
    assert not found.doubts
    hour = timedelta(hours=1)
    expected = [m.created_at - hour * (SET_BACK <= m.created_at < SET_BACK + hour) for m in told]
    assert found.column("created_at") == expected
    twice = [m for m in told if SET_BACK - hour <= m.created_at < SET_BACK + hour]
    (warning,) = (text for text in found.warnings if "Clocks" in text)
    assert f"the earlier time is taken in {len(twice)} rows" in warning


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-25 01:59:59", "2026-10-24T23:59:59"),
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00"),
        ("2026-10-25 03:00:00", "2026-10-25T02:00:00"),
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59"),
        # That hour does not exist: it is read as if the clocks had not been put forward yet.
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00"),
        ("2026-03-29 03:00:00", "2026-03-29T01:00:00"),
    ],
)
def test_where_clocks_change(text: str, moment: str) -> None:
    """One text, and a whole column in Arrow, say the same."""
    found = read_time(text, TimeForm(PARIS))
    expected = datetime.fromisoformat(f"{moment}+00:00")
    assert found is not None
    assert found.moment == expected
    csv = f"ID,CreationTS\nm,{text}\n"
    day = timedelta(days=1)
    rules = Rules(zone=PARIS, verify=VerifyLayout.OFF)
    span = (expected - day, expected + day)
    assert read(csv, [], rules=rules, window=span).column("created_at") == [expected]
    odd = f"ID,CreationTS\nm,{text}\nn,{unix(expected)}\n"
    assert read(odd, [], rules=rules, window=span).column("created_at") == [expected] * 2


# Other forms.


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_decimal_comma_is_told_by_witnesses(delimiter: str) -> None:
    """In any file, in quotes where it must be."""
    columns = {**KNOWN, "Cost": lambda m: str(m.cost_value).replace(".", ",")}
    assert is_true(read(file_of(TOLD, columns, delimiter=delimiter), TOLD), TOLD)


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_any_unit_of_numbers_is_told(factor: int) -> None:
    """Seconds, and what is finer, also below a name that says nothing."""
    columns = {
        **foreign("CreationTS", "SentTS"),
        "Erst": lambda m: str(int(m.created_at.timestamp()) * factor),
        "Ges": lambda m: str(int(m.sent_at.timestamp()) * factor),
    }
    assert is_true(read(file_of(TOLD, columns), TOLD), TOLD)


@pytest.mark.parametrize(
    "spelt",
    [
        pytest.param(lambda m: m.message_id.upper(), id="capitals"),
        pytest.param(lambda m: m.message_id.replace("-", ""), id="without dashes"),
        pytest.param(lambda m: f"{{{m.message_id}}}", id="in braces"),
    ],
)
def test_an_id_that_is_spelt_otherwise_is_found(spelt: Cell) -> None:
    """It is kept as the file has it."""
    found = read(file_of(TOLD, {**foreign("ID"), "Kenn": spelt}), TOLD)
    assert found.column("message_id") == [spelt(told) for told in TOLD]


def test_rows_are_found_by_recipient_and_time_where_ids_are_others() -> None:
    """So it is said that the id is another one, and nothing else is wrong; warn reads it."""
    columns = {**KNOWN, "ID": lambda m: str(10**18 + int(m.message_id[:8], 16))}
    csv = file_of(TOLD, columns)
    text = refusal(csv, TOLD)
    assert text.startswith(
        'In Mailjet\'s CSV, the column "ID" (message_id) holds other values: so say 12 messages'
    )
    found = read(csv, TOLD, rules=Rules(verify=VerifyLayout.WARN))
    assert found.column("recipient") == [told.recipient for told in TOLD]
    assert found.doubts


def test_rows_of_one_recipient_are_told_apart_by_their_times() -> None:
    """All messages went to one number; two of one second are no witnesses."""
    told = messages(12, recipient="+33639980000")
    told[1] = replace(told[1], created_at=told[0].created_at)
    columns = {**KNOWN, "ID": lambda m: str(10**18 + int(m.message_id[:8], 16))}
    assert "so say 10 messages" in refusal(file_of(told, columns), told)
