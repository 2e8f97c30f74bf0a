"""The bookmark: what a run leaves behind, and what the next one makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.singerlib.encoding.base import SingerMessageType
from typing_extensions import override

from tap_mailjet_sms.exceptions import InvalidStateError
from tap_mailjet_sms.exporting.job import ExportJob
from tap_mailjet_sms.exporting.lookback import Lookback
from tap_mailjet_sms.exporting.planning import Plan, Scope, plan_run
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.reading.layout import KnownLayout, Source
from tap_mailjet_sms.sdk.stream import WindowedStream
from tap_mailjet_sms.state import Bookmark
from tap_mailjet_sms.tap import TapMailjetSMS
from tap_mailjet_sms.writing.stdout import MessageWriter

if TYPE_CHECKING:
    from singer_sdk.singerlib.messages import Message

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LOOKBACK = Lookback(3 * DAY)
SCOPE = Scope(None, None, LOOKBACK, 30 * DAY)


class Kept(MessageWriter):
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[dict[str, object]] = []

    @override
    def write_message(self, message: Message) -> None:
        assert message.type is SingerMessageType.STATE
        document = json.loads(self.format_message(message).decode())
        self.states.append(document["value"]["bookmarks"]["sms_messages"])


def opened(state: dict[str, object] | None = None, *, moves: bool = True) -> tuple[Bookmark, Kept]:
    """The bookmark of a tap that was started with a state, and what is written of it."""
    writer = Kept()
    tap = TapMailjetSMS(
        config={"auth_token": "t"},
        state={"bookmarks": {"sms_messages": state or {}}},
        message_writer=writer,
    )
    stream = tap.streams["sms_messages"]
    assert isinstance(stream, WindowedStream)
    return Bookmark(stream, now=NOW, lookback=LOOKBACK, moves=moves), writer


def job(export_id: int, window: Window, requested_at: datetime = NOW) -> ExportJob:
    """An export under way."""
    return ExportJob(export_id, window, requested_at)


def days_ago(start: float, end: float) -> Window:
    """A window of the last days."""
    return Window(NOW - start * DAY, NOW - end * DAY)


def in_state(export: ExportJob) -> dict[str, object]:
    """The form that an export has in a state."""
    return {
        "id": export.id,
        "from_ts": export.window.start.isoformat(),
        "to_ts": export.window.end.isoformat(),
        "requested_at": export.requested_at.isoformat(),
    }


def test_a_finished_window_moves_the_bookmark_and_says_so() -> None:
    """One STATE: the bookmark at the window's end, its export no longer pending."""
    bookmark, written = opened()
    first, second = job(1, days_ago(9, 5)), job(2, days_ago(5, 1))
    bookmark.add(first)
    bookmark.add(second)

    bookmark.commit(first)

    assert written.states[-1] == {
        "replication_key": "to_ts",
        "replication_key_value": "2026-11-16T16:00:00+00:00",
        "pending_exports": [in_state(second)],
        "file_form": [],
        "layout": [],
        "readings": [],
        "skipped": [],
    }


def test_an_export_is_in_a_state_as_soon_as_it_is_requested() -> None:
    """With the bookmark where it was."""
    bookmark, written = opened({"replication_key_value": "2026-11-12T16:00:00Z"})
    export = job(1, days_ago(9, 5))

    bookmark.add(export)

    assert written.states == [
        {
            "replication_key": "to_ts",
            "replication_key_value": "2026-11-12T16:00:00+00:00",
            "pending_exports": [in_state(export)],
            "file_form": [],
            "layout": [],
            "readings": [],
            "skipped": [],
        }
    ]


def test_the_bookmark_never_moves_back() -> None:
    """Windows of the lookback leave it where it is."""
    bookmark, written = opened({"replication_key_value": "2026-11-21T15:00:00+00:00"})

    bookmark.commit(job(1, days_ago(5, 1)))

    assert written.states[-1]["replication_key_value"] == "2026-11-21T15:00:00+00:00"


def test_pending_exports_are_always_written() -> None:
    """Meltano merges states and never removes a key, so an empty list has to say it."""
    bookmark, written = opened({"pending_exports": [in_state(job(1, days_ago(9, 5)))]})

    bookmark.commit(job(1, days_ago(9, 5)))

    assert written.states[-1]["pending_exports"] == []


def test_how_files_are_written_is_remembered() -> None:
    """Once told, by every later state; what another version knows of them stays."""
    bookmark, written = opened({"file_form": ["else"]})
    assert not bookmark.takes_open_ends

    bookmark.take_open_ends()
    bookmark.commit(job(1, days_ago(9, 5)))

    assert written.states[-1]["file_form"] == ["else", "open_end"]
    again, _ = opened(dict(written.states[-1]))
    assert again.takes_open_ends


def test_a_full_table_neither_reads_nor_moves_the_bookmark() -> None:
    """But it notes its exports."""
    bookmark, written = opened({"replication_key_value": "2026-11-12T16:00:00Z"}, moves=False)
    bookmark.add(job(1, days_ago(9, 5)))

    bookmark.commit(job(1, days_ago(9, 5)))

    assert bookmark.value is None
    assert written.states[-1]["replication_key_value"] == "2026-11-12T16:00:00Z"


def test_a_newer_export_of_a_window_replaces_the_older() -> None:
    """One window, one export."""
    bookmark, written = opened()
    bookmark.add(job(1, days_ago(9, 5)))
    newer = job(2, days_ago(9, 5))

    bookmark.add(newer)

    assert written.states[-1]["pending_exports"] == [in_state(newer)]


# What was read, and when.


def planned(bookmark: Bookmark, scope: Scope = SCOPE) -> Plan:
    """The plan of a run, which begins."""
    plan = plan_run(NOW, scope, bookmark.history, bookmark.pending)
    bookmark.begin(plan)
    return plan


def history_in(state: dict[str, object]) -> dict[str, object]:
    """What a state says of the history."""
    return {name: state.get(name) for name in ("read_from", "settled_until", "readings", "skipped")}


def test_a_run_forgets_the_exports_of_no_use() -> None:
    """And says so in a STATE before anything is asked of Mailjet."""
    of_use, old = job(1, days_ago(2, 1)), job(2, days_ago(300, 200), NOW - 200 * DAY)
    state = {"pending_exports": [in_state(of_use), in_state(old)]}
    bookmark, written = opened({**state, "replication_key_value": "2026-11-20T16:00:00+00:00"})

    planned(bookmark)

    assert written.states[-1]["pending_exports"] == [in_state(of_use)]


def test_a_first_run_says_from_where_on_it_reads() -> None:
    """Once its first window is through: before, the next run may begin elsewhere."""
    bookmark, written = opened()
    plan = planned(bookmark, Scope(NOW - 40 * DAY, None, LOOKBACK, 30 * DAY))
    assert history_in(written.states[-1]) == {
        "read_from": None,
        "settled_until": None,
        "readings": [],
        "skipped": [],
    }

    bookmark.commit(job(1, plan.windows[0]))

    assert history_in(written.states[-1]) == {
        "read_from": "2026-10-12T16:00:00+00:00",
        "settled_until": "2026-11-11T16:00:00+00:00",
        "readings": [],
        "skipped": [],
    }


def test_a_reading_counts_once_all_its_windows_are_through() -> None:
    """As of the earliest moment at which an export was asked for that brought what may change."""
    bookmark, written = opened({"replication_key_value": "2026-11-20T16:00:00+00:00"})
    plan = planned(bookmark, Scope(None, None, LOOKBACK, 2 * DAY))
    minute = timedelta(minutes=1)
    assert len(plan.windows) == 2

    bookmark.commit(job(1, plan.windows[0], NOW + minute))
    assert written.states[-1]["readings"] == []
    bookmark.commit(job(2, plan.windows[1], NOW + 5 * minute))

    assert history_in(written.states[-1]) == {
        "read_from": "2026-11-17T16:00:00+00:00",
        "settled_until": "2026-11-18T16:01:00+00:00",
        "readings": [
            {
                "from_ts": "2026-11-17T16:00:00+00:00",
                "to_ts": "2026-11-21T15:55:00+00:00",
                "at": "2026-11-21T16:01:00+00:00",
            }
        ],
        "skipped": [],
    }
    assert opened(dict(written.states[-1]))[0].history == bookmark.history


def test_what_is_settled_does_not_make_a_reading_older() -> None:
    """An old export of old messages is as good as a new one."""
    bookmark, _ = opened()
    plan = planned(bookmark, Scope(NOW - 40 * DAY, None, LOOKBACK, 30 * DAY))

    bookmark.commit(job(1, plan.windows[0], NOW - 2 * DAY))
    bookmark.commit(job(2, plan.windows[1]))

    assert [reading.at for reading in bookmark.history.readings] == [NOW]


def test_a_full_table_leaves_the_history_alone() -> None:
    """It neither knows nor changes what incremental runs have read."""
    state: dict[str, object] = {
        "replication_key_value": "2026-11-20T16:00:00+00:00",
        "read_from": "2026-11-01T00:00:00+00:00",
        "settled_until": "2026-11-17T00:00:00+00:00",
        "readings": [{"from_ts": "2026-11-17T00:00:00+00:00", "at": "2026-11-20T16:05:00+00:00"}],
        "skipped": [{"from_ts": "2026-11-18T00:00:00+00:00", "to_ts": "2026-11-19T00:00:00+00:00"}],
    }
    bookmark, written = opened(state, moves=False)
    plan = planned(bookmark)
    assert plan.again is None

    bookmark.commit(job(1, plan.windows[-1]))

    assert history_in(written.states[-1]) == history_in(state)


def test_a_state_without_a_bookmark_is_that_of_a_first_run() -> None:
    """Whoever removes it wants to start over; what else the state says of the past is past."""
    state: dict[str, object] = {
        "read_from": "2026-11-01T00:00:00Z",
        "settled_until": "2026-11-17T00:00:00Z",
    }
    bookmark, _ = opened(state)

    plan = planned(bookmark, Scope(NOW - 90 * DAY, None, LOOKBACK, 30 * DAY))

    assert plan.begin == plan.history.settled_until == NOW - 90 * DAY


@pytest.mark.parametrize(
    "value", ["2026-11-12T16:00:00Z", "2026-11-12T16:00:00", "2026-11-12T17:00:00.123+01:00"]
)
def test_a_bookmark_comes_in_many_forms(value: str) -> None:
    """Written by hand, or by another tool; without a zone it is in UTC."""
    assert opened({"replication_key_value": value})[0].value == NOW - 9 * DAY


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": {"sms_messages": 5}},
        {"bookmarks": {"sms_messages": {"replication_key_value": 5}}},
        {"bookmarks": {"sms_messages": {"replication_key_value": "yesterday"}}},
        {"bookmarks": {"sms_messages": {"pending_exports": "x"}}},
        {"bookmarks": {"sms_messages": {"pending_exports": [5]}}},
        {"bookmarks": {"sms_messages": {"pending_exports": [{"id": 5}]}}},
        {
            "bookmarks": {
                "sms_messages": {
                    "pending_exports": [{**in_state(job(1, days_ago(2, 1))), "id": None}]
                }
            }
        },
        {"bookmarks": {"sms_messages": {"settled_until": "yesterday"}}},
        {"bookmarks": {"sms_messages": {"read_from": 5}}},
        {"bookmarks": {"sms_messages": {"readings": "x"}}},
        {"bookmarks": {"sms_messages": {"readings": [5]}}},
        {"bookmarks": {"sms_messages": {"readings": [{"from_ts": "2026-11-12T16:00:00Z"}]}}},
        {"bookmarks": {"sms_messages": {"skipped": [{"from_ts": "2026-11-12", "to_ts": "2026"}]}}},
        {"bookmarks": {"sms_messages": {"file_form": "open_end"}}},
        {"bookmarks": {"sms_messages": {"file_form": [5]}}},
        {"bookmarks": {"sms_messages": {"replication_key_value": "0001-01-01T00:00:00"}}},
        {"bookmarks": {"other": 5}},
        {"type": "STATE", "value": {"bookmarks": {}}},
        {"sms_messages": {}},
    ],
)
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    """With what to do, before any request."""
    with pytest.raises(InvalidStateError, match="state"):
        TapMailjetSMS(config={"auth_token": "t"}, state=state)


def test_a_bookmark_in_the_future_is_refused() -> None:
    """It names the bookmark and how to set it."""
    with pytest.raises(
        InvalidStateError, match=r"2026-11-22T16:00:00\+00:00 .* lies in the future"
    ):
        opened({"replication_key_value": "2026-11-22T16:00:00Z"})


def test_unknown_keys_pass_through() -> None:
    """Of other streams, and of this one."""
    bookmark, written = opened({"note": "kept"})

    bookmark.write()

    assert written.states[-1]["note"] == "kept"


def test_the_sdk_asks_the_hooks_that_keep_records_off_the_bookmark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK has no public hook for that: its own sync, of a record that has a `to_ts`, shows it.

    Called from here, a hook would still be there after the SDK has given it another name.
    """
    stream = TapMailjetSMS(config={"auth_token": "t"}).streams["sms_messages"]
    record = {"message_id": "m", "to_ts": "2026-11-21T16:00:00+00:00"}
    monkeypatch.setattr(stream, "get_records", lambda _: iter([record]))

    synced = list(stream._sync_records(write_messages=False))

    assert synced == [record]
    assert stream.get_context_state(None) == {}
    assert stream.get_replication_key_signpost() is None
    assert stream.is_sorted


# The layout.

LAYOUT = KnownLayout(
    fingerprint="5f2c",
    columns={
        "message_id": Source(1, "ID"),
        "recipient": Source(3, None),
        "cost_value": None,
    },
    extra=("Campaign", 9),
)
LAYOUT_IN_STATE: dict[str, Any] = {
    "fingerprint": "5f2c",
    "at": "2026-11-21T16:00:00+00:00",
    "columns": {
        "message_id": {"place": 1, "header": "ID", "proved": False},
        "recipient": {"place": 3, "proved": False},
        "cost_value": None,
    },
    "extra": ["Campaign", 9],
    "proof": None,
    "unproved": None,
}


def test_the_layout_of_a_window_is_remembered() -> None:
    """As a list of one: Meltano replaces lists, but merges objects. The next run has it again."""
    bookmark, written = opened()
    assert bookmark.layout is None
    bookmark.commit(job(1, days_ago(9, 5)), LAYOUT)
    assert bookmark.layout == LAYOUT
    assert written.states[-1]["layout"] == [LAYOUT_IN_STATE]
    assert opened(written.states[-1])[0].layout == LAYOUT


def test_a_window_without_rows_leaves_the_layout_alone() -> None:
    """And one of the same layout leaves the moment of its discovery."""
    earlier = {**LAYOUT_IN_STATE, "at": "2026-10-01T00:00:00+00:00"}
    bookmark, written = opened({"layout": [earlier]})
    bookmark.commit(job(1, days_ago(9, 5)))
    bookmark.commit(job(1, days_ago(5, 1)), LAYOUT)
    assert [state["layout"] for state in written.states] == [[earlier], [earlier]]


def test_what_a_later_version_adds_to_a_layout_does_no_harm() -> None:
    """Keys that are not known are left aside."""
    columns = {**LAYOUT_IN_STATE["columns"], "message_id": {"place": 1, "header": "ID", "x": 20}}
    entry = {**LAYOUT_IN_STATE, "columns": columns, "more": True}
    assert opened({"layout": [entry]})[0].layout == LAYOUT


@pytest.mark.parametrize("nothing", [{}, {"layout": None}, {"layout": []}])
def test_a_state_without_a_layout_is_read(nothing: dict[str, object]) -> None:
    """States of older versions have none."""
    assert opened(nothing)[0].layout is None


@pytest.mark.parametrize(
    "damage",
    [
        {},
        [None],
        ["5f2c"],
        [{**LAYOUT_IN_STATE, "fingerprint": 1}],
        [{**LAYOUT_IN_STATE, "at": "yesterday"}],
        [{**LAYOUT_IN_STATE, "columns": []}],
        [{**LAYOUT_IN_STATE, "columns": {"message_id": "ID"}}],
        [{**LAYOUT_IN_STATE, "columns": {"message_id": {"place": "1"}}}],
        [{**LAYOUT_IN_STATE, "columns": {"message_id": {"place": 1, "header": 2}}}],
        [{**LAYOUT_IN_STATE, "extra": [None]}],
        [{**LAYOUT_IN_STATE, "extra": "Campaign"}],
    ],
)
def test_a_damaged_layout_is_an_error(damage: object) -> None:
    """With the way out of it."""
    with pytest.raises(InvalidStateError, match=r"layout of sms_messages .* set it to \[\]"):
        opened({"layout": damage or {"x": 1}})
