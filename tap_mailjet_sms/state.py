"""The bookmark: how far the stream is, which exports are under way, and how files are written.

The only place that knows what is in the state. Records never move the bookmark; a finished window
does, so a run killed at any moment goes on where the last whole window ended. One mapping per
stream is what a run leaves behind::

    {"replication_key": "to_ts", "replication_key_value": "2026-11-21T16:00:00+00:00",
     "pending_exports": [{"id": 56660, "from_ts": "…", "to_ts": "…", "requested_at": "…"}],
     "file_form": ["open_end"],
     "layout": [{"fingerprint": "5f2c…", "at": "2026-11-21T16:05:00+00:00",
                 "columns": {"message_id": {"place": 1, "header": "ID", "proved": true},
                             "cost_value": null, …},
                 "extra": ["Campaign", 9], "proof": {…}, "unproved": null}]}

The lists are always written, `[]` when empty: Meltano merges states deep into mappings but replaces
lists, and never removes a key. They hold no token, no URL and no data, since states are printed and
stored. `file_form` says what of Mailjet's files looks wrong, and was found to be how they are
written: `open_end`, that the last line has no line end. The one `layout` is that of the last file
with rows, as a run first met it at that moment; see `KnownLayout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tap_mailjet_sms.exceptions import InvalidStateError
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.windows import Window, iso, unix_second, whole_moment
from tap_mailjet_sms.layout_state import layout_from_state, layout_to_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from tap_mailjet_sms.exporting.windows import Plan
    from tap_mailjet_sms.reading.layout import KnownLayout

STREAM = "sms_messages"
REPLICATION_KEY = "to_ts"
PENDING = "pending_exports"
VALUE = "replication_key_value"
FORM = "file_form"
OPEN_END = "open_end"
LAYOUT = "layout"
#: An id of 64 bits has fewer.
DIGITS = 20


class StreamState(Protocol):
    """The stream whose state this is; see `WindowedStream`."""

    def get_context_state(self, context: None) -> Mapping[str, object]:
        """What the stream's state holds at present."""

    def write_state(self, change: Mapping[str, object]) -> None:
        """Change it, and write a STATE message."""


class Bookmark:
    """What the state says of the stream; every change is written as a STATE message at once."""

    def __init__(self, stream: StreamState, *, now: datetime, moves: bool) -> None:
        """Read the stream's state.

        Args:
            stream: The stream whose state this is.
            now: The clock: no bookmark can be later.
            moves: Whether finished windows move the bookmark (not for a full table).

        Raises:
            InvalidStateError: If the state cannot be read, or lies in the future.
        """
        self._stream = stream
        self._moves = moves
        state = stream.get_context_state(None)
        self.value = bookmark_value(state) if moves else None
        if self.value is not None and self.value > now:
            msg = (
                f"The bookmark {iso(self.value)} of {STREAM} lies in the future (now is {iso(now)})"
                f": check this machine's clock, or set {VALUE} in the state to where to go on"
            )
            raise InvalidStateError(msg)
        self._pending = {job.window: job for job in pending_exports(state)}
        self._form = file_form(state)
        self._layout = known_layout(state)
        self._now = now

    @property
    def takes_open_ends(self) -> bool:
        """Whether files whose last line has no line end are known to be whole."""
        return OPEN_END in self._form

    def take_open_ends(self) -> None:
        """Remember that they are; the next STATE says so."""
        self._form = [*self._form, OPEN_END]

    @property
    def layout(self) -> KnownLayout | None:
        """The layout of the last file that had rows, in this run or an earlier one."""
        return self._layout[0] if self._layout else None

    def usable_exports(
        self, plan: Plan, *, start_date: datetime | None, lookback: timedelta
    ) -> dict[Window, ExportJob]:
        """The pending exports that this run takes up again, by window.

        An export shows statuses as of when it was asked for. One that the next run would not read
        again must show them at an age of `lookback` at least, or they would be stale for good.
        """
        span, next_start = plan.span, plan.end - lookback
        usable: dict[Window, ExportJob] = {}
        for window, job in sorted(self._pending.items()):
            settled = job.requested_at - lookback
            stale = max(window.start, settled) < min(window.end, next_start)
            skipped = start_date is not None and window.start < start_date
            overlaps_another = any(window.overlaps(other) for other in usable)
            if span is None or stale or skipped or overlaps_another:
                continue
            if window.overlaps(span) and window.end <= span.end:
                usable[window] = job
        return usable

    def forget_all_but(self, kept: Iterable[Window], plan: Plan) -> None:
        """Drop pending exports that are of no use any more; later ones than this run's stay."""
        keep = set(kept)
        self._pending = {
            window: job
            for window, job in self._pending.items()
            if window in keep or window.end > plan.end
        }

    def add(self, job: ExportJob) -> None:
        """Remember a new export before anything else happens; it replaces one of its window."""
        self._pending[job.window] = job
        self.write()

    def drop(self, window: Window) -> None:
        """Forget the export of a window; the next STATE says so."""
        self._pending.pop(window, None)

    def commit(self, window: Window, layout: KnownLayout | None = None) -> None:
        """Every record of the window was written: move on, and say so in a STATE message.

        Args:
            window: The window.
            layout: That of its file; None if it had no rows.
        """
        self._pending.pop(window, None)
        if layout is not None and layout != self.layout:
            self._layout = layout, self._now
        if self._moves:
            self.value = max(self.value or window.end, window.end)
        self.write()

    def write(self) -> None:
        """Write a STATE message, unless nothing has changed since the last one."""
        change: dict[str, object] = {
            PENDING: [_to_state(job) for job in self._by_start()],
            FORM: self._form,
            LAYOUT: [layout_to_state(*self._layout)] if self._layout else [],
        }
        if self._moves and self.value is not None:
            change |= {"replication_key": REPLICATION_KEY, VALUE: iso(self.value)}
        self._stream.write_state(change)

    def _by_start(self) -> list[ExportJob]:
        return [job for _, job in sorted(self._pending.items())]


def check_state(state: object) -> None:
    """Refuse what is not a state, before anything is done with it.

    Raises:
        InvalidStateError: If its form is wrong.
    """
    if state == {}:
        return  # a first run; what has anything in it must have bookmarks
    bookmarks = state.get("bookmarks") if isinstance(state, dict) else None
    stream_state = bookmarks.get(STREAM, {}) if isinstance(bookmarks, dict) else None
    well_formed = isinstance(bookmarks, dict) and all(map(_is_well_formed, bookmarks.values()))
    if not well_formed or not isinstance(stream_state, dict):
        msg = (
            'The state must be the value of a STATE message, such as {"bookmarks": '
            f'{{"{STREAM}": {{…}}}}}}'
        )
        raise InvalidStateError(msg)
    bookmark_value(stream_state)
    pending_exports(stream_state)
    file_form(stream_state)
    known_layout(stream_state)


def _is_well_formed(state: object) -> bool:
    """Whether the state of a stream is one that the SDK can look into, whatever stream it is."""
    if not isinstance(state, dict):
        return False
    partitions = state.get("partitions", [])
    return isinstance(partitions, list) and all(
        isinstance(part, dict) and isinstance(part.get("progress_markers", {}), dict)
        for part in (state, *partitions)
    )


def bookmark_value(state: Mapping[str, object]) -> datetime | None:
    """The bookmark of a stream's state; None where there is none yet.

    Raises:
        InvalidStateError: If it is no date-time.
    """
    value = state.get(VALUE)
    if value is None:
        return None
    moment = unix_second(value)
    if moment is None:
        msg = (
            f"The state's {VALUE} of {STREAM} is not a date-time in ISO 8601: correct it, or"
            " remove it to start over"
        )
        raise InvalidStateError(msg)
    return moment


def pending_exports(state: Mapping[str, object]) -> list[ExportJob]:
    """The exports under way, of a stream's state.

    Raises:
        InvalidStateError: If they cannot be read.
    """
    entries = state.get(PENDING) or []
    jobs = [_from_state(entry) for entry in entries] if isinstance(entries, list) else [None]
    if None in jobs:
        msg = f"The state's {PENDING} of {STREAM} cannot be read: correct it, or set it to []"
        raise InvalidStateError(msg)
    return [job for job in jobs if job is not None]


def file_form(state: Mapping[str, object]) -> list[str]:
    """What is known of how Mailjet writes files, of a stream's state.

    Raises:
        InvalidStateError: If it cannot be read.
    """
    entries = state.get(FORM) or []
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        msg = f"The state's {FORM} of {STREAM} cannot be read: correct it, or set it to []"
        raise InvalidStateError(msg)
    return entries


def known_layout(state: Mapping[str, object]) -> tuple[KnownLayout, datetime] | None:
    """The layout of a stream's state, and when it was met; None where there is none yet.

    Raises:
        InvalidStateError: If it cannot be read.
    """
    entries = state.get(LAYOUT) or []
    layouts = [layout_from_state(entry) for entry in entries] if isinstance(entries, list) else []
    if None in layouts or not isinstance(entries, list):
        msg = f"The state's {LAYOUT} of {STREAM} cannot be read: correct it, or set it to []"
        raise InvalidStateError(msg)
    return layouts[-1] if layouts else None


def _to_state(job: ExportJob) -> dict[str, object]:
    return {
        "id": job.id,
        "from_ts": iso(job.window.start),
        "to_ts": iso(job.window.end),
        "requested_at": iso(whole_moment(job.requested_at)),
    }


def _from_state(entry: object) -> ExportJob | None:
    if not isinstance(entry, dict):
        return None
    export_id = entry.get("id")
    start, end, requested_at = (
        unix_second(entry.get(key)) for key in ("from_ts", "to_ts", "requested_at")
    )
    if isinstance(export_id, str) and export_id.isdecimal() and len(export_id) < DIGITS:
        export_id = int(export_id)
    if isinstance(export_id, bool) or not isinstance(export_id, int) or export_id < 0:
        return None
    if start is None or end is None or requested_at is None or start >= end:
        return None
    return ExportJob(id=export_id, window=Window(start, end), requested_at=requested_at)
