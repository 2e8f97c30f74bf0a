"""A layout that is remembered, when it comes again.

How it is known again, whether it is asked for anew, and what of its proof is kept: one by more than
a few messages holds for good, unless times have no zone; then it holds until clocks may have been
changed. What could not be proved is tried again with the next file; after a day where Mailjet lists
no messages for this token. Pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tap_mailjet_sms.reading.layout import Proof
from tap_mailjet_sms.reading.testimony import ENOUGH
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.reading.evidence import Findings
    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import KnownLayout
    from tap_mailjet_sms.reading.window_check import WindowCheck
    from tap_mailjet_sms.witness import Listing

#: A list that Mailjet refused is asked for again after so long.
CLOSED_FOR = timedelta(days=1)
#: Where clocks are changed, in each way that is usual.
_CHANGING = ("Europe/Paris", "America/New_York", "America/Santiago", "Australia/Sydney",
             "Pacific/Auckland", "Africa/Cairo")  # fmt: skip
#: A proof of times without a zone holds for so long, and so far from its windows: clocks change.
ZONE_HOLDS = timedelta(days=30)


def fingerprint_of(header: Header, column_map: Mapping[str, str | None], zone: str) -> str:
    """What tells layouts apart: the header and the settings by which it is read.

    Where there is none, how many columns there are.
    """
    names = len(header.names) if header.is_absent else header.names
    told: list[object] = [names, header.delimiter, sorted(column_map.items())]
    if zone != "UTC":
        told.append(zone)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def fits(known: KnownLayout, header: Header) -> bool:
    """Whether all that was found is in this file: a state may be damaged."""
    found = known.proof.evidence.found.values() if known.proof else ()
    return all(place < len(header.names) for place in found)


def is_due(known: KnownLayout, listing: Listing, check: WindowCheck) -> bool:
    """Whether it is time to ask for witnesses of a layout that is known."""
    proof, unproved = known.proof, known.unproved
    if unproved is not None and unproved.silence is Silence.CLOSED:
        return check.now - unproved.at >= CLOSED_FOR
    if proof is None:
        return True
    if proof.evidence.witnesses <= ENOUGH and proof.at < listing.began:
        return True
    return not proof.evidence.is_zoned and (
        check.now - proof.at > ZONE_HOLDS
        or check.start > proof.end + ZONE_HOLDS
        or check.end < proof.start - ZONE_HOLDS
        or _clocks_differ(check, proof)
    )


def _clocks_differ(check: WindowCheck, proof: Proof) -> bool:
    """Whether somewhere clocks have been changed between a proof's window and this one."""
    return any(
        {zone.utcoffset(check.start.astimezone(zone)), zone.utcoffset(check.end.astimezone(zone))}
        - {zone.utcoffset(proof.start.astimezone(zone)), zone.utcoffset(proof.end.astimezone(zone))}
        for zone in map(ZoneInfo, _CHANGING)
    )


def renewed(before: Proof | None, findings: Findings, check: WindowCheck) -> Proof:
    """The proof of a layout; what an earlier one found and these do not contradict is kept."""
    evidence = findings.evidence
    is_far = sum(map(check.is_far, findings.created)) >= ENOUGH
    if before is not None:
        old = before.evidence
        doubtful = {each.role for each in (*findings.contradictions, *findings.warnings)}
        evidence = replace(
            evidence,
            found={**old.found, **evidence.found},
            proved=evidence.proved | (old.proved - doubtful),
            orders={**old.orders, **evidence.orders},
            decimal_mark=evidence.decimal_mark or old.decimal_mark,
        )
    return Proof(replace(evidence, is_far=is_far), check.now, check.start, check.end)
