"""The CSV layouts, read back with nothing but the standard library."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailjet_sandbox import LAYOUTS, PUZZLES, Layout, Messages
from mailjet_sandbox.layouts import CostForm, IdForm, Names, PhoneForm, StatusForm, TimeForm
from mailjet_sandbox.messages import STATUS_NAMES, Message

NOW = 1_800_000_000
DAY = 86_400
DATA = Messages(since=NOW - 9 * DAY, per_hour=60)
ALL = LAYOUTS | PUZZLES
FORMS = {
    TimeForm.DAY_FIRST: "%d/%m/%Y %H:%M:%S",
    TimeForm.DAY_FIRST_POINTS: "%d.%m.%Y %H:%M:%S",
    TimeForm.DAY_FIRST_MINUTES: "%d/%m/%Y %H:%M",
    TimeForm.MONTH_FIRST: "%m/%d/%Y %H:%M:%S",
    TimeForm.TWELVE_HOURS: "%m/%d/%Y %I:%M:%S %p",
}


def seconds(text: str, layout: Layout) -> int | None:
    """Read a time."""
    if text in {"", "0", "NULL"} or text.startswith("0001"):
        return None
    if layout.time is TimeForm.UNIX:
        return int(text)
    if layout.time is TimeForm.UNIX_MS:
        return int(text) // 1000
    if form := FORMS.get(layout.time):
        moment = datetime.strptime(text, form)  # noqa: DTZ007 (below)
    else:
        moment = datetime.fromisoformat(text.removesuffix(" +0000 UTC"))
    zone = ZoneInfo(layout.zone or "UTC")
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def understood(cells: dict[str, str], layout: Layout) -> dict[str, object]:
    """Read a row, knowing its layout."""
    code, cost, currency = cells.get("code"), cells.get("cost"), cells.get("currency")
    status, description = cells.get("status"), cells.get("description")
    if status is not None and layout.status is StatusForm.JSON:
        both = json.loads(status)
        code, description = str(both["Code"]), both["Description"]
    elif status is not None and layout.status is StatusForm.NAME:
        code = str(STATUS_NAMES.index(status))
    elif status is not None:
        code = status.split(" - ")[0]
    if cost is not None and layout.cost is CostForm.JSON:
        both = json.loads(cost, parse_float=str, parse_int=str)
        cost, currency = both["Value"], both["Currency"]
    elif cost is not None and layout.cost is CostForm.TEXT:
        cost, currency = cost.split(" ")
    elif cost is not None and layout.cost is CostForm.SYMBOL:
        cost, currency = cost[1:], {"€": "EUR", "$": "USD", "£": "GBP"}[cost[0]]
    elif cost is not None and layout.cost is CostForm.COMMA:
        cost = cost.replace(",", ".")
    return {
        "message_id": cells["id"],
        "sender": cells.get("from"),
        "recipient": cells["to"].removeprefix("'") if "to" in cells else None,
        "status_code": code and int(code),
        "status_name": code and STATUS_NAMES[int(code)],
        "status_description": description,
        "sms_count": int(cells["parts"]) if "parts" in cells else None,
        "created_ts": seconds(cells["created"], layout),
        "sent_ts": seconds(cells["sent"], layout) if "sent" in cells else None,
        "cost_value": cost,
        "cost_currency": currency,
        "extra": {name: cells[name] or None for name in layout.extra},
    }


def rows(layout: Layout, messages: list[Message]) -> list[list[str]]:
    """Write the messages, and read the file with the standard library; the header is checked."""
    text = b"".join(layout.render([messages[:50], [], messages[50:]])).decode("utf-8")
    if layout.bom:
        assert text.startswith("\ufeff")
        text = text[1:]
    assert text.endswith(layout.newline) is (layout.last_newline and bool(text))
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter))
    return found if layout.headless else without_header(found, layout)


def without_header(found: list[list[str]], layout: Layout) -> list[list[str]]:
    """The rows below the header."""
    assert found[0] == layout.header
    return found[1:]


@pytest.mark.parametrize("name", ALL)
def test_what_is_expected_of_a_row_is_what_it_says(name: str) -> None:
    """In each layout, a reader who knows it gets from the file just what `expected` promises."""
    layout = ALL[name]
    messages = list(DATA.between(NOW - 4 * 3600, NOW + 1, at=NOW))
    assert any(message.sent_ts is None for message in messages)
    for row, message in zip(rows(layout, messages), messages, strict=True):
        cells = dict(zip(layout.fields, row, strict=True))
        assert understood(cells, layout) == layout.expected(message)


def test_every_alternative_has_a_layout() -> None:
    """Among the named layouts, each form of each aspect occurs."""
    layouts = ALL.values()
    assert {layout.names for layout in layouts} == set(Names)
    assert {layout.time for layout in layouts} == set(TimeForm)
    assert {layout.status for layout in layouts} == set(StatusForm)
    assert {layout.cost for layout in layouts} == set(CostForm)
    assert {layout.phone for layout in layouts} == set(PhoneForm)
    assert {layout.id for layout in layouts} == set(IdForm)
    assert {layout.delimiter for layout in layouts} == {",", ";", "\t"}
    assert {layout.newline for layout in layouts} == {"\n", "\r\n", "\r"}
    assert {layout.no_time for layout in layouts} > {"", "0"}
    for flag in ("bom", "quote_all", "backwards", "last_newline", "headless"):
        assert {getattr(layout, flag) for layout in layouts} == {True, False}


def test_no_name_is_used_for_two_layouts() -> None:
    """A layout is found by its name, and is there once."""
    assert len(ALL) == len(LAYOUTS) + len(PUZZLES) == len({*ALL.values()})


@pytest.mark.parametrize("name", ALL)
def test_no_message_leaves_the_header_alone(name: str) -> None:
    """An empty file still has its header, if the layout has one."""
    assert rows(ALL[name], []) == []


def test_names_can_stand_over_something_else() -> None:
    """Only the header differs from that of the layout whose columns these are."""
    usual = Layout()
    swapped = PUZZLES["swapped"]
    assert (usual.header[1:3], swapped.header[1:3]) == (["From", "To"], ["To", "From"])
    assert (
        swapped.fields
        == usual.fields
        == ["id", "from", "to", "status", "parts", "created", "sent", "cost", "currency"]
    )
    assert len(PUZZLES["repeated"].header) > len({*PUZZLES["repeated"].header})


def test_a_time_can_be_that_of_a_place_whose_clocks_change() -> None:
    """On both sides of the change it is what the clock there showed; of two hours it makes one."""
    layout = Layout(time=TimeForm.SPACED, zone="Europe/Paris", only=("id", "created"))
    change = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())
    message = next(DATA.between(NOW - DAY, NOW, at=NOW))
    moments = [change - 7200, change - 3600, change, change + 3600]
    messages = [message._replace(created_ts=moment) for moment in moments]
    times = [row[1][11:16] for row in rows(layout, messages)]
    assert times == ["01:00", "02:00", "02:00", "03:00"]
    assert [layout.expected(m)["created_ts"] for m in messages] == moments


def test_a_column_that_is_missing_is_expected_to_be_null() -> None:
    """A file need not have all; what stands in the cells of another column is there with it."""
    message = next(DATA.between(NOW - DAY, NOW, at=NOW))
    few = Layout(only=("id", "created"), no_time="x").expected(message)
    assert {name for name, value in few.items() if value} == {"message_id", "created_ts"}
    both = Layout(only=("id", "created", "cost"), cost=CostForm.JSON).expected(message)
    assert both["cost_currency"] == message.cost_currency
    alone = Layout(only=("id", "created", "cost")).expected(message)
    assert (alone["cost_value"], alone["cost_currency"]) == (message.cost_value, None)
