"""The page: what it says, that it gives nothing away, and that no history breaks it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sms_report.charts import FAULTS, VARIABLES
from sms_report.figures import Figures, Unit, read, unit_of
from sms_report.odd_days import Metric, odd_days
from sms_report.page import STYLE, page

from tests.support.history import AS_OF, NASTY, Sms, answer, history

if TYPE_CHECKING:
    from collections.abc import Callable

ONE_MEGABYTE = 1_000_000
VOID = {"meta"}
PLANTED = date(2026, 11, 11)


class Parsed(HTMLParser):
    """A page as a reader gets it: its cards, their texts and tables; refuses tags out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.tiles: dict[str, list[str]] = {}
        self.cards: defaultdict[str, list[str]] = defaultdict(list)
        self.tables: defaultdict[str, list[list[str]]] = defaultdict(list)
        self._tile: list[str] = []
        self._card = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it, and the roles that it must have."""
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if tag == "svg":
            assert dict(attrs).get("role") == "img"
            assert dict(attrs).get("aria-label")
        if tag == "th":
            assert dict(attrs).get("scope") == "col"
        if tag == "tr":
            self.tables[self._card].append([])
        if tag in {"td", "th"}:
            self.tables[self._card][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Those that SVG closes at once."""
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Put it where it stands."""
        here = self.open[-1] if self.open else ""
        if here == "h2":
            self._card = data
        elif self._card:
            self.cards[self._card].append(data)
        if {"td", "th"} & set(self.open):
            self.tables[self._card][-1][-1] += data
        if here == "p" and not self._card and "section" in self.open:
            self._tile.append(data)
            if len(self._tile) == 3:
                self.tiles[self._tile[0]] = self._tile[1:]
                self._tile = []

    def rows(self, card: str) -> list[list[str]]:
        """The rows of a card's tables, without their heads."""
        return self.tables[card][1:]


def figures_of(messages: list[Sms], zone: str = "UTC") -> Figures:
    """The figures of a history that is not empty."""
    figures = read(answer(messages, zone))
    assert figures is not None
    return figures


def page_of(messages: list[Sms], zone: str = "UTC") -> str:
    """The report on a history."""
    return page(read(answer(messages, zone)))


def money(amount: Decimal, currency: str, digits: int = 2) -> str:
    """As the report writes it."""
    sign = {"EUR": "€", "USD": "$", "GBP": "£", "XXX": ""}.get(currency, f"{currency} ")
    return f"{sign}{amount:,.{digits}f}"


def test_figures_in_the_page_are_those_of_the_rows() -> None:
    """Messages, the rate of settled days, the month's spend and each country, from the rows."""
    messages = history(days=75)
    parsed = Parsed(page_of(messages))
    settled_until = AS_OF - timedelta(days=3)
    settled: defaultdict[date, bool] = defaultdict(lambda: True)
    for sms in messages:
        if (sms.status_code or 0) < 3 and sms.created_at > settled_until:
            settled[sms.created_at.date()] = False
    counted = [sms for sms in messages if settled[sms.created_at.date()]]
    rate = sum(sms.status_code == 3 for sms in counted) / len(counted)
    assert parsed.tiles["Messages"][0] == f"{len(messages):,}"
    assert parsed.tiles["Delivered, settled days"][0] == f"{rate:.1%}"
    month: defaultdict[str, Decimal] = defaultdict(Decimal)
    for sms in messages:
        if (sms.created_at.year, sms.created_at.month) == (AS_OF.year, AS_OF.month):
            month[sms.cost_currency or "XXX"] += sms.cost_value or 0
    assert parsed.tiles["Spend in November"][0] == money(month["EUR"], "EUR")
    said = " ".join(parsed.cards["Cost per day"])
    assert all(money(cost, currency) in said for currency, cost in month.items())


def test_countries_in_the_page_are_those_of_the_rows() -> None:
    """Each country has its messages, its rate and, in each currency, its cost and that of one."""
    messages = history(days=20)
    parsed = Parsed(page_of(messages))
    head = parsed.tables["Countries"][0]
    rows = {row[0]: row for row in parsed.rows("Countries") if len(row) == len(head)}
    french = [sms for sms in messages if (sms.recipient or "").startswith("+33")]
    row = rows["France"]
    assert row[1] == f"{len(french):,}"
    assert row[2] == f"{sum(sms.sms_count or 0 for sms in french) / len(french):.2f}"
    for currency, (cost, each) in zip(
        ("EUR", "USD", "GBP"), zip(row[4::2], row[5::2], strict=True), strict=True
    ):
        billed = [sms for sms in french if sms.cost_currency == currency]
        total = sum((sms.cost_value or Decimal() for sms in billed), Decimal())
        delivered = sum(sms.status_code == 3 for sms in billed)
        assert cost == money(total, currency)
        assert each == money(total / delivered, currency, 4)
    del rows["Country"]  # the head of the table of those that have no room
    assert sum(int(row[1]) for row in rows.values()) == len(messages)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """No script, no address, no way out of the file: it can be mailed and opened anywhere."""
    text = page_of(history(days=30))
    assert "<script" not in text
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    parsed = Parsed(text)
    assert not {"a", "embed", "iframe", "img", "link", "object", "use"} & parsed.tags.keys()
    assert not {name for name in parsed.attributes if name.startswith("on")}
    assert not {"href", "src", "xlink:href"} & parsed.attributes
    assert "default-src 'none'" in text


def test_texts_of_the_data_are_escaped_everywhere() -> None:
    """Markup as a sender, a currency or a status stays text, in tables and in charts."""
    found = answer(
        history(days=30, sender=NASTY, cost_currency=NASTY, cost_value=Decimal(1), status_code=5)
    )
    failures = found["failures"]
    assert isinstance(failures, list)
    for row in failures:
        row[2] = f"={NASTY}"
    text = page(read(found))
    parsed = Parsed(text)
    assert parsed.tags["img"] == 0
    assert parsed.rows("Senders")[0][0] == NASTY
    assert parsed.rows("Why messages fail")[0][0] == NASTY
    assert f"{NASTY} 0" not in text
    assert text.count("&lt;img src=x onerror=1&gt;") > 10


HISTORIES: dict[str, Callable[[], list[Sms]]] = {
    "one message": lambda: history(days=1, per_day=1),
    "two days": lambda: history(days=2),
    "one currency": lambda: history(days=30, cost_currency="EUR"),
    "no cost": lambda: history(days=30, cost_currency=None, cost_value=None),
    "no failure": lambda: history(days=30, status_code=3, status_name="delivered"),
    "nothing but failures": lambda: history(days=30, status_code=5, status_name="rejected"),
    "nothing sent": lambda: history(
        days=30, status_code=1, status_name="sent_pending", sent_at=None
    ),
    "nothing settled": lambda: history(days=2, status_code=2, status_name="sent"),
    "no texts": lambda: history(days=30, sender=None, recipient=None, sms_count=None),
    "a refund": lambda: history(days=60, cost_value=Decimal("-0.04")),
    "many days": lambda: history(days=400, per_day=8),
    "many years": lambda: history(days=2000, per_day=2),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_every_history_gives_a_sane_page(name: str) -> None:
    """A page with its tiles and its eight cards, well formed, below a megabyte."""
    messages = HISTORIES[name]()
    text = page_of(messages)
    parsed = Parsed(text)
    assert parsed.tiles["Messages"][0] == f"{len(messages):,}"
    assert len(parsed.tiles) == 4
    assert parsed.tags["figure"] == 8
    assert (parsed.tags["h1"], parsed.tags["h2"], parsed.tags["html"]) == (1, 9, 1)
    assert '<html lang="en">' in text
    assert not re.search(r"NaN|undefined|None|inf\b", re.sub(r"<style>.*</style>", "", text))
    assert len(text.encode()) < ONE_MEGABYTE


def test_thirty_countries_and_many_currencies_stay_readable() -> None:
    """Twelve countries and three currencies are in sight, the rest behind a click."""
    messages = history(days=30)
    currencies = ["EUR", "USD", "GBP", "CHF", "SEK", "PLN"]
    found = answer(
        [replace(sms, cost_currency=currencies[n % 6]) for n, sms in enumerate(messages)]
    )
    row = ["EUR", "1.5", "3", "4", "2", "3", "1", "0"]
    countries = [[f"X{number}", *row] for number in range(30)]
    text = page(read(found | {"countries": countries}))
    parsed = Parsed(text)
    said = " ".join(parsed.cards["Countries"])
    assert "and 18 more" in said
    assert re.search(r"Other currencies: \w{3}, \w{3}, \w{3}", said)
    tables = [row for row in parsed.tables["Countries"] if row[0] == "Country"]
    assert [len(row) for row in tables] == [10, 10, 10]
    assert "position: sticky; left: 0" in text


def test_each_chart_has_its_figures_as_a_table() -> None:
    """What is drawn can be read as well, and whose part a failure is not by colour alone."""
    parsed = Parsed(page_of(history(days=30)))
    for card in (
        "Delivery rate per day",
        "Cost per day",
        "Why messages fail",
        "From creation to sending",
        "Failures per week",
    ):
        assert "Figures" in parsed.cards[card], card
        assert parsed.rows(card), card
    assert parsed.tables["Why messages fail"][0][1] == "Whose part"
    assert {row[1] for row in parsed.rows("Why messages fail")} == {
        "recipient",
        "operator",
        "sender",
        "mailjet",
    }


def test_long_histories_are_drawn_by_the_week_and_by_the_month() -> None:
    """A chart has some 120 marks at most, and the tables keep adding up."""
    for days, unit in ((119, Unit.DAY), (200, Unit.WEEK), (1000, Unit.MONTH)):
        messages = history(days=days, per_day=2)
        assert unit_of(figures_of(messages)) is unit
        rows = Parsed(page_of(messages)).rows(f"Delivery rate per {unit.value}")
        assert sum(int(row[1].replace(",", "")) for row in rows) == len(messages)
        assert len(rows) <= 121


def test_the_same_data_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice in one process, in another order of rows, in another zone."""
    messages = history(days=30)
    first = page_of(messages)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert page_of(messages[::-1]) == first


def _without(messages: list[Sms], day: date) -> list[Sms]:
    return [sms for sms in messages if sms.created_at.date() != day]


def _failed(messages: list[Sms], day: date) -> list[Sms]:
    return [
        replace(sms, status_code=5, status_name="rejected_undelivered")
        if sms.created_at.date() == day and number % 2
        else sms
        for number, sms in enumerate(messages)
    ]


def _dearer(messages: list[Sms], day: date) -> list[Sms]:
    return [
        replace(sms, cost_value=sms.cost_value * 3)
        if sms.created_at.date() == day and sms.cost_value and sms.cost_currency == "EUR"
        else sms
        for sms in messages
    ]


@pytest.mark.parametrize(
    ("plant", "metric", "words"),
    [
        (_without, Metric.MESSAGES, r"0 messages, usually \d+"),
        (_failed, Metric.RATE, r"\d+\.\d% delivered, usually \d+\.\d%"),
        (_dearer, Metric.SPEND, r"€[\d.]+ spent, usually €[\d.]+"),
    ],
)
def test_a_planted_day_stands_out(
    plant: Callable[[list[Sms], date], list[Sms]], metric: Metric, words: str
) -> None:
    """A day without messages, with failures or with other prices is named, and no other day."""
    messages = plant(history(days=90, per_day=200), PLANTED)
    found = odd_days(figures_of(messages)) or []
    assert {odd.date for odd in found} == {PLANTED}
    assert metric in {odd.metric for odd in found}
    said = " ".join(Parsed(page_of(messages)).cards["Delivery rate per day"])
    assert re.search(rf"Wed 11 November 2026: .*{words}", said)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("per_day", [3, 40, 150])
def test_chance_alone_makes_no_day_stand_out(per_day: int, seed: int) -> None:
    """In a steady history, large or small, no day is named."""
    messages = history(days=120, per_day=per_day, seed=seed)
    assert odd_days(figures_of(messages)) == []


def test_that_no_day_stands_out_is_said() -> None:
    """Silence could mean as well that nobody looked, or that there is nothing to judge by yet."""
    said = Parsed(page_of(history(days=60))).cards["Delivery rate per day"]
    assert "No day stood out from its weekday." in said
    said = Parsed(page_of(history(days=20))).cards["Delivery rate per day"]
    assert "No weekday has a past of some weeks yet to stand out from." in said


def test_a_weekend_without_messages_is_no_news() -> None:
    """What is usual for the weekday does not stand out."""
    messages = [sms for sms in history(days=90) if sms.created_at.weekday() < 5]
    assert odd_days(figures_of(messages)) == []


def _style(dark: bool) -> dict[str, str]:  # noqa: FBT001 - which of two
    light, in_dark = STYLE.read_text(encoding="utf-8").split("@media screen and (prefers", 1)
    in_dark = in_dark.split("\n}\n", 1)[0]
    return dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", in_dark if dark else light))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast_is_enough_in_light_and_dark(dark: bool) -> None:  # noqa: FBT001
    """Texts and marks stand out from the card at 4.5 to 1, as WCAG has it for text."""
    colours = _style(dark)
    card = _luminance(colours["--surface"])
    for name in ("--ink", "--muted", "--accent", "--c1", "--c2", "--c3", "--c4", "--c5"):
        bright, dim = sorted((card, _luminance(colours[name])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, name


def test_every_colour_of_a_chart_follows_the_scheme() -> None:
    """No drawing has a colour of its own, and each that it names is there in light and dark."""
    text = page_of(history(days=30))
    drawn = set(re.findall(r'(?:fill|stroke)="(.*?)"', text))
    assert drawn <= {f"var({name})" for name in VARIABLES.values()} | {"none", "transparent"}
    assert {
        f"var({VARIABLES[colour]})" for fault, colour in FAULTS.items() if fault != "unknown"
    } <= drawn
    assert set(VARIABLES.values()) <= _style(dark=False).keys()
    assert _style(dark=False).keys() == _style(dark=True).keys()


def test_drawings_share_no_ids() -> None:
    """Two drawings in one page cannot refer to each other's parts."""
    assert not re.search(r'\bid="|clip-path|xlink', page_of(history(days=30)))


def test_weeks_begin_on_their_monday_and_months_on_their_first() -> None:
    """Units follow each other without a gap, and each day lies in its own."""
    days = [date(2024, 1, 1) + timedelta(number) for number in range(800)]
    for unit in Unit:
        starts = sorted({unit.start(day) for day in days})
        assert all(unit.end(one) == other for one, other in pairwise(starts))
        assert all(unit.start(day) <= day < unit.end(unit.start(day)) for day in days)
