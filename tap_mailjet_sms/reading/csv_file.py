"""Mailjet's CSV to typed Arrow, strictly.

`header.py` says what the columns are, `rows.py` splits the rows, `cells.py` and its neighbours
convert the cells.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.arrow_schema import DECIMAL, EXTRA, MESSAGE_SCHEMA
from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError
from tap_mailjet_sms.notices import Notice, Weight
from tap_mailjet_sms.reading import cells
from tap_mailjet_sms.reading import layout_sentences as sentences
from tap_mailjet_sms.reading.encoding import as_utf8
from tap_mailjet_sms.reading.header import HEADER_LIMIT, read_header, show
from tap_mailjet_sms.reading.laying_out import settle
from tap_mailjet_sms.reading.prices import Prices, currencies
from tap_mailjet_sms.reading.proving import prove
from tap_mailjet_sms.reading.roles import HOSTS, REQUIRED, STATUS, TIMES
from tap_mailjet_sms.reading.rows import column_name, read_blocks, row_name
from tap_mailjet_sms.reading.rules import TimeForm
from tap_mailjet_sms.reading.statuses import STATUS_FORMS, Statuses, contradictions, statuses
from tap_mailjet_sms.reading.strays import Strays
from tap_mailjet_sms.reading.times import near, required, times
from tap_mailjet_sms.schema import STATUS_NAMES
from tap_mailjet_sms.spool import spool_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo

    from tap_mailjet_sms.reading.cells import Cells
    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.reading.layout import KnownLayout, Layout
    from tap_mailjet_sms.reading.rules import Rules
    from tap_mailjet_sms.reading.times import Moments
    from tap_mailjet_sms.reading.window_check import WindowCheck
    from tap_mailjet_sms.witness import Listing

_T = TypeVar("_T")

#: What fits into an error in full.
_SHORT_NAME = 40
#: What most layouts spell as a whole number.
_NUMBERS = ("status_code", STATUS, "created_at", "sent_at", "sms_count")
_KNOWN_CODES = pa.array(STATUS_NAMES, pa.int64())
_NO_COST = pa.scalar(Decimal(0), DECIMAL)


def read(
    source: BinaryIO | None,
    rules: Rules,
    *,
    before: KnownLayout | None,
    check: WindowCheck,
    listing: Listing | None,
) -> Reading:
    """Read a CSV from its beginning.

    Args:
        source: The whole file, which is closed once it is read; None if there are no rows.
        rules: The settings.
        before: The layout of the file with rows before this one, in this run or an earlier one.
        check: What the times of creation are held against.
        listing: Mailjet's list of the window's messages, which proves the layout; None to go by
            the names alone.
    """
    return Reading(source, rules, before, check, listing)


class Reading:
    """Typed batches of a file, each with the columns of `MESSAGE_SCHEMA`, to be had once.

    Only once the last batch is out is the file known to be sound: until then, use none of them.
    Then `layout` is what is to be remembered of its layout (None if it has no rows), and `notices`
    are complete.

    Raises:
        CSVFormatError: A row or a cell is wrong.
        CSVLayoutError: A column holds something else than its name says.
        CSVHeaderError: Nothing says where the id and the creation time are, or a column is lacking
            that was there before, or is to be hashed.
        NotCSVError: A page came instead of a CSV.
        DownloadBrokenError: The file is packed, and damaged.
        SpoolError: The temporary folder does not give the file, or has no room for it unpacked.
    """

    def __init__(
        self,
        source: BinaryIO | None,
        rules: Rules,
        before: KnownLayout | None,
        check: WindowCheck,
        listing: Listing | None,
    ) -> None:
        self.layout: KnownLayout | None = None
        self.notices: list[Notice] = []
        self._rules = rules
        self._before = before
        self._check = check
        self._listing = listing
        self._batches = self._read(source)

    def __iter__(self) -> Self:
        """Go on where it is."""
        return self

    def __next__(self) -> pa.RecordBatch:
        """Read the next batch."""
        return next(self._batches)

    def _read(self, source: BinaryIO | None) -> Iterator[pa.RecordBatch]:
        if source is None:
            return
        with source, spool_errors(), as_utf8(source, self._rules.encoding) as text:
            yield from self._typed(text)

    def _typed(self, text: BinaryIO) -> Iterator[pa.RecordBatch]:
        text.seek(0)
        header = read_header(text.read(HEADER_LIMIT), self._rules.column_map)
        if header is None:
            return
        proven = prove(
            text,
            header,
            self._rules,
            before=self._before,
            check=self._check,
            listing=self._listing,
        )
        if proven is None:
            return
        header, layout = proven.header, proven.layout
        if proven.proof and proven.proof.evidence.is_far:
            self._check.refuses = False
        rows = 0
        hosted: dict[str, bool] = {}
        numbers = [layout.sources[name] for name in _NUMBERS if name in layout.sources]
        strays = Strays(header, layout)
        conversion = _Conversion(header, layout, self._rules.zone, self._check)
        unhashed = self._rules.hashed - layout.sources.keys()
        for numbers_of_rows, block in strays.sort_out(read_blocks(text, header, numbers=numbers)):
            if unhashed:  # before a batch file has a row of it
                raise CSVHeaderError(
                    sentences.unhashed(header, layout, unhashed, self._rules.column_map)
                )
            batch = conversion.typed(block, numbers_of_rows)
            _note_hosted(batch, hosted)
            yield batch
            rows += batch.num_rows
        self.notices += [*proven.notices, *strays.notices, *conversion.notices()]
        if rows:
            extra = (*layout.extra, *sorted(conversion.unnamed))
            self.layout, notices = settle(
                replace(proven, layout=replace(layout, extra=extra)),
                hosted=hosted,
                column_map=self._rules.column_map,
                before=self._before,
            )
            self.notices += notices
            if unproved := self._rules.hashed - self.layout.proved:
                self.notices.append(Notice(sentences.hashed_by_name(unproved), Weight.WARNING))


class _Conversion:
    """Turns the blocks of one file, in their order, into batches of the stream's columns.

    What only the whole file can tell is gathered on the way.
    """

    def __init__(self, header: Header, layout: Layout, zone: tzinfo, check: WindowCheck) -> None:
        self._header = header
        self._layout = layout
        self._time_forms = [TimeForm(zone, layout.orders.get(role)) for role in TIMES]
        self._check = check
        self._numbers: Sequence[int] = ()
        self._prices = Prices(layout.decimal_mark)
        #: The columns of which a whole block has no known status; and how many others each has.
        self._without_known: set[str] = set()
        self._unknown: Counter[str] = Counter()
        self._contradictions = 0
        self._with_nul: Counter[str] = Counter()
        #: Places of the last columns without a name that hold text all the same.
        self.unnamed: set[int] = set()

    def typed(self, block: pa.RecordBatch, numbers: Sequence[int]) -> pa.RecordBatch:
        """Convert the next block of cells; the numbers of its rows are for errors.

        Raises:
            CSVFormatError: A cell is wrong.
        """
        self._numbers = numbers
        read, read_text = partial(self._read, block), partial(self._read_text, block)
        coded, status, named = (self._statuses(block, role) for role in STATUS_FORMS)
        code = cells.first_of(coded.code, status.code, named.code)
        name = cells.first_of(named.name, status.name, coded.name)
        described = read_text("status_description", cells.text)
        description = cells.first_of(described, status.description, coded.description)
        if self._has_texts_of_status(block):
            self._contradictions += contradictions(code, name)
            # JSON can spell U+0000 in a way that shows only now.
            name = self._clean("status_name", name)
            description = self._clean("status_description", description)
        created_form, sent_form = self._time_forms
        created = read(
            "created_at", lambda column: self._held(required(times(column, created_form)))
        )
        cost, currency = read("cost_value", self._costs)
        currency = self._clean("cost_currency", currency)
        values: dict[str, Cells] = {
            "message_id": read("message_id", cells.ids),
            "sender": read_text("sender", cells.text),
            "recipient": read_text("recipient", cells.recipients),
            "status_code": code,
            "status_name": name,
            "status_description": description,
            "created_at": created.values,
            "sent_at": read("sent_at", lambda column: near(times(column, sent_form), created)),
            "sms_count": read("sms_count", cells.integers),
            "cost_value": cost,
            "cost_currency": read_text("cost_currency", lambda col: currencies(col, currency)),
            "extra": self._extra(block),
        }
        return pa.RecordBatch.from_arrays(
            [values[field.name] for field in MESSAGE_SCHEMA], schema=MESSAGE_SCHEMA
        )

    def notices(self) -> list[Notice]:
        """What the user should know of the file, once all of it is converted.

        Raises:
            CSVFormatError: All of its prices can be read in two ways.
        """
        if self._prices.are_doubtful:
            msg = (
                f"Mailjet's CSV can be read in two ways: each price of {self._name('cost_value')}"
                f" may count thousands, or thousandths;{self._way_out('cost_value')}"
            )
            raise CSVFormatError(msg)
        found = [
            f"Of Mailjet's CSV, all rows or thousands on end hold no known status in"
            f" {self._name(role)}: it is kept as it stands;{self._way_out(role)}"
            for role in sorted(self._without_known)
        ]
        found += [
            f"In {_counted(count, 'row')} of Mailjet's CSV, the status in {self._name(role)} is not"
            " in Mailjet's table: it is kept as it stands, with null for what it leaves open"
            for role, count in sorted(self._unknown.items())
            if count and role not in self._without_known
        ]
        if self._contradictions:
            found.append(
                "Code and name of the status contradict each other in"
                f" {_counted(self._contradictions, 'row')} of Mailjet's CSV"
                f" ({self._name(*STATUS_FORMS)}): both are kept as they stand"
            )
        if self._check.doubtful:
            found.append(
                f"Clocks were set back within the window, and {self._name('created_at')} has no"
                f" zone: the earlier time is taken in {_counted(self._check.doubtful, 'row')} of"
                " Mailjet's CSV, which may mean the later one"
            )
        for role, count in sorted(self._with_nul.items()):
            found.append(
                "The character U+0000, which databases refuse, was taken out of"
                f" {_counted(count, 'cell')} of Mailjet's CSV ({role})"
            )
        return [Notice(text, Weight.WARNING) for text in found]

    def _read(self, block: pa.RecordBatch, role: str, convert: Callable[[Cells], _T]) -> _T:
        index = self._layout.sources.get(role)
        if index is None:
            return convert(cells.nulls(block.num_rows, pa.string()))
        try:
            return convert(block.column(index))
        except cells.CellError as error:
            row = row_name(self._header, self._numbers[error.row])
            cell = f"the cell of {self._name(role)} {error.problem}"
            msg = f"{row}: {cell};{self._way_out(role)}"
            raise CSVFormatError(msg) from None

    def _read_text(self, block: pa.RecordBatch, role: str, convert: Callable[[Cells], _T]) -> _T:
        return self._read(block, role, lambda column: convert(self._clean(role, column)))

    def _statuses(self, block: pa.RecordBatch, role: str) -> Statuses:
        form = STATUS_FORMS[role]
        found = self._read_text(block, role, lambda column: statuses(column, form))
        if found.unknown and not found.has_known:
            self._without_known.add(role)
        self._unknown[role] += found.unknown
        return found

    def _has_texts_of_status(self, block: pa.RecordBatch) -> bool:
        """Whether there is more to a status than a number."""
        places = [
            self._layout.sources[role] for role in STATUS_FORMS if role in self._layout.sources
        ]
        return len(places) > 1 or not all(cells.are_numbers(block.column(i)) for i in places)

    def _held(self, created: Moments) -> Moments:
        """The times of creation, if the export can have them."""
        created = self._check.settled(created)
        self._check.hold(created.values)
        return created

    def _costs(self, column: Cells) -> tuple[Cells, Cells]:
        """Costs and their currencies, which the cells name, or the column's header for all."""
        cost, currency = self._prices.convert(column)
        if self._layout.currency is not None:
            named = cells.where_valid(cost, self._layout.currency)
            currency = currencies(named, currency)
        return cost, currency

    def _extra(self, block: pa.RecordBatch) -> Cells:
        """What goes to `extra`, by its label: of the last columns, if unnamed, those with text.

        Exporters that end each line with a delimiter make such columns.
        """
        labels = list(self._layout.labels)
        columns = [self._clean("extra", block.column(index)) for index in self._layout.extra]
        for index in self._layout.unnamed:
            column = cells.text(block.column(index))
            if column.null_count < len(column):
                self.unnamed.add(index)
                labels.append(f"column {index + 1}")
                columns.append(self._clean("extra", column))
        return cells.labelled(labels, columns) if columns else cells.nulls(block.num_rows, EXTRA)

    def _clean(self, column: str, texts: Cells) -> Cells:
        cleaned, count = cells.without_nul(texts)
        if count:
            self._with_nul[column] += count
        return cleaned

    def _name(self, *roles: str) -> str:
        """The columns of the CSV that hold these columns of the stream."""
        found = [
            f"{column_name(self._header, self._layout.sources[role])} ({role})"
            for role in roles
            if role in self._layout.sources
        ]
        return f"the column{'s' if len(found) > 1 else ''} {' and '.join(found)}"

    def _way_out(self, role: str) -> str:
        """What gets the user going, where the next file would say the same."""
        if role in REQUIRED and not self._header.is_absent:
            return " name the right column in the setting column_map, or report it"
        if self._header.is_absent:
            return " please report it"
        name = self._header.names[self._layout.sources[role]]
        entry = json.dumps({name: None}) if len(name) <= _SHORT_NAME else f"{show(name)}: null"
        return f" to read on without it, add {entry} to the setting column_map"


def _note_hosted(batch: pa.RecordBatch, hosted: dict[str, bool]) -> None:
    """Add what a batch tells of the columns that the cells of others may hold; see `settle`.

    A status of Mailjet's table has a description, and a cost that is not zero has a currency.
    """
    for name, host in HOSTS.items():
        if batch[name].null_count < batch.num_rows:
            hosted[name] = True
        elif name not in hosted:
            is_cost = host == "cost_value"
            cells = batch[host]
            belongs = pc.not_equal(cells, _NO_COST) if is_cost else pc.is_in(cells, _KNOWN_CODES)
            if belongs.true_count:
                hosted[name] = False


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
