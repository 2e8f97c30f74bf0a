"""Faults: what goes wrong, when, and how often; as data, so that every run can be replayed.

A :class:`Fault` pairs a :class:`When` with an effect. There are three kinds of effect: an
:class:`Instead` takes the place of an answer, an :class:`Edit` changes an honest answer, and an
:class:`ExportEdit` changes how an export will turn out. In JSON a fault is one flat object::

    {"seed": 7, "faults": [
        {"fault": "http", "on": "status", "status": 429, "retry_after": 2, "times": 3},
        {"fault": "cut", "on": "download", "after": 0.5, "chance": 0.1, "times": null},
        {"fault": "error", "longer_than": 86400, "times": null}]}
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate, parsedate_to_datetime
from typing import ClassVar, Self, TypeVar

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
    """What a fault may know of a call; `export` counts the exports of this run from 1."""

    operation: Operation | None
    now: float
    path: str = ""
    from_ts: int | None = None
    to_ts: int | None = None
    export: int | None = None
    export_id: int | None = None
    elsewhere: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an export will turn out."""

    fails: bool = False
    late: float = 0
    keep: float = 1
    link: Link = Link.HONEST
    link_seconds: float = math.inf
    lifetime: int = 7 * 86_400  # documented


@dataclass(frozen=True, slots=True)
class When:
    """Which calls, or which exports, a fault befalls.

    Attributes:
        on: the operations; none named means all. An effect on an export is decided when the export
            is made, and looks at no operation.
        skip: how many that match are spared first.
        times: how many are then befallen; None means all.
        chance: the share of those that are really befallen, told by the scenario's seed.
        export: only the n-th export, from 1.
        longer_than: only windows of more than so many seconds.
        covers: only windows that hold this moment, in unix seconds.
    """

    on: frozenset[Operation] = frozenset()
    skip: int = 0
    times: int | None = 1
    chance: float = 1
    export: int | None = None
    longer_than: float | None = None
    covers: int | None = None

    def matches(self, call: Call, *, on: bool) -> bool:
        """Tell whether the call is of the kind meant, however often it came before."""
        if on and self.on and call.operation not in self.on:
            return False
        if self.export is not None and self.export != call.export:
            return False
        if self.longer_than is None and self.covers is None:
            return True
        if call.from_ts is None or call.to_ts is None:
            return False
        long_enough = self.longer_than is None or call.to_ts - call.from_ts > self.longer_than
        return long_enough and (self.covers is None or call.from_ts <= self.covers < call.to_ts)


class Instead(ABC):
    """An effect that takes the place of the answer; `after_work` says the server did its work."""

    name: ClassVar[str]
    after_work: bool = False

    @abstractmethod
    def answer(self, call: Call) -> Response:
        """Give the answer."""


class Edit(ABC):
    """An effect that changes the answer, honest or not."""

    name: ClassVar[str]

    @abstractmethod
    def edit(self, response: Response) -> Response:
        """Give the changed answer."""


class ExportEdit(ABC):
    """An effect on what becomes of an export."""

    name: ClassVar[str]

    @abstractmethod
    def plan(self, plan: Plan) -> Plan:
        """Give the changed plan."""


Effect = Instead | Edit | ExportEdit


@dataclass(frozen=True)
class Http(Instead):
    """Any HTTP error in Mailjet's envelope, with `Retry-After` in seconds or as a date."""

    name = "http"
    status: int = 503
    retry_after: int | None = None
    as_date: bool = False
    code: str | None = None
    message: str | None = None
    after_work: bool = False

    def answer(self, call: Call) -> Response:
        """Give the envelope."""
        known = errors.KNOWN.get(self.status) if self.message is None else None
        problem = known or errors.Problem(self.status, self.message or "Try again.", self.code)
        response = errors.refusal(problem, call.identifier)
        if self.retry_after is not None:
            date = formatdate(call.now + self.retry_after, usegmt=True)
            response.headers["Retry-After"] = date if self.as_date else str(self.retry_after)
        return response


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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Broken(Instead):
    """No answer at all: the connection is refused, closed, reset, or hangs."""

    name = "broken"
    ending: Ending = Ending.RESET
    after_work: bool = False

    def answer(self, call: Call) -> Response:  # noqa: ARG002
        """Give no answer."""
        return Response(500, {}, ending=self.ending)


@dataclass(frozen=True)
class Redirect(Instead):
    """A redirect to the same path on another host."""

    name = "redirect"
    status: int = 302

    def answer(self, call: Call) -> Response:
        """Give the redirect."""
        return Response(self.status, {"Location": call.elsewhere + call.path})


@dataclass(frozen=True)
class Cut(Edit):
    """The body ends too early: closed, reset or hung after this share of its bytes."""

    name = "cut"
    after: float = 0.5
    framing: Framing = Framing.LENGTH
    ending: Ending = Ending.CUT

    def edit(self, response: Response) -> Response:
        """Break the body."""
        sent = int(len(response.body) * self.after)
        return replace(response, framing=self.framing, ending=self.ending, sent=sent)


@dataclass(frozen=True)
class Echo(Edit):
    """The export speaks of another window: shifted by so many seconds, or missing (null)."""

    name = "echo"
    shift: int | None = 3600

    def edit(self, response: Response) -> Response:
        """Shift or drop `FromTs` and `ToTs`."""
        document = _document(response)
        for key in ("FromTs", "ToTs"):
            moment = document.pop(key, None)
            if self.shift is not None and isinstance(moment, int):
                document[key] = moment + self.shift
        return _redone(response, document)


@dataclass(frozen=True)
class StatusCode(Edit):
    """The export has a status that no documentation knows."""

    name = "status_code"
    code: int = 9
    text: str = "ON_HOLD"

    def edit(self, response: Response) -> Response:
        """Change the status, and hide the file."""
        document = _document(response)
        if "Status" in document:
            document["Status"] = {"Code": self.code, "Name": self.text, "Description": ""}
            document |= {"URL": None, "CreationTS": None, "ExpirationTS": None}
        return _redone(response, document)


@dataclass(frozen=True)
class Counted(Edit):
    """The count is off by so many messages."""

    name = "count"
    add: int = 1

    def edit(self, response: Response) -> Response:
        """Change the count."""
        document = _document(response)
        count = document.get("Count")
        if isinstance(count, int):
            document["Count"] = max(0, count + self.add)
        return _redone(response, document)


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Fails(ExportEdit):
    """The export ends in ERROR."""

    name = "error"

    def plan(self, plan: Plan) -> Plan:
        """Let it fail."""
        return replace(plan, fails=True)


@dataclass(frozen=True)
class Late(ExportEdit):
    """The export takes so many seconds more, or never finishes (null)."""

    name = "late"
    seconds: float | None = None

    def plan(self, plan: Plan) -> Plan:
        """Let it wait."""
        return replace(plan, late=math.inf if self.seconds is None else self.seconds)


@dataclass(frozen=True)
class Rows(ExportEdit):
    """The file holds only this share of its rows (at least one is missing), 0 for none."""

    name = "rows"
    keep: float = 0.5

    def plan(self, plan: Plan) -> Plan:
        """Let rows go missing."""
        return replace(plan, keep=self.keep)


@dataclass(frozen=True)
class Linked(ExportEdit):
    """The URL is null, leads to another host, or is plain http."""

    name = "link"
    to: Link = Link.NONE

    def plan(self, plan: Plan) -> Plan:
        """Change the link."""
        return replace(plan, link=self.to)


@dataclass(frozen=True)
class LinkExpires(ExportEdit):
    """Each URL works for so many seconds only; the next status answer has a fresh one."""

    name = "link_expires"
    seconds: float = 0

    def plan(self, plan: Plan) -> Plan:
        """Shorten the link's life."""
        return replace(plan, link_seconds=self.seconds)


@dataclass(frozen=True)
class Expires(ExportEdit):
    """The export is gone so many seconds after it was made, instead of 7 days."""

    name = "expires"
    seconds: int = 0

    def plan(self, plan: Plan) -> Plan:
        """Shorten the export's life."""
        return replace(plan, lifetime=self.seconds)


_EFFECTS: tuple[type[Effect], ...] = (
    Http, Page, Broken, Redirect,
    Cut, Echo, StatusCode, Counted, ClockSkew,
    Fails, Late, Rows, Linked, LinkExpires, Expires,
)  # fmt: skip
EFFECTS: dict[str, type[Effect]] = {effect.name: effect for effect in _EFFECTS}


@dataclass(frozen=True, slots=True)
class Fault:
    """An effect, and when it comes."""

    effect: Effect
    when: When = field(default_factory=When)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read a fault from its flat JSON object; raises ValueError with what is wrong."""
        if not isinstance(document, Mapping):
            msg = f"a fault is an object, not {json.dumps(document)}"
            raise ValueError(msg)  # noqa: TRY004 (one kind of error for all that can be wrong)
        values = dict(document)
        name = values.pop("fault", None)
        effect = EFFECTS.get(name) if isinstance(name, str) else None
        if effect is None:
            msg = f"unknown fault {json.dumps(name)}; known are: {', '.join(EFFECTS)}"
            raise ValueError(msg)
        known = {f.name for f in dataclasses.fields(When)}
        when = {key: values.pop(key) for key in list(values) if key in known}
        return cls(_build(effect, values), _build(When, when))

    def to_json(self) -> dict[str, object]:
        """Give the flat JSON object, without what is as usual."""
        return {"fault": self.effect.name, **_plain(self.effect), **_plain(self.when)}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults, in order: the first that takes the place of an answer wins."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read a scenario; raises ValueError with what is wrong."""
        if isinstance(document, list):
            document = {"faults": document}
        if not isinstance(document, Mapping) or set(document) - {"seed", "faults"}:
            msg = 'a scenario is {"seed": number, "faults": [...]}, or only the list'
            raise ValueError(msg)
        faults, seed = document.get("faults", []), document.get("seed", 0)
        if not isinstance(faults, list) or not isinstance(seed, int):
            msg = 'a scenario needs a list as "faults", and an integer as "seed"'
            raise ValueError(msg)  # noqa: TRY004 (as above)
        return cls(tuple(Fault.from_json(fault) for fault in faults), seed)

    def to_json(self) -> dict[str, object]:
        """Give the JSON form."""
        return {"seed": self.seed, "faults": [fault.to_json() for fault in self.faults]}


class Play:
    """A scenario being played: counts how often each fault was met. Needs a lock around it."""

    def __init__(self, scenario: Scenario) -> None:
        """Begin at the beginning."""
        self.scenario = scenario
        self._met = [0] * len(scenario.faults)

    def call(self, call: Call) -> list[Instead | Edit]:
        """Give what befalls this call; after an Instead no further fault is looked at."""
        effects: list[Instead | Edit] = []
        for number, fault in enumerate(self.scenario.faults):
            effect = fault.effect
            if isinstance(effect, ExportEdit) or not fault.when.matches(call, on=True):
                continue
            if self._strikes(number):
                effects.append(effect)
                if isinstance(effect, Instead):
                    break
        return effects

    def export(self, call: Call) -> Plan:
        """Say how a new export will turn out."""
        plan = Plan()
        for number, fault in enumerate(self.scenario.faults):
            effect = fault.effect
            if not isinstance(effect, ExportEdit) or not fault.when.matches(call, on=False):
                continue
            if self._strikes(number):
                plan = effect.plan(plan)
        return plan

    def _strikes(self, number: int) -> bool:
        when = self.scenario.faults[number].when
        met = self._met[number]
        self._met[number] += 1
        if met < when.skip or (when.times is not None and met >= when.skip + when.times):
            return False
        dice = hashlib.sha256(f"{self.scenario.seed} {number} {met}".encode()).digest()
        return int.from_bytes(dice[:8]) < when.chance * 2**64


def _document(response: Response) -> dict[str, object]:
    """Read an answer's JSON object, or nothing where the answer is none."""
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return {}
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _redone(response: Response, document: dict[str, object]) -> Response:
    """Put a changed document into an answer, unless it had none."""
    if not document:
        return response
    return replace(response, body=json_response(response.status, document).body)


_Built = TypeVar("_Built")
_ENUMS: tuple[type[enum.Enum], ...] = (Body, Ending, Framing, Link)
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}


def _build(kind: type[_Built], values: Mapping[str, object]) -> _Built:
    """Build an effect or a When from JSON values, checking each against its annotation."""
    if not dataclasses.is_dataclass(kind):
        raise TypeError(kind)
    types = {f.name: str(f.type) for f in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(types))
    if unknown:
        msg = f"unknown key {', '.join(unknown)}; known are: {', '.join(types)}"
        raise ValueError(msg)
    return kind(**{name: _value(name, value, types[name]) for name, value in values.items()})


def _value(name: str, value: object, wanted: str) -> object:
    if name == "on":
        names = value if isinstance(value, list) else [value]
        return frozenset(_member(Operation, name, each) for each in names)
    for kind in _ENUMS:
        if kind.__name__ == wanted:
            return _member(kind, name, value)
    kinds = {kind for part in wanted.split(" | ") for kind in _TYPES[part]}
    if type(value) not in kinds:
        msg = f'"{name}" must be {wanted}, not {json.dumps(value)}'
        raise ValueError(msg)
    return value


def _member(kind: type[enum.Enum], name: str, value: object) -> enum.Enum:
    try:
        return kind(value)
    except ValueError:
        values = ", ".join(str(member.value) for member in kind)
        msg = f'"{name}" must be one of {values}, not {json.dumps(value)}'
        raise ValueError(msg) from None


def _plain(thing: Effect | When) -> dict[str, object]:
    """Give the fields that are not as usual, in JSON's types."""
    plain: dict[str, object] = {}
    for f in dataclasses.fields(thing):  # type: ignore[arg-type]
        value = getattr(thing, f.name)
        if value == f.default:
            continue
        if isinstance(value, enum.Enum):
            value = value.value
        elif isinstance(value, frozenset):
            value = sorted(member.value for member in value)
        plain[f.name] = value
    return plain
