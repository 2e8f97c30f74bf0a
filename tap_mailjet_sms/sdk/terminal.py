"""Where a run shows how far it is: in the log, and with a bar where somebody watches a terminal."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import click
from singer_sdk.metrics import METRICS_LOGGER_NAME
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_mailjet_sms.exporting.progress import Display

#: Seconds after which a run that gets nowhere says what it is waiting for.
A_MINUTE = 60.0
#: Steps of a bar: more than any has characters.
STEPS = 1000
#: Characters between its brackets, beside them, and those of a terminal that does not say.
WIDTH, FRAME, COLUMNS = 30, 12, 80
#: To the line's beginning, and nothing on it.
ERASE = "\r" + "\x1b[K"


@dataclass(frozen=True, slots=True)
class LogDisplay:
    """Shows all in the log: a line for each window, and one a minute while nothing finishes."""

    logger: logging.Logger
    every: float = A_MINUTE

    def waiting(self, text: str, share: float, fields: Mapping[str, object]) -> None:  # noqa: ARG002
        """Log it."""
        self.logger.info("%s", text, extra=fields)

    def finished(self, text: str, share: float, fields: Mapping[str, object]) -> None:  # noqa: ARG002
        """Log it."""
        self.logger.info("%s", text, extra=fields)


class BarDisplay:
    """Shows a bar at the foot of a terminal, and the log's lines above it."""

    every = 1.0

    def __init__(self, logger: logging.Logger, terminal: t.TextIO) -> None:
        """Draw the bar at once."""
        self._logger = logger
        self._terminal = terminal
        self._lock = threading.RLock()  # workers log, too
        self._text: str | None = None
        fill = "#" if os.environ.get("NO_COLOR") else click.style("#", fg="green")
        self._bar = click.progressbar(
            range(STEPS),
            file=terminal,
            width=WIDTH,
            fill_char=fill,
            show_eta=False,
            item_show_func=lambda _: self._text,
            bar_template="[%(bar)s]  %(info)s",
        )
        self.draw()

    def waiting(self, text: str, share: float, fields: Mapping[str, object]) -> None:  # noqa: ARG002
        """Say it beside the bar."""
        self._move(share, text)

    def finished(self, text: str, share: float, fields: Mapping[str, object]) -> None:
        """Move the bar, and log what has moved it."""
        self._move(share, None)
        self._logger.info("%s", text, extra=fields)

    def _move(self, share: float, text: str | None) -> None:
        with self._lock:
            self._text = text and text[: max(0, self._columns() - WIDTH - FRAME)]
            self._bar.make_step(max(0, int(share * STEPS) - self._bar.pos))
            self.draw()

    def draw(self, above: str = "") -> None:
        """Draw the bar anew, below a text that ends its line."""
        with self._lock, suppress(OSError, ValueError):  # a terminal may be gone
            self._terminal.write(f"{ERASE}{above}{self._bar.format_progress_line()}")
            self._terminal.flush()

    def erase(self) -> None:
        """Leave nothing of it."""
        with self._lock, suppress(OSError, ValueError):
            self._terminal.write(ERASE)
            self._terminal.flush()

    def _columns(self) -> int:
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self._terminal.fileno()).columns or COLUMNS
        return COLUMNS


class _AboveBar(io.TextIOBase):
    """Takes the log's lines in place of a terminal, and writes them above its bar."""

    def __init__(self, bar: BarDisplay) -> None:
        self._bar = bar

    @override
    def write(self, text: str, /) -> int:
        self._bar.draw(text if text.endswith("\n") else f"{text}\n")
        return len(text)


@contextmanager
def progress_display(logger: logging.Logger) -> Iterator[Display]:
    """Where to show a run's progress: a bar as long as it lasts, where `watches_terminal` says so.

    Metrics are not shown above a bar: they are for programs.
    """
    terminal = sys.stderr
    if not watches_terminal():
        yield LogDisplay(logger)
        return
    bar = BarDisplay(logger, terminal)
    above = _AboveBar(bar)
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is terminal
    ]

    def is_for_people(record: logging.LogRecord) -> bool:
        return record.name != METRICS_LOGGER_NAME

    for handler in handlers:
        handler.setStream(above)
        handler.addFilter(is_for_people)
    try:
        yield bar
    finally:
        for handler in handlers:
            handler.setStream(terminal)
            handler.removeFilter(is_for_people)
        bar.erase()


def watches_terminal() -> bool:
    """Whether somebody sees a bar: at a terminal that can move back, and the tap runs by hand.

    Not where the messages go to a terminal, too, nor under Meltano, which passes its own on to
    `meltano invoke`.
    """
    return (
        _is_terminal(sys.stderr)
        and not _is_terminal(sys.stdout)
        and os.environ.get("TERM") not in {None, "", "dumb"}
        and "MELTANO_EXTRACTOR_NAME" not in os.environ
    )


def _is_terminal(stream: t.TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
