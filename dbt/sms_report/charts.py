"""The report's charts as SVG, drawn by Vega-Lite without a browser and without a network.

Each chart is drawn at the width it is given. Its colours are names that `style.css` gives a value,
so that one drawing serves light, dark and paper. No chart shows a text of the data but statuses and
currencies, and Vega escapes those.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from datetime import UTC, date, datetime, time
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import vl_convert

from sms_report.figures import Outcomes, Unit, is_whole, unit_of
from sms_report.odd_days import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sms_report.figures import Figures
    from sms_report.odd_days import OddDay

    Spec: TypeAlias = dict[str, Any]

# What Vega takes for colours becomes the variables of the style sheet.
VARIABLES = {
    "#010101": "--ink",
    "#010102": "--muted",
    "#010103": "--grid",
    "#010104": "--surface",
    "#010111": "--c1",
    "#010112": "--c2",
    "#010113": "--c3",
    "#010114": "--c4",
    "#010115": "--c5",
}
INK, MUTED, GRID, SURFACE, C1, C2, C3, C4, C5 = VARIABLES
FAULTS = {"recipient": C1, "operator": C2, "sender": C3, "mailjet": C4, "unknown": C5}
# Comes with the library: texts are as wide on a machine without fonts. The page shows its own font.
FONT = "Liberation Sans"
CONFIG = {
    "background": None,
    "font": FONT,
    "padding": {"left": 2, "right": 8, "top": 6, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "gridColor": GRID,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "axisX": {"grid": False},
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "orient": "top",
        "title": None,
        "offset": 8,
        "columns": 5,
    },
    "header": {
        "title": None,
        "labelColor": INK,
        "labelFontSize": 12,
        "labelFontWeight": 600,
        "labelOrient": "top",
        "labelAnchor": "start",
        "labelPadding": 4,
    },
}
# Days with so small a part of the usual messages say nothing by their rate: not drawn.
TOO_FEW = 0.05
MOST_CURRENCIES = 3
# An axis of rates that spans more has labels without decimals.
WHOLE_PERCENT = 0.04
# 95 of 100 days lie so many standard deviations from the mean, at most, if nothing but chance acts.
CHANCE = 1.96


def rate_chart(figures: Figures, odd: Sequence[OddDay], width: int) -> str:
    """The delivery rate, in the band that chance explains; empty if there is too little to draw.

    Dotted after the last settled day; days that stand out by their rate have a dot.
    """
    unit = unit_of(figures)
    usual = sorted(n for start, found in periods(figures, unit) if (n := found.concluded))
    drawn = [
        (start, found, found.delivered / found.concluded)
        for start, found in periods(figures, unit)
        if found.concluded and found.concluded >= TOO_FEW * usual[len(usual) // 2]
    ]
    if len(drawn) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    mean = settled_outcomes(figures).rate or 0.0
    unsettled = {unit.start(day.date) for day in figures.days if not day.settled}
    last_settled = max((s for s, *_ in drawn if s not in unsettled), default=drawn[0][0])
    rows = []
    for start, found, rate in drawn:
        chance = CHANCE * sqrt(mean * (1 - mean) / found.concluded)
        low, high = max(0, mean - chance), min(1, mean + chance)
        rows.append({"date": _ms(start), "rate": rate, "low": low, "high": high})
    bottom = max(0, min(min(row["rate"], row["low"]) for row in rows) - 0.01)
    top = min(1, max(max(row["rate"], row["high"]) for row in rows) + 0.01)
    x = _x_axis([start for start, *_ in drawn], unit, width)
    y = {
        "field": "rate",
        "type": "quantitative",
        "title": None,
        "axis": {"format": ".0%" if top - bottom > WHOLE_PERCENT else ".1%", "tickCount": 5},
        "scale": {"domain": [bottom, top], "zero": False, "nice": False},
    }
    line = {"type": "line", "color": C1, "strokeWidth": 2}
    settled = [row for row in rows if row["date"] <= _ms(last_settled)]
    dotted = [row for row in rows if row["date"] >= _ms(last_settled)]
    odd_dates = {_ms(found.date) for found in odd if found.metric is Metric.RATE}
    dots = [row for row in rows if unit is Unit.DAY and row["date"] in odd_dates]
    layer: list[Spec] = [
        {
            "data": {"values": rows},
            "mark": {"type": "area", "color": C1, "opacity": 0.13},
            "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": [{"mean": mean}]},
            "mark": {"type": "rule", "color": MUTED, "strokeDash": [3, 3]},
            "encoding": {"y": y | {"field": "mean"}},
        },
        {"data": {"values": settled}, "mark": line, "encoding": {"x": x, "y": y}},
        {
            "data": {"values": dotted},
            "mark": line | {"strokeDash": [2, 3]},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": dots},
            "mark": {"type": "point", "filled": True, "size": 70, "color": C2, "opacity": 1},
            "encoding": {"x": x, "y": y},
        },
    ]
    return _svg({"width": width - 50, "height": 220, "layer": layer}, "Delivery rate")


def spend_chart(figures: Figures, width: int) -> str:
    """What whole days cost, a panel per currency on its own scale; empty if no day is whole."""
    unit = unit_of(figures)
    shown = figures.currencies[:MOST_CURRENCIES]
    costs: defaultdict[tuple[str, date], float] = defaultdict(float)
    for spend in figures.spend:
        start = unit.start(spend.date)
        if spend.currency in shown and is_whole(figures, start, unit):
            costs[spend.currency, start] += float(spend.cost)
    rows = [
        _bar(start, unit) | {"currency": currency, "cost": cost, "zero": 0}
        for (currency, start), cost in sorted(costs.items())
    ]
    if not rows:
        return ""
    starts = sorted({start for _, start in costs})
    y = {
        "field": "cost",
        "type": "quantitative",
        "title": None,
        "axis": {"tickCount": 3},
        "scale": {"zero": True},
    }
    panel = {
        "width": width - 60,
        "height": 190 // len(shown) if len(shown) > 1 else 200,
        "mark": {"type": "rect", "color": C2},
        "encoding": {
            "x": _x_axis(starts, unit, width),
            "x2": {"field": "end"},
            "y": y,
            "y2": {"field": "zero"},
        },
    }
    facet = {"row": {"field": "currency", "type": "nominal", "sort": list(shown)}}
    spec = {
        "data": {"values": rows},
        "facet": facet,
        "spec": panel,
        "spacing": 14,
        "resolve": {"scale": {"y": "independent"}},
    }
    return _svg(spec, f"Cost per {unit.value} in {', '.join(shown)}")


def reasons_chart(reasons: Sequence[tuple[str, str, int]], width: int) -> str:
    """Failed messages by reason, coloured by whose part it is; `reasons` as `failure_reasons`."""
    total = sum(messages for *_, messages in reasons)
    rows = [
        {
            "reason": reason,
            "fault": fault,
            "messages": messages,
            "text": f"{messages:,} · {messages / total:.0%}",
        }
        for reason, fault, messages in reasons
    ]
    y = {
        "field": "reason",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelColor": INK, "labelFontSize": 12, "labelLimit": 150, "grid": False},
    }
    bars = width - 150
    longest = max(messages for *_, messages in reasons)
    x = {
        "field": "messages",
        "type": "quantitative",
        "axis": None,
        # Stacked bars with round ends would be cut out by an id.
        "stack": None,
        "scale": {"domain": [0, longest * bars / (bars - 80)], "nice": False},
    }
    layer: list[Spec] = [
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.68}},
            "encoding": {"y": y, "x": x, "color": _fault_colours(fault for _, fault, _ in reasons)},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 5, "fill": MUTED},
            "encoding": {"y": y, "x": x, "text": {"field": "text"}},
        },
    ]
    spec = {"width": bars, "height": {"step": 21}, "data": {"values": rows}, "layer": layer}
    return _svg(spec, "Failed messages by reason")


def failures_chart(figures: Figures, width: int) -> str:
    """Failed messages per week or month, in the colours of the reasons; pale if it is not whole."""
    unit = unit_of(figures, shortest=Unit.WEEK)
    counts: defaultdict[tuple[date, str], int] = defaultdict(int)
    for failures in figures.failures:
        counts[unit.start(failures.date), failures.fault] += failures.messages
    rows = []
    for start in sorted({start for start, _ in counts}):
        base = 0
        for fault in FAULTS:
            top = base + counts.get((start, fault), 0)
            pale = not is_whole(figures, start, unit)
            rows.append(
                _bar(start, unit)
                | {"fault": fault, "base": base, "messages": top, "opacity": 0.45 if pale else 1}
            )
            base = top
    rows = [row for row in rows if row["messages"] > row["base"]]
    y = {
        "field": "messages",
        "type": "quantitative",
        "title": None,
        "axis": {"tickCount": 5, "format": ",d", "tickMinStep": 1},
        "scale": {"zero": True},
    }
    spec = {
        "width": width - 56,
        "height": 220,
        "data": {"values": rows},
        "mark": "rect",
        "encoding": {
            "x": _x_axis(sorted({start for start, _ in counts}), unit, width),
            "x2": {"field": "end"},
            "y": y,
            "y2": {"field": "base"},
            "color": _fault_colours(fault for _, fault in counts),
            "opacity": {"field": "opacity", "type": "quantitative", "scale": None},
        },
    }
    return _svg(spec, f"Failed messages per {unit.value}, by whose part it is to change that")


def latency_chart(figures: Figures, width: int) -> str:
    """Seconds from creation to sending; empty if there is but one day."""
    if len(figures.latency) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    lines = ("99 %", "95 %", "median")
    rows = [
        {"date": _ms(day.date), "line": line, "seconds": seconds}
        for day in figures.latency
        for line, seconds in zip(lines, (day.p99, day.p95, day.median), strict=True)
    ]
    # Sorted as they lie above each other, so that the colour is not all that tells them apart.
    colour = {"domain": list(lines), "range": [C3, C2, C1]}
    spec = {
        "width": width - 56,
        "height": 220,
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 1.75},
        "encoding": {
            "x": _x_axis([day.date for day in figures.latency], Unit.DAY, width),
            "y": {
                "field": "seconds",
                "type": "quantitative",
                "axis": {"tickCount": 5, "title": "seconds"},
            },
            "color": {"field": "line", "type": "nominal", "scale": colour},
        },
    }
    return _svg(spec, "Seconds from creation to sending: median, 95th and 99th percentile per day")


def periods(figures: Figures, unit: Unit) -> list[tuple[date, Outcomes]]:
    """The outcomes of each day, week or month that has messages, by its first day."""
    found: defaultdict[date, Outcomes] = defaultdict(Outcomes)
    for day in figures.days:
        found[unit.start(day.date)] += day.outcomes
    return sorted(found.items())


def settled_outcomes(figures: Figures) -> Outcomes:
    """The outcomes of all days in which no message can change any more."""
    return sum((day.outcomes for day in figures.days if day.settled), Outcomes())


def _x_axis(starts: Sequence[date], unit: Unit, width: int) -> Spec:
    """An axis of days with as many labels as have room."""
    years = len({start.year for start in starts}) > 1
    form, room = ("%-d %b %Y", 100) if years else ("%-d %b", 72)
    if unit is Unit.MONTH:
        form = "%b %Y"
    return {
        "field": "date",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": {
            "values": [_ms(start) for start in starts[:: ceil(len(starts) * room / width)]],
            "format": form,
            "labelFlush": False,
            "labelOverlap": False,
        },
    }


def _bar(start: date, unit: Unit) -> Spec:
    """Where a bar begins and ends; some room is left to the next one."""
    first, following = _ms(start), _ms(unit.end(start))
    return {"date": first, "end": following - (following - first) // 8}


def _fault_colours(faults: Iterable[str]) -> Spec:
    there = set(faults)
    shown = {fault: colour for fault, colour in FAULTS.items() if fault in there}
    return {
        "field": "fault",
        "type": "nominal",
        "scale": {"domain": list(shown), "range": list(shown.values())},
        "legend": {"symbolType": "square"},
    }


def _ms(day: date) -> int:
    """Vega's time; that of a day is UTC, so that no machine's zone moves it."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000


def _svg(spec: Spec, label: str) -> str:
    """Draw it; the SVG has the page's font and colours, and no size but a greatest width."""
    svg: str = vl_convert.vegalite_to_svg({"config": CONFIG, **spec}, vl_version="6.4")
    for colour, name in VARIABLES.items():
        svg = svg.replace(f'"{colour}"', f'"var({name})"')
    svg = svg.replace(f' font-family="{FONT}"', "")
    # A hundredth of a pixel is enough; more digits make a third of the file.
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), svg)
    # Vega marks up each line and axis for screen readers: beside a table of the figures that is
    # noise.
    svg = re.sub(r' (aria-(?:label|roledescription|hidden)|role|class)="[^"]*"', "", svg)
    return re.sub(
        r'^<svg .*? width="([\d.]+)" height="[\d.]+"',
        rf'<svg role="img" aria-label="{html.escape(label)}" style="max-width:\1px"',
        svg,
        count=1,
    )
