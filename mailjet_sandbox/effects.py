"""What a fault does: three kinds of effect, each a small dataclass.

An :class:`Instead` takes the place of an answer, an :class:`Edit` changes an answer, and an
:class:`ExportEdit` changes how an export will turn out. The name of an effect is its name in JSON.
"""

from __future__ import annotations

import enum
import gzip
import math
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from typing import ClassVar
from zlib import crc32

from mailjet_sandbox import errors
from mailjet_sandbox.wire import Ending, Framing, Response, json_response


class Operation(enum.Enum):
    """What is asked of Mailjet."""

    REQUEST = "request"
    STATUS = "status"
    DOWNLOAD = "download"
    COUNT = "count"
    MESSAGES = "messages"


class Link(enum.Enum):
    """Where the URL of a finished export leads."""

    HONEST = "honest"
    NONE = "none"
    OTHER_HOST = "other_host"
    PLAIN_HTTP = "plain_http"


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault may know of a call; `export` counts the exports of this run from 1.

    `answered` is how many calls were let through in this second before it, `under_way` how many
    exports are not finished.
    """

    operation: Operation | None
    now: float
    path: str = ""
    from_ts: int | None = None
    to_ts: int | None = None
    export: int | None = None
    export_id: int | None = None
    answered: int = 0
    under_way: int = 0
    elsewhere: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an export will turn out."""

    fails: bool = False
    late: float = 0
    keep: float = 1
    repeats: bool = False
    link: Link = Link.HONEST
    link_seconds: float = math.inf
    lifetime: int = 7 * 86_400  # documented
    renamed: tuple[tuple[str, str], ...] = ()


class Instead(ABC):
    """An effect that takes the place of the answer; `after_work` says the server did its work."""

    __slots__ = ()
    name: ClassVar[str]
    on: ClassVar[frozenset[Operation]] = frozenset(Operation)
    after_work: bool = False

    def befalls(self, call: Call) -> bool:  # noqa: ARG002
        """Tell whether the call meets it at all."""
        return True

    @abstractmethod
    def answer(self, call: Call) -> Response:
        """Give the answer."""


class Edit(ABC):
    """An effect that changes the answer, honest or not."""

    __slots__ = ()
    name: ClassVar[str]
    on: ClassVar[frozenset[Operation]] = frozenset(Operation)

    @abstractmethod
    def edit(self, response: Response) -> Response:
        """Give the changed answer."""


class ExportEdit(ABC):
    """An effect on what becomes of an export."""

    __slots__ = ()
    name: ClassVar[str]

    @abstractmethod
    def plan(self, plan: Plan) -> Plan:
        """Give the changed plan."""


Effect = Instead | Edit | ExportEdit


@dataclass(frozen=True, slots=True)
class Http(Instead):
    """Any HTTP error in Mailjet's envelope, with `Retry-After` in seconds or as a date.

    `in_body` has the status there alone: HTTP says 200.
    """

    name = "http"
    status: int = 503
    retry_after: int | None = None
    as_date: bool = False
    code: str | None = None
    message: str | None = None
    after_work: bool = False
    in_body: bool = False

    def answer(self, call: Call) -> Response:
        """Give the envelope."""
        known = errors.KNOWN.get(self.status) if self.message is None else None
        problem = known or errors.Problem(self.status, self.message or "Try again.", self.code)
        response = errors.refusal(problem, call.identifier)
        if self.retry_after is not None:
            date = formatdate(call.now + self.retry_after, usegmt=True)
            response.headers["Retry-After"] = date if self.as_date else str(self.retry_after)
        return replace(response, status=200) if self.in_body else response


class Body(enum.Enum):
    """What can come where JSON or a CSV should."""

    HTML = "html"
    BROKEN_JSON = "broken_json"
    OTHER_JSON = "other_json"
    EMPTY = "empty"
    BYTES = "bytes"


_PAGES = {
    Body.HTML: ("text/html", b"<!DOCTYPE html>\n<html><body>Down for maintenance</body></html>\n"),
    Body.BROKEN_JSON: ("application/json", b'{"ID": 1, "Status": {"Co'),
    Body.OTHER_JSON: ("application/json", b'[{"unexpected": null}]'),
    Body.EMPTY: ("application/json", b""),
    Body.BYTES: ("application/octet-stream", bytes(range(255, -1, -1))),
}


@dataclass(frozen=True, slots=True)
class Page(Instead):
    """Something else, with status 200: a page of a proxy, broken JSON, no body."""

    name = "page"
    body: Body = Body.HTML
    status: int = 200
    after_work: bool = False

    def answer(self, call: Call) -> Response:  # noqa: ARG002
        """Give the page."""
        kind, body = _PAGES[self.body]
        return Response(self.status, {"Content-Type": kind}, body)


@dataclass(frozen=True, slots=True)
class Broken(Instead):
    """No answer at all: the connection is refused, closed, reset, or hangs."""

    name = "broken"
    ending: Ending = Ending.RESET
    after_work: bool = False

    def answer(self, call: Call) -> Response:  # noqa: ARG002
        """Give no answer."""
        return Response(500, {}, ending=self.ending)


@dataclass(frozen=True, slots=True)
class Rate(Instead):
    """No more calls in a second than this: 429; clients elsewhere use up 0 to `others` of them."""

    name = "rate"
    per_second: int = 2
    others: int = 0
    retry_after: int | None = None

    def befalls(self, call: Call) -> bool:
        """Tell whether this second's calls are used up; what is refused uses up none."""
        second = int(call.now)
        taken = crc32(b"%d" % second) % (self.others + 1)
        return call.answered + taken >= self.per_second

    def answer(self, call: Call) -> Response:
        """Refuse."""
        response = errors.refusal(errors.too_fast(), call.identifier)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


@dataclass(frozen=True, slots=True)
class AtOnce(Instead):
    """No more exports under way than this: another one is refused with 409."""

    name = "at_once"
    on = frozenset({Operation.REQUEST})
    exports: int = 1

    def befalls(self, call: Call) -> bool:
        """Tell whether there is no room."""
        return call.under_way >= self.exports

    def answer(self, call: Call) -> Response:
        """Refuse."""
        return errors.refusal(errors.too_many_exports(), call.identifier)


@dataclass(frozen=True, slots=True)
class Redirect(Instead):
    """A redirect to the same path on another host."""

    name = "redirect"
    on = frozenset({Operation.DOWNLOAD})
    status: int = 302

    def answer(self, call: Call) -> Response:
        """Give the redirect."""
        return Response(self.status, {"Location": call.elsewhere + call.path})


@dataclass(frozen=True, slots=True)
class Cut(Edit):
    """The body ends too early: closed, reset or hung after this share of its bytes."""

    name = "cut"
    on = frozenset({Operation.DOWNLOAD})
    after: float = 0.5
    framing: Framing = Framing.LENGTH
    ending: Ending = Ending.CUT

    def edit(self, response: Response) -> Response:
        """Break the body."""
        sent = int(len(response.body) * self.after)
        return replace(response, framing=self.framing, ending=self.ending, sent=sent)


@dataclass(frozen=True, slots=True)
class Status(Edit):
    """The same answer with another HTTP status, such as 206, which is a part of a file."""

    name = "status"
    on = frozenset({Operation.DOWNLOAD})
    status: int = 206

    def edit(self, response: Response) -> Response:
        """Change the status."""
        return replace(response, status=self.status)


class Packing(enum.Enum):
    """How a body is packed, whatever the client asked for."""

    GZIP = "gzip"
    GZIP_MEMBERS = "gzip_members"
    DEFLATE = "deflate"
    BARE_DEFLATE = "bare_deflate"


@dataclass(frozen=True, slots=True)
class Packed(Edit):
    """The body comes packed; its stream lacks so many bytes at its end, or has more after it.

    `Content-Length` is right for what is sent: what packs a file has been cut, not the download.
    """

    name = "packed"
    on = frozenset({Operation.DOWNLOAD})
    how: Packing = Packing.GZIP
    missing: int = 0
    garbage: int = 0
    framing: Framing = Framing.LENGTH

    def edit(self, response: Response) -> Response:
        """Pack the body."""
        body = b"".join(response.chunks())
        half = len(body) // 2
        match self.how:
            case Packing.GZIP:
                packed = gzip.compress(body)
            case Packing.GZIP_MEMBERS:
                packed = gzip.compress(body[:half]) + gzip.compress(body[half:])
            case Packing.DEFLATE:
                packed = zlib.compress(body)
            case Packing.BARE_DEFLATE:
                packed = zlib.compress(body, wbits=-zlib.MAX_WBITS)
        packed = packed[: len(packed) - self.missing] + b"x" * self.garbage
        encoding = "deflate" if "deflate" in self.how.value else "gzip"
        headers = {**response.headers, "Content-Encoding": encoding}
        return replace(response, headers=headers, body=packed, framing=self.framing)


@dataclass(frozen=True, slots=True)
class Huge(Instead):
    """An answer of so many blanks before a JSON object: packed, a thousandth of that goes out."""

    name = "huge"
    size: int = 64 << 20
    packed: bool = True

    def answer(self, call: Call) -> Response:  # noqa: ARG002
        """Give the blanks."""
        headers = {"Content-Type": "application/json"}
        if not self.packed:
            return Response(200, headers, b" " * self.size + b"{}")
        body = gzip.compress(b" " * self.size + b"{}")
        return Response(200, {**headers, "Content-Encoding": "gzip"}, body)


@dataclass(frozen=True, slots=True)
class Slow(Edit):
    """The answer comes byte by byte, with a pause after each; its head too, if so wanted."""

    name = "slow"
    pause: float = 0.3
    head: bool = False

    def edit(self, response: Response) -> Response:
        """Slow it down."""
        return replace(response, pause=self.pause, slow_head=self.head)


@dataclass(frozen=True, slots=True)
class OpenEnd(Edit):
    """The last line of the file has no line end, and lacks so many bytes besides."""

    name = "open_end"
    on = frozenset({Operation.DOWNLOAD})
    missing: int = 0
    framing: Framing = Framing.LENGTH

    def edit(self, response: Response) -> Response:
        """Take the end away."""
        body = b"".join(response.chunks()).rstrip(b"\r\n")
        return replace(response, body=body[: len(body) - self.missing], framing=self.framing)


@dataclass(frozen=True, slots=True)
class Echo(Edit):
    """The export speaks of another window: shifted by so many seconds, or missing (null)."""

    name = "echo"
    on = frozenset({Operation.REQUEST, Operation.STATUS})
    shift: int | None = 3600

    def edit(self, response: Response) -> Response:
        """Shift or drop `FromTs` and `ToTs`."""
        document = _document(response)
        for key in ("FromTs", "ToTs"):
            moment = document.pop(key, None)
            if self.shift is not None and isinstance(moment, int):
                document[key] = moment + self.shift
        return _redone(response, document)


@dataclass(frozen=True, slots=True)
class StatusCode(Edit):
    """The export has a status that no documentation knows."""

    name = "status_code"
    on = frozenset({Operation.STATUS})
    code: int = 9
    text: str = "ON_HOLD"

    def edit(self, response: Response) -> Response:
        """Change the status, and hide the file."""
        document = _document(response)
        if "Status" in document:
            document["Status"] = {"Code": self.code, "Name": self.text, "Description": ""}
            document |= {"URL": None, "CreationTS": None, "ExpirationTS": None}
        return _redone(response, document)


@dataclass(frozen=True, slots=True)
class Counted(Edit):
    """The count is off by so many messages."""

    name = "count"
    on = frozenset({Operation.COUNT})
    add: int = 1

    def edit(self, response: Response) -> Response:
        """Change the count."""
        document = _document(response)
        count = document.get("Count")
        if isinstance(count, int):
            document["Count"] = max(0, count + self.add)
        return _redone(response, document)


@dataclass(frozen=True, slots=True)
class Listed(Edit):
    """The list has only so many messages of a page, 0 for none; strangers: of another account."""

    name = "list"
    on = frozenset({Operation.MESSAGES})
    keep: int | None = 0
    strangers: bool = False

    def edit(self, response: Response) -> Response:
        """Change the list."""
        document = _document(response)
        messages = document.get("Data")
        if isinstance(messages, list):
            kept = messages[: self.keep]
            document["Data"] = [_stranger(each) for each in kept] if self.strangers else kept
        return _redone(response, document)


@dataclass(frozen=True, slots=True)
class ClockSkew(Edit):
    """The `Date` header is off by so many seconds."""

    name = "clock_skew"
    seconds: int = 600

    def edit(self, response: Response) -> Response:
        """Change the header."""
        date = response.headers.get("Date")
        if date is None:
            return response
        moved = parsedate_to_datetime(date).timestamp() + self.seconds
        return replace(
            response, headers={**response.headers, "Date": formatdate(moved, usegmt=True)}
        )


@dataclass(frozen=True, slots=True)
class Fails(ExportEdit):
    """The export ends in ERROR."""

    name = "error"

    def plan(self, plan: Plan) -> Plan:
        """Let it fail."""
        return replace(plan, fails=True)


@dataclass(frozen=True, slots=True)
class Late(ExportEdit):
    """The export takes so many seconds more, or never finishes (null)."""

    name = "late"
    seconds: float | None = None

    def plan(self, plan: Plan) -> Plan:
        """Let it wait."""
        return replace(plan, late=math.inf if self.seconds is None else self.seconds)


@dataclass(frozen=True, slots=True)
class Rows(ExportEdit):
    """The file holds only this share of its rows (at least one is missing), 0 for none."""

    name = "rows"
    keep: float = 0.5

    def plan(self, plan: Plan) -> Plan:
        """Let rows go missing."""
        return replace(plan, keep=self.keep)


@dataclass(frozen=True, slots=True)
class Repeated(ExportEdit):
    """The file has one row twice, in place of another one."""

    name = "repeated"

    def plan(self, plan: Plan) -> Plan:
        """Let a row stand for another."""
        return replace(plan, repeats=True)


@dataclass(frozen=True, slots=True)
class Renamed(ExportEdit):
    """One column of the file has another header."""

    name = "renamed"
    header: str = "Cost"
    to: str = "Prix"

    def plan(self, plan: Plan) -> Plan:
        """Write another header."""
        return replace(plan, renamed=(*plan.renamed, (self.header, self.to)))


@dataclass(frozen=True, slots=True)
class Linked(ExportEdit):
    """The URL is null, leads to another host, or is plain http."""

    name = "link"
    to: Link = Link.NONE

    def plan(self, plan: Plan) -> Plan:
        """Change the link."""
        return replace(plan, link=self.to)


@dataclass(frozen=True, slots=True)
class LinkExpires(ExportEdit):
    """Each URL works for so many seconds only; the next status answer has a fresh one."""

    name = "link_expires"
    seconds: float = 0

    def plan(self, plan: Plan) -> Plan:
        """Shorten the link's life."""
        return replace(plan, link_seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Expires(ExportEdit):
    """The export is gone so many seconds after it was made, instead of 7 days."""

    name = "expires"
    seconds: int = 0

    def plan(self, plan: Plan) -> Plan:
        """Shorten the export's life."""
        return replace(plan, lifetime=self.seconds)


_EFFECTS: tuple[type[Effect], ...] = (
    Http, Page, Broken, Rate, AtOnce, Redirect, Huge,
    Cut, Status, Packed, Slow, OpenEnd, Echo, StatusCode, Counted, Listed, ClockSkew,
    Fails, Late, Rows, Repeated, Renamed, Linked, LinkExpires, Expires,
)  # fmt: skip
#: One step on, so that no number stays the same.
_OTHER_DIGITS = str.maketrans("0123456789", "1234567890")
EFFECTS: dict[str, type[Effect]] = {effect.name: effect for effect in _EFFECTS}


def _document(response: Response) -> dict[str, object]:
    """Read an answer's JSON object, or nothing where the answer is none."""
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return {}
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _stranger(message: dict[str, object]) -> dict[str, object]:
    """Make a message of the list one that no file has, whatever its keys are."""
    stranger = dict(message)
    for key, value in message.items():
        if key.casefold() in {"id", "messageid", "to"}:
            stranger[key] = str(value).translate(_OTHER_DIGITS)
        elif key in {"CreationTS", "SentTS"} and isinstance(value, int):
            stranger[key] = value - 7
    return stranger


def _redone(response: Response, document: dict[str, object]) -> Response:
    """Put a changed document into an answer, unless it had none."""
    if not document:
        return response
    return replace(response, body=json_response(response.status, document).body)
