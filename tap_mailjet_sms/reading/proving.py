"""The layout of a file, proved by messages of Mailjet's own list before a row of it leaves.

A few messages are asked for, their rows are found in the file, and `evidence.py` decides what each
column is. Not each file needs that, and not each can have it:

=========================================  =====================================================
a file                                     is read
=========================================  =====================================================
for which there is no list to ask          as it was proved before, or else by its names
whose layout is known, and is not due      the same
with no row, for certain                   the same: there is nothing to ask of
of which witnesses are found               as they say; what they contradict is refused
of one line, which may be a header, where  not at all, unless that line looks like data
Mailjet lists no message
without witnesses                          as it was proved before, or else by its names; and why
                                           it is unproved is remembered
=========================================  =====================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from tap_mailjet_sms.exceptions import CSVHeaderError, CSVLayoutError
from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.reading import proof_sentences as sentences
from tap_mailjet_sms.reading.evidence import weigh
from tap_mailjet_sms.reading.header import are_data, looks_like_data
from tap_mailjet_sms.reading.laying_out import lay_out
from tap_mailjet_sms.reading.layout import Proven, Unproved
from tap_mailjet_sms.reading.naming import name_columns
from tap_mailjet_sms.reading.remembered import fingerprint_of, fits, is_due, renewed
from tap_mailjet_sms.reading.rows import read_blocks
from tap_mailjet_sms.reading.rules import TimeForm, VerifyLayout
from tap_mailjet_sms.reading.search import WholeColumns, find_rows
from tap_mailjet_sms.reading.time_texts import read_time
from tap_mailjet_sms.witness import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_mailjet_sms.reading.evidence import Findings
    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import Evidence, KnownLayout, Proof
    from tap_mailjet_sms.reading.naming import Naming
    from tap_mailjet_sms.reading.rules import Rules
    from tap_mailjet_sms.reading.window_check import WindowCheck
    from tap_mailjet_sms.witness import Listing, Witness


def prove(  # noqa: PLR0913 - the file, and what is known beside it
    file: BinaryIO,
    header: Header,
    rules: Rules,
    *,
    before: KnownLayout | None,
    check: WindowCheck,
    listing: Listing | None,
) -> Proven | None:
    """Decide how a file is read; None if it has but one line, and Mailjet lists no message.

    Args:
        file: The whole file, in UTF-8.
        header: What its first row says.
        rules: The settings.
        before: The layout of the file with rows before this one, in this run or an earlier one.
        check: The window that the file is of, and when it is read.
        listing: Mailjet's list of the window's messages; None to go by the names alone.

    Raises:
        CSVLayoutError: A column holds something else than its name says.
        CSVHeaderError: Nothing tells where the id or the creation time is, or a column is there
            twice.
        CSVFormatError: A row cannot be told from others.
    """
    if rules.verify is VerifyLayout.OFF:
        listing = None
    return _Proving(file, header, rules, before=before, check=check, listing=listing).proven()


class _Proving:
    """The way to a layout; `_header` becomes one without names once the first row is a message."""

    def __init__(  # noqa: PLR0913 - what `prove` takes
        self,
        file: BinaryIO,
        header: Header,
        rules: Rules,
        *,
        before: KnownLayout | None,
        check: WindowCheck,
        listing: Listing | None,
    ) -> None:
        self._file = file
        self._header = header
        self._rules = rules
        self._before = before
        self._check = check
        self._listing = listing
        self._silence_before = before.unproved.silence if before and before.unproved else None
        self._proof: Proof | None = None

    def proven(self) -> Proven | None:
        """How the file is read: the rows of the table above, in their order."""
        known = self._remembered()
        self._proof, unproved = (known.proof, known.unproved) if known else (None, None)
        if (listing := self._listing) is None:
            return self._laid_out()
        if known is not None and not is_due(known, listing, self._check):
            return self._laid_out(unproved)
        has_rows = next(read_blocks(self._file, self._header), None) is not None
        if not has_rows and self._is_certain:
            return self._laid_out(unproved)
        findings, silence = self._ask(listing)
        if findings is not None:
            return self._witnessed(findings, listing)
        if not has_rows and silence is Silence.EMPTY:
            listing.start_anew(self._fingerprint())
            if not any(map(looks_like_data, self._header.names)):
                return None
        return self._unwitnessed(silence)

    @property
    def _is_certain(self) -> bool:
        """Whether the first row is a header for certain, or none."""
        return self._header.is_known or self._header.is_absent

    def _witnessed(self, findings: Findings, listing: Listing) -> Proven:
        """The file as witnesses say it is, and what is to be said of that.

        Raises:
            CSVLayoutError: They contradict a name, and that is an error.
        """
        notices = self._objections(findings)
        if findings.evidence.is_proof:
            is_news = self._proof is None
            self._proof = renewed(self._proof, findings, self._check)
            listing.start_anew(self._fingerprint())
            evidence = self._proof.evidence
            text = sentences.proved(self._header.names, evidence, self._rules.column_map)
            notices.append(Notice(text, Weight.NEWS if is_news else Weight.DETAIL))
        return self._laid_out(None, notices, findings)

    def _unwitnessed(self, silence: Silence) -> Proven:
        """The file as it was proved before or by its names; a warning, if that is news."""
        text = sentences.without_witnesses(silence, is_proved=self._proof is not None)
        is_news = silence is not self._silence_before
        notice = Notice(text, Weight.WARNING if is_news else Weight.NEWS)
        return self._laid_out(Unproved(silence, self._check.now), [notice])

    def _remembered(self) -> KnownLayout | None:
        """The layout before, if this file has it."""
        before = self._before
        if before is None or not fits(before, self._header):
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
        return None, listing.silence or self._silence_before or Silence.ABSENT

    def _weighed(self, witnesses: Sequence[Witness]) -> Findings | None:
        """What these witnesses say; None if none of them is in the file."""
        header, zone = self._header, self._rules.zone
        rows_from = header if self._is_certain else header.as_row()
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

    def _objections(self, findings: Findings) -> list[Notice]:
        """What to say of columns that do not agree.

        Raises:
            CSVLayoutError: One of them contradicts its name, and that is an error.
        """
        names = self._header.names
        notices = [Notice(sentences.doubt(names, w), Weight.WARNING) for w in findings.warnings]
        if findings.contradictions:
            text = sentences.contradiction(names, findings, self._rules.column_map)
            if self._rules.verify is VerifyLayout.ERROR:
                raise CSVLayoutError(text)
            notices.append(Notice(text, Weight.WARNING))
        return notices

    def _laid_out(
        self,
        unproved: Unproved | None = None,
        notices: Sequence[Notice] = (),
        findings: Findings | None = None,
    ) -> Proven:
        """The file as it is proved, or else by its names.

        Raises:
            CSVHeaderError: Nothing tells where the id or the creation time is, or a column is there
                twice.
        """
        proof = self._proof
        evidence = proof.evidence if proof else None
        if evidence is None and findings is not None:  # of what cells are, not of where they are
            evidence = replace(findings.evidence, found={}, proved=frozenset())
        try:
            layout = lay_out(self._header, self._rules.column_map, evidence)
        except CSVHeaderError as error:
            if self._listing is None:
                raise
            names: Sequence[str] = self._header.names
            if are_data(names, self._rules.column_map):
                names = self._header.as_row().names  # which shows places alone
            why = sentences.undecided(names, findings, unproved)
            msg = f"{error} ({why})"
            raise CSVHeaderError(msg) from None
        return Proven(self._header, layout, self._fingerprint(), proof, unproved, tuple(notices))
