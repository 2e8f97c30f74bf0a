"""Catalogs that are not as `--discover` makes them: right, or one clear line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import account, records
from tests.support.command import SETTINGS, command, set_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STREAM: dict[str, Any] = {"tap_stream_id": "sms_messages"}


@pytest.mark.parametrize(
    "streams",
    [
        5,
        None,
        [5],
        {"a": 1},
        [{"stream": "sms_messages"}],
        [{"tap_stream_id": ["a"]}],
        [{**STREAM, "schema": 5}],
        [{**STREAM, "schema": {"properties": []}}],
        [{**STREAM, "metadata": [{"breadcrumb": 5, "metadata": {}}]}],
        [{**STREAM, "metadata": [{}]}],
    ],
)
def test_a_catalog_that_is_none_is_refused(
    streams: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without `tap_stream_id`, for example."""
    set_environment(monkeypatch)
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": streams}))

    ended = command(caplog, "--config", "ENV", "--catalog", tmp_path / "catalog.json")

    assert ended.code == 78
    assert ended.complaint == "This is not a catalog: make one with --discover, and change that"


@pytest.mark.parametrize("option", ["--state", "--catalog"])
def test_a_byte_order_mark_is_read(
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Some editors put one in front of a file."""
    set_environment(monkeypatch)
    given = {} if option == "--state" else TapMailjetSMS(config=dict(SETTINGS)).catalog_dict
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8-sig")

    ended = command(caplog, "--config", "ENV", option, tmp_path / "given.json")

    assert ended.code == 69  # it went as far as to ask Mailjet


def _deselected(entry: dict[str, Any]) -> None:
    for item in entry["metadata"]:
        if item["breadcrumb"]:
            item["metadata"] = {"inclusion": "available", "selected": False}


def _unsupported(entry: dict[str, Any]) -> None:
    for item in entry["metadata"]:
        if item["breadcrumb"] == ["properties", "message_id"]:
            item["metadata"] = {"inclusion": "unsupported"}


def _without_metadata_of_columns(entry: dict[str, Any]) -> None:
    entry["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    entry["replication_key"] = "to_ts"


def _without_key(entry: dict[str, Any]) -> None:
    del entry["key_properties"]
    for item in entry["metadata"]:
        item["metadata"].pop("table-key-properties", None)


def _without_column(entry: dict[str, Any]) -> None:
    del entry["schema"]["properties"]["message_id"]


@pytest.mark.parametrize(
    "change",
    [_deselected, _unsupported, _without_metadata_of_columns, _without_key, _without_column],
)
def test_the_key_is_always_selected(change: Callable[[dict[str, Any]], None]) -> None:
    """Whatever the catalog says: without the key a target could not replace rows."""
    with account(per_hour=5) as opened:
        config = opened.config(hours=1, windows=1)
        catalog = TapMailjetSMS(config=dict(config)).catalog_dict
        change(catalog["streams"][0])
        messages = opened.run(config, catalog=catalog)

    (schema,) = [message for message in messages if message["type"] == "SCHEMA"]
    assert schema["key_properties"] == ["message_id"]
    assert schema["schema"]["properties"]["message_id"]["type"] == ["string"]
    found = records(messages)
    assert len(found) > 2
    assert all(record["message_id"] for record in found)
