"""Witnesses for a layout: some messages of a window, from several places in it.

Mailjet lists messages newest first, and gives as many in one answer as it likes. So each further
question is about another stretch of the window, that messages of other days may come.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_mailjet_sms.exceptions import (
    ForbiddenError,
    MailjetBusyError,
    MailjetUnavailableError,
    RequestRefusedError,
    UnexpectedAnswerError,
    WrongAddressError,
)
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_mailjet_sms.exporting.fetching import Fetcher
    from tap_mailjet_sms.witness import Witness

logger = logging.getLogger("tap-mailjet-sms.exports")

#: Lists asked for in a run, of one layout, until it is proved.
REQUESTS = 3
#: Places that are asked for before anything is decided.
PLACES = 2
#: Messages wanted of each place.
LIMIT = 10


@dataclass(slots=True)
class Lists:
    """The lists of a run: how many were asked for, of each layout."""

    fetcher: Fetcher
    began: datetime
    asked: Counter[str] = field(default_factory=Counter)

    def of(self, window: Window, expected: int | None) -> WindowList:
        """The list of a window, of which Mailjet counts so many messages, if that is known."""
        return WindowList(self, window, expected)


@dataclass(slots=True)
class WindowList:
    """Mailjet's list of the messages of one window; see `Listing`."""

    _lists: Lists
    _window: Window
    _expected: int | None
    silence: Silence | None = None
    _seen: dict[str, Witness] = field(default_factory=dict)
    _empty_until: datetime | None = None
    _has_begun: bool = False

    @property
    def began(self) -> datetime:
        """When this run began."""
        return self._lists.began

    def ask(self, layout: str) -> Sequence[Witness]:
        """See `Listing`; the first question is about several places.

        Raises:
            NotAuthorisedError: If Mailjet does not know the token.
        """
        found: list[Witness] = []
        places = 1 if self._has_begun else PLACES
        for _ in range(places):
            place = self._next_place()
            if place is None or self._lists.asked[layout] >= REQUESTS:
                break
            self._has_begun = True
            self._lists.asked[layout] += 1
            page = self._page(place)
            fresh = [witness for witness in page if witness.message_id not in self._seen]
            self._seen |= {witness.message_id: witness for witness in fresh}
            if not fresh:
                self._empty_until = place.end
            found += fresh
        return found

    def start_anew(self, layout: str) -> None:
        """See `Listing`."""
        del self._lists.asked[layout]

    def _next_place(self) -> Window | None:
        """What to ask for next: the whole window, then a stretch between known messages.

        That is the earlier half of the longest one, or all of it if a half was empty; None where
        nothing is left.
        """
        if not self._has_begun:
            return self._window
        is_all = self._expected is not None and len(self._seen) >= self._expected
        if not self._seen or is_all or self.silence is not None:
            return None
        start = self._empty_until or self._window.start
        # By the minute: requests stand in logs, and times of messages are nothing for these.
        times = sorted(
            witness.created_at.replace(second=0, microsecond=0) for witness in self._seen.values()
        )
        edges = [start, *(then for then in times if start < then < self._window.end)]
        gaps = [Window(*pair) for pair in pairwise(edges) if pair[0] < pair[1]]
        longest = max(gaps, key=lambda gap: gap.length, default=None)
        if longest is None or self._empty_until is not None:
            return longest
        return next(longest.split(longest.length / 2 + timedelta(seconds=1)))

    def _page(self, place: Window) -> Sequence[Witness]:
        """The newest messages of a span; none where they are not to be had."""
        try:
            page = self._lists.fetcher.newest(place, limit=LIMIT)
        except (ForbiddenError, WrongAddressError) as error:
            self._be_silent(Silence.CLOSED, error)
        except (
            MailjetUnavailableError,
            MailjetBusyError,
            RequestRefusedError,
            UnexpectedAnswerError,
        ) as error:
            self._be_silent(Silence.UNANSWERED, error)
        else:
            if not page and not self._seen:
                self.silence = Silence.EMPTY
            return page
        return []

    def _be_silent(self, why: Silence, error: Exception) -> None:
        self.silence = why
        logger.info("%s; no message of this list tells the layout of the CSV", error)
