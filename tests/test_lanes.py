"""RECORD messages in bulk are, message for message, what the SDK writes for single records."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import Stream, Tap
from singer_sdk.singerlib.encoding.simple import SimpleSingerWriter
from typing_extensions import override

from mailjet_sandbox import LAYOUTS
from tap_mailjet_sms.arrow_schema import MESSAGE_SCHEMA
from tap_mailjet_sms.schema import COLUMNS, stream_schema
from tap_mailjet_sms.tap import TapMailjetSMS
from tap_mailjet_sms.writing import lines
from tests.support.account import STREAM, account, records, run_here, timeless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.account import JSON


class SingleRecordsTap(TapMailjetSMS):
    """The tap with the SDK's default writer, which takes no records in bulk."""

    message_writer_class = SimpleSingerWriter  # type: ignore[assignment] # any will do


class StockStream(Stream):
    """A plain stream of the SDK: yields what it is given, and leaves the rest to the SDK."""

    name = STREAM
    primary_keys = ("message_id",)
    schema = stream_schema(COLUMNS)
    rows: Sequence[JSON] = ()

    @override
    def get_records(self, context: object) -> Iterator[JSON]:
        """The rows."""
        yield from self.rows


class StockTap(Tap):
    """A plain tap of the SDK."""

    name = "stock-tap"
    config_jsonschema = {"properties": {}}  # noqa: RUF012 - as the SDK has it

    @override
    def discover_streams(self) -> list[Stream]:
        """The one stream."""
        return [StockStream(self)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_lanes_write_the_same_messages(layout: str) -> None:
    """SCHEMA, RECORD and STATE messages of both lanes agree in content and order."""
    with account(layout) as there:
        bulk = there.run(there.config(windows=3))
    with account(layout) as there:
        single = there.run(there.config(windows=3), tap_class=SingleRecordsTap)

    assert len(records(bulk)) > 1400
    assert timeless(bulk) == timeless(single)


@pytest.mark.parametrize(
    "deselected",
    [
        ("recipient",),
        ("extra", "exported_at"),
        ("export_id", "exported_at", "from_ts"),
        ("sender", "cost_value", "cost_currency", "status_description"),
    ],
)
def test_both_lanes_leave_out_deselected_columns(deselected: tuple[str, ...]) -> None:
    """Selection takes the same columns out of SCHEMA and records in both lanes."""
    with account("extra") as there:
        bulk = there.run(there.config(), deselect=deselected)
    with account("extra") as there:
        single = there.run(there.config(), deselect=deselected, tap_class=SingleRecordsTap)

    assert timeless(bulk) == timeless(single)
    assert not any(set(deselected) & set(record) for record in records(bulk))


@pytest.mark.parametrize(
    "config",
    [
        {"stream_maps": {STREAM: {"recipient": "md5(recipient)"}}},
        {"stream_maps": {STREAM: {"recipient": "__NULL__", "sender": "__NULL__"}}},
        {"stream_maps": {STREAM: {"__filter__": "status_code == 3"}}},
        {"stream_maps": {STREAM: {"__alias__": "texts"}}},
        {"stream_maps": {STREAM: {"message_id": "message_id", "__else__": "__NULL__"}}},
        {"stream_maps": {STREAM: {"euros": "float(cost_value) if cost_value else None"}}},
        {"stream_maps": {f"{STREAM}_copy": {"__source__": STREAM}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
        {
            "flattening_enabled": True,
            "flattening_max_depth": 2,
            "stream_maps": {STREAM: {"recipient": "sha256(recipient)"}},
        },
    ],
    ids=str,
)
def test_maps_and_flattening_do_what_the_sdk_does(config: JSON) -> None:
    """A map, a filter, an alias or flattening gives what it gives in a stock tap."""
    with account("extra") as there:
        plain = there.run(there.config())
    with account("extra") as there:
        mapped = there.run(there.config(config))
    StockStream.rows = records(plain)
    stock = run_here(lambda: StockTap(config=config).sync_all())

    def of_interest(found: list[JSON]) -> list[JSON]:
        # The key properties and the bookmark are the stream's own matter.
        kept = [m for m in timeless(found) if m["type"] in {"SCHEMA", "RECORD"}]
        return [{n: v for n, v in m.items() if n != "bookmark_properties"} for m in kept]

    assert of_interest(mapped) == of_interest(stock)
    assert [m["stream"] for m in mapped if "stream" in m] != []
    assert of_interest(mapped) != of_interest(plain)


@pytest.mark.parametrize("tap_class", [TapMailjetSMS, SingleRecordsTap])
def test_records_are_counted_and_timed(
    tap_class: type[TapMailjetSMS], caplog: pytest.LogCaptureFixture
) -> None:
    """The record counter ends at the number of records; each says when it was extracted."""
    caplog.set_level(logging.INFO, "singer_sdk.metrics")
    before = datetime.now(UTC)
    with account() as there:
        found = there.run(there.config(), tap_class=tap_class)

    points = [
        json.loads(record.getMessage().removeprefix("METRIC: "))
        for record in caplog.records
        if record.name == "singer_sdk.metrics"
    ]
    counts = [point for point in points if point["metric"] == "record_count"]
    assert sum(point["value"] for point in counts) == len(records(found))
    assert {point["tags"]["stream"] for point in counts} == {STREAM}
    assert any(point["metric"] == "sync_duration" for point in points)
    moments = [datetime.fromisoformat(m["time_extracted"]) for m in found if m["type"] == "RECORD"]
    assert before <= min(moments)
    assert max(moments) <= datetime.now(UTC)


TEXT = st.none() | st.text() | st.sampled_from(['"', "}\n", '}\n{"', "\\", "\0", "\u2028", "😀"])


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "message_id": st.text(),
                "sender": TEXT,
                "recipient": TEXT,
                "status_code": st.none() | st.integers(0, 2**62),
                "status_description": TEXT,
                "created_at": st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)),  # noqa: DTZ001
                "cost_value": st.none()
                | st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=18),
                "extra": st.none() | st.dictionaries(st.text(), st.none() | st.text()),
            }
        ),
        max_size=5,
    ),
    field=st.text(),
)
def test_hostile_text_stays_in_its_cell(rows: list[JSON], field: str) -> None:
    """Whatever a cell or a field holds, both lanes give it back as it is, one line for each row."""
    for row in rows:
        row["created_at"] = row["created_at"].replace(tzinfo=UTC)
        row["extra"] = None if row["extra"] is None else list(row["extra"].items())
    batch = pa.RecordBatch.from_pylist(rows, schema=MESSAGE_SCHEMA)
    fields = {"export_id": 1, "from_ts": field}

    written = b"".join(lines.record_lines(batch, stream=STREAM, export_fields=fields))
    bulk = [json.loads(line, parse_float=Decimal) for line in written.split(b"\n") if line]
    single = [dict(row) for row in lines.single_records(batch, export_fields=fields)]

    assert [message["record"] for message in bulk] == single
    assert len(single) == len(rows)
    for row, record in zip(rows, single, strict=True):
        assert record["from_ts"] == field
        assert datetime.fromisoformat(record.pop("created_at")) == row.pop("created_at")
        extra = row.pop("extra")
        assert record.pop("extra") == (None if extra is None else dict(extra))
        assert record["sent_at"] is None
        assert {name: record[name] for name in row} == row
