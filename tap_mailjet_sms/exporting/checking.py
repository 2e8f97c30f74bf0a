"""Checks whether a file is whole, once it was read: by Mailjet's count, and by how it ends.

What one window's exports have shown of Mailjet's count, or of how files end, holds for the windows
after it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_mailjet_sms.exceptions import CountMismatchError, EmptyExportError, OpenEndError
from tap_mailjet_sms.exporting.counting import Finding, VerifyCounts, hold
from tap_mailjet_sms.exporting.verdict import Failure, Remedy, judge

if TYPE_CHECKING:
    from tap_mailjet_sms.exporting.counting import Tally
    from tap_mailjet_sms.exporting.fetching import Fetched
    from tap_mailjet_sms.exporting.tile import Tile
    from tap_mailjet_sms.exporting.waiting import Retrying

logger = logging.getLogger("tap-mailjet-sms.exports")


class FileForm(Protocol):
    """How files are written, as far as that was found out.

    Once it takes open ends, a last line without a line end is a whole one.
    """

    @property
    def takes_open_ends(self) -> bool:
        """Whether it was found out that files end so."""

    def take_open_ends(self) -> None:
        """Remember that they do."""


@dataclass(slots=True)
class Checks:
    """The checks of a run's files."""

    verify_counts: VerifyCounts
    retrying: Retrying
    file_form: FileForm
    _forgiven: int = 0

    def hold_against_count(self, tile: Tile, fetched: Fetched, tally: Tally) -> None:
        """Hold the rows that were read against Mailjet's count.

        Raises:
            EmptyExportError: If there are no rows though Mailjet counts some.
            CountMismatchError: If there are fewer than Mailjet counts, or some come twice.
        """
        expected, job = fetched.expected, fetched.job
        finding = hold(
            tally,
            expected,
            before=tile.tally,
            same_export=tile.tally_of == job.id,
            forgiven=self._forgiven,
        )
        tile.tally, tile.tally_of = tally, job.id
        text = f"The {job} has {tally.against(expected)}"
        warns = self.verify_counts is VerifyCounts.WARN
        match finding:
            case Finding.AGREES:
                pass
            case Finding.MORE:
                logger.info("%s; all of them are kept", text, extra=job.fields)
            case Finding.EMPTY if fetched.within_edges == 0:
                text += ", all of them on the window's edges: an empty export is right"
                logger.info("%s", text, extra=job.fields)
            case Finding.EMPTY:
                msg = f"{text} (to accept an empty export, set verify_counts to off)"
                raise EmptyExportError(msg)
            case Finding.CONFIRMED if warns:
                self._forgiven = max(self._forgiven, tally.lack(expected))
                text += "; these rows are kept, since another export says the same"
                logger.warning("%s", text, extra=job.fields)
            case Finding.FORGIVEN if warns:
                text += "; these rows are kept, since an earlier window lacked as many"
                logger.warning("%s", text, extra=job.fields)
            case _:
                if not warns:
                    text += "; set verify_counts to warn or off to keep these rows"
                raise CountMismatchError(text)

    def hold_against_end(self, tile: Tile, fetched: Fetched, tally: Tally) -> None:
        """Take a last line without a line end for cut, or for how all are written.

        Raises:
            OpenEndError: If it may be cut.
        """
        if not fetched.has_open_end or not tally.rows or self.file_form.takes_open_ends:
            return
        text = f"The file of the {fetched.job} does not end with a line end"
        failure = Failure(
            OpenEndError(text),
            tile.window,
            tile.strikes,
            was_read=True,
            has_all_rows=not tally.lack(fetched.expected),
        )
        remedy = judge(failure, self.retrying).remedy
        if remedy is Remedy.TAKE:
            self.file_form.take_open_ends()
            text += "; such files are kept from now on, since another export's ends so, too"
            logger.warning("%s", text, extra=fetched.job.fields)
            return
        text += " and may be incomplete"
        if remedy is Remedy.GIVE_UP:
            text += "; if only Mailjet's count is wrong, set verify_counts to off to keep it"
        raise OpenEndError(text)
