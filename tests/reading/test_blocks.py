"""How a file is cut into blocks of whole rows, wherever a block may end."""

from __future__ import annotations

import io
import signal
from itertools import groupby

import pyarrow as pa
import pytest

from tap_mailjet_sms.exceptions import CSVFormatError
from tap_mailjet_sms.reading import rows
from tap_mailjet_sms.reading.header import Header
from tests.support.csv_text import UNIX, opened, quoted, read, refusal


class Counted(io.BytesIO):
    """A file that says how often it was read, and how many bytes of it."""

    reads = taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        data = super().read(size)
        self.reads += 1
        self.taken += len(data)
        return data


def test_the_file_is_not_read_ahead_of_its_use() -> None:
    """However slowly the batches are taken, only one block of the file waits in memory."""
    source = Counted(b"ID,CreationTS\n" + f"m,{UNIX}\n".encode() * 1_000_000)
    assert source.getbuffer().nbytes > 10 * rows.BLOCK_BYTES
    for taken, _ in enumerate(opened(source), 1):
        assert source.reads == taken + 2  # the first bytes and the header, too


@pytest.mark.parametrize("text", ["x", "two\n", "two\r", '""', '""\n', "a,b\n", 'x","'])
@pytest.mark.parametrize("quote", ['"', '5" pipe\n"'])
def test_a_quote_that_never_closes_costs_little(text: str, quote: str) -> None:
    """The file is read a few blocks on, not to its end and not again and again."""
    size = 20 * rows.BLOCK_BYTES
    row = f"m,{UNIX},x\n" * 10
    body = text * (size // len(text))
    source = Counted(f"ID,CreationTS,Note\n{row}m,{UNIX},{quote}{body}".encode())
    with pytest.raises(CSVFormatError) as caught:
        for _ in opened(source):
            pass
    assert str(caught.value).startswith("Row 12 " if quote == '"' else "Row 13 ")
    assert source.taken < 6 * rows.BLOCK_BYTES


def test_a_row_that_is_no_row_is_named() -> None:
    """It does not end within a block, or its quotes are broken far from the file's end."""
    row = f"m,{UNIX},x\n"
    long = "x" * 2 * rows.BLOCK_BYTES
    for odd in (f'm,{UNIX},"{long}\n', f"m,{UNIX},{long}\n", f'm,{UNIX},"{long}"\n'):
        error = refusal(f"ID,CreationTS,Note\n{row}{row}{odd}{row}")
        assert error.startswith("Row 4 ")
        assert "does not end or is too long for a message" in error
    error = refusal(f'ID,CreationTS,Note\n{row}{row}m,{UNIX},"x"y\n{row * 300_000}')
    assert error.startswith("Row 4 ")
    assert "broken quotes" in error


def test_a_long_cell_is_read_beside_odd_quotes() -> None:
    """A row may be longer than a block; Python's own reader of CSV takes 128 KiB for a cell."""
    for before in (0, 1, 1000, 40_000):
        long = 'x"\n' * (rows.BLOCK_BYTES // 3)
        csv = "ID,CreationTS,Note\n" + f'm,{UNIX},5" pipe\n' * before
        csv += f"m,{UNIX},{quoted(long)}\n" + f'm,{UNIX},5" pipe\n'
        notes = [row["extra"] for row in read(csv)]
        assert notes == [{"Note": '5" pipe'}] * before + [{"Note": long}, {"Note": '5" pipe'}]


def test_a_signal_is_heeded_between_two_blocks() -> None:
    """Also where the file has nothing but empty lines, so that no batch ever comes."""

    class Signalled(Counted):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if self.reads == 5:
                signal.raise_signal(signal.SIGUSR1)
            return data

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    source = Signalled(b"ID,CreationTS\n" + b"\r\r\n" * (4 * rows.BLOCK_BYTES))
    before = signal.signal(signal.SIGUSR1, end)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(opened(source), None)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert source.reads == 5


def test_empty_lines_bring_no_batches() -> None:
    """They are skipped, however many there are, and not counted."""
    blank = "\n" * rows.BLOCK_BYTES + "\r\n" * rows.BLOCK_BYTES + "\r" * rows.BLOCK_BYTES
    csv = f"ID,CreationTS\n{blank}m,{UNIX}\n{blank}"
    assert [batch.num_rows for batch in opened(csv)] == [1]
    assert refusal(f"{csv}m\n").startswith("Row 3 ")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n", "\n\n"])
def test_a_file_is_the_same_wherever_it_is_cut(
    newline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line ends, marks of byte order, and quotes of all kinds, at each place of a block's end."""
    notes = ["", "x", '"two\r\nlines"', '"a ""b"""', '5" pipe', '"\n"', '",\r"', '"\r"', "\ufeff"]
    lines = [f"\ufeff,m{n},{UNIX + n},{n % 3},{note}" for n, note in enumerate(notes)]
    csv = newline.join(["From,ID,CreationTS,SMSCount,Note", *lines])
    whole = read(csv)
    assert [row["message_id"] for row in whole] == [f"m{n}" for n in range(len(lines))]
    assert {row["sender"] for row in whole} == {"\ufeff"}
    assert [row["extra"] and row["extra"]["Note"] for row in whole[:4]] == [  # type: ignore[index]
        None,
        "x",
        "two\r\nlines",
        'a "b"',
    ]
    for block_bytes in range(34, 100):
        monkeypatch.setattr(rows, "BLOCK_BYTES", block_bytes)
        assert read(csv) == read(csv + newline) == whole
        assert refusal(f'{csv}{newline}x,m,{UNIX},"1"1,\n').startswith(f"Row {len(lines) + 2} of")
        assert refusal(f"{csv}{newline}x,m,{UNIX}").startswith(f"Row {len(lines) + 2} of")


def test_a_column_once_known_as_text_stays_text() -> None:
    """And only that one: each block is read once, but for the one where the text begins."""
    plain = f"m,{UNIX},3,1\n" * (3 * rows.BLOCK_BYTES // 18)
    source = io.BytesIO(f"{plain}m,{UNIX},delivered,1\n{plain}m,{UNIX},0x3,1\n{plain}".encode())
    header = Header(("ID", "CreationTS", "Status", "SMSCount"), ",", 0, ends_line=True)
    kinds = [
        tuple(pa.types.is_uint64(block.column(column).type) for column in (1, 2, 3))
        for block in rows.read_blocks(source, header, numbers=[1, 2, 3])
    ]
    numbers, text, one_text = (True, True, True), (False, False, False), (True, False, True)
    assert [kind for kind, _ in groupby(kinds)] == [numbers, text, one_text, text, one_text]
    assert kinds.count(text) == 2


def test_a_ragged_row_of_strange_bytes_is_refused() -> None:
    """In the words for any ragged row, and without its text."""
    error = refusal(f"ID,CreationTS\nm,{UNIX}\n\nSECRET".encode() + b"\xff\n")
    assert error.startswith("Row 3 ")
    assert "has 1 cell where the header has 2" in error
    assert "SECRET" not in error
