"""Phone numbers that must not leave: `hash_columns`, with the secret `hash_key`."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailjet_sandbox import LAYOUTS
from mailjet_sandbox.layouts import PhoneForm
from tap_mailjet_sms.exceptions import CSVHeaderError
from tap_mailjet_sms.writing import hashing
from tap_mailjet_sms.writing.hashing import HashedColumns
from tests.support.account import Output, account, batch_config, records, timeless

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.account import JSON

KEY = "a secret of enough bytes"
HASHED = {"hash_columns": ["recipient"], "hash_key": KEY}
BOTH = {"hash_columns": ["sender", "recipient"], "hash_key": KEY}


def hash_of(text: str, key: str = KEY) -> str:
    """The hash as Python's own HMAC makes it."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def run(more: JSON, layout: str = "default") -> tuple[list[JSON], bytes]:
    """The messages of a run with these settings, and its output as it left."""
    output = Output()
    with account(layout) as there:
        messages = there.run(there.config(more), output=output)
    return messages, bytes(output.written)


def by_id(messages: list[JSON]) -> dict[str, JSON]:
    """The records by their key."""
    return {record["message_id"]: record for record in records(messages)}


@pytest.mark.parametrize("layout", ["default", "tab", "extra"])
@pytest.mark.parametrize("columns", [["recipient"], ["sender", "recipient"]])
def test_hashed_columns_leave_as_keyed_hashes(columns: list[str], layout: str) -> None:
    """Each is the HMAC of the value that would have left; all else is as it was."""
    plain, _ = run({}, layout)
    hashed, written = run({"hash_columns": columns, "hash_key": KEY}, layout)

    found, truth = by_id(hashed), by_id(plain)
    assert len(found) > 1000
    assert found == {
        key: record | {name: hash_of(record[name].strip()) for name in columns}
        for key, record in truth.items()
    }
    assert [m for m in timeless(hashed) if m["type"] == "STATE"] == [
        m for m in timeless(plain) if m["type"] == "STATE"
    ]
    assert not any(record["recipient"].encode() in written for record in truth.values())


@pytest.mark.parametrize(
    "more",
    [
        {"stream_maps": {"sms_messages": {"sender": "sender.upper()"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
    ids=["map", "flattening"],
)
def test_maps_see_hashes_only(more: JSON) -> None:
    """What handles single records gets them hashed."""
    messages, _ = run({**HASHED, **more})

    assert {len(record["recipient"]) for record in records(messages)} == {64}


@pytest.mark.parametrize("form", ["jsonl", "arrow", "parquet"])
def test_batch_files_hold_hashes_only(form: str, tmp_path: Path) -> None:
    """No file of any form has a number in it."""
    plain, _ = run({})
    run({**BOTH, **batch_config(tmp_path, {"format": form})})

    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    hashes = {hash_of(record["recipient"]) for record in records(plain)}
    assert len(hashes) > 500
    if form != "parquet":  # which packs texts
        assert all(found.encode() in files for found in hashes)
    assert not any(record["recipient"].encode() in files for record in records(plain))


def test_no_log_shows_what_is_hashed(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a number nor the key, at any level."""
    plain, _ = run({})
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    run(HASHED)

    assert KEY not in caplog.text
    assert not any(record["recipient"] in caplog.text for record in records(plain))


def test_witnesses_tell_the_plain_value(caplog: pytest.LogCaptureFixture) -> None:
    """The layout is proved as ever, so that nothing is warned of."""
    caplog.set_level(logging.WARNING)
    run(BOTH)

    assert not any("hash_columns" in text for text in caplog.messages)


def test_a_layout_that_is_not_proved_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Where no message of Mailjet's list says that a column holds the numbers, another one may."""
    caplog.set_level(logging.WARNING)
    run({**HASHED, "verify_layout": "off"})

    (told,) = [text for text in caplog.messages if "hash_columns" in text]
    assert told.startswith("That recipient, which hash_columns wants hashed,")
    assert "not proved" in told


def test_a_hashed_column_without_a_source_is_refused(tmp_path: Path) -> None:
    """Its cells would leave as they are, in `extra`: no row does, and no batch file is left."""
    output = Output()
    more = {**HASHED, "column_map": {"To": None}, **batch_config(tmp_path, {"format": "jsonl"})}
    with account() as there, pytest.raises(CSVHeaderError) as caught:
        there.run(there.config(more), output=output)

    assert str(caught.value).startswith(
        "Mailjet's CSV has no column known as recipient, which hash_columns wants hashed: it is"
        " not read, as what is in that column would leave unhashed, in extra;"
    )
    assert '"To"' in str(caught.value)
    assert b'"RECORD"' not in output.written
    assert b'"BATCH"' not in output.written
    assert not list(tmp_path.iterdir())


def test_a_file_without_rows_is_not_refused() -> None:
    """Nothing of it can leave."""
    with account(per_hour=0.000001) as there:
        messages = there.run(there.config({**HASHED, "column_map": {"To": None}}))

    assert not records(messages)


def hashed(columns: HashedColumns, *batches: pa.RecordBatch) -> pa.Table:
    """The rows of these batches, as they leave."""
    return pa.Table.from_batches(columns.of(batches), batches[0].schema)


def hashes(texts: Sequence[str | None], key: str = KEY) -> list[str | None]:
    """What a batch of these texts becomes."""
    batch = pa.record_batch({"id": list(range(len(texts))), "sender": pa.array(texts, pa.string())})
    rows = hashed(HashedColumns(["recipient", "sender"], key), batch)
    assert rows["id"].to_pylist() == batch["id"].to_pylist()
    return [str(text) if text else None for text in rows["sender"].to_pylist()]


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    """So one sender has one hash; where there is nothing there is none."""
    texts = ["Bakery 24", " Bakery 24\t", None, "", "  ", "naïve ☃", "Bakery 24"]
    same, odd = hash_of("Bakery 24"), hash_of("naïve ☃")

    assert hashes(texts) == [same, same, None, None, None, odd, same]
    assert hashes([]) == []
    assert hashes([None]) == [None]


@pytest.mark.parametrize("key", ["k" * 16, "k" * 64, "k" * 65, "é☃" * 40])
def test_any_length_of_key_is_used_whole(key: str) -> None:
    """As RFC 2104 has it."""
    assert hashes(["+33639980001"], key) == [hash_of("+33639980001", key)]


@given(
    batches=st.lists(
        st.lists(st.tuples(st.none() | st.sampled_from("abcde"), st.sampled_from("abf")))
    ),
    waiting=st.integers(0, 200),
    remembered=st.integers(0, 5),
)
def test_rows_leave_in_their_order_however_many_wait(
    batches: list[list[tuple[str | None, str]]], waiting: int, remembered: int
) -> None:
    """Each with its own hashes, whatever is remembered of others, and of another column."""
    rows = [row for batch in batches for row in batch]
    columns = HashedColumns(["recipient", "sender"], KEY)
    schema = pa.schema({"recipient": pa.string(), "id": pa.string(), "sender": pa.string()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "WAITING_BYTES", waiting)
        patch.setattr(hashing, "REMEMBERED", remembered)
        found = hashed(
            columns,
            *(
                pa.record_batch(
                    [
                        pa.array([recipient for recipient, _ in batch], pa.string()),
                        pa.array([f"{recipient} {sender}" for recipient, sender in batch]),
                        pa.array([sender for _, sender in batch], pa.string()),
                    ],
                    schema=schema,
                )
                for batch in [*batches, []]
            ),
        )

    assert found.to_pylist() == [
        {
            "recipient": None if recipient is None else hash_of(recipient),
            "id": f"{recipient} {sender}",
            "sender": hash_of(sender),
        }
        for recipient, sender in rows
    ]
    assert found.schema == schema


def test_few_rows_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """They leave once there are so many bytes of them, and before more are taken."""
    batch = pa.record_batch({"recipient": ["+33639980001"] * 100})
    batch = batch.append_column("id", batch["recipient"])
    monkeypatch.setattr(hashing, "WAITING_BYTES", 3 * batch.nbytes)
    source = iter([batch] * 10)

    leaving = HashedColumns(["recipient"], KEY).of(source)
    for _ in range(3):
        next(leaving)
    assert len(list(source)) == 7


def test_what_is_remembered_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """More numbers than are remembered are hashed all the same, and memory does not grow."""
    monkeypatch.setattr(hashing, "REMEMBERED", 10)
    columns = HashedColumns(["recipient"], KEY)
    for start in range(0, 200, 7):
        texts = [f"+3363998{number:04}" for number in range(start, start + 20)]
        rows = hashed(columns, pa.record_batch({"recipient": texts}))
        assert rows["recipient"].to_pylist() == [hash_of(text) for text in texts]
        assert len(columns._hashes._texts) == len(columns._hashes._known) <= 30


def test_a_repeated_number_is_hashed_once() -> None:
    """A million cells of ten numbers take a fraction of what hashing each would."""
    texts = [f"+3363998{number:04}" for number in range(10)]
    batch = pa.record_batch({"recipient": texts * 10_000})
    began = time.process_time()
    hashed(HashedColumns(["recipient"], KEY), batch)
    all_of_them = time.process_time() - began
    began = time.process_time()
    for text in texts * 10_000:
        hash_of(text)
    assert all_of_them < (time.process_time() - began) / 2


def test_every_spelling_of_a_number_has_one_hash() -> None:
    """What guards a plus from spreadsheets is no part of the number, here either."""
    assert LAYOUTS["tab"].phone is PhoneForm.APOSTROPHE
    plain, _ = run(HASHED)
    guarded, _ = run(HASHED, "tab")

    assert json.dumps([by_id(plain)[key]["recipient"] for key in sorted(by_id(plain))]) == (
        json.dumps([by_id(guarded)[key]["recipient"] for key in sorted(by_id(guarded))])
    )
