"""Draw the way of the data, light and dark, and the logo: `docs/pictures/*.svg`.

The same code gives the same bytes. Texts use the fonts of whoever looks; nothing is loaded.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from pipeline.root import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = ROOT / "docs" / "pictures"
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture."""

    name: str
    paper: str
    panel: str
    card: str
    line: str
    ink: str
    faint: str
    accent: str
    on_accent: str
    good: str
    bad: str


PALETTES = (
    Palette(
        name="light",
        paper="#ffffff",
        panel="#f3f6fa",
        card="#ffffff",
        line="#c3ceda",
        ink="#16222e",
        faint="#56677a",
        accent="#1f5fa8",
        on_accent="#ffffff",
        good="#1d7a46",
        bad="#b0411b",
    ),
    Palette(
        name="dark",
        paper="#0d1117",
        panel="#151c25",
        card="#1d2733",
        line="#384756",
        ink="#e8eef4",
        faint="#a3b1bf",
        accent="#6cb0f5",
        on_accent="#0d1117",
        good="#56c884",
        bad="#f2935c",
    ),
)

# The picture is as large as the preview that is shown where a link to a project is posted.
WIDTH, HEIGHT, MARGIN = 1280, 640, 56
# The five steps of the tap stand below one another, and what goes in and out beside them.
ROWS = tuple(190 + 46 * row for row in range(5))
ROW = 38
MAILJET, TAP, YOURS = (MARGIN, 222), (420, 372), (938, 286)  # left edge and width
PANEL_TOP, PANEL_BOTTOM = 136, 428
STEPS = (
    "ask for a window, and wait",
    "read its file to the last row",
    "hold it against the count",
    "hand on typed rows",
    "move the bookmark",
)
TABLE = (
    ("delivered", "0.0450 EUR", True),
    ("delivered", "0.0900 EUR", True),
    ("rejected_expired", "0.0450 EUR", False),
)
# Time, in windows: those that are settled, those that are read again, those under way.
TILES = ("settled",) * 7 + ("again",) * 2 + ("asked",) * 2
TILE, TILES_TOP, TILE_HEIGHT = 101, 500, 40


def picture(colours: Palette) -> str:
    """Give the way of the data, from Mailjet through the tap into a warehouse, as SVG."""
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colours.paper}"/>',
        _definitions(colours),
        _text(MARGIN, 68, "tap-mailjet-sms", colours.ink, size=40, weight=700),
        _text(
            MARGIN,
            106,
            "Every SMS with its delivery status and exact cost, from Mailjet into your warehouse",
            colours.faint,
            size=22,
        ),
        *_mailjet(colours),
        *_tap(colours),
        *_yours(colours),
        *_between(colours),
        *_timeline(colours),
    ]
    about = (
        "The tap asks Mailjet for an export of a window of time and waits, reads its CSV file to "
        "the last row, and holds it against Mailjet's own count. Only then do typed rows go to "
        "the warehouse, and only after them moves the bookmark. Windows whose statuses and costs "
        "can still change are read again."
    )
    return _svg(WIDTH, HEIGHT, "The way of the data", about, parts)


def logo() -> str:
    """Give the logo as SVG: a message, the lines of which fall into a table."""
    parts = [
        '<rect width="128" height="128" rx="28" fill="#1f5fa8"/>',
        # A speech bubble ...
        '<rect x="18" y="22" width="92" height="48" rx="12" fill="#ffffff"/>',
        '<path d="M40 66v18l20-18z" fill="#ffffff"/>',
        *(
            f'<rect x="34" y="{y}" width="{width}" height="7" rx="3.5" fill="#1f5fa8"/>'
            for y, width in ((36, 60), (50, 40))
        ),
        # ... and three rows below it, the last of which is being written.
        *(
            f'<rect x="{x}" y="{y}" width="{width}" height="8" rx="4" fill="{colour}"/>'
            for y, colour in ((84, "#ffffff"), (99, "#8fc0f3"))
            for x, width in ((62, 20), (88, 22))
        ),
    ]
    return _svg(128, 128, "tap-mailjet-sms", "A message, and the rows that it becomes", parts)


def _mailjet(colours: Palette) -> list[str]:
    left, width = MAILJET
    cards = ("an export is made", "its CSV file", "its own count")
    return [
        *_panel(colours, MAILJET, "Mailjet"),
        *(
            part
            for y, label in zip(ROWS, cards, strict=False)
            for part in (
                _box(left + 14, y, width - 28, ROW, fill=colours.card, line=colours.line),
                _text(left + width / 2, y + 25, label, colours.ink, anchor="middle"),
            )
        ),
        _text(
            left + width / 2, ROWS[3] + 30, "up to one year back,", colours.faint, anchor="middle"
        ),
        _text(left + width / 2, ROWS[3] + 54, "asynchronous", colours.faint, anchor="middle"),
    ]


def _tap(colours: Palette) -> list[str]:
    left, width = TAP
    parts = _panel(colours, TAP, "The tap")
    for number, (y, step) in enumerate(zip(ROWS, STEPS, strict=True), start=1):
        parts += [
            _box(left + 14, y, width - 28, ROW, fill=colours.card, line=colours.line),
            f'<circle cx="{left + 38}" cy="{y + ROW / 2:g}" r="13" fill="{colours.accent}"/>',
            _text(left + 38, y + 25, str(number), colours.on_accent, anchor="middle", weight=700),
            _text(left + 64, y + 25, step, colours.ink),
        ]
    return parts


def _yours(colours: Palette) -> list[str]:
    left, width = YOURS
    inner = width - 28
    height = ROWS[3] + ROW - ROWS[0]
    parts = [
        *_panel(colours, YOURS, "Your side"),
        _box(left + 14, ROWS[0], inner, height, fill=colours.card, line=colours.line),
        _text(left + 26, ROWS[0] + 25, "sms_messages", colours.ink, font=MONO, weight=700),
    ]
    for row, (status, cost, good) in enumerate(TABLE):
        y = ROWS[0] + 62 + 38 * row
        parts += [
            f'<path d="M{left + 14} {y - 25}h{inner}" stroke="{colours.line}"/>',
            _text(left + 26, y, status, colours.good if good else colours.bad, size=16),
            _text(left + width - 26, y, cost, colours.ink, size=16, anchor="end"),
        ]
    y = ROWS[0] + 62 + 38 * len(TABLE)
    return [
        *parts,
        f'<path d="M{left + 14} {y - 25}h{inner}" stroke="{colours.line}"/>',
        _text(left + 26, y - 4, "…", colours.faint),
        _box(left + 14, ROWS[4], inner, ROW, fill=colours.card, line=colours.line),
        _text(left + width / 2, ROWS[4] + 25, "state", colours.ink, anchor="middle"),
    ]


def _between(colours: Palette) -> list[str]:
    """Draw what goes over, beside its step, and the line that no row passes in doubt."""
    mailjet, tap = MAILJET[0] + MAILJET[1], TAP[0]
    tap_end, yours = TAP[0] + TAP[1], YOURS[0]
    gate = ROWS[3] - (ROWS[1] - ROWS[0] - ROW) / 2
    return [
        _arrow(colours, tap, mailjet, ROWS[0], "a span of time"),
        _arrow(colours, mailjet, tap, ROWS[1], "CSV"),
        _arrow(colours, mailjet, tap, ROWS[2], "how many"),
        _arrow(colours, tap_end, yours, ROWS[3], "rows"),
        _arrow(colours, tap_end, yours, ROWS[4], "bookmark"),
        _line(f"M{tap - 6} {gate:g}H{yours - 16}", colours.bad, dashes="7 6"),
        _text(tap_end + 14, gate - 34, "in any doubt", colours.bad, size=17),
        _text(tap_end + 14, gate - 12, "no row leaves", colours.bad, size=17),
    ]


def _timeline(colours: Palette) -> list[str]:
    end = MARGIN + TILE * len(TILES)
    fills = {"settled": colours.accent, "again": f"url(#again-{colours.name})", "asked": "none"}
    dashes = {"settled": "", "again": "", "asked": ' stroke-dasharray="6 5"'}
    labels = (
        (0, 7, "settled"),
        (7, 2, "read again"),
        (9, 2, "under way"),
    )
    bottom = TILES_TOP + TILE_HEIGHT
    return [
        _text(
            MARGIN,
            TILES_TOP - 20,
            "Time, in windows. Statuses and costs still change for some days: what is young is "
            "read again.",
            colours.faint,
            size=19,
        ),
        *(
            f'<rect x="{MARGIN + TILE * place + 2}" y="{TILES_TOP}" width="{TILE - 4}" '
            f'height="{TILE_HEIGHT}" rx="6" fill="{fills[kind]}" stroke="{colours.accent}" '
            f'stroke-width="2"{dashes[kind]}/>'
            for place, kind in enumerate(TILES)
        ),
        *(
            _text(
                MARGIN + TILE * (first + many / 2), bottom + 32, label, colours.ink, anchor="middle"
            )
            for first, many, label in labels
        ),
        _line(f"M{end + 14} {TILES_TOP - 8}V{bottom + 8}", colours.faint),
        _text(end + 24, TILES_TOP + 26, "now", colours.faint, size=19),
    ]


def _panel(colours: Palette, place: tuple[int, int], label: str) -> list[str]:
    left, width = place
    height = PANEL_BOTTOM - PANEL_TOP
    return [
        _box(left, PANEL_TOP, width, height, fill=colours.panel, line=colours.line, round_by=14),
        _text(left + 18, PANEL_TOP + 35, label, colours.ink, size=22, weight=700),
    ]


def _line(path: str, colour: str, *, dashes: str = "none") -> str:
    return f'<path d="{path}" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes}"/>'


def _arrow(colours: Palette, start: int, end: int, row: int, label: str) -> str:
    """Point from one panel to another, at the height of a row, with a word on top."""
    y = row + ROW / 2 + 5
    towards = 1 if end > start else -1
    line = (
        f'<path d="M{start + 8 * towards} {y:g}H{end - 10 * towards}" stroke="{colours.accent}" '
        f'stroke-width="2.5" marker-end="url(#head-{colours.name})"/>'
    )
    return line + _text((start + end) / 2, y - 9, label, colours.ink, size=17, anchor="middle")


def _definitions(colours: Palette) -> str:
    """The head of an arrow, and the hatching of what is read again."""
    return (
        f'<defs><marker id="head-{colours.name}" viewBox="0 0 10 10" refX="8" refY="5" '
        'markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{colours.accent}"/></marker>'
        f'<pattern id="again-{colours.name}" width="10" height="10" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)">'
        f'<rect width="4.5" height="10" fill="{colours.accent}"/></pattern></defs>'
    )


def _box(  # noqa: PLR0913
    x: float, y: float, width: float, height: float, *, fill: str, line: str, round_by: int = 8
) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_by}" '
        f'fill="{fill}" stroke="{line}" stroke-width="1.5"/>'
    )


def _text(  # noqa: PLR0913
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    size: int = 18,
    anchor: str = "start",
    weight: int = 400,
    font: str = FONTS,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="{font}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def _svg(width: int, height: int, title: str, about: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title about">'
    )
    words = [
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="about">{escape(about)}</desc>',
    ]
    return "\n".join([head, *words, *parts, "</svg>", ""])


def pictures() -> dict[Path, str]:
    """Draw all of them: what belongs into which file."""
    ways = {PICTURES / f"way-of-the-data-{one.name}.svg": picture(one) for one in PALETTES}
    return ways | {PICTURES / "logo.svg": logo()}


def main() -> int:
    """Write all pictures."""
    PICTURES.mkdir(exist_ok=True)
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
