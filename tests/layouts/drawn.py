"""A random layout with messages in it, the list that Mailjet would give of them, and the truth.

Everything is drawn from one `Random`, so a seed says all.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from tests.layouts import forms
from tests.layouts.decoys import draw_decoys
from tests.layouts.messages import Message, draw_messages, moved_on
from tests.layouts.names import LANGUAGES, MEANINGLESS, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

#: So many messages tell any layout.
ENOUGH = 10
ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/London")
_OPTIONAL = ("sender", "recipient", "status", "sent_at", "sms_count", "cost")
_KINDS = ("known", "known", "foreign", "foreign", "mixed", "mixed", "meaningless", "none")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: what it is called, the columns of the stream it holds, its cells."""

    name: str
    holds: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A file, what is true of it, and what Mailjet lists.

    Attributes:
        kind: whose words the names are: "none" stands for a file without a header, "misleading"
            for known ones over something else.
        forms: how each thing is written, to be shown.
        columns: the file's columns.
        messages: the truth at the moment of the export, row by row.
        listed: the truth at the moment of the list, newest first; fewer or none where that is so.
        cap: how many the list gives at a time.
        zone: that of the times that say none; `zone_setting` is what the tap is told.
        time_form: of the creation, and `sent_form` of the sending.
        csv: the file.
    """

    kind: str
    forms: dict[str, str]
    columns: tuple[Column, ...]
    messages: tuple[Message, ...]
    listed: tuple[Message, ...]
    cap: int
    zone: str
    zone_setting: str
    time_form: str
    sent_form: str
    id_form: str
    listed_id_form: str
    delimiter: str
    csv: bytes

    @property
    def place(self) -> ZoneInfo:
        """The zone of the times that say none."""
        return ZoneInfo(self.zone)

    @property
    def setting(self) -> ZoneInfo:
        """The zone that the tap is told."""
        return ZoneInfo(self.zone_setting)

    @property
    def is_zone_known(self) -> bool:
        """Whether the tap is told the zone, if it needs one."""
        is_naive = forms.TIMES[self.time_form].naive or forms.TIMES[self.sent_form].naive
        return not is_naive or self.zone == self.zone_setting

    def holds(self, column: str) -> bool:
        """Whether a column of the stream is in the file."""
        return any(column in each.holds for each in self.columns)


def draw(rng: Random, *, is_misleading: bool = False) -> Case:
    """Draw a file; a misleading one has known names, of which some stand over something else.

    Then Mailjet lists enough messages to tell, since nothing else could.
    """
    messages = draw_messages(rng)
    while is_misleading and len(messages) < ENOUGH:
        messages = draw_messages(rng)
    zone = rng.choice(("UTC", "UTC", *ZONES))
    told = zone if rng.random() < 0.85 else rng.choice(("UTC", *ZONES))
    time_form = rng.choice(sorted(forms.TIMES))
    sent_form = time_form if rng.random() < 0.85 else rng.choice(sorted(forms.TIMES))
    id_form = rng.choice(("uuid",) * 5 + tuple(forms.IDS))
    shown = {
        "time": time_form,
        "sent": sent_form,
        "id": id_form,
        "listed id": id_form
        if is_misleading or rng.random() < 0.8
        else rng.choice(tuple(forms.IDS)),
        "status": rng.choice(tuple(forms.STATUSES)),
        "cost": rng.choice(tuple(forms.COSTS)),
        "phone": rng.choice(tuple(forms.PHONES)),
        "no time": rng.choice(("", "", "", "0", "NULL", "-")),
        "rows": rng.choice(("oldest first", "newest first", "shuffled")),
    }
    if shown["rows"] == "newest first":
        messages.reverse()
    elif shown["rows"] == "shuffled":
        rng.shuffle(messages)
    there = {name for name in _OPTIONAL if rng.random() < 0.85} | {"message_id", "created_at"}
    if rng.random() < 0.03:
        there.discard(rng.choice(("message_id", "created_at")))
    fields = [each for each in _written(messages, shown, ZoneInfo(zone)) if each[0] in there]
    decoys = draw_decoys(rng, messages, _Times(forms.TIMES[time_form], ZoneInfo(zone)))
    kind = "misleading" if is_misleading else rng.choice(_KINDS)
    names = _Names(rng, kind)
    columns = [Column(names.of(field), holds, cells) for _, field, holds, cells in fields] + [
        Column(names.of_decoy(words), (), cells) for words, cells in decoys
    ]
    if is_misleading:
        columns = _misnamed(rng, columns)
    if rng.random() < 0.7:
        rng.shuffle(columns)
    delimiter = rng.choice(",,,;;\t|")
    listed, shown["list"] = _listed(rng, messages, "all" if is_misleading else None)
    if shown["list"].startswith(("none", "others")):
        told = zone  # nothing else could tell it
    return Case(
        kind=kind,
        forms=shown,
        columns=tuple(columns),
        messages=tuple(messages),
        listed=listed,
        cap=rng.choice((7, 20, 21)),
        zone=zone,
        zone_setting=told,
        time_form=time_form,
        sent_form=sent_form,
        id_form=id_form,
        listed_id_form=shown["listed id"],
        delimiter=delimiter,
        csv=_csv(rng, columns, delimiter, has_header=kind != "none"),
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """Writes times as the file has them."""

    form: forms.TimeForm
    zone: ZoneInfo

    def __call__(self, moment: datetime | None) -> str:
        return forms.written(moment, self.form, self.zone, "")


_Field: TypeAlias = tuple[str, str, tuple[str, ...], tuple[str, ...]]


def _written(messages: list[Message], shown: dict[str, str], zone: ZoneInfo) -> list[_Field]:
    """The columns that hold something: group, field of the name, columns held, and cells."""
    created, sent = forms.TIMES[shown["time"]], forms.TIMES[shown["sent"]]
    phone, identity = forms.PHONES[shown["phone"]], forms.IDS[shown["id"]]
    single: dict[str, Callable[[Message], str]] = {
        "message_id": lambda m: identity(m.message_id),
        "sender": lambda m: m.sender,
        "recipient": lambda m: phone(m.recipient),
        "created_at": lambda m: forms.written(m.created_at, created, zone, ""),
        "sent_at": lambda m: forms.written(m.sent_at, sent, zone, shown["no time"]),
        "sms_count": lambda m: str(m.sms_count),
    }
    columns: list[_Field] = []
    for name, write in single.items():
        columns.append((name, name, (name,), tuple(map(write, messages))))
    for field, held, write_code in forms.STATUSES[shown["status"]]:
        codes = (m.status_code for m in messages)
        columns.append(("status", field, held, tuple(map(write_code, codes))))
    for field, held, write in forms.COSTS[shown["cost"]]:
        columns.append(("cost", field, held, tuple(map(write, messages))))
    return columns


class _Names:
    """Gives each column a name, no two the same."""

    def __init__(self, rng: Random, kind: str) -> None:
        self._rng = rng
        self._kind = kind
        self._language = rng.choice(LANGUAGES)
        self._known = rng.randrange(6)
        self._meaningless = iter(rng.choice(MEANINGLESS))
        self._taken: set[str] = set()

    def of(self, field: str) -> str:
        kind = self._kind
        if kind == "mixed":
            kind = self._rng.choice(("known", "foreign", "meaningless"))
        if kind in {"known", "misleading"}:
            known = NAMES["known"][field]
            return self._new(known[self._known % len(known)])
        if kind == "foreign":
            return self._new(self._rng.choice(NAMES[self._language][field]))
        return next(self._meaningless)

    def of_decoy(self, words: tuple[str, ...]) -> str:
        if self._kind in {"meaningless", "none"}:
            return next(self._meaningless)
        return self._new(self._rng.choice(words))

    def _new(self, name: str) -> str:
        if name in self._taken:
            return next(self._meaningless)
        self._taken.add(name)
        return name


def _misnamed(rng: Random, columns: list[Column]) -> list[Column]:
    """The same columns, of which a few have changed names."""
    places = rng.sample(range(len(columns)), min(len(columns), rng.choice((2, 2, 2, 3, 4))))
    names = [columns[place].name for place in (*places[1:], places[0])]
    misnamed = list(columns)
    for place, name in zip(places, names, strict=True):
        misnamed[place] = replace(columns[place], name=name)
    return misnamed


def _listed(
    rng: Random, messages: list[Message], how: str | None
) -> tuple[tuple[Message, ...], str]:
    """What the list has of the window's messages, some time after the export."""
    how = how or rng.choice(("all",) * 12 + ("three", "none", "others"))
    newer = rng.choice((0, 0, 0.3, 1))
    found = [moved_on(m, rng) if rng.random() < newer else m for m in messages]
    found.sort(key=lambda m: m.created_at, reverse=True)
    if how == "three":
        found = found[:3]
    elif how == "none":
        found = []
    elif how == "others":
        found = [
            replace(
                m,
                message_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                created_at=m.created_at + timedelta(seconds=7),
                recipient=m.recipient[::-1],
            )
            for m in found
        ]
    return tuple(found), f"{how}, {newer:.0%} newer"


def _csv(rng: Random, columns: list[Column], delimiter: str, *, has_header: bool) -> bytes:
    newline = rng.choice(("\n", "\n", "\r\n"))
    quote_all = rng.random() < 0.3
    special = {delimiter, '"', "\r", "\n"}

    def cell(text: str) -> str:
        if quote_all or special & {*text}:
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = list(zip(*(column.cells for column in columns), strict=True))
    if has_header:
        lines.insert(0, tuple(column.name for column in columns))
    text = newline.join(delimiter.join(map(cell, line)) for line in lines)
    bom = "\ufeff" if rng.random() < 0.1 else ""
    end = newline if rng.random() < 0.9 else ""
    return (bom + text + end).encode()
