"""The rows of witnesses in a file, found in one pass, block by block.

The id's text tells a row, in whatever column it stands; where ids are spelt in another way, the
recipient and the creation time together do. The search ends with the last witness.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.reading.agreement import ID_MARKS, Says, digits, hours_ahead, plain_id, said
from tap_mailjet_sms.reading.cells import CellError, bare
from tap_mailjet_sms.reading.rows import read_blocks
from tap_mailjet_sms.reading.rules import DateOrder, TimeForm
from tap_mailjet_sms.reading.statuses import StatusForm, statuses
from tap_mailjet_sms.reading.testimony import Row
from tap_mailjet_sms.reading.times import times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo

    from tap_mailjet_sms.reading.header import Header
    from tap_mailjet_sms.witness import Witness

#: Rows with a witness's recipient that are looked at, where no id is found.
_LOOKED_AT = 1_000


def find_rows(
    file: BinaryIO,
    header: Header,
    witnesses: Sequence[Witness],
    *,
    id_place: int | None,
    zone: tzinfo,
) -> list[Row]:
    """The rows of these witnesses, as far as they are in the file; one for each.

    Args:
        file: The whole file, in UTF-8.
        header: What its first row says.
        witnesses: Messages of Mailjet's list, of different ids.
        id_place: Where ids stand, by the header's names.
        zone: The zone of times without one.

    Raises:
        CSVFormatError: A row cannot be told from others.
    """
    if id_place is not None:
        found = _by_id(file, header, witnesses, places=[id_place], is_exact=True)
        if 2 * len(found) >= len(witnesses):  # fewer may be ids of other messages
            return found
    everywhere = range(len(header.names))
    return (
        _by_id(file, header, witnesses, places=everywhere, is_exact=True)
        or _by_id(file, header, witnesses, places=everywhere, is_exact=False)
        or _by_recipient(file, header, witnesses, zone)
    )


def _by_id(
    file: BinaryIO,
    header: Header,
    witnesses: Sequence[Witness],
    *,
    places: Sequence[int],
    is_exact: bool,
) -> list[Row]:
    """The rows in which the ids stand, in that column of these which has the most of them."""
    by_id = {(bare if is_exact else plain_id)(w.message_id).casefold(): w for w in witnesses}
    spelt = {spelling for key in by_id for spelling in (key, key.upper())}
    wanted = pa.array(sorted(spelt if is_exact else by_id), pa.string())
    found: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for block in read_blocks(file, header):
        for place in places:
            column = block.column(place)
            if not is_exact:
                column = pc.utf8_lower(pc.replace_substring_regex(column, ID_MARKS, ""))
            for index in _rows_of(pc.is_in(column, wanted)):
                key = str(column[index].as_py()).casefold()
                found[place].setdefault(key, _cells(block, index))
        if any(len(rows) == len(by_id) for rows in found.values()):
            break
    best = max(found.values(), key=len, default={})
    return [Row(by_id[key], cells) for key, cells in best.items()]


def _by_recipient(
    file: BinaryIO, header: Header, witnesses: Sequence[Witness], zone: tzinfo
) -> list[Row]:
    """The rows that have the recipient and the creation time of one witness alone.

    Their times may all be ahead by the same whole quarter hours.
    """
    phones: dict[str, list[Witness]] = defaultdict(list)
    for witness in witnesses:
        if phone := digits(witness.recipient or ""):
            phones[phone].append(witness)
    wanted = pa.array(sorted(phones), pa.string())
    found: dict[timedelta, list[Row]] = defaultdict(list)
    looked_at = 0
    for block in read_blocks(file, header):
        for place in range(len(header.names)):
            marks_gone = pc.replace_substring_regex(block.column(place), "[^0-9]", "")
            numbers = pc.ascii_ltrim(marks_gone, "0")
            for index in _rows_of(pc.is_in(numbers, wanted)):
                cells = _cells(block, index)
                for witness in phones[str(numbers[index].as_py())]:
                    for ahead in _ahead(cells, witness, zone):
                        found[ahead].append(Row(witness, cells))
                looked_at += 1
                if looked_at == _LOOKED_AT:
                    return _alone(found)
    return _alone(found)


def _alone(found: Mapping[timedelta, list[Row]]) -> list[Row]:
    """Of rows that are so far ahead, those that are of one witness, which has no other one.

    More than one must be ahead by the same time, or it is by chance.
    """
    told: dict[timedelta, list[Row]] = {}
    for ahead, rows in found.items():
        distinct = {(row.witness.message_id, row.cells): row for row in rows}
        witnesses = Counter(message_id for message_id, _ in distinct)
        shared = Counter(cells for _, cells in distinct)
        told[ahead] = [
            row
            for (message_id, cells), row in distinct.items()
            if witnesses[message_id] == shared[cells] == 1
        ]
    if told.get(timedelta(0)):
        return told[timedelta(0)]
    best = max(told.values(), key=len, default=[])
    return best if len(best) > 1 else []


def _ahead(cells: Iterable[str], witness: Witness, zone: tzinfo) -> set[timedelta]:
    """How far ahead of the witness's creation the cells are that may be that time."""
    found = set()
    for form in [TimeForm(zone, order) for order in DateOrder]:
        for cell in cells:
            if said("created_at", cell, witness, form) is Says.AGREES:
                found.add(timedelta(0))
            elif ahead := hours_ahead(cell, witness.created_at, form):
                found.add(ahead)
    return found


def _rows_of(matches: pa.BooleanArray) -> Sequence[int]:
    """The rows in which this is true."""
    if not matches.true_count:
        return ()
    return [index for index, is_match in enumerate(matches.to_pylist()) if is_match]


def _cells(block: pa.RecordBatch, index: int) -> tuple[str, ...]:
    return tuple(column[index].as_py() or "" for column in block.columns)


class WholeColumns:
    """What can be told of a column only by all of its cells; see `unnamed_columns.WholeFile`."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        """Take the whole file, in UTF-8; nothing is read yet."""
        self._file = file
        self._header = header

    def are_statuses(self, place: int) -> bool:
        """Whether each cell that is not empty is a status of Mailjet's table."""
        try:
            return all(
                not statuses(block.column(place), StatusForm.ANY).unknown
                for block in read_blocks(self._file, self._header)
            )
        except CellError:
            return False

    def are_sendings(self, place: int, form: TimeForm, created: int, of_created: TimeForm) -> bool:
        """Whether each cell that is not empty is a time, and not before the creation."""
        try:
            for block in read_blocks(self._file, self._header):
                begun = times(block.column(created), of_created).values
                sent = times(block.column(place), form).not_before(begun).values
                if pc.less(sent, begun).true_count:
                    return False
        except CellError:
            return False
        return True
