"""The bookmark: how far the stream is, which exports are under way, and how files are written.

The only place that knows what is in the state. Records never move the bookmark; a finished window
does, so a run killed at any moment goes on where the last whole window ended. One mapping per
stream is what a run leaves behind::

    {"replication_key": "to_ts", "replication_key_value": "2026-11-21T16:00:00+00:00",
     "pending_exports": [{"id": 56660, "from_ts": "…", "to_ts": "…", "requested_at": "…"}],
     "read_from": "2026-10-01T00:00:00+00:00", "settled_until": "2026-11-18T15:05:09+00:00",
     "readings": [{"from_ts": "2026-11-20T22:05:00+00:00", "to_ts": "2026-11-21T16:00:00+00:00",
                   "at": "2026-11-21T16:05:02+00:00"}],
     "skipped": [{"from_ts": "…", "to_ts": "…"}],
     "file_form": ["open_end"],
     "layout": [{"fingerprint": "5f2c…", "at": "2026-11-21T16:05:00+00:00",
                 "columns": {"message_id": {"place": 1, "header": "ID", "proved": true},
                             "cost_value": null, …},
                 "extra": ["Campaign", 9], "proof": {…}, "unproved": null}]}

The lists are always written, `[]` when empty: Meltano merges states deep into mappings but replaces
lists, and never removes a key. They hold no token, no URL and no data, since states are printed and
stored. `file_form` says what of Mailjet's files looks wrong, and was found to be how they are
written: `open_end`, that the last line has no line end. The one `layout` is that of the last file
with rows, as a run first met it at that moment; see `KnownLayout`. What was read when, and is due
to be read again, stand in `read_from`, `settled_until`, `readings` and `skipped`; see `History`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tap_mailjet_sms.exceptions import InvalidStateError
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.lookback import History, Reading
from tap_mailjet_sms.exporting.windows import Window, oldest_exportable
from tap_mailjet_sms.layout_state import layout_from_state, layout_to_state
from tap_mailjet_sms.utc import iso, second_of, whole_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tap_mailjet_sms.exporting.lookback import Lookback
    from tap_mailjet_sms.exporting.planning import Plan
    from tap_mailjet_sms.reading.layout import KnownLayout

STREAM = "sms_messages"
REPLICATION_KEY = "to_ts"
PENDING = "pending_exports"
VALUE = "replication_key_value"
FORM = "file_form"
OPEN_END = "open_end"
LAYOUT = "layout"
READ_FROM = "read_from"
SETTLED = "settled_until"
READINGS = "readings"
SKIPPED = "skipped"
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

    def __init__(
        self, stream: StreamState, *, now: datetime, lookback: Lookback, moves: bool
    ) -> None:
        """Read the stream's state.

        Args:
            stream: The stream whose state this is.
            now: The clock: no bookmark can be later.
            lookback: What is read again.
            moves: Whether finished windows move the bookmark (not for a full table).

        Raises:
            InvalidStateError: If the state cannot be read, or lies in the future.
        """
        self._stream = stream
        self._moves = moves
        state = stream.get_context_state(None)
        #: What was read before, and in this run; nothing for a full table.
        self.history = history(state) if moves else History()
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
        self._lookback = lookback
        self._plan: Plan | None = None
        self._as_of: datetime | None = None

    @property
    def value(self) -> datetime | None:
        """The bookmark itself; None before the first window is through, and for a full table."""
        return self.history.bookmark

    @property
    def pending(self) -> list[ExportJob]:
        """The exports under way, by their windows."""
        return [job for _, job in sorted(self._pending.items())]

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

    def begin(self, plan: Plan) -> None:
        """A run begins: forget what is of no use to it, nor to a later one, and say so."""
        self._plan, self._as_of = plan, None
        self._pending = {job.window: job for job in (*plan.resumed.values(), *plan.later)}
        if self._moves:
            self.history = plan.history
        self.write()

    def add(self, job: ExportJob) -> None:
        """Remember a new export before anything else happens; it replaces one of its window."""
        self._pending[job.window] = job
        self.write()

    def drop(self, window: Window) -> None:
        """Forget the export of a window; the next STATE says so."""
        self._pending.pop(window, None)

    def commit(self, job: ExportJob, layout: KnownLayout | None = None) -> None:
        """Every record of a window was written: move on, and say so in a STATE message.

        Args:
            job: The export that brought it.
            layout: That of its file; None if it had no rows.
        """
        self._pending.pop(job.window, None)
        if layout is not None and layout != self.layout:
            self._layout = layout, self._now
        if self._moves:
            self._carry_on(job.window, whole_moment(job.requested_at))
        self.write()

    def _carry_on(self, window: Window, asked_at: datetime) -> None:
        """Have the history know of a window, and with the run's last one of a whole reading.

        The statuses in an export are those of the moment when it was asked for, or later ones; a
        reading is as old as the oldest of those that may still change.
        """
        settled = asked_at - self._lookback.depth
        # By now Mailjet's clock was held against ours.
        history = self.history.without_older(oldest_exportable(asked_at))
        self.history = history.after(window, settled=settled)
        if window.end > settled:
            self._as_of = min(self._as_of or asked_at, asked_at)
        if self._plan is not None and self._as_of is not None and self._plan.completes(window):
            reading = Reading(self._plan.begin, window.end, self._as_of)
            self.history = self.history.with_reading(reading, self._lookback)

    def write(self) -> None:
        """Write a STATE message, unless nothing has changed since the last one."""
        change: dict[str, object] = {
            PENDING: [_to_state(job) for job in self.pending],
            FORM: self._form,
            LAYOUT: [layout_to_state(*self._layout)] if self._layout else [],
        }
        if self._moves:
            change |= _history_to_state(self.history)
        self._stream.write_state(change)


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
    history(stream_state)
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


def history(state: Mapping[str, object]) -> History:
    """What earlier runs have read, of a stream's state.

    Raises:
        InvalidStateError: If it cannot be read.
    """
    return History(
        bookmark=_moment(state, VALUE, "remove it to start over"),
        read_from=_moment(state, READ_FROM, "remove it"),
        settled_until=_moment(state, SETTLED, "remove it"),
        readings=tuple(
            Reading(start, end, at)
            for start, end, at in _moments(state, READINGS, "from_ts", "to_ts", "at")
        ),
        skipped=tuple(
            Window(start, end) for start, end in _moments(state, SKIPPED, "from_ts", "to_ts")
        ),
    )


def _history_to_state(history: History) -> dict[str, object]:
    change: dict[str, object] = {
        READINGS: [
            {"from_ts": iso(each.start), "to_ts": iso(each.end), "at": iso(each.at)}
            for each in history.readings
        ],
        SKIPPED: [{"from_ts": iso(gap.start), "to_ts": iso(gap.end)} for gap in history.skipped],
    }
    moments = {
        VALUE: history.bookmark,
        READ_FROM: history.read_from,
        SETTLED: history.settled_until,
    }
    if history.bookmark is not None:
        change |= {"replication_key": REPLICATION_KEY}
        change |= {name: iso(moment) for name, moment in moments.items() if moment is not None}
    return change


def _moment(state: Mapping[str, object], name: str, way_out: str) -> datetime | None:
    """A moment in a stream's state; None where there is none yet."""
    value = state.get(name)
    moment = second_of(value)
    if value is not None and moment is None:
        msg = (
            f"The state's {name} of {STREAM} is not a date-time in ISO 8601: correct it, or"
            f" {way_out}"
        )
        raise InvalidStateError(msg)
    return moment


def _moments(state: Mapping[str, object], name: str, *fields: str) -> Iterator[list[datetime]]:
    """The moments in each entry of a list of a stream's state; the first one is the earliest.

    Without a `to_ts`, as in the readings of earlier versions, an entry is not known to reach far.
    """
    entries = state.get(name) or []
    for entry in entries if isinstance(entries, list) else [None]:
        told = {"to_ts": entry.get("from_ts"), **entry} if isinstance(entry, dict) else {}
        moments = [moment for field in fields if (moment := second_of(told.get(field)))]
        if len(moments) < len(fields) or not min(moments) == moments[0] < moments[-1]:
            msg = f"The state's {name} of {STREAM} cannot be read: correct it, or set it to []"
            raise InvalidStateError(msg)
        yield moments


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
        second_of(entry.get(key)) for key in ("from_ts", "to_ts", "requested_at")
    )
    if isinstance(export_id, str) and export_id.isdecimal() and len(export_id) < DIGITS:
        export_id = int(export_id)
    if isinstance(export_id, bool) or not isinstance(export_id, int) or export_id < 0:
        return None
    if start is None or end is None or requested_at is None or start >= end:
        return None
    return ExportJob(id=export_id, window=Window(start, end), requested_at=requested_at)
