"""The layout of the CSV, as the state remembers it: names and places, no data.

Beside where each column is stands how that was proved (`proof`: by how many messages, of which
windows, and what they told that no name says), or why it was not (`unproved`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_mailjet_sms.reading.layout import Evidence, KnownLayout, Proof, Source, Unproved
from tap_mailjet_sms.reading.roles import ROLES
from tap_mailjet_sms.reading.rules import DateOrder
from tap_mailjet_sms.utc import iso, second_of, whole_moment
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def layout_to_state(layout: KnownLayout, at: datetime) -> dict[str, object]:
    """The entry of a layout that was met at this moment; see `KnownLayout`."""

    def source(name: str, found: Source | None) -> dict[str, object] | None:
        if found is None:
            return None
        named = {"header": found.header} if found.header else {}
        return {"place": found.place, **named, "proved": name in layout.proved}

    return {
        "fingerprint": layout.fingerprint,
        "at": iso(whole_moment(at)),
        "columns": {name: source(name, found) for name, found in layout.columns.items()},
        "extra": list(layout.extra),
        "proof": _proof_to_state(layout.proof) if layout.proof else None,
        "unproved": _unproved_to_state(layout.unproved) if layout.unproved else None,
    }


def _proof_to_state(proof: Proof) -> dict[str, object]:
    evidence = proof.evidence
    return {
        "at": iso(whole_moment(proof.at)),
        "from_ts": iso(proof.start),
        "to_ts": iso(proof.end),
        "messages": evidence.witnesses,
        "roles": sorted(evidence.proved),
        "found": {role: place + 1 for role, place in sorted(evidence.found.items())},
        "orders": {role: order.value for role, order in sorted(evidence.orders.items())},
        "decimal_mark": evidence.decimal_mark,
        "zoned": evidence.is_zoned,
        "far": evidence.is_far,
    }


def _unproved_to_state(unproved: Unproved) -> dict[str, object]:
    return {"why": unproved.silence.value, "at": iso(whole_moment(unproved.at))}


def layout_from_state(entry: object) -> tuple[KnownLayout, datetime] | None:
    """The layout of an entry, and when it was met; None if it cannot be read."""
    try:
        fields = _mapping(entry)
        columns = _mapping(fields["columns"])
        extra = fields.get("extra") or []
        layout = KnownLayout(
            fingerprint=_text(fields["fingerprint"]),
            columns={
                name: None if found is None else _source(_mapping(found))
                for name, found in columns.items()
            },
            extra=tuple(name if isinstance(name, str) else _number(name) for name in _list(extra)),
            proof=_proof(_mapping(proof)) if (proof := fields.get("proof")) else None,
            unproved=_unproved(_mapping(why)) if (why := fields.get("unproved")) else None,
        )
        return layout, _moment(fields["at"])
    except (KeyError, ValueError):
        return None


def _source(fields: Mapping[str, object]) -> Source:
    header = fields.get("header")
    return Source(_number(fields["place"]), None if header is None else _text(header))


def _proof(fields: Mapping[str, object]) -> Proof:
    orders = _mapping(fields["orders"])
    evidence = Evidence(
        witnesses=_number(fields["messages"]),
        found={_role(role): _number(n) - 1 for role, n in _mapping(fields["found"]).items()},
        proved=frozenset(_role(role) for role in _list(fields["roles"])),
        orders={_role(role): DateOrder(order) for role, order in orders.items()},
        decimal_mark=_text(fields["decimal_mark"]),
        is_zoned=bool(fields["zoned"]),
        is_far=bool(fields["far"]),
    )
    at, start, end = (_moment(fields[key]) for key in ("at", "from_ts", "to_ts"))
    return Proof(evidence, at, start, end)


def _unproved(fields: Mapping[str, object]) -> Unproved:
    return Unproved(Silence(fields["why"]), _moment(fields["at"]))


# Each of these raises a ValueError for what is something else.


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError  # noqa: TRY004
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004
    return value


def _number(value: object) -> int:
    """A place or how many there are: from 1 on."""
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _role(value: object) -> str:
    role = _text(value)
    if role not in ROLES:
        raise ValueError
    return role


def _moment(value: object) -> datetime:
    moment = second_of(value)
    if moment is None:
        raise ValueError
    return moment
