"""The rules of recovery: what a failure means for its window. Pure; no clock, no network.

A failure, the strikes against its window so far and the window go in; what to do comes out, as
data. What happens is in the words of the first table in `docs/reliability.md`:

| What happens | So far | Verdict |
|---|---|---|
| 400, 401, 403 | once | give up |
| 400, 403, 404 or another window for an id of the state | once | export again |
| 400 because the window is too long (a guess) | once, longer than an hour | halve |
| … | once, an hour or less | give up |
| 400 because `FromTS` is more than a year back | once | trim |
| … | `max_attempts` times | give up |
| 404 on an export of this run | once | export again, after a wait |
| … | `max_attempts` times | give up |
| an export ends in `ERROR` | once | export again, after a wait |
| … | twice, longer than an hour | halve |
| … | `max_attempts` times | give up |
| no rows at all, though there must be some | once | export again, after a wait |
| … | twice, longer than an hour | halve |
| … | `max_attempts` times | give up |
| an export is not finished within `poll_timeout_seconds` | once | export again, keep the id |
| … | twice | give up |
| a row or a cell cannot be read | once | fetch again |
| … | twice | export again |
| … | three times | give up |
| the last line has no line end, though all others have | once | fetch again |
| … | twice | export again |
| … | three times, with all rows | take it |
| … | three times, with rows missing | give up |
| fewer rows than `/sms/count` says | once | fetch again |
| … | twice | export again |
| … | three times | export again |
| … | four times | give up |

Whoever writes a file may have stopped within a price, and sent the rest with its right length. So
it takes another download, and another export that ends so and has all rows, to believe that files
are written without the last line end.

A file that is gone is treated like an export that is gone. An export of the state was an attempt of
an earlier run: its failure is no strike, lest it be this run's last. A single request that gets no
usable answer is tried again by the worker itself (`fetching.py`), and by `requesting.py` if it is
one for an export, since all windows share that: what comes here was tried often enough, so
everything else is given up. To be asked to slow down is no failure at all (`pace.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tap_mailjet_sms.exceptions import (
    CountMismatchError,
    DownloadGoneError,
    ExportFailedError,
    ExportLateError,
    ExportNotFoundError,
    OpenEndError,
    RequestRefusedError,
    UnexpectedAnswerError,
    UnsoundFileError,
    WindowTooLongError,
    WindowTooOldError,
)
from tap_mailjet_sms.exporting.windows import SHORTEST
from tap_mailjet_sms.utc import iso

if TYPE_CHECKING:
    from tap_mailjet_sms.exporting.waiting import Retrying
    from tap_mailjet_sms.exporting.windows import Window

#: Failures of a longer export before it is halved.
FAILURES_BEFORE_HALVING = 2


class Remedy(enum.Enum):
    """What to do about a failure."""

    FETCH_AGAIN = "fetch again"
    EXPORT_AGAIN = "export again"
    HALVE = "halve"
    TRIM = "trim"
    TAKE = "take it"
    GIVE_UP = "give up"


class Kind(enum.Enum):
    """Failures that are counted together."""

    USELESS_ID = enum.auto()
    TOO_LONG = enum.auto()
    TOO_OLD = enum.auto()
    GONE = enum.auto()
    FAILED = enum.auto()
    LATE = enum.auto()
    UNSOUND = enum.auto()
    DISPUTED = enum.auto()
    OPEN_END = enum.auto()
    HOPELESS = enum.auto()


#: What has gone wrong with a window so far in this run: how often, by kind.
Strikes: TypeAlias = Mapping[Kind, int]

#: The strike that is the last one, where that is not for `max_attempts` to say.
LAST_STRIKE = {
    Kind.HOPELESS: 1,
    Kind.TOO_LONG: 1,
    Kind.USELESS_ID: 2,
    Kind.LATE: 2,
    Kind.UNSOUND: 3,
    Kind.DISPUTED: 4,
    Kind.OPEN_END: 3,
}

_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (WindowTooLongError, Kind.TOO_LONG),
    (WindowTooOldError, Kind.TOO_OLD),
    (ExportNotFoundError, Kind.GONE),
    (DownloadGoneError, Kind.GONE),
    (ExportFailedError, Kind.FAILED),
    (ExportLateError, Kind.LATE),
    (OpenEndError, Kind.OPEN_END),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What came in the way of a window's export, or of reading its file to the end.

    `from_state` says that an earlier run asked for the export, `was_read` that its file was here,
    downloaded as a whole, and `has_all_rows` that Mailjet counts no more than it has.
    """

    error: Exception
    window: Window
    strikes: Strikes = field(default_factory=dict)
    from_state: bool = False
    was_read: bool = False
    has_all_rows: bool = False

    @property
    def kind(self) -> Kind:
        """What it is counted as."""
        is_refusal = isinstance(self.error, RequestRefusedError | UnexpectedAnswerError)
        if self.from_state and is_refusal:
            return Kind.USELESS_ID  # it may be damaged, expired or another account's
        for error, kind in _KINDS:
            if isinstance(self.error, error):
                return kind
        if not (self.was_read and isinstance(self.error, UnsoundFileError)):
            return Kind.HOPELESS
        # Two exports must agree against the count: of three, if one of them lied.
        return Kind.DISPUTED if isinstance(self.error, CountMismatchError) else Kind.UNSOUND


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failure: `sentence` says it to the user, `wait` is in seconds.

    `keeps_id` says that the failed export stays in the state until another one takes its place: it
    may be finished by the next run. `error` is what ends the run where the remedy is to give up.
    """

    remedy: Remedy
    sentence: str
    strikes: Strikes
    wait: float = 0.0
    keeps_id: bool = False
    error: Exception | None = None


def judge(failure: Failure, retrying: Retrying) -> Verdict:
    """Decide what a failure means for its window, by the table above.

    `retrying` says how often anything is tried, and how long to wait in between.
    """
    error, kind = failure.error, failure.kind
    is_strike = not (kind is Kind.FAILED and failure.from_state)
    times = failure.strikes.get(kind, 0) + is_strike
    strikes = {**failure.strikes, kind: times}

    is_long = failure.window.length > SHORTEST
    if kind is Kind.FAILED and is_long and times >= FAILURES_BEFORE_HALVING:
        return Verdict(Remedy.HALVE, f"{error}; asking for shorter windows", strikes)
    if kind is Kind.TOO_LONG and is_long:
        sentence = f"{error}; asking for shorter windows, as a lower window_days would at once"
        return Verdict(Remedy.HALVE, sentence, strikes)
    if times >= LAST_STRIKE.get(kind, retrying.max_attempts):
        return _last_verdict(failure, strikes)
    if kind is Kind.TOO_OLD:
        return Verdict(Remedy.TRIM, str(error), strikes)
    if kind in {Kind.UNSOUND, Kind.DISPUTED, Kind.OPEN_END} and times == 1:
        return Verdict(Remedy.FETCH_AGAIN, f"{error}; downloading it again", strikes)

    sentence, wait = f"{error}; asking for a new export", 0.0
    if kind is Kind.USELESS_ID:
        sentence += " instead of the one in the state"
    elif kind in {Kind.GONE, Kind.FAILED}:
        wait = retrying.pause(times)
        sentence += f" in {wait:.1f} s"
    return Verdict(Remedy.EXPORT_AGAIN, sentence, strikes, wait, keeps_id=kind is Kind.LATE)


def _last_verdict(failure: Failure, strikes: Strikes) -> Verdict:
    """What becomes of a window that has had its last strike."""
    error, kind = failure.error, failure.kind
    if kind is Kind.OPEN_END and failure.has_all_rows:
        return Verdict(Remedy.TAKE, str(error), strikes)
    if kind is Kind.FAILED:
        error = _never_exported(failure, strikes[kind])
    return Verdict(Remedy.GIVE_UP, str(error), strikes, error=error)


def _never_exported(failure: Failure, times: int) -> ExportFailedError:
    window = failure.window
    msg = (
        f"{failure.error}, {times} times; to go on without the messages of {window}, set "
        f"start_date to {iso(window.end)}, and they are lost; if they lie before the bookmark, set "
        "lookback_days to 0 until they are older than it is now, and they stay as they were read"
    )
    return ExportFailedError(msg)
