"""Counting different ids while a file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.reading import counted
from tap_mailjet_sms.reading.counted import CountedRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

IDS = st.one_of(
    st.uuids().map(str),
    st.integers(0, 10**20).map(str),
    st.text(min_size=1, max_size=40),
    st.sampled_from([f"{UUID(int=1)}"[:-1] + digit for digit in "123"]),
)


def read(*batches: Sequence[str]) -> CountedRows:
    """The rows of a file in these batches, read to their end."""
    rows = CountedRows(
        pa.record_batch({"message_id": pa.array(ids, pa.string())}) for ids in batches
    )
    assert [batch.num_rows for batch in rows] == [len(ids) for ids in batches]
    return rows


@given(batches=st.lists(st.lists(IDS, max_size=8), max_size=4), twice=st.data())
def test_different_ids_are_counted(batches: list[list[str]], twice: st.DataObject) -> None:
    """Whatever they look like, and wherever one of them comes again."""
    ids = [message_id for batch in batches for message_id in batch]
    if ids:
        batches.insert(twice.draw(st.integers(0, len(batches))), [twice.draw(st.sampled_from(ids))])

    rows = read(*batches)

    assert rows.rows == sum(map(len, batches))
    assert rows.distinct == len(set(ids))


@given(ids=st.lists(IDS, max_size=12, unique=True))
def test_the_checksum_is_of_the_ids_alone(ids: list[str]) -> None:
    """In whatever order and pieces they come; another id, another sum."""
    shuffled = sorted(ids, reverse=True)
    rows = read(ids)

    assert read(shuffled[:3], shuffled[3:]).checksum == rows.checksum
    assert read([*ids, "one more"]).checksum != rows.checksum


def test_a_slice_of_a_batch_is_counted_for_itself() -> None:
    """Batches share their buffers with what they were cut from."""
    ids = pa.record_batch({"message_id": [str(UUID(int=number)) for number in range(10)]})
    whole = CountedRows([ids])
    parts = CountedRows([ids.slice(0, 3), ids.slice(3, 7)])

    assert len([*whole]) == 1
    assert len([*parts]) == 2
    assert (
        (parts.distinct, parts.checksum) == (whole.distinct, whole.checksum) == (10, whole.checksum)
    )


def test_ids_of_a_very_large_file_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take more memory than a file may."""
    monkeypatch.setattr(counted, "MOST_ROWS", 5)

    assert read(["a", "a"], ["b", "b", "c"]).distinct == 3
    rows = read(["a", "a"], ["b", "b", "c"], ["d"])
    assert (rows.rows, rows.distinct, rows.checksum) == (6, None, 0)
    assert rows.has_too_many


def test_ids_that_nobody_asks_for_are_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be said of what is switched off."""
    monkeypatch.setattr(counted, "MOST_ROWS", 1)
    rows = CountedRows([pa.record_batch({"message_id": ["a", "b"]})], tells_ids_apart=False)

    assert len([*rows]) == 1
    assert (rows.rows, rows.distinct, rows.checksum) == (2, None, 0)
    assert not rows.has_too_many
