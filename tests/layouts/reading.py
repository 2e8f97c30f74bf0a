"""The tap's reader on a drawn file, with the messages that Mailjet's list would give."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from tap_mailjet_sms.exporting.listing import Lists
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.reading import csv_file
from tap_mailjet_sms.reading.rules import Rules
from tap_mailjet_sms.reading.window_check import WindowCheck
from tap_mailjet_sms.witness import Witness
from tests.layouts import forms

if TYPE_CHECKING:
    from tap_mailjet_sms.exporting.fetching import Fetcher
    from tests.layouts.drawn import Case
    from tests.layouts.messages import Message
    from tests.layouts.truth import Row

#: After all that is drawn.
NOW = datetime(2027, 12, 1, tzinfo=UTC)


@dataclass(slots=True)
class ListOf:
    """Gives the messages of a case, as a fetcher does; `given` are those given so far, by id."""

    case: Case
    given: dict[str, Message] = field(default_factory=dict)
    requests: int = 0

    def newest(self, span: Window, *, limit: int) -> list[Witness]:
        """The newest messages of a span."""
        self.requests += 1
        inside = [m for m in self.case.listed if span.start <= _listed(m.created_at) < span.end]
        page = inside[: min(limit, self.case.cap)]
        self.given |= {message.message_id: message for message in page}
        return [_witness(self.case, message) for message in page]


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a file, the places of the columns that the tap took, and what it said."""

    rows: list[Row]
    sources: set[int]
    said: list[str]
    warnings: list[str]


def read(case: Case, source: ListOf) -> Found:
    """Read a drawn file to its end."""
    created = [message.created_at.replace(microsecond=0) for message in case.messages]
    window = Window(min(created), max(created) + timedelta(seconds=1))
    lists = Lists(cast("Fetcher", source), NOW)
    reading = csv_file.read(
        io.BytesIO(case.csv),
        Rules(zone=case.setting),
        before=None,
        check=WindowCheck(window.start, window.end, NOW),
        listing=lists.of(window, len(case.messages)),
    )
    rows = [row for batch in reading for row in batch.to_pylist()]
    for row in rows:
        row["extra"] = row["extra"] and dict(row["extra"])
    known = reading.layout.columns.values() if reading.layout else ()
    sources = {source.place - 1 for source in known if source}
    said = [notice.text for notice in reading.notices]
    warnings = [notice.text for notice in reading.notices if notice.weight is Weight.WARNING]
    return Found(rows, sources, said, warnings)


def _listed(moment: datetime) -> datetime:
    """A moment as the list has it: in whole seconds."""
    return moment.replace(microsecond=0)


def _witness(case: Case, message: Message) -> Witness:
    return Witness(
        message_id=forms.IDS[case.listed_id_form](message.message_id),
        created_at=_listed(message.created_at),
        sender=message.sender,
        recipient=f"+{message.recipient}",
        status_code=message.status_code,
        status_name=forms.STATUS_NAMES[message.status_code],
        status_description=forms.description(message.status_code),
        sent_at=message.sent_at and _listed(message.sent_at),
        sms_count=message.sms_count,
        cost_value=Decimal(str(float(message.cost_value))),
        cost_currency=message.cost_currency,
    )
