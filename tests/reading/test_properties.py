"""Properties of the CSV reader: any layout reads back equal, and any bytes are read or refused.

A layout is drawn, messages are drawn, a plain writer of RFC 4180 puts them into a file, and what
the reader makes of it is compared with the messages, value by value.
"""

from __future__ import annotations

import io
import json
import re
from csv import Error as CSVError
from csv import reader as csv_reader
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from traceback import format_exception
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_mailjet_sms.exceptions import (
    CSVFormatError,
    CSVHeaderError,
    DownloadBrokenError,
    NotCSVError,
)
from tap_mailjet_sms.reading import csv_file, rows
from tap_mailjet_sms.reading.header import Header
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, STATUS_ALIASES, STATUS_NAMES, plain_name
from tests.support.csv_text import opened

if TYPE_CHECKING:
    from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEADERS = {
    "api": ("ID", "From", "To", "Status", "CreationTS", "SentTS", "SMSCount", "Cost"),
    "documented": ("MessageId", "From", "To", "Status", "CreationTS", "SentTS", "SmsCount", "Cost"),
    "dotted": ("MessageID", "From", "To", "Status", "Creation.TS", "Sent.TS", "SMS.Count", "Cost"),
    "human": (
        "Message ID",
        "Sender",
        "Recipient",
        "status",
        "Creation date",
        "Sent date",
        "Parts",
        "Price",
    ),
}
NAMES = {plain_name(name) for name in STATUS_NAMES.values()}
KNOWN = {alias for column in MESSAGE_COLUMNS for alias in column.aliases} | {*STATUS_ALIASES}

hostile = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("\",;\t\r\n'+\ufeff\0\u2028 ")
    ),
    max_size=12,
)
#: What may stand around a cell's text.
BLANKS = "".join(filter(str.isspace, map(chr, range(0x10000)))) + "\ufeff"
NULL_WORDS = ("", "null", "n/a", "\\n", "-")
bare = hostile.map(lambda text: text.replace("\0", "").strip(BLANKS))
#: What a spreadsheet adds to a phone number goes, decimals too.
phone = bare.map(lambda text: text.lstrip("'" + BLANKS)).filter(
    lambda text: not re.fullmatch(r"\+?[0-9]+[.,]0*", text)
)
#: Hardly any text that has all of this by chance is an id: so each is made one.
identity = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=BLANKS),
        st.sampled_from("\",;'+-.e7"),
    ),
    max_size=12,
).flatmap(lambda text: st.sampled_from([f"x{text}", f"{text}x"]))


@dataclass(frozen=True, slots=True)
class Message:
    """What a row of the CSV says, and what the reader has to make of it."""

    id: str = ""
    sender: str = ""
    recipient: str = ""
    code: int | None = None
    name: str | None = None
    description: str = ""
    created: datetime = EPOCH
    sent: datetime | None = None
    parts: int | None = None
    cost: Decimal | None = None
    currency: str | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written."""

    headers: str = "api"
    delimiter: str = ","
    newline: str = "\n"
    bom: bool = False
    all_quoted: bool = False
    last_newline: bool = True
    time: str = "unix"
    status: str = "code"
    cost: str = "column"
    spreadsheet: bool = False
    order: tuple[int, ...] = tuple(range(8))
    extra: tuple[str, ...] = ()


def moments(layout: Layout) -> st.SearchStrategy[datetime]:
    """Moments that this form of time can tell: those of this century, but for its last year."""
    unit = {"unix": 10**6, "milliseconds": 10**3}.get(layout.time, 1)
    first, last = 946_684_800 * 10**6 // unit, 4_070_908_800 * 10**6 // unit - 1
    return st.integers(first, last).map(lambda n: EPOCH + timedelta(microseconds=n * unit))


def sendings(layout: Layout, created: datetime) -> st.SearchStrategy[datetime]:
    """Moments within a year of the creation."""
    return moments(layout).map(lambda moment: created + (moment - created) % timedelta(days=365))


def statuses(layout: Layout) -> st.SearchStrategy[tuple[int | None, str | None]]:
    """Pairs of code and name that this form of status can tell."""
    known = st.sampled_from(sorted(STATUS_NAMES.items()))
    strange_code = st.tuples(st.integers(17, 10**18 - 1), st.none())
    text = hostile.filter(
        lambda name: (
            "\0" not in name
            and name.strip(BLANKS).lower() not in NULL_WORDS
            and plain_name(name) not in NAMES
            and not re.match(r"[{+\d]", name.strip(BLANKS))
        )
    )
    strange_name = st.tuples(st.none(), text)
    if layout.status == "code":
        return st.one_of(known, strange_code)
    if layout.status == "name":
        return st.one_of(known, strange_name)
    return st.one_of(known, strange_code, strange_name)


@st.composite
def files(draw: st.DrawFn) -> tuple[Layout, list[Message]]:
    """A layout, and messages that it can hold."""
    layout = Layout(
        headers=draw(st.sampled_from(sorted(HEADERS))),
        delimiter=draw(st.sampled_from(",;\t")),
        newline=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        bom=draw(st.booleans()),
        all_quoted=draw(st.booleans()),
        last_newline=draw(st.booleans()),
        time=draw(st.sampled_from(["unix", "milliseconds", "iso", "naive", "space", "offset"])),
        status=draw(st.sampled_from(["code", "name", "json", "columns", "code and name"])),
        cost=draw(st.sampled_from(["column", "beside", "json", "exponent", "comma"])),
        spreadsheet=draw(st.booleans()),
        order=draw(st.permutations(range(8)).map(tuple)),
        extra=draw(
            st.lists(
                hostile.filter(
                    lambda name: plain_name(name) not in KNOWN and name.strip() and "\0" not in name
                ),
                unique=True,
                max_size=3,
            ).map(tuple)
        ),
    )
    count = draw(st.integers(0, 12))
    found = []
    for _ in range(count):
        code, name = draw(statuses(layout))
        cost = draw(
            st.none()
            | st.decimals(
                min_value=-(10**15), max_value=10**15, places=draw(st.sampled_from([0, 3, 20]))
            ).filter(lambda cost: not re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", f"{cost:f}"))
        )
        created = draw(moments(layout))
        currency = draw(st.sampled_from(["EUR", "USD", "GBP"]))
        found.append(
            Message(
                id=draw(identity),
                sender=draw(hostile),
                recipient=draw(st.from_regex(r"\+[0-9]{6,15}", fullmatch=True) | phone),
                code=code,
                name=name,
                description=draw(hostile) if layout.status == "columns" else "",
                created=created,
                sent=draw(st.none() | sendings(layout, created)),
                parts=draw(st.none() | st.integers(0, 10**18 - 1)),
                cost=cost,
                currency=None if cost is None else currency,
                extra=tuple(draw(hostile) for _ in layout.extra),
            )
        )
    return layout, found


def render_time(moment: datetime | None, form: str) -> str:
    """A moment in one of the forms."""
    if moment is None:
        return ""
    if form in ("unix", "milliseconds"):
        unit = timedelta(seconds=1) if form == "unix" else timedelta(milliseconds=1)
        return str((moment - EPOCH) // unit)
    naive = moment.replace(tzinfo=None)
    if form == "offset":
        return f"{(naive + timedelta(hours=5, minutes=30)).isoformat()}+05:30"
    return {
        "iso": f"{naive.isoformat()}Z",
        "naive": naive.isoformat(),
        "space": naive.isoformat(" "),
    }[form]


def render_status(message: Message, form: str) -> dict[str, str]:
    """Code and name in one of the forms."""
    code = "" if message.code is None else str(message.code)
    name = message.name or ""
    cells = {
        "code": {"Status": code},
        "name": {"Status": name},
        "json": {"Status": json.dumps({"Code": message.code, "Name": message.name})},
        "columns": {
            "Status.Code": code,
            "Status.Name": name,
            "Status.Description": message.description,
        },
        "code and name": {"Status": code, "Status.Name": name},
    }
    return cells[form]


def render_cost(message: Message, layout: Layout) -> dict[str, str]:
    """Cost and currency in one of the forms."""
    if message.cost is None:
        return {"Cost": ""} | ({"Currency": ""} if layout.cost in ("column", "exponent") else {})
    currency = message.currency or ""
    plain = f"{message.cost:f}"
    if layout.cost == "column":
        return {"Cost": plain, "Currency": currency}
    if layout.cost == "json":
        return {"Cost": f'{{"Value": {plain}, "Currency": "{currency}"}}'}
    if layout.cost == "exponent":
        return {"Cost": f"{message.cost:e}", "Currency": currency}
    if layout.cost == "comma":
        plain = plain.replace(".", ",")
    return {"Cost": f"{plain} {currency}"}


def render_row(layout: Layout, message: Message) -> dict[str, str]:
    """A row of the file: header to cell."""
    spreadsheet = "'" if layout.spreadsheet and message.recipient.startswith("+") else ""
    groups = [
        {"ID": message.id},
        {"From": message.sender},
        {"To": spreadsheet + message.recipient},
        render_status(message, layout.status),
        {"CreationTS": render_time(message.created, layout.time)},
        {"SentTS": render_time(message.sent, layout.time)},
        {"SMSCount": "" if message.parts is None else str(message.parts)},
        render_cost(message, layout),
    ]
    names = dict(zip(HEADERS["api"], HEADERS[layout.headers], strict=True))
    cells = {
        names.get(name, name): cell
        for index in layout.order
        for name, cell in groups[index].items()
    }
    return cells | dict(zip(layout.extra, message.extra, strict=True))


def render_cell(cell: str, layout: Layout) -> str:
    """A cell, in quotes where it needs them."""
    if layout.all_quoted or any(mark in cell for mark in f'{layout.delimiter}"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def render(layout: Layout, found: list[Message]) -> bytes:
    """The file."""
    header = render_row(layout, Message(extra=layout.extra))
    lines = [list(header), *(list(render_row(layout, message).values()) for message in found)]
    text = layout.newline.join(
        layout.delimiter.join(render_cell(cell, layout) for cell in line) for line in lines
    )
    end = layout.newline if layout.last_newline else ""
    return (("\ufeff" if layout.bom else "") + text + end).encode()


def plain(text: str) -> str | None:
    """What becomes of a text: databases refuse U+0000."""
    return text.replace("\0", "") or None


def read(csv: bytes, block_bytes: int) -> list[dict[str, object]]:
    """All rows of a CSV, read in blocks of this size; maps as dictionaries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK_BYTES", block_bytes)
        batches = opened(csv)
        found = [row for batch in batches for row in batch.to_pylist()]
    return [row | {"extra": row["extra"] and dict(row["extra"])} for row in found]


@given(files(), st.sampled_from([2048, 512 * 1024]))
def test_any_layout_reads_back_equal(file: tuple[Layout, list[Message]], block_bytes: int) -> None:
    """Whatever the dialect, the forms and the text: what was written is what is read."""
    layout, found = file
    assert read(render(layout, found), block_bytes) == [
        {
            "message_id": message.id,
            "sender": plain(message.sender),
            "recipient": message.recipient or None,
            "status_code": message.code,
            "status_name": message.name,
            "status_description": plain(message.description),
            "created_at": message.created,
            "sent_at": message.sent,
            "sms_count": message.parts,
            "cost_value": message.cost,
            "cost_currency": message.currency,
            "extra": {
                name: plain(text) for name, text in zip(layout.extra, message.extra, strict=True)
            }
            or None,
        }
        for message in found
    ]


SECRETS = ("SECRET", "6998877")
HEADER = b"ID,From,To,Status,SMSCount,CreationTS,SentTS,Cost,Currency,note\n"
ROWS = (
    b'SECRET-1,SECRET,+33699887766,3,1,1754000000,1754000001,0.028,EUR,"SECRET ""x"",\n y"\n'
    b'SECRET-2,SECRET,+33699887766,"{""Code"": 3, ""Name"": ""SECRET""}",1,2026-01-01T00:00:00Z,,'
    b'"{""Value"": 0.028}",,SECRET\n'
)
PIECES = [
    *(bytes([byte]) for byte in b"\",;\t\n\r\xff\0{}'-<"),
    *(
        b'""',
        b"\xef\xbb\xbf",
        b"0x1F",
        b"1e999",
        b"9" * 30,
        b"0" * 19,
        b"nan",
        b"\\ud800",
        b"SECRET",
    ),
]


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """Bytes with a few pieces put in, cut out or changed."""
    data = sound
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(data)))
        end = draw(st.integers(begin, min(len(data), begin + 10)) | st.just(begin))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(b""))
        data = data[:begin] + piece + data[end:]
    return data[: draw(st.just(len(data)) | st.integers(0, len(data)))]


def refusal(csv: bytes) -> Exception | None:
    """The error with which a CSV is refused, if it is one of those that it may be."""
    try:
        read(csv, 2048)
    except (CSVFormatError, CSVHeaderError, NotCSVError, DownloadBrokenError) as error:
        return error
    return None


@given(damaged(ROWS))
@example(ROWS[:-1])
def test_damaged_rows_are_read_or_refused_without_showing_them(body: bytes) -> None:
    """Rows, or an error that names a row and holds nothing of it, nor does what it came from."""
    error = refusal(HEADER + body)
    if error is not None:
        assert isinstance(error, CSVFormatError)
        assert str(error).startswith("Row ")
        assert not any(secret in "".join(format_exception(error)) for secret in SECRETS)


PLAIN_ROWS = b"".join(
    b"SECRET-%d,SECRET,+33699887766,%d,%d,%d,%s,0.028,EUR,SECRET\n"
    % (n, n % 17, n % 3, 1_754_000_000 + n, b"1754000001" if n % 4 else b"")
    for n in range(90)
)


@given(damaged(PLAIN_ROWS))
@example(PLAIN_ROWS.replace(b",1754000089,", b",0x688be859,"))
@example(PLAIN_ROWS.replace(b",1754000089,", b", 1754000089,"))
@example(PLAIN_ROWS.replace(b",1754000089,", b",-0,"))
@example(PLAIN_ROWS.replace(b",1754000089,", b",18446744073709551615,"))
@example(PLAIN_ROWS.replace(b",1754000089,", b",2026-01-01T00:00:00Z,"))
@example(PLAIN_ROWS.replace(b",1754000089,", b",00000000001754000089,"))
@example(PLAIN_ROWS.replace(b",3,1,", b",0000000000000000003,0111111111111111111,"))
@example(PLAIN_ROWS.replace(b",3,1,", b", 1111111111111111111,1111111111111111111,"))
@example(PLAIN_ROWS.replace(b",0.028,", b",column #3: CSV conversion error to uint64,x,"))
def test_whole_numbers_are_what_their_texts_are(body: bytes) -> None:
    """Though pyarrow may read them itself, rows and errors are those of a text at a time."""

    def outcome() -> list[dict[str, object]] | str:
        try:
            return read(HEADER + body, 2048)
        except CSVFormatError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "_NUMBERS", ())
        as_text = outcome()
    assert outcome() == as_text


@given(
    st.lists(st.sampled_from(['"', '""', ",", "\n", "\r", "x", "é", "\ufeff", ',"', '",', '"\n'])),
    st.sampled_from([8, 64, 1024]),
)
@example(['"', "x", '"\n'] * 9 + ['"', "x", '"', "x"], 64)
@example(["x", '"', "x", "\n", '"', "\n", '"\n'] * 9, 64)
@example(["x", ",", "x", "\n", '"', "\n", '",', '"', "x"], 64)
def test_rows_and_quotes_are_those_of_a_strict_reader(pieces: list[str], block_bytes: int) -> None:
    """Wherever quotes stand and the file is cut, Python's own reader of CSV finds the same rows."""
    text = "".join(pieces)
    expected: list[list[str]] = []
    trouble = ""
    try:
        for row in filter(None, csv_reader(io.StringIO(text, newline=""), strict=True)):
            if len(row) != 2:
                trouble = f"has {len(row)} cell"
                break
            expected.append(row)
    except CSVError:
        trouble = "has broken quotes"

    found: list[list[str]] = []
    error = ""
    header = Header(("a", "b"), ",", 4, ends_line=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK_BYTES", block_bytes)
        try:
            for block in rows.read_blocks(io.BytesIO(f"a,b\n{text}".encode()), header):
                found += [list(row.values()) for row in block.to_pylist()]
        except CSVFormatError as refused:
            error = str(refused)
    if "too long" in error:
        assert len(text.encode()) > block_bytes
    elif not error:
        assert (found, trouble) == (expected, "")
    else:
        assert error.startswith(f"Row {len(expected) + 2} ")
        assert trouble
        assert trouble in error
        assert found == expected[: len(found)]


@given(st.one_of(st.binary(), damaged(HEADER + ROWS), damaged(ROWS)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No other error than those of an unsound file or header, and no phone number in it."""
    error = refusal(data)
    if error is not None:
        assert str(error).isprintable()
        assert "699887766" not in str(error)
