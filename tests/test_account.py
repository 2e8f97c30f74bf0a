"""The setting `account`: a column that tells of which account a row is, or no column at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import account, batch_config, records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.account import JSON

EVERY_ROW = {
    "stream_maps": {"sms_messages": {"recipient": "md5(recipient) if recipient else None"}}
}


def run(more: JSON, *, catalog: JSON | None = None, deselect: tuple[str, ...] = ()) -> list[JSON]:
    """Run the tap over some hours with these settings."""
    with account(per_hour=20) as there:
        return there.run(there.config(more, hours=3), catalog=catalog, deselect=deselect)


@pytest.mark.parametrize("maps", [{}, EVERY_ROW], ids=["in bulk", "one by one"])
def test_every_row_tells_its_account(maps: JSON) -> None:
    """In each lane, and the SCHEMA says so first."""
    messages = run({"account": " shop-fr ", **maps})

    (schema,) = [message["schema"] for message in messages if message["type"] == "SCHEMA"]
    assert schema["properties"]["account"]["type"] == ["string"]
    found = records(messages)
    assert len(found) > 40
    assert {record["account"] for record in found} == {"shop-fr"}


@pytest.mark.parametrize("unset", [{}, {"account": ""}, {"account": None}])
def test_without_the_setting_there_is_no_such_column(unset: JSON) -> None:
    """Neither in the SCHEMA nor in a record."""
    messages = run(unset)

    (schema,) = [message["schema"] for message in messages if message["type"] == "SCHEMA"]
    assert "account" not in schema["properties"]
    assert len(records(messages)) > 40
    assert not any("account" in record for record in records(messages))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_batch_files_have_the_column(form: str, tmp_path: Path) -> None:
    """Each row of each file."""
    messages = run({"account": "shop-fr", **batch_config(tmp_path, {"format": form})})

    names = [
        urlsplit(url).path
        for message in messages
        if message["type"] == "BATCH"
        for url in message["manifest"]
    ]
    assert names
    for name in names:
        if form == "parquet":
            rows = pq.read_table(name).to_pylist()
        else:
            with open(name, encoding="utf-8") as lines:  # noqa: PTH123 - the name is a text
                rows = [json.loads(line) for line in lines]
        assert rows
        assert {row["account"] for row in rows} == {"shop-fr"}


def test_a_catalog_of_before_does_not_hide_the_account() -> None:
    """A catalog that was made before the setting was: rows of two accounts must not be alike."""
    with account(per_hour=20) as there:
        before = TapMailjetSMS(config=there.config()).catalog_dict
    messages = run({"account": "shop-fr"}, catalog=before)

    (schema,) = [message["schema"] for message in messages if message["type"] == "SCHEMA"]
    assert "account" in schema["properties"]
    assert {record["account"] for record in records(messages)} == {"shop-fr"}


def test_the_column_can_be_deselected() -> None:
    """Like any other but the key."""
    assert not any(
        "account" in row for row in records(run({"account": "a"}, deselect=("account",)))
    )


def test_a_catalog_of_before_does_not_keep_the_column() -> None:
    """A catalog that was made while the setting was there: no row would fill it."""
    with account(per_hour=20) as there:
        before = TapMailjetSMS(config=there.config({"account": "shop-fr"})).catalog_dict
    messages = run({}, catalog=before)

    (schema,) = [message["schema"] for message in messages if message["type"] == "SCHEMA"]
    assert "account" not in schema["properties"]
    assert len(records(messages)) > 40
