"""The whole tap against a sandbox: what comes out is what Mailjet holds."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from mailjet_sandbox import LAYOUTS, Backend, Build, Edges, Empty, Messages, Sandbox, Unknowns
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import END, Account, account, records
from tests.support.program import run_tap
from tests.support.truth import iso, truth, without_export

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syrupy.assertion import SnapshotAssertion


TOKEN = "sandbox-token"
HOUR = 3600

# The SDK's own suite reads its configuration when this module is imported.
with socket.create_server(("127.0.0.1", 0)) as _listener:
    SDK_PORT = _listener.getsockname()[1]


@pytest.fixture(scope="module")
def mailjet() -> Iterator[None]:
    """A local Mailjet for the SDK's own suite."""
    backend = Backend(
        data=Messages(since=int(time.time()) - 400 * 24 * HOUR, per_hour=0.2),
        clock=time.time,
        build=Build(seconds=0),
    )
    with Sandbox(backend, port=SDK_PORT):
        yield


@pytest.mark.usefixtures("mailjet")
class TestSDK(
    get_tap_test_class(  # type: ignore[misc] # made at run time
        tap_class=TapMailjetSMS,
        config={
            "auth_token": TOKEN,
            "api_url": f"http://127.0.0.1:{SDK_PORT}/v4",
            "poll_interval_seconds": 0.01,
            "window_days": 100,
        },
        suite_config=SuiteConfig(ignore_no_records=False),
    )
):
    """The tests that the SDK has for every tap."""


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_field_of_every_row_is_right_in_every_layout(name: str) -> None:
    """Each message once, whatever Mailjet's CSV looks like; nulls only where nothing is known."""
    with account(name, per_hour=30) as served:
        config = served.config(hours=30 * 24)
        found = records(served.run(config))
        wanted = truth(served, config)

    assert len(found) == len(wanted) > 500
    assert {str(record["message_id"]): without_export(record) for record in found} == wanted
    assert len({record["status_code"] for record in found}) == 17


@pytest.mark.parametrize("edges", Edges)
@pytest.mark.parametrize("empty", Empty)
def test_nothing_depends_on_what_is_not_known_of_exports(edges: Edges, empty: Empty) -> None:
    """Inclusive or exclusive edges, and what an export without messages looks like."""
    now = int(time.time())
    backend = Backend(
        data=Messages(since=now - 30 * 24 * HOUR, per_hour=0.5),
        clock=lambda: now,
        build=Build(seconds=0),
        unknowns=Unknowns(edges=edges, empty=empty, date_header=False),
    )
    with Sandbox(backend) as sandbox:
        served = Account(backend, sandbox.url)
        config = served.config(hours=96, windows=96)
        found = records(served.run(config))
        wanted = truth(served, config)

    assert sorted(str(record["message_id"]) for record in found) == sorted(wanted)


def test_records_tell_of_the_export_that_brought_them() -> None:
    """Its id, when its file was made, and its window, in which the message was created."""
    with account() as served:
        messages = served.run(served.config(windows=3))

    made = {record["export_id"]: record["exported_at"] for record in records(messages)}
    assert len(made) == 3
    assert None not in made.values()
    assert all(
        record["from_ts"] <= record["created_at"].replace("Z", "+00:00") < record["to_ts"]
        for record in records(messages)
    )


def test_a_state_follows_every_window() -> None:
    """With the bookmark at its end, and never before its records."""
    with account() as served:
        messages = served.run(served.config(windows=4))

    brought, bookmarks = set(), []
    for message in messages:
        if message["type"] == "RECORD":
            brought.add(message["record"]["to_ts"])
        elif message["type"] == "STATE":
            bookmark = message["value"]["bookmarks"]["sms_messages"].get("replication_key_value")
            if bookmark and bookmark not in bookmarks:
                bookmarks.append(bookmark)
                assert bookmark == max(brought)
    assert bookmarks == sorted(brought)
    assert len(bookmarks) == 4


def test_a_later_run_reads_the_lookback_again_and_what_is_new() -> None:
    """So that statuses which have moved on are updated."""
    with account() as served:
        first = served.run(served.config({"end_date": _hours_ago(served, 1)}, hours=48))
        state = first[-1]["value"]
        served.backend.advance(delivery=12 * HOUR)
        again = {"lookback_days": 0.5, "lookback_schedule": "every_run"}
        second = served.run(served.config(again, hours=48), state=state)

    ids = [{record["message_id"] for record in records(run)} for run in (first, second)]
    later = {record["message_id"]: record for record in records(second)}
    moved = [
        record["status_name"]
        for record in records(first)
        if record["message_id"] in later
        and record["status_name"] != later[record["message_id"]]["status_name"]
    ]
    assert ids[1] - ids[0], "new messages"
    assert ids[0] & ids[1], "the lookback"
    assert moved
    assert set(moved) <= {"sent_pending", "sent"}


def _hours_ago(served: Account, hours: float) -> str:
    end = datetime.fromisoformat(str(served.config()["end_date"]))
    return datetime.fromtimestamp(end.timestamp() - hours * HOUR, UTC).isoformat()


def test_a_run_without_anything_to_read_asks_for_nothing() -> None:
    """It writes its state and is done."""
    with account() as served:
        config = served.config({"lookback_days": 0})
        state = served.run(config)[-1]["value"]
        asked = len(served.backend.journal)

        messages = served.run(config, state=state)

        assert len(served.backend.journal) == asked
    assert {message["type"] for message in messages} == {"STATE", "SCHEMA"}
    assert messages[-1]["value"] == state


def test_deselected_columns_are_left_out_and_the_bookmark_moves() -> None:
    """Whatever is selected; but key and bookmark always are, as in all of the SDK's taps."""
    left_out = {"recipient", "from_ts", "export_id", "extra"}
    with account() as served:
        messages = served.run(served.config(), deselect=(*left_out, "message_id", "to_ts"))

    (schema,) = (message["schema"] for message in messages if message["type"] == "SCHEMA")
    assert not left_out & schema["properties"].keys()
    assert records(messages)[0].keys() == schema["properties"].keys()
    assert messages[-1]["value"]["bookmarks"]["sms_messages"]["replication_key_value"]


def test_a_stream_map_can_hash_a_phone_number() -> None:
    """And nothing else of the message changes."""
    maps = {"stream_maps": {"sms_messages": {"recipient": "sha256(recipient)"}}}
    with account(per_hour=5) as served:
        plain = records(served.run(served.config()))
        hashed = records(served.run(served.config(maps)))

    assert [record["recipient"] for record in hashed] == [
        hashlib.sha256(record["recipient"].encode()).hexdigest() for record in plain
    ]
    assert [record["message_id"] for record in hashed] == [record["message_id"] for record in plain]


def test_flattening_works() -> None:
    """Unknown columns stay in reach."""
    with account("extra", per_hour=5) as served:
        config = served.config({"flattening_enabled": True, "flattening_max_depth": 1})
        flat = records(served.run(config))

    assert flat
    assert all(isinstance(record["message_id"], str) for record in flat)


def test_a_full_table_reads_everything_and_leaves_the_bookmark() -> None:
    """From start_date, whatever the bookmark says."""
    with account() as served:
        config = served.config()
        first = served.run(config)
        state = first[-1]["value"]
        catalog = TapMailjetSMS(config=dict(config)).catalog_dict
        (entry,) = catalog["streams"]
        entry["replication_method"] = "FULL_TABLE"

        again = served.run(config, state=json.loads(json.dumps(state)), catalog=catalog)

    assert len(records(again)) == len(records(first))
    bookmarks = [message["value"]["bookmarks"]["sms_messages"] for message in again
                 if message["type"] == "STATE"]  # fmt: skip
    values = {bookmark["replication_key_value"] for bookmark in bookmarks}
    assert values == {state["bookmarks"]["sms_messages"]["replication_key_value"]}


def test_a_deselected_stream_asks_for_nothing() -> None:
    """Its state passes through."""
    state = {"bookmarks": {"sms_messages": {"replication_key_value": "2026-01-01T00:00:00+00:00"}}}
    with account() as served:
        config = served.config()
        catalog = TapMailjetSMS(config=dict(config)).catalog_dict
        for entry in catalog["streams"][0]["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = False

        messages = served.run(config, state=state, catalog=catalog)

        assert served.backend.journal == []
    assert [message["value"] for message in messages] == [state]


def test_a_header_without_an_id_is_refused_with_the_header_only() -> None:
    """It names the setting that helps, and no row is shown."""
    backend = Backend(
        data=Messages(since=int(time.time()) - 30 * 24 * HOUR),
        clock=time.time,
        build=Build(seconds=0),
    )
    with Sandbox(backend) as sandbox:
        wanted: dict[str, Any] = {
            "auth_token": TOKEN,
            "api_url": sandbox.url,
            "start_date": iso(int(time.time()) - 10 * HOUR),
        }
        unknown = run_tap(**wanted, column_map={"ID": None})
        wrong = {"To": "sender", "From": "recipient"}
        mapped = run_tap(**wanted, column_map=wrong, verify_layout="warn")

    assert unknown.code == 65
    assert unknown.records == []
    said, _ = [line for line in unknown.log.splitlines() if "| ERROR" in line]
    assert re.search(r'the header is "ID", .*"CreationTS".*column_map {"ID": "\?"}', said)
    assert "+33" not in said
    assert mapped.code == 0
    assert all(str(record["sender"]).startswith("+") for record in mapped.records)


def test_the_catalog_is_as_it_was(snapshot: SnapshotAssertion) -> None:
    """Names and types are a contract with everybody's tables."""
    assert TapMailjetSMS(config={"auth_token": TOKEN}).catalog_dict == snapshot


def test_about_is_as_it_was(snapshot: SnapshotAssertion) -> None:
    """Settings are a contract with everybody's configuration; of the SDK's own, their names."""
    about = json.loads("\n".join(run_tap("--about", "--format=json").lines))

    sdk = ("stream_map", "faker_", "flattening_", "batch_")
    settings = about["settings"]["properties"]
    for name in settings:
        if name.startswith(sdk):
            settings[name] = "as the SDK has it"
    shown = ("name", "description", "capabilities", "settings")
    assert {key: about[key] for key in shown} == snapshot


def test_a_whole_sync_is_as_it_was(snapshot: SnapshotAssertion) -> None:
    """Every line of it, with the moments of the run itself left out."""
    end = int(END.timestamp())
    backend = Backend(
        data=Messages(since=end - 400 * 24 * HOUR, per_hour=1),
        clock=lambda: end + HOUR / 2,
        build=Build(seconds=0),
        unknowns=Unknowns(date_header=False),
    )
    with Sandbox(backend) as sandbox:
        served = Account(backend, sandbox.url)
        messages = served.run(served.config(hours=4))

    text = json.dumps(messages, default=str, indent=1)
    moments: dict[str, str] = {}
    now = datetime.now(UTC)

    def numbered(match: re.Match[str]) -> str:
        ago = now - datetime.fromisoformat(match[0])
        for name, days in (("the run", 0), ("what it settles", 3)):
            if abs(ago - timedelta(days=days)) < timedelta(minutes=5):
                return f"<moment of {name}>"  # some may fall on one second
        return moments.setdefault(match[0], f"<moment {len(moments) + 1}>")

    assert re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", numbered, text) == snapshot


def test_what_a_file_gives_notice_of_is_told_once_a_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However many files say the same; a run later it is told again."""
    names = [f"Zustand {code}" for code in range(17)]
    monkeypatch.setattr("mailjet_sandbox.layouts.STATUS_NAMES", names)
    for _ in range(2):
        caplog.clear()
        with account("prose") as there:
            there.run(there.config(windows=3))
        told = [r for r in caplog.records if "hold no known status" in r.getMessage()]
        assert [record.levelname for record in told] == ["WARNING"]
