"""Costs as numbers, or as texts that targets store exactly: the setting `decimals`."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.arrow_schema import DECIMAL
from tap_mailjet_sms.tap import TapMailjetSMS
from tap_mailjet_sms.writing.lines import with_text_costs
from tests.support.account import account, batch_config, records, timeless

if TYPE_CHECKING:
    from tests.support.account import JSON

TEXT = {"decimals": "x-singer.decimal"}
COST = {
    "type": ["string", "null"],
    "format": "x-singer.decimal",
    "precision": 38,
    "scale": 20,
}


def schema_of_costs(messages: list[JSON]) -> JSON:
    """What the SCHEMA message says of costs, but for the description."""
    (schema,) = [message["schema"] for message in messages if message["type"] == "SCHEMA"]
    cost: JSON = schema["properties"]["cost_value"]
    return {name: value for name, value in cost.items() if name != "description"}


def run(more: JSON, catalog: JSON | None = None) -> list[JSON]:
    """The messages of a run with these settings."""
    with account() as there:
        return there.run(there.config(more), catalog=catalog)


def test_costs_are_numbers_by_default() -> None:
    """As every target can take them."""
    messages = run({})

    assert schema_of_costs(messages) == {"type": ["number", "null"]}
    assert all(isinstance(record["cost_value"], Decimal | int) for record in records(messages))


@pytest.mark.parametrize(
    "maps", [{}, {"stream_maps": {"sms_messages": {"sender": "'x'"}}}], ids=["bulk", "single"]
)
def test_costs_can_leave_as_texts(maps: JSON) -> None:
    """All digits, no exponent and no idle zeros, with the same value; all else is as it was."""
    numbers, texts = run(maps), run({**maps, **TEXT})

    assert len(records(texts)) > 1000
    assert all(re.fullmatch(r"\d+(\.\d*[1-9])?", record["cost_value"]) for record in records(texts))
    back = [
        {**message, "record": record | {"cost_value": Decimal(record["cost_value"])}}
        if (record := message.get("record"))
        else message
        for message in texts
        if message["type"] != "SCHEMA"
    ]
    assert timeless(back) == timeless([m for m in numbers if m["type"] != "SCHEMA"])


@pytest.mark.parametrize("more", [{}, {"stream_maps": {"sms_messages": {"sender": "'x'"}}}])
@pytest.mark.parametrize("before", [None, {}, TEXT], ids=["none", "of numbers", "of texts"])
def test_the_schema_says_how_many_places(before: JSON | None, more: JSON) -> None:
    """Whatever catalog there is: without them a decimal in Snowflake has no places at all."""
    catalog = None
    if before is not None:
        with account() as there:
            catalog = TapMailjetSMS(config=there.config(before)).catalog_dict

    assert schema_of_costs(run({**TEXT, **more}, catalog)) == COST
    assert schema_of_costs(run(more, catalog)) == {"type": ["number", "null"]}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_batch_files_have_texts_too(form: str, tmp_path: Path) -> None:
    """As the SCHEMA says, in each form of file."""
    messages = run({**TEXT, **batch_config(tmp_path, {"format": form})})

    files = [
        Path(urlsplit(url).path)
        for message in messages
        if message["type"] == "BATCH"
        for url in message["manifest"]
    ]
    rows = [
        row
        for file in files
        for row in (
            pq.read_table(file).to_pylist()
            if form == "parquet"
            else map(json.loads, file.read_text(encoding="utf-8").splitlines())
        )
    ]
    assert len(rows) > 1000
    assert {row["cost_value"] for row in rows} == {
        record["cost_value"] for record in records(run(TEXT))
    }


@given(st.lists(st.none() | st.decimals(0, 10**18 - 1, places=20) | st.decimals(0, 9, places=4)))
def test_any_cost_keeps_its_value(costs: list[Decimal | None]) -> None:
    """To the last of 38 digits."""
    batch = pa.record_batch({"cost_value": pa.array(costs, DECIMAL)})

    texts = with_text_costs(batch)["cost_value"].to_pylist()

    assert [text and Decimal(str(text)) for text in texts] == costs
    assert all(re.fullmatch(r"\d+(\.\d*[1-9])?", str(text)) for text in texts if text is not None)


def test_batches_without_costs_are_left_alone() -> None:
    """The catalog may deselect them."""
    batch = pa.record_batch({"message_id": ["a"]})

    assert with_text_costs(batch) is batch
