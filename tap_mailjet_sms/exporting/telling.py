"""Tells how far a run is: when a window is through, and what the next one is waiting for.

The figures and the words are those of `progress.py`; here they come from the windows on their way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_mailjet_sms.exporting.progress import DOT, Here, Progress, Rest, duration, many, size_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_mailjet_sms.exporting.fetching import Fetched, Fetcher
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.progress import Display
    from tap_mailjet_sms.exporting.tile import Tile


@dataclass(slots=True)
class Telling:
    """What is shown of a run, on its `display`, while it makes `at_once` exports at a time.

    It is given the window that is being read, if one is, and those that are ahead, in order.
    """

    fetcher: Fetcher
    display: Display
    at_once: int
    progress: Progress = field(init=False)
    _last_news: float = field(init=False)

    def __post_init__(self) -> None:
        """The run begins now."""
        self._last_news = self.fetcher.clock.monotonic()
        self.progress = Progress(self._last_news)

    @property
    def due(self) -> float:
        """When it is time to tell what is being waited for."""
        return self._last_news + self.display.every

    def finished(
        self, tile: Tile, fetched: Fetched, messages: int, ahead: Collection[Tile]
    ) -> None:
        """Tell that a window is through, which was the one that was read."""
        progress, job, now = self.progress, fetched.job, self.fetcher.clock.monotonic()
        place = progress.place(tile.window, self.rest(tile, ahead))
        progress.finish(tile.window, messages=messages, size=fetched.size, waited=tile.waited)
        rest = self.rest(None, ahead)
        parts = (
            place,
            f"export {job.id}",
            f"waited {duration(fetched.waited if tile.waited is None else tile.waited)}",
            many(messages, "message"),
            size_of(fetched.size),
            progress.of_rest(rest, now=now),
        )
        self._last_news = now
        self.display.finished(DOT.join(parts), progress.share(rest), job.fields)

    def waiting(self, reading: Tile | None, ahead: Collection[Tile]) -> None:
        """Tell what the next window to come through is waiting for, if it is time to."""
        now = self.fetcher.clock.monotonic()
        tile = reading or next(iter(ahead), None)
        if tile is None or now < self.due:
            return
        self._last_news, rest = now, self.rest(reading, ahead)
        waits_for = self._waits_for(tile, is_read=tile is reading)
        text = f"{self.progress.place(tile.window, rest)}{DOT}{waits_for}"
        self.display.waiting(text, self.progress.share(rest), tile.fields)

    def rest(self, reading: Tile | None, ahead: Collection[Tile]) -> Rest:
        """What is not through."""
        tiles = [*([reading] if reading else []), *ahead]
        here, under_way = [], 0.0
        for tile in tiles:
            fetched = tile.fetched
            if fetched is not None or tile is reading:
                expected = None if fetched is None else fetched.expected
                here.append(Here(tile.seconds, expected, tile.waited))
            elif tile.fetch is not None and tile.job is not None and not tile.from_state:
                under_way += self._age(tile.job)
        unmade = sum(t.seconds for t in ahead if t.fetched is None and not t.from_state)
        seconds = sum(tile.seconds for tile in tiles)
        return Rest(len(tiles), seconds, tuple(here), unmade, self.at_once, under_way)

    def _waits_for(self, tile: Tile, *, is_read: bool) -> str:
        if tile.job is None:
            return "its export cannot be asked for yet"
        text = f"export {tile.job.id}, asked for {duration(self._age(tile.job))} ago{DOT}"
        if is_read:
            return f"{text}its messages are being read and written"
        return text + self.fetcher.stage(tile.job)

    def _age(self, job: ExportJob) -> float:
        """How many seconds ago it was asked for."""
        return max(0.0, (self.fetcher.clock.now() - job.requested_at).total_seconds())
