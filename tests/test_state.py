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
from tap_mailjet_sms.exporting.windows import Plan, Window
from tap_mailjet_sms.reading.layout import KnownLayout, Source
from tap_mailjet_sms.sdk.stream import WindowedStream
from tap_mailjet_sms.state import Bookmark
from tap_mailjet_sms.tap import TapMailjetSMS
from tap_mailjet_sms.writing.stdout import MessageWriter

if TYPE_CHECKING:
    from singer_sdk.singerlib.messages import Message

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LOOKBACK = 3 * DAY


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
    return Bookmark(stream, now=NOW, moves=moves), writer


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

    bookmark.commit(first.window)

    assert written.states[-1] == {
        "replication_key": "to_ts",
        "replication_key_value": "2026-11-16T16:00:00+00:00",
        "pending_exports": [in_state(second)],
        "file_form": [],
        "layout": [],
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
        }
    ]


def test_the_bookmark_never_moves_back() -> None:
    """Windows of the lookback leave it where it is."""
    bookmark, written = opened({"replication_key_value": "2026-11-21T15:00:00+00:00"})

    bookmark.commit(days_ago(5, 1))

    assert written.states[-1]["replication_key_value"] == "2026-11-21T15:00:00+00:00"


def test_pending_exports_are_always_written() -> None:
    """Meltano merges states and never removes a key, so an empty list has to say it."""
    bookmark, written = opened({"pending_exports": [in_state(job(1, days_ago(9, 5)))]})

    bookmark.commit(days_ago(9, 5))

    assert written.states[-1]["pending_exports"] == []


def test_how_files_are_written_is_remembered() -> None:
    """Once told, by every later state; what another version knows of them stays."""
    bookmark, written = opened({"file_form": ["else"]})
    assert not bookmark.takes_open_ends

    bookmark.take_open_ends()
    bookmark.commit(days_ago(9, 5))

    assert written.states[-1]["file_form"] == ["else", "open_end"]
    again, _ = opened(dict(written.states[-1]))
    assert again.takes_open_ends


def test_a_full_table_neither_reads_nor_moves_the_bookmark() -> None:
    """But it notes its exports."""
    bookmark, written = opened({"replication_key_value": "2026-11-12T16:00:00Z"}, moves=False)
    bookmark.add(job(1, days_ago(9, 5)))

    bookmark.commit(days_ago(9, 5))

    assert bookmark.value is None
    assert written.states[-1]["replication_key_value"] == "2026-11-12T16:00:00Z"


def test_a_newer_export_of_a_window_replaces_the_older() -> None:
    """One window, one export."""
    bookmark, written = opened()
    bookmark.add(job(1, days_ago(9, 5)))
    newer = job(2, days_ago(9, 5))

    bookmark.add(newer)

    assert written.states[-1]["pending_exports"] == [in_state(newer)]


def usable(
    *exports: ExportJob,
    span: Window | None = None,
    end: datetime = NOW,
    start_date: datetime | None = None,
) -> list[int]:
    """The ids of the exports that a run takes up again."""
    bookmark, _ = opened({"pending_exports": [in_state(export) for export in exports]})
    found = bookmark.usable_exports(
        Plan(span or days_ago(20, 0), end), start_date=start_date, lookback=LOOKBACK
    )
    return [export.id for export in found.values()]


def test_pending_exports_are_taken_up_again() -> None:
    """Those that are as fresh as a new one would be: the next run reads the last days again."""
    assert usable(job(1, days_ago(20, 10)), job(2, days_ago(2, 1))) == [1, 2]


def test_an_export_from_before_the_lookback_may_begin_before_the_span() -> None:
    """It is taken whole, not cut."""
    assert usable(job(1, days_ago(25, 15)), span=days_ago(20, 0)) == [1]


def test_an_export_that_would_leave_statuses_stale_is_not_used() -> None:
    """Asked for five days ago, it shows messages of six days ago at an age of one day only.

    The next run would not read them again.
    """
    asked = NOW - 5 * DAY

    assert usable(job(1, days_ago(7, 6), asked)) == []
    assert usable(job(2, days_ago(20, 8), asked)) == [2], "three days old when it was asked for"
    assert usable(job(3, days_ago(3, 0), NOW - DAY)) == [3], "the next run reads all of it again"


def test_exports_outside_of_the_run_are_not_used() -> None:
    """Before its span, after its end, or before start_date."""
    assert usable(job(1, days_ago(30, 20)), span=days_ago(20, 0)) == []
    assert usable(job(1, days_ago(2, 0)), span=days_ago(20, 1), end=NOW - DAY) == []
    assert usable(job(1, days_ago(9, 8)), start_date=NOW - 8.5 * DAY) == []


def test_of_overlapping_exports_the_first_is_used() -> None:
    """Windows may not overlap, or rows would come twice."""
    assert usable(job(1, days_ago(9, 5)), job(2, days_ago(8, 4)), job(3, days_ago(5, 4))) == [1, 3]


def test_what_is_of_no_use_is_forgotten_but_for_later_windows() -> None:
    """A run that ends earlier leaves the exports behind its end to the next one."""
    old, later = job(1, days_ago(30, 29)), job(2, days_ago(2, 0))
    bookmark, written = opened({"pending_exports": [in_state(old), in_state(later)]})

    bookmark.forget_all_but([], Plan(days_ago(20, 1), NOW - DAY))
    bookmark.write()

    assert written.states[-1]["pending_exports"] == [in_state(later)]


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
        "message_id": {"place": 1, "header": "ID"},
        "recipient": {"place": 3},
        "cost_value": None,
    },
    "extra": ["Campaign", 9],
}


def test_the_layout_of_a_window_is_remembered() -> None:
    """As a list of one: Meltano replaces lists, but merges objects. The next run has it again."""
    bookmark, written = opened()
    assert bookmark.layout is None
    bookmark.commit(days_ago(9, 5), LAYOUT)
    assert bookmark.layout == LAYOUT
    assert written.states[-1]["layout"] == [LAYOUT_IN_STATE]
    assert opened(written.states[-1])[0].layout == LAYOUT


def test_a_window_without_rows_leaves_the_layout_alone() -> None:
    """And one of the same layout leaves the moment of its discovery."""
    earlier = {**LAYOUT_IN_STATE, "at": "2026-10-01T00:00:00+00:00"}
    bookmark, written = opened({"layout": [earlier]})
    bookmark.commit(days_ago(9, 5))
    bookmark.commit(days_ago(5, 1), LAYOUT)
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
