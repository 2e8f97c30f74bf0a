"""Asking for exports: on the main thread, which must not wait while it has records to write.

So where Mailjet takes no request for now, the caller is told from when on it does, and comes back.
All windows share what is found out here: none fares better than another.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import (
    ClockError,
    MailjetUnavailableError,
    SlowDownError,
    TooManyExportsError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tap_mailjet_sms.exporting.fetching import Mailjet
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.pace import Pace
    from tap_mailjet_sms.exporting.waiting import Clock, Retrying
    from tap_mailjet_sms.exporting.windows import Window

logger = logging.getLogger("tap-mailjet-sms.exports")


@dataclass(slots=True)
class Requests:
    """Asks for one export at a time.

    Nothing is asked of Mailjet before `next_at`, by the clock's `monotonic`.
    """

    mailjet: Mailjet
    clock: Clock
    pace: Pace
    retrying: Retrying
    oldest: datetime
    next_at: float = field(default=0.0, init=False)
    retries: int = field(default=0, init=False)
    _first_made: float | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _refusals: int = field(default=0, init=False)
    _most_under_way: int | None = field(default=None, init=False)
    _has_warned_of_limit: bool = field(default=False, init=False)

    def has_room(self, under_way: int) -> bool:
        """Whether Mailjet may take another export while so many of this run are under way."""
        return self._most_under_way is None or under_way < self._most_under_way

    def ask(self, window: Window, *, under_way: int) -> ExportJob | None:
        """The export that Mailjet was asked for; None if it cannot be asked now.

        Raises:
            MailjetUnavailableError: If there was no usable answer `max_attempts` times.
            MailjetBusyError: If Mailjet took no request for as long as a call may wait.
            RequestRefusedError: If Mailjet refused the request.
            UnexpectedAnswerError: If its answer contradicts what is known of the API.
            ClockError: If the window ends in the future: the clock has been set back since the run
                was planned, and what is created until then would be passed over.
        """
        if window.end > self.clock.now():
            msg = (
                f"{window} ends in the future: this machine's clock was set back during the run; "
                "check it (NTP), and run again"
            )
            raise ClockError(msg)
        self.next_at = self.pace.place_ahead()
        now = self.clock.monotonic()
        if self.next_at > now:
            return None
        if self._first_made is None:
            self._first_made = now
        try:
            job = self.mailjet.request_export(window, not_before=self.oldest)
        except TooManyExportsError as error:
            self._wait_for_room(error, window, under_way, made=self._first_made)
            return None
        except SlowDownError as error:
            self.pace.slow_down(error, made=self._first_made, sent=now)
            return None
        except MailjetUnavailableError as error:
            self._try_again(error, window)
            return None
        self.pace.let_through()
        self._first_made = self._most_under_way = None
        self._failures = self._refusals = 0
        return job

    def _try_again(self, error: MailjetUnavailableError, window: Window) -> None:
        self._failures += 1
        if self._failures >= self.retrying.max_attempts:
            raise error
        self._pause(error, window, self._failures)

    def _wait_for_room(
        self, error: TooManyExportsError, window: Window, under_way: int, *, made: float
    ) -> None:
        """Mailjet makes no more exports at once: ours, or those of others who share the account."""
        if not self._has_warned_of_limit:
            self._has_warned_of_limit = True
            logger.warning(
                "%s: it makes no more exports at the same time, %d of them for this run; the "
                "others wait, and none is asked for in vain if max_concurrent_exports is lower",
                error,
                under_way,
                extra=window.fields,
            )
        if under_way:
            # Asking now and then would only be refused: one of ours must be finished first.
            self._most_under_way = under_way
            self._first_made = None
            text = "%s; trying again when an export of this run is finished"
            logger.info(text, error, extra=window.fields)
            return
        self.pace.check_patience(error, made=made)
        self._refusals += 1
        self._pause(error, window, self._refusals)

    def _pause(self, error: MailjetUnavailableError, window: Window, times: int) -> None:
        self.retries += 1
        pause = self.retrying.pause(times, error)
        self.next_at = self.clock.monotonic() + pause
        logger.info("%s; trying again in %.1f s", error, pause, extra=window.fields)
