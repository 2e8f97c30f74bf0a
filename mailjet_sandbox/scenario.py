"""Faults: what goes wrong, when, and how often; as data, so that every run can be replayed.

A :class:`Fault` pairs an effect of :mod:`mailjet_sandbox.effects` with a :class:`When`. In JSON it
is one flat object, and what is left out is as usual::

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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

from mailjet_sandbox.effects import (
    EFFECTS,
    Body,
    Edit,
    Effect,
    ExportEdit,
    Instead,
    Link,
    Operation,
    Packing,
    Plan,
)
from mailjet_sandbox.wire import Ending, Framing

if TYPE_CHECKING:
    from mailjet_sandbox.effects import Call


@dataclass(frozen=True, slots=True)
class When:
    """Which calls, or which exports, a fault befalls.

    Attributes:
        on: the operations; none named means all that the effect is made for. An effect on an
            export is decided when the export is made, and looks at no operation.
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

    def matches(self, call: Call) -> bool:
        """Tell whether the call is about an export and a window meant here."""
        if self.export is not None and self.export != call.export:
            return False
        if self.longer_than is None and self.covers is None:
            return True
        if call.from_ts is None or call.to_ts is None:
            return False
        long_enough = self.longer_than is None or call.to_ts - call.from_ts > self.longer_than
        return long_enough and (self.covers is None or call.from_ts <= self.covers < call.to_ts)


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
            if isinstance(effect, ExportEdit):
                continue
            meant = call.operation in (fault.when.on or effect.on) and fault.when.matches(call)
            if isinstance(effect, Instead):
                meant = meant and effect.befalls(call)
            if meant and self._strikes(number):
                effects.append(effect)
                if isinstance(effect, Instead):
                    break
        return effects

    def export(self, call: Call) -> Plan:
        """Say how a new export will turn out."""
        plan = Plan()
        for number, fault in enumerate(self.scenario.faults):
            effect = fault.effect
            if not isinstance(effect, ExportEdit) or not fault.when.matches(call):
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


_Built = TypeVar("_Built")
_ENUMS: tuple[type[enum.Enum], ...] = (Body, Ending, Framing, Link, Packing)
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
