"""Reading what a request asks for, with the documented complaints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mailjet_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mailjet_sandbox.messages import Message
    from mailjet_sandbox.unknowns import Edges

#: Seen: the size of a page of messages where none is asked for.
PAGE = 21
#: Documented as "3 months": the span of a list or count where none is asked for.
THREE_MONTHS = 92 * 86_400


def export_window(body: bytes) -> tuple[int, int]:
    """Read the body of an export request: two unix seconds and nothing else (documented)."""
    try:
        document = json.loads(body)
    except ValueError:
        raise errors.malformed() from None
    if not isinstance(document, dict) or set(document) - {"FromTS", "ToTS"}:
        raise errors.malformed()  # guessed for a further property
    for name in ("FromTS", "ToTS"):
        if name not in document:
            raise errors.missing(name)
        value = document[name]
        if isinstance(value, str):
            raise errors.not_a_datetime(name, value)
        if type(value) is not int:
            raise errors.mismatch(name)
    return document["FromTS"], document["ToTS"]


def window_hint(body: bytes) -> tuple[int | None, int | None]:
    """Read as much of an export request as can be read, for faults and the journal."""
    try:
        return export_window(body)
    except errors.Problem:
        return None, None


def integer(text: str | None) -> int | None:
    """Read an integer, or nothing."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


class MessageQuery:
    """Which messages a list or a count is about (documented: all of these parameters)."""

    def __init__(self, query: Mapping[str, str], *, now: float, edges: Edges) -> None:
        """Read the query string."""

        def number(name: str, default: int) -> int:
            value = integer(query.get(name, str(default)))
            if value is None:
                raise errors.mismatch(name)
            return value

        to_ts = number("ToTS", int(now) + 1)
        self.span = edges.span(number("FromTS", to_ts - THREE_MONTHS), to_ts)
        self.offset = max(0, number("Offset", 0))
        self.limit = max(0, number("Limit", PAGE))
        self._to = query.get("To")
        self._ids = frozenset(filter(None, query.get("IDs", "").split(",")))
        codes = [integer(code) for code in query.get("StatusCode", "").split(",") if code]
        if None in codes:
            wrong = errors.mismatch("StatusCode")
            raise wrong
        self._codes = frozenset(codes)

    @property
    def filtered(self) -> bool:
        """Whether it asks for more than a span of time."""
        return bool(self._to or self._ids or self._codes)

    def wants(self, message: Message) -> bool:
        """Tell whether a message of the span is asked for."""
        return (
            (not self._to or message.recipient == self._to)
            and (not self._ids or message.message_id in self._ids)
            and (not self._codes or message.status in self._codes)
        )
