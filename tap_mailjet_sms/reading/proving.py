"""The layout of a file, proved by messages of Mailjet's own list before a row of it leaves.

A layout that was proved before is taken as it is. Otherwise a few messages are asked for, their
rows are found in the file, and `evidence.py` decides what each column is. Where there is no
message to be had, the names decide alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from tap_mailjet_sms.exceptions import CSVHeaderError, CSVLayoutError
from tap_mailjet_sms.notices import Notice
from tap_mailjet_sms.reading import proof_sentences as sentences
from tap_mailjet_sms.reading.evidence import Findings, weigh
from tap_mailjet_sms.reading.header import are_data, looks_like_data
from tap_mailjet_sms.reading.layout import (
    Proof,
    Proven,
    Unproved,
    fingerprint_of,
    lay_out,
    name_columns,
)
from tap_mailjet_sms.reading.rows import read_blocks
from tap_mailjet_sms.reading.rules import TimeForm, VerifyLayout
from tap_mailjet_sms.reading.search import WholeColumns, find_rows
from tap_mailjet_sms.reading.testimony import ENOUGH
from tap_mailjet_sms.reading.time_texts import read_time
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import Evidence, KnownLayout, Naming
    from tap_mailjet_sms.reading.rules import Rules
    from tap_mailjet_sms.reading.window_check import WindowCheck
    from tap_mailjet_sms.witness import Listing, Witness

#: A list that Mailjet refused is asked for again after so long.
CLOSED_FOR = timedelta(days=1)
#: Where clocks are changed, in each way that is usual.
_CHANGING = ("Europe/Paris", "America/New_York", "America/Santiago", "Australia/Sydney",
             "Pacific/Auckland", "Africa/Cairo")  # fmt: skip
#: A proof of times without a zone holds for so long, and so far from its windows: clocks change.
ZONE_HOLDS = timedelta(days=30)


def prove(  # noqa: PLR0913 - the file, and what is known beside it
    file: BinaryIO,
    header: Header,
    rules: Rules,
    *,
    before: KnownLayout | None,
    listing: Listing | None,
    check: WindowCheck | None,
) -> Proven | None:
    """Decide how a file is read; None if it has but one line, and Mailjet lists no message.

    Args:
        file: The whole file, in UTF-8.
        header: What its first row says.
        rules: The settings.
        before: The layout of the file with rows before this one, in this run or an earlier one.
        listing: Mailjet's list of the window's messages; None to go by the names alone.
        check: The window that the file is of, and when it is read; a list needs it.

    Raises:
        CSVLayoutError: A column holds something else than its name says.
        CSVHeaderError: Nothing tells where the id or the creation time is, or a column is there
            twice.
        CSVFormatError: A row cannot be told from others.
    """
    may_ask = rules.verify is not VerifyLayout.OFF
    asking = (listing, check) if may_ask and listing and check else None
    return _Proving(file, header, rules, before, asking).proven()


class _Proving:
    """The way to a layout; `_header` becomes one without names once the first row is a message."""

    def __init__(
        self,
        file: BinaryIO,
        header: Header,
        rules: Rules,
        before: KnownLayout | None,
        asking: tuple[Listing, WindowCheck] | None,
    ) -> None:
        self._file = file
        self._header = header
        self._rules = rules
        self._before = before
        self._asking = asking
        self._proof: Proof | None = None

    def proven(self) -> Proven | None:
        known = self._remembered()
        self._proof = proof = known.proof if known else None
        if self._asking is None:
            return self._proven(proof)
        listing, check = self._asking
        if known is not None and not _is_due(known, listing, check):
            return self._proven(proof, known.unproved)
        has_rows = next(read_blocks(self._file, self._header), None) is not None
        is_certain = self._header.is_known or self._header.is_absent
        if is_certain and not has_rows:
            return self._proven(proof, known.unproved if known else None)
        findings, silence = self._ask(listing)
        if silence is Silence.EMPTY and not is_certain and not has_rows:
            listing.has_told(self._fingerprint())
            if not any(map(looks_like_data, self._header.names)):
                return None  # a header that is not known, and no message to be below it
        if findings is None:
            told = self._before and self._before.unproved
            is_news = not told or told.silence is not silence
            text = sentences.without_witnesses(silence, is_proved=proof is not None)
            notice = Notice(text, is_warning=is_news)
            return self._proven(proof, Unproved(silence, check.now), [notice])
        notices = self._told(findings)
        if findings.evidence.is_proof:
            is_news = proof is None
            proof = _renewed(proof, findings, check)
            listing.has_told(self._fingerprint())
            text = sentences.proved(self._header.names, proof.evidence, self._rules.column_map)
            notices.append(Notice(text, is_detail=not is_news))
        return self._proven(proof, None, notices, findings)

    def _remembered(self) -> KnownLayout | None:
        """The layout before, if this file has it."""
        before = self._before
        if before is None or not _fits(before, self._header):
            return None
        if before.fingerprint == self._fingerprint():
            return before
        if self._header.is_known or before.proof is None:
            return None
        row = self._header.as_row()
        if before.fingerprint != self._fingerprint(row):
            return None
        evidence = before.proof.evidence
        if not self._begins_with_message(evidence.found, evidence):
            return None
        self._header = row
        return before

    def _fingerprint(self, header: Header | None = None) -> str:
        return fingerprint_of(header or self._header, self._rules.column_map, str(self._rules.zone))

    def _ask(self, listing: Listing) -> tuple[Findings | None, Silence]:
        """What witnesses say; or why there are none."""
        asked_of = self._fingerprint()
        witnesses: dict[str, Witness] = {}
        findings = None
        while more := listing.ask(asked_of):
            witnesses |= {witness.message_id: witness for witness in more}
            findings = self._weighed([*witnesses.values()])
            if findings is not None and not findings.lacks:
                break
        if witnesses:
            return findings, Silence.ABSENT
        # Without an answer that says why, this run has asked often enough before.
        told = self._before and self._before.unproved
        return None, listing.silence or (told.silence if told else Silence.ABSENT)

    def _weighed(self, witnesses: Sequence[Witness]) -> Findings | None:
        """What these witnesses say; None if none of them is in the file."""
        header, zone = self._header, self._rules.zone
        rows_from = header if header.is_known or header.is_absent else header.as_row()
        # A first row that looks like data has no names to go by.
        is_data = rows_from is not header and are_data(header.names, self._rules.column_map)
        naming = self._naming(rows_from if is_data else header)
        rows = find_rows(
            self._file, rows_from, witnesses, id_place=naming.alone.get("message_id"), zone=zone
        )
        if not rows:
            return None
        findings = weigh(rows, naming, zone, WholeColumns(self._file, header))
        sources = {**naming.alone, **findings.evidence.found}
        if rows_from is not header and self._begins_with_message(sources, findings.evidence):
            self._header = rows_from
            whole = WholeColumns(self._file, rows_from)
            findings = weigh(rows, self._naming(rows_from), zone, whole)
        return findings

    def _naming(self, header: Header) -> Naming:
        """What the names say, and what an earlier proof has found: these are held against both."""
        naming = name_columns(header, self._rules.column_map)
        found = self._proof.evidence.found if self._proof else {}
        return replace(naming, places={**naming.places, **{r: (p,) for r, p in found.items()}})

    def _begins_with_message(self, sources: Mapping[str, int], evidence: Evidence) -> bool:
        """Whether the first row has a time where the creation times stand; no name is one."""
        place, names = sources.get("created_at"), self._header.names
        if place is None or place >= len(names):
            return False
        form = TimeForm(self._rules.zone, evidence.orders.get("created_at"))
        try:
            return read_time(names[place], form) is not None
        except ValueError:
            return False

    def _told(self, findings: Findings) -> list[Notice]:
        """What to say of columns that do not agree.

        Raises:
            CSVLayoutError: One of them contradicts its name, and that is an error.
        """
        names = self._header.names
        notices = [Notice(sentences.doubt(names, w), is_warning=True) for w in findings.warnings]
        if findings.contradictions:
            text = sentences.contradiction(names, findings, self._rules.column_map)
            if self._rules.verify is VerifyLayout.ERROR:
                raise CSVLayoutError(text)
            notices.append(Notice(text, is_warning=True))
        return notices

    def _proven(
        self,
        proof: Proof | None,
        unproved: Unproved | None = None,
        notices: Sequence[Notice] = (),
        findings: Findings | None = None,
    ) -> Proven:
        evidence = proof.evidence if proof else None
        if evidence is None and findings is not None:  # of what cells are, not of where they are
            evidence = replace(findings.evidence, found={}, proved=frozenset())
        try:
            layout = lay_out(self._header, self._rules.column_map, evidence)
        except CSVHeaderError as error:
            if self._asking is None:
                raise
            names: Sequence[str] = self._header.names
            if are_data(names, self._rules.column_map):
                names = self._header.as_row().names  # which shows places alone
            told = sentences.undecided(names, findings, unproved)
            msg = f"{error} ({told})"
            raise CSVHeaderError(msg) from None
        return Proven(self._header, layout, self._fingerprint(), proof, unproved, tuple(notices))


def _is_due(known: KnownLayout, listing: Listing, check: WindowCheck) -> bool:
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


def _fits(known: KnownLayout, header: Header) -> bool:
    """Whether all that was found is in this file: a state may be damaged."""
    found = known.proof.evidence.found.values() if known.proof else ()
    return all(place < len(header.names) for place in found)


def _renewed(before: Proof | None, findings: Findings, check: WindowCheck) -> Proof:
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
