"""A file of any length: read in blocks of bounded size, in order, and kept for another reading."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing

import pyarrow as pa
import pytest

from tap_mailjet_sms.arrow_schema import MESSAGE_SCHEMA
from tap_mailjet_sms.exceptions import SpoolError
from tap_mailjet_sms.reading import rows
from tap_mailjet_sms.schema import MESSAGE_COLUMNS
from tap_mailjet_sms.writing import kept
from tap_mailjet_sms.writing.kept import Spool
from tests.support.csv_text import UNIX, opened, read, refusal


def test_rows_of_many_blocks_keep_their_order_and_number() -> None:
    """What lies across a block's end is read whole, and errors count on."""
    lines = [f'id{i},{UNIX + i},"a ""{i}""\n{"x" * (i % 97)}"\n' for i in range(20_000)]
    csv = "ID,CreationTS,x\n" + "".join(lines)
    found = read(csv)
    assert len(csv) > 2 * 512 * 1024
    assert [row["message_id"] for row in found] == [f"id{i}" for i in range(20_000)]
    assert found[-1]["extra"] == {"x": f'a "19999"\n{"x" * (19_999 % 97)}'}
    assert refusal(f"{csv}z,never,x\n").startswith("Row 20002 ")
    assert refusal(f"{csv}z,{UNIX}\n").startswith("Row 20002 ")
    assert refusal(f'{csv}"z"z,{UNIX},x\n').startswith("Row 20002 ")
    assert refusal(csv.encode() + b"\xff,1,x\n").startswith("Row 20002 ")


@pytest.mark.parametrize("odd", [" 3", "3 ", "", '""', "003", "8"])
def test_a_column_that_is_not_all_numbers_is_read_to_its_end(odd: str) -> None:
    """Where a number is spelt in another way late in a file, no row is lost or repeated."""
    plain = "".join(f"m{n},{UNIX + n},{n % 7}\n" for n in range(150_000))
    found = read(f"ID,CreationTS,SMSCount\n{plain}odd,{UNIX},{odd}\n{plain}")
    ids = [f"m{n}" for n in range(150_000)]
    assert [row["message_id"] for row in found] == [*ids, "odd", *ids]
    assert found[150_000]["sms_count"] == (int(odd) if odd.strip('"') else None)
    assert [row["sms_count"] for row in found[150_001:150_010]] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_a_number_of_another_base_is_refused_wherever_it_stands() -> None:
    """Also where one block of the file ends within it."""
    header, row = "ID,CreationTS,SMSCount\n", f"m,{UNIX},3\n"
    before = row * (rows.BLOCK_BYTES // len(row) - 5)
    for end in range(rows.BLOCK_BYTES - 3, rows.BLOCK_BYTES + 4):
        padding = "m" * (end - len(f"{before},{UNIX},0"))
        error = refusal(f"{header}{before}{padding},{UNIX},0x1F\n{row}")
        assert "'SMSCount' (sms_count) is no whole number" in error


def test_batches_have_the_tables_types() -> None:
    """Whatever columns the file has, the batches have those of the stream, also from a spool."""
    csv = io.BytesIO(f"ID,CreationTS\nm,{UNIX}\n".encode())
    with closing(Spool(opened(csv))) as spool:
        (batch,) = spool
    schema = batch.schema
    assert schema == MESSAGE_SCHEMA
    assert schema.names == [column.name for column in MESSAGE_COLUMNS]
    assert [field.name for field in schema if not field.nullable] == ["message_id", "created_at"]
    assert schema.field("created_at").type == pa.timestamp("us", "UTC")
    assert pa.types.is_decimal(schema.field("cost_value").type)


def test_files_without_a_name() -> None:
    """The source is a temporary file without a path, used from its beginning; a spool, too."""
    with tempfile.TemporaryFile() as source:
        source.write(f"ID,CreationTS\nm,{UNIX}\n".encode())
        with closing(Spool(opened(source))) as spool:
            assert [batch.num_rows for batch in spool] == [1]
            assert [batch.num_rows for batch in spool] == [1], "as often as one likes"
        assert source.closed, "nobody needs it any more"


def test_a_full_disk_is_no_fault_of_the_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in writing is not said to be a damaged download."""

    class Full(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    csv = io.BytesIO(f"ID,CreationTS\nm,{UNIX}\n".encode())
    monkeypatch.setattr(kept, "open_spool", Full)
    with pytest.raises(SpoolError, match="No space"):
        Spool(opened(csv))


def test_blocks_do_not_grow_with_the_file() -> None:
    """A batch holds one block of the file, so memory is bounded."""
    csv = "ID,CreationTS\n" + f"m,{UNIX}\n" * 200_000
    batches = opened(csv)
    limit = rows.BLOCK_BYTES // len(f"m,{UNIX}\n") + 1
    assert max(batch.num_rows for batch in batches) <= limit


def test_a_line_end_in_a_cell_is_kept_where_blocks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carriage return and line feed, wherever the file is cut into blocks."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 256)
    text = "two\r\nlines"
    csv = "ID,CreationTS,Note\n" + "".join(
        f'{"m" * (1 + number % 7)},{UNIX},"{text}"\n' for number in range(500)
    )

    assert [row["extra"] for row in read(csv)] == [{"Note": text}] * 500
