"""The CSV layouts, read back with nothing but the standard library."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from mailjet_sandbox import LAYOUTS, Layout, Messages
from mailjet_sandbox.layouts import CostForm, Names, PhoneForm, StatusForm, TimeForm
from mailjet_sandbox.messages import STATUS_NAMES, Message

NOW = 1_800_000_000
DATA = Messages(since=NOW - 9 * 86_400, per_hour=60)
# The first header that is there names the column, whatever the layout.
HEADERS = {
    "message_id": ("ID", "MessageId", "MessageID", "Message ID", "message_id"),
    "sender": ("From", "Sender", "from"),
    "recipient": ("To", "Recipient", "to"),
    "code": ("StatusCode", "Status.Code", "Status code", "status_code", "Status"),
    "sms_count": ("SmsCount", "SMSCount", "Parts", "sms_count"),
    "created_ts": ("CreationTS", "Creation date", "creation_ts"),
    "sent_ts": ("SentTS", "Sent date", "sent_ts"),
    "cost": ("Cost", "Cost.Value", "Price", "cost"),
    "currency": ("Currency", "Cost.Currency", "currency"),
}


def seconds(text: str, form: TimeForm) -> int | None:
    """Read a time."""
    if text in {"", "0", "NULL"} or text.startswith("0001"):
        return None
    if form is TimeForm.UNIX:
        return int(text)
    if form is TimeForm.UNIX_MS:
        return int(text) // 1000
    moment = datetime.fromisoformat(text.removesuffix(" +0000 UTC"))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def understood(row: dict[str, str], layout: Layout) -> dict[str, object]:
    """Read a row, knowing its layout."""
    cells = {
        column: next((row[name] for name in names if name in row), "")
        for column, names in HEADERS.items()
    }
    code, cost, currency = cells["code"], cells["cost"], cells["currency"]
    if layout.status is StatusForm.JSON:
        code = str(json.loads(code)["Code"])
    elif layout.status is StatusForm.NAME:
        code = str(STATUS_NAMES.index(code))
    elif layout.status is StatusForm.BOTH:
        code = code.split(" - ")[0]
    if layout.cost is CostForm.JSON:
        both = json.loads(cost, parse_float=str, parse_int=str)
        cost, currency = both["Value"], both["Currency"]
    elif layout.cost is CostForm.TEXT:
        cost, currency = cost.split(" ")
    elif layout.cost is CostForm.SYMBOL:
        cost, currency = cost[1:], {"€": "EUR", "$": "USD", "£": "GBP"}[cost[0]]
    elif layout.cost is CostForm.COMMA:
        cost = cost.replace(",", ".")
    return {
        "message_id": cells["message_id"],
        "sender": cells["sender"],
        "recipient": cells["recipient"].removeprefix("'"),
        "status_code": int(code),
        "status_name": STATUS_NAMES[int(code)],
        "sms_count": int(cells["sms_count"]),
        "created_ts": seconds(cells["created_ts"], layout.time),
        "sent_ts": seconds(cells["sent_ts"], layout.time),
        "cost_value": cost,
        "cost_currency": currency,
        "extra": {name: row[name] or None for name in layout.extra},
    }


def rows(layout: Layout, messages: list[Message]) -> list[dict[str, str]]:
    """Write the messages, and read the file with the standard library."""
    text = b"".join(layout.render([messages[:50], [], messages[50:]])).decode("utf-8")
    if layout.bom:
        assert text.startswith("\ufeff")
        text = text[1:]
    assert text.endswith(layout.newline) is layout.last_newline
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=layout.delimiter))


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_expected_of_a_row_is_what_it_says(name: str) -> None:
    """In each layout, a reader gets from the file just what `expected` promises."""
    layout = LAYOUTS[name]
    messages = list(DATA.between(NOW - 4 * 3600, NOW + 1, at=NOW))
    assert any(message.sent_ts is None for message in messages)
    read = rows(layout, messages)
    assert len(read) == len(messages)
    for row, message in zip(read, messages, strict=True):
        expected = layout.expected(message)
        description = expected.pop("status_description")
        assert understood(row, layout) == expected
        assert description is None or str(description) in str(row)


def test_every_alternative_has_a_layout() -> None:
    """Among the named layouts, each form of each aspect occurs."""
    layouts = LAYOUTS.values()
    assert {layout.names for layout in layouts} == set(Names)
    assert {layout.time for layout in layouts} == set(TimeForm)
    assert {layout.status for layout in layouts} == set(StatusForm)
    assert {layout.cost for layout in layouts} == set(CostForm)
    assert {layout.phone for layout in layouts} == set(PhoneForm)
    assert {layout.delimiter for layout in layouts} == {",", ";", "\t"}
    assert {layout.newline for layout in layouts} == {"\n", "\r\n", "\r"}
    assert {layout.no_time for layout in layouts} > {"", "0"}
    for flag in ("bom", "quote_all", "backwards", "last_newline"):
        assert {getattr(layout, flag) for layout in layouts} == {True, False}


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_message_leaves_the_header_alone(name: str) -> None:
    """An empty file still has its header."""
    layout = LAYOUTS[name]
    assert rows(layout, []) == []
    header = b"".join(layout.render([])).decode("utf-8-sig").strip()
    assert [cell.strip('"') for cell in header.split(layout.delimiter)] == layout.header
