"""The life of all exports of a run: ask ahead, poll, download, hand over in window order.

The only loop, with every effect passed in: Mailjet, the ledger of pending exports, the clock, the
waiting and the executor. A simulation passes ones that run inline, and plays any schedule of faults
without a real second going by.

The main thread alone asks for exports, one at a time, each noted in the ledger before the next,
so a kill wastes one export at most. Workers only poll, download, count, and list messages.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar, cast

from tap_mailjet_sms.exceptions import TapMailjetSMSError
from tap_mailjet_sms.exporting.checking import Checks, FileForm
from tap_mailjet_sms.exporting.listing import Lists
from tap_mailjet_sms.exporting.requesting import Requests
from tap_mailjet_sms.exporting.telling import Telling
from tap_mailjet_sms.exporting.tile import Tile
from tap_mailjet_sms.exporting.verdict import Failure, Remedy, judge
from tap_mailjet_sms.exporting.waiting import StoppedError
from tap_mailjet_sms.exporting.windows import SHORTEST, Window, oldest_exportable
from tap_mailjet_sms.utc import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from tap_mailjet_sms.exceptions import UnsoundFileError
    from tap_mailjet_sms.exporting.counting import Tally
    from tap_mailjet_sms.exporting.fetching import Fetched, Fetcher
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.listing import WindowList
    from tap_mailjet_sms.exporting.progress import Display

logger = logging.getLogger("tap-mailjet-sms.exports")

T = TypeVar("T")


class Ledger(FileForm, Protocol):
    """What the next run has to know: the bookmark, exports under way, and how files are written.

    See `Bookmark`.
    """

    @property
    def value(self) -> datetime | None: ...  # noqa: D102

    def add(self, job: ExportJob) -> None: ...  # noqa: D102
    def drop(self, window: Window) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a run goes on: where it is cut, the target's input ends, and what it has is kept.

    Nothing is cut until a window has moved the bookmark, so each run gets somewhere.
    """

    until: float
    """By the clock's `monotonic`."""
    bookmark: datetime | None
    """Where it is when the run begins."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The file of a window, downloaded. Whoever reads it says what it is worth.

    Either `verify` is content with it, or it is to be `reject`ed before the next one is asked for.
    """

    _exports: Orchestrator
    _tile: Tile
    _fetched: Fetched

    @property
    def job(self) -> ExportJob:
        """The export that brought it."""
        return self._fetched.job

    @property
    def window(self) -> Window:
        """The window that it is the export of."""
        return self._fetched.job.window

    @property
    def file(self) -> BinaryIO | None:
        """The CSV, at its start; None for an export without any (a guess: no message)."""
        return self._fetched.file

    @property
    def listing(self) -> WindowList:
        """Mailjet's own list of the window's messages, of which nothing was asked for yet."""
        return self._exports.lists.of(self.window, self._fetched.expected)

    def verify(self, tally: Tally) -> None:
        """Hold what was read against Mailjet's count.

        Raises:
            EmptyExportError: If there are no rows though Mailjet counts some.
            CountMismatchError: If there are fewer than Mailjet counts, or some come twice.
            OpenEndError: If the last row may be cut.
        """
        checks = self._exports.checks
        checks.hold_against_count(self._tile, self._fetched, tally)
        checks.hold_against_end(self._tile, self._fetched, tally)

    def reject(self, error: UnsoundFileError) -> None:
        """The file is of no use: its window comes once more, or ends the run in its turn."""
        self._exports.take_back(self._tile, error)

    def finish(self, messages: int) -> None:
        """So many messages of the window are out, which are all, and it is bookmarked: say so."""
        self._exports.finish(self._tile, self._fetched, messages)


@dataclass(slots=True)
class Orchestrator:
    """Brings the files of all windows, in order."""

    fetcher: Fetcher
    ledger: Ledger
    executor: Executor
    max_concurrent_exports: int
    display: Display
    time_limit: TimeLimit | None = None
    lists: Lists = field(init=False)
    checks: Checks = field(init=False)
    _tiles: deque[Tile] = field(default_factory=deque)
    _busy: list[Tile] = field(default_factory=list)
    _woken: threading.Event = field(default_factory=threading.Event)
    _requests: Requests = field(init=False)
    _telling: Telling = field(init=False)
    _remedies: int = 0
    _reading: Tile | None = None

    def __post_init__(self) -> None:
        """Begin without having asked for anything."""
        fetcher = self.fetcher
        self.lists = Lists(fetcher, fetcher.clock.now())
        self.checks = Checks(fetcher.verify_counts, fetcher.retrying, self.ledger)
        self._telling = Telling(fetcher, self.display, self.max_concurrent_exports)
        self._requests = Requests(
            fetcher.mailjet, fetcher.clock, fetcher.pace, fetcher.retrying, fetcher.not_before
        )

    def files(
        self, windows: Iterable[Window], resumed: Mapping[Window, ExportJob]
    ) -> Iterator[Arrival]:
        """Yield the file of each window, in order, while later exports are under way.

        One that is rejected comes once more.

        Args:
            windows: The windows to read, in order.
            resumed: Exports from the state, by their window, to take up instead of asking anew.

        Raises:
            TapMailjetSMSError: If a window cannot be had; all windows before it were yielded.
        """
        self._tiles.extend(
            Tile(window, job=resumed.get(window), from_state=window in resumed)
            for window in windows
        )
        try:
            while self._tiles:
                self._reading = None
                self.advance()
                if not self._tiles:
                    return
                head = self._tiles[0]
                if head.error is not None:
                    raise head.error
                if self._is_over:
                    start = iso(head.window.start)
                    logger.info("There is more to read: run again, which goes on from %s", start)
                    return
                if head.fetched is None:
                    self._wait()
                    continue
                # The window that is read and emitted holds no slot: ask for a later one first.
                self._reading = self._tiles.popleft()
                fetched, head.fetched = head.fetched, None
                self.advance()
                yield Arrival(self, head, fetched)
        finally:
            self.fetcher.end.declare()
            self.executor.shutdown(wait=False, cancel_futures=True)
            if refusals := self.fetcher.pace.refusals:
                logger.info("Mailjet asked this run to slow down %d times", refusals)

    def meanwhile(self, pieces: Iterable[T]) -> Iterator[T]:
        """The same pieces; exports go on between two of them."""
        for piece in pieces:
            yield piece
            self.advance()

    def advance(self) -> None:
        """Do what can be done without waiting: note what workers brought, ask for new exports."""
        for tile in self._busy:
            if tile.fetch is not None and tile.fetch.done():
                self._collect(tile)
        while (idle := self._next_to_ask()) is not None:
            if idle.job is None:
                self._request(idle)
            if idle.job is not None:
                self._start_fetching(idle, idle.job)
        self._telling.waiting(self._reading, self._tiles)

    def _askable(self) -> Iterator[Tile]:
        """The windows that have no export yet and may have one as far as the limits go."""
        limit, tiles = self.max_concurrent_exports, self._tiles
        self._busy = [tile for tile in self._busy if not tile.is_idle]
        if self._under_way >= limit:
            return
        ahead = len(self._busy)
        for tile in islice(tiles, limit):
            if tile.error is not None or self._is_over:
                return  # the run ends here: only what comes before is still of use
            # The first window may always go: the others cannot be emitted before it.
            if tile.is_idle and (ahead < limit or tile is tiles[0]):
                if tile.job is None and not self._requests.has_room(self._under_way):
                    continue
                yield tile

    @property
    def _is_over(self) -> bool:
        """Whether the run's time is up."""
        limit = self.time_limit
        if limit is None or self.ledger.value == limit.bookmark:
            return False
        return self.fetcher.clock.monotonic() >= limit.until

    @property
    def _under_way(self) -> int:
        """How many exports workers are busy with."""
        return sum(tile.fetch is not None for tile in self._busy)

    def _next_to_ask(self) -> Tile | None:
        now = self.fetcher.clock.monotonic()
        return next((tile for tile in self._askable() if self._due(tile) <= now), None)

    def _due(self, tile: Tile) -> float:
        """When a window may be asked for: not while Mailjet takes no requests, if it needs one."""
        return tile.due if tile.job is not None else max(tile.due, self._requests.next_at)

    def _wait(self) -> None:
        """Wait for a worker, or for the moment when a window may be asked for again."""
        clock = self.fetcher.clock
        now = clock.monotonic()
        due = [self._due(tile) for tile in self._askable()]
        if self.time_limit is not None and self.time_limit.until > now:
            due.append(self.time_limit.until)
        if due or self._under_way:
            due.append(self._telling.due)
        clock.wait(self._woken, max(0.0, min(due) - now) if due else None)
        self._woken.clear()
        self._telling.progress.waited += clock.monotonic() - now

    # Asking for an export: on the main thread, one at a time.

    def _request(self, tile: Tile) -> None:
        try:
            job = self._requests.ask(tile.window, under_way=self._under_way)
        except TapMailjetSMSError as error:
            self._remedy(tile, error)
            return
        if job is not None:
            tile.job = job
            self._telling.progress.asked_for += 1
            self.ledger.add(job)
            logger.info("Asked Mailjet for %s", job, extra=job.fields)

    def _start_fetching(self, tile: Tile, job: ExportJob) -> None:
        tile.fetch = self.executor.submit(self.fetcher.fetch, job)
        tile.fetch.add_done_callback(lambda _: self._woken.set())
        self._busy.append(tile)

    # What a worker brought, and what a file that was read is worth: on the main thread.

    def _collect(self, tile: Tile) -> None:
        fetch, tile.fetch = cast("Future[Fetched]", tile.fetch), None
        try:
            tile.fetched = fetch.result()
            tile.job = tile.fetched.job
            if not tile.from_state:
                tile.waited = (tile.waited or 0.0) + tile.fetched.waited
        except (TapMailjetSMSError, StoppedError, CancelledError) as error:
            self._remedy(tile, error)

    def take_back(self, tile: Tile, error: UnsoundFileError) -> None:
        """See `Arrival.reject`."""
        self._reading = None
        self._tiles.appendleft(tile)
        self._remedy(tile, error, was_read=True)

    # How far the run is: see `telling.py`.

    def finish(self, tile: Tile, fetched: Fetched, messages: int) -> None:
        """See `Arrival.finish`."""
        self._reading = None
        self._telling.finished(tile, fetched, messages, self._tiles)

    def summary(self, *, for_target: float, bookmark: str) -> str:
        """The run in a line, when it is over; see `Progress.summary`."""
        fetcher = self.fetcher
        retries = self._remedies + self._requests.retries + fetcher.retries + fetcher.pace.refusals
        rest = self._telling.rest(self._reading, self._tiles)
        return self._telling.progress.summary(
            rest, retries=retries, for_target=for_target, bookmark=bookmark
        )

    # What a failure means for its window: `verdict.py` decides, and this is done.

    def _remedy(self, tile: Tile, error: Exception, *, was_read: bool = False) -> None:
        failure = Failure(error, tile.window, tile.strikes, tile.from_state, was_read)
        verdict = judge(failure, self.fetcher.retrying)
        tile.strikes, tile.error = verdict.strikes, verdict.error
        match verdict.remedy:
            case Remedy.GIVE_UP:
                return  # it is told when it ends the run, in the window's turn
            case Remedy.TRIM:
                self._trim(tile)
                return
            case Remedy.EXPORT_AGAIN:
                self._forget(tile, keeps_id=verdict.keeps_id)
                tile.due = self.fetcher.clock.monotonic() + verdict.wait
            case Remedy.HALVE:
                self._forget(tile)
                self._halve(tile)
            case Remedy.FETCH_AGAIN:
                pass  # its export is still there, and idle
            case Remedy.TAKE:
                raise AssertionError(verdict)  # what `checking.py` takes is never rejected
        self._remedies += 1
        logger.warning("%s", verdict.sentence, extra=tile.fields)

    def _forget(self, tile: Tile, *, keeps_id: bool = False) -> None:
        if tile.job is not None and not keeps_id:
            self.ledger.drop(tile.window)
        tile.job = tile.fetched = None
        tile.from_state = False

    def _trim(self, tile: Tile) -> None:
        """Mailjet's clock has passed the window's start: give up what it no longer exports."""
        window = tile.window
        start = max(oldest_exportable(self.fetcher.clock.now()), window.start + SHORTEST)
        lost = Window(window.start, min(start, window.end))
        text = "Mailjet exports one year only: the messages of %s are lost"
        logger.warning(text, lost, extra=lost.fields)
        if lost.end == window.end:
            self._tiles.remove(tile)
        else:
            tile.window = Window(lost.end, window.end)

    def _halve(self, tile: Tile) -> None:
        """Put two halves in a window's place, and cut later windows to the same length."""
        half = timedelta(seconds=max(1, round(tile.window.length.total_seconds() / 2)))
        tiles: deque[Tile] = deque()
        for other in self._tiles:
            untouched = other.job is None and other.is_idle and other.error is None
            if other is tile or (untouched and other.window.length > half):
                tiles.extend(Tile(window) for window in other.window.split(half))
            else:
                tiles.append(other)
        self._tiles = tiles
