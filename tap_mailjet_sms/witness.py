"""Witnesses of a layout: some messages as Mailjet's own list has them, whose fields are documented.

Where their rows stand in an export's CSV, they say what each column holds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Witness:
    """A message of `GET /v4/sms`; None where the list has nothing. Its columns are the stream's."""

    message_id: str
    created_at: datetime
    sender: str | None = None
    recipient: str | None = None
    status_code: int | None = None
    status_name: str | None = None
    status_description: str | None = None
    sent_at: datetime | None = None
    sms_count: int | None = None
    cost_value: Decimal | None = None
    cost_currency: str | None = None


class Silence(enum.Enum):
    """Why there is no witness; the values are what the state remembers."""

    #: Mailjet lists no messages for this token, and would not tomorrow either.
    CLOSED = "closed"
    #: There was no usable answer.
    UNANSWERED = "unanswered"
    #: The list has no message of the window.
    EMPTY = "empty"
    #: None of those in the list is in the file.
    ABSENT = "absent"


class Listing(Protocol):
    """Mailjet's list of the messages of one window, of which a few are asked for."""

    @property
    def began(self) -> datetime:
        """When this run began."""

    @property
    def silence(self) -> Silence | None:
        """Why the last question brought none."""

    def ask(self, layout: str) -> Sequence[Witness]:
        """Messages from places of the window not asked for before, to tell this layout.

        Empty if there are none, none to be had, or this run has asked for enough of this layout.
        """

    def start_anew(self, layout: str) -> None:
        """Requests about this layout count from zero again.

        It is proved, or the window had no message to tell it.
        """
