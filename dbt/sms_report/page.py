"""The report's page: words, tables and charts in one HTML file.

No script and no address is in it. Every text of the data goes through `Html.of`, which escapes it.
"""

from __future__ import annotations

import html
from collections import defaultdict
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sms_report.charts import (
    MOST_CURRENCIES,
    failures_chart,
    latency_chart,
    periods,
    rate_chart,
    reasons_chart,
    settled_outcomes,
    spend_chart,
)
from sms_report.figures import (
    NO_COUNTRY,
    NO_CURRENCY,
    Outcomes,
    Unit,
    is_whole,
    unit_of,
)
from sms_report.odd_days import Metric, odd_days

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from sms_report.figures import Country, Figures
    from sms_report.odd_days import OddDay

TITLE = "SMS through Mailjet"
STYLE = Path(__file__).with_name("style.css")
# Nothing may be loaded, nothing may run.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
MOST_ROWS = 12
MOST_ODD_DAYS = 6
# The inner widths of a card, in pixels: over the whole page, over half of it, on a phone.
WIDE, HALF, PHONE = 990, 466, 362
TOO_LITTLE = '<p class="small">Too little to draw yet.</p>'
NONE = "–"  # noqa: RUF001 - a dash is what it is


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()

    @classmethod
    def of(cls, text: object) -> Html:
        """HTML as it is, anything else escaped."""
        return text if isinstance(text, Html) else cls(html.escape(str(text)))


def page(figures: Figures | None) -> str:
    """The whole file, with a line end; `figures` is None if there is no message yet."""
    if figures is None:
        body = f"<header><h1>{TITLE}</h1><p>No messages yet.</p></header>"
    else:
        cards = (
            _rate_card(figures),
            _spend_card(figures),
            _reasons_card(figures),
            _countries_card(figures),
            _latency_card(figures),
            _failures_card(figures),
            _senders_card(figures),
            _stale_card(figures),
        )
        body = "\n".join(
            (_header(figures), _tiles(figures), '<div class="grid">', *cards, "</div>", FOOTER)
        )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{TITLE}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(figures: Figures) -> str:
    zone = "" if figures.zone == "UTC" else f" Days and months are those of {figures.zone}."
    return (
        f"<header><h1>{TITLE}</h1><p>{_day(figures.first)} to {_day(figures.last)}, as Mailjet knew"
        f" it on {_day(figures.as_of)}, {figures.as_of:%H:%M} UTC.{html.escape(zone)}</p></header>"
    )


def _tiles(figures: Figures) -> str:
    total = sum((day.outcomes for day in figures.days), Outcomes())
    settled = settled_outcomes(figures)
    tiles = [
        _tile(
            "Messages",
            f"{total.messages:,}",
            f"{total.parts:,} part{'s' * (total.parts != 1)}, {total.parts_each:.2f} each",
        ),
        _tile(
            "Delivered, settled days",
            _percent(settled.rate),
            f"of {settled.concluded:,}; {total.pending:,} of all are pending",
        ),
        _spend_tile(figures),
    ]
    whole = [day for day in figures.latency if is_whole(figures, day.date, Unit.DAY)]
    if latest := (whole or list(figures.latency))[-1:]:
        words = f"for 95 % of the messages of {latest[0].date.day} {latest[0].date:%b}"
        tiles.append(_tile("Sent within", _duration(latest[0].p95), words))
    else:
        tiles.append(_tile("Sent within", NONE, "No message was sent yet"))
    return f'<section class="tiles" aria-label="In short">{"".join(tiles)}</section>'


def _spend_tile(figures: Figures) -> str:
    label = f"Spend in {figures.today:%B}"
    months = {month.currency: month for month in figures.months}
    currency = next((c for c in figures.currencies if c in months), None)
    if currency is None:
        return _tile(label, NONE, "No messages this month yet")
    month = months[currency]
    match month.change:
        case None:
            words = "No whole month before to compare with"
        case change if change == 0:
            words = "As last month to the same moment"
        case change:
            arrow = "▲" if change > 0 else "▼"
            words = f"{arrow} {abs(change):,.1%} on last month to the same moment"
    return _tile(label, _money(month.cost, currency), words)


def _rate_card(figures: Figures) -> str:
    odd = odd_days(figures)
    unit = unit_of(figures)
    mean = settled_outcomes(figures).rate
    charts = _chart(lambda width: rate_chart(figures, odd or (), width), WIDE)
    note = "Delivered of all messages with an outcome."
    if mean is not None and charts != TOO_LITTLE:
        note += (
            f" Dashed: the mean of settled days, {_percent(mean)}. Band: what chance alone explains"
            " 19 times in 20. Dotted: not settled yet."
        )
    head = (unit.value.title(), "Messages", "Delivered", "Failed", "No report", "Pending", "Rate")
    rows = [
        (
            start,
            f"{found.messages:,}",
            f"{found.delivered:,}",
            f"{found.failed:,}",
            f"{found.concluded - found.delivered - found.failed:,}",
            f"{found.pending:,}",
            _percent(found.rate),
        )
        for start, found in periods(figures, unit)
    ]
    content = _odd_days(odd) + charts + _details("Figures", _table(head, rows))
    return _card(f"Delivery rate per {unit.value}", note, content, wide=True)


def _odd_days(odd: Sequence[OddDay] | None) -> str:
    if odd is None:
        return '<p class="odd">No weekday has a past of some weeks yet to stand out from.</p>'
    if not odd:
        return '<p class="odd">No day stood out from its weekday.</p>'
    days = [
        (day, "; ".join(map(_odd_figure, found)))
        for day, found in groupby(odd, lambda odd: odd.date)
    ]
    items = [f"{day:%a} {_day(day)}: {figures}" for day, figures in days[:MOST_ODD_DAYS]]
    if (more := len(days) - MOST_ODD_DAYS) > 0:
        items.append(f"and {more} before that")
    listed = "".join(f"<li>{Html.of(item)}</li>" for item in items)
    return f'<div class="odd">Days that stood out from their weekday:<ul>{listed}</ul></div>'


def _odd_figure(odd: OddDay) -> str:
    match odd.metric:
        case Metric.MESSAGES:
            value, expected = f"{odd.value:,.0f} messages", f"{odd.expected:,.0f}"
        case Metric.RATE:
            value, expected = f"{_percent(odd.value)} delivered", _percent(odd.expected)
        case Metric.SPEND:
            value = f"{_money(odd.value, odd.currency)} spent"
            expected = _money(odd.expected, odd.currency)
    return f"{value}, usually {expected}"


def _spend_card(figures: Figures) -> str:
    unit = unit_of(figures)
    costs: defaultdict[date, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for spend in figures.spend:
        costs[unit.start(spend.date)][spend.currency] += spend.cost
    without = sum(spend.without_cost for spend in figures.spend)
    months = [
        _money(month.cost, month.currency)
        for currency in figures.currencies
        for month in figures.months
        if month.currency == currency
    ]
    note = f"Whole {unit.value}s, each currency on its own scale, never added up."
    if months:
        note += f" {figures.today:%B} so far: {', '.join(months)}."
    if without:
        note += f" {without:,} messages have no cost yet."
    head = (unit.value.title(), *map(_currency, figures.currencies))
    rows = [
        (start, *(f"{by[c]:,.4f}" if c in by else NONE for c in figures.currencies))
        for start, by in sorted(costs.items())
    ]
    chart = _chart(lambda width: spend_chart(figures, width), HALF)
    return _card(f"Cost per {unit.value}", note, chart + _details("Figures", _table(head, rows)))


def failure_reasons(figures: Figures) -> list[tuple[str, str, int]]:
    """(reason, whose part it is, messages), the commonest first."""
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for failures in figures.failures:
        reason = failures.reason.removeprefix("rejected_").replace("_", " ")
        counts[reason, failures.fault] += failures.messages
    found = [(reason, fault, messages) for (reason, fault), messages in counts.items()]
    return sorted(found, key=lambda reason: (-reason[2], reason))


def _reasons_card(figures: Figures) -> str:
    reasons = failure_reasons(figures)
    if not reasons:
        return _card("Why messages fail", "No message failed.", "")
    failed = sum(messages for *_, messages in reasons)
    note = f"{failed:,} failed. Colour: whose part it is to change that."
    rows = [
        (reason, fault, f"{messages:,}", _percent(messages / failed))
        for reason, fault, messages in reasons
    ]
    table = _table(("Reason", "Whose part", "Messages", "Share"), rows)
    chart = _chart(lambda width: reasons_chart(reasons, width), HALF)
    return _card("Why messages fail", note, chart + _details("Figures", table))


def _countries_card(figures: Figures) -> str:
    by_code: defaultdict[str, list[Country]] = defaultdict(list)
    for country in figures.countries:
        by_code[country.code].append(country)
    totals = {
        code: sum((country.outcomes for country in found), Outcomes())
        for code, found in by_code.items()
    }
    codes = sorted(by_code, key=lambda code: (-totals[code].messages, code))
    shown, others = (
        figures.currencies[:MOST_CURRENCIES],
        figures.currencies[MOST_CURRENCIES:],
    )

    def row(code: str, currencies: Sequence[str]) -> list[object]:
        found = {country.currency: country for country in by_code[code]}
        total = totals[code]
        cells: list[object] = [
            figures.country_names.get(code, "Unknown" if code == NO_COUNTRY else code),
            f"{total.messages:,}",
            f"{total.parts_each:.2f}",
            _bar(total.rate),
        ]
        for currency in currencies:
            cells += _costs(found.get(currency))
        return cells

    def head(currencies: Sequence[str]) -> list[str]:
        costs = [text for c in currencies for text in (f"Cost, {_currency(c)}", "per delivered")]
        return ["Country", "Messages", "Parts each", "Delivered", *costs]

    content = _table(head(shown), [row(code, shown) for code in codes[:MOST_ROWS]])
    if rest := codes[MOST_ROWS:]:
        table = _table(head(shown), [row(code, shown) for code in rest])
        content += _details(f"and {len(rest)} more", table)
    if others:
        table = _table(head(others), [row(code, others) for code in codes])
        content += _details(f"Other currencies: {', '.join(map(_currency, others))}", table)
    note = (
        "By the recipient's number. The cost per delivered message holds what was spent on those"
        " that failed, too."
    )
    return _card("Countries", note, content, wide=True)


def _costs(country: Country | None) -> tuple[str, str]:
    """What a country's messages cost in a currency, and what each one that arrived did."""
    if country is None:
        return NONE, NONE
    delivered = country.outcomes.delivered
    each = _money(country.cost / delivered, country.currency, digits=4) if delivered else NONE
    return _money(country.cost, country.currency), each


def _latency_card(figures: Figures) -> str:
    rows = [
        (day.date, *(f"{seconds:.0f}" for seconds in (day.median, day.p95, day.p99)))
        for day in figures.latency
    ]
    table = _table(("Day", "Median s", "95 % s", "99 % s"), rows)
    chart = _chart(lambda width: latency_chart(figures, width), HALF)
    note = "Mailjet tells when a message was sent, not when it arrived."
    return _card("From creation to sending", note, chart + _details("Figures", table))


def _failures_card(figures: Figures) -> str:
    unit = unit_of(figures, shortest=Unit.WEEK)
    title = f"Failures per {unit.value}"
    if not figures.failures:
        return _card(title, "No message failed.", "")
    counts: defaultdict[date, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for failures in figures.failures:
        counts[unit.start(failures.date)][failures.fault] += failures.messages
    faults = sorted({failures.fault for failures in figures.failures})
    rows = [
        (start, *(f"{by[fault]:,}" for fault in faults)) for start, by in sorted(counts.items())
    ]
    start = "its Monday" if unit is Unit.WEEK else "its first day"
    note = f"By whose part it is. A {unit.value} has the name of {start}; pale ones are not whole."
    chart = _chart(lambda width: failures_chart(figures, width), HALF)
    table = _table((unit.value.title(), *map(str.title, faults)), rows)
    return _card(title, note, chart + _details("Figures", table))


def _senders_card(figures: Figures) -> str:
    senders = sorted(figures.senders, key=lambda found: (-found[1].messages, found[0]))
    more = len(senders) > MOST_ROWS
    note = (
        f"The {MOST_ROWS} of {len(senders):,} with the most messages." if more else "All of them."
    )
    rows = [
        (sender or NONE, f"{found.messages:,}", f"{found.failed:,}", _percent(found.rate))
        for sender, found in senders[:MOST_ROWS]
    ]
    return _card("Senders", note, _table(("Sender", "Messages", "Failed", "Delivered"), rows))


def _stale_card(figures: Figures) -> str:
    title = "Without a final status"
    if not figures.stale:
        return _card(title, "No message has been without one for too long.", "")
    note = (
        "For too long. What the tap still reads again may yet change; of the others this is the"
        " last word."
    )
    stale = sorted(figures.stale, key=lambda s: (not s.read_again, -s.messages, s.status))
    rows = [
        (
            found.status or NONE,
            "yes" if found.read_again else "no",
            f"{found.messages:,}",
            f"{found.oldest.day} {found.oldest:%b %Y}",
        )
        for found in stale
    ]
    return _card(title, note, _table(("Status", "Read again", "Messages", "Oldest"), rows))


FOOTER = """<footer><h2>How to read this</h2><dl>
<dt>Delivered</dt><dd>The operator reported delivery. Failed: any rejection. No report: after the \
days in which the tap reads a message again, Mailjet still knew no outcome.</dd>
<dt>Delivery rate</dt><dd>delivered ÷ (delivered + failed + no report). Pending messages count in \
neither.</dd>
<dt>Settled</dt><dd>No message of the day changes any more: each has a final status, or was read \
for the last time.</dd>
<dt>Cost</dt><dd>As Mailjet billed it, all parts of a message together. Currencies are never added \
up or converted.</dd>
</dl></footer>"""


def _tile(label: str, big: str, small: str) -> str:
    return (
        f'<div class="card tile"><p class="label">{Html.of(label)}</p>'
        f'<p class="big">{Html.of(big)}</p><p class="small">{Html.of(small)}</p></div>'
    )


def _card(title: str, note: str, content: str, *, wide: bool = False) -> str:
    return (
        f'<figure class="card{" wide" if wide else ""}"><figcaption><h2>{Html.of(title)}</h2>'
        f"<p>{Html.of(note)}</p></figcaption>{content}</figure>"
    )


def _chart(draw: Callable[[int], str], width: int) -> str:
    """A chart for the desk and one for the phone; the style sheet shows the one that fits."""
    if not (desk := draw(width)):
        return TOO_LITTLE
    return f'<div class="desk">{desk}</div><div class="phone">{draw(PHONE)}</div>'


def _details(summary: str, table: str) -> str:
    return f"<details><summary>{Html.of(summary)}</summary>{table}</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    names = "".join(f'<th scope="col">{Html.of(name)}</th>' for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{Html.of(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    # It scrolls sideways where it is too wide; for that, it must be reached by the keyboard.
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{names}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _bar(rate: float | None) -> Html:
    """A rate with a bar as long."""
    if rate is None:
        return Html(NONE)
    bar = f'<span class="bar" aria-hidden="true"><i style="width:{rate:.1%}"></i></span>'
    return Html(f"{_percent(rate)}{bar}")


def _percent(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:.1%}"


def _currency(currency: str) -> str:
    return "no currency" if currency == NO_CURRENCY else currency


def _money(amount: Decimal | float, currency: str, digits: int = 2) -> str:
    before = SYMBOLS.get(currency) or ("" if currency == NO_CURRENCY else f"{currency} ")
    return f"{before}{amount:,.{digits}f}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60:,} min {whole % 60} s"  # noqa: PLR2004


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
