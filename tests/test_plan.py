"""`--plan`: what a run would do, before it does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mailjet_sandbox import Fault, Operation, Scenario, When
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import NotAuthorisedError
from tap_mailjet_sms.exporting.planning import Plan
from tap_mailjet_sms.exporting.preview import Counted, Preview, counted
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import END, STREAM, account, records
from tests.support.program import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.account import Account

T0 = datetime(2026, 5, 20, tzinfo=UTC)
DAY = timedelta(days=1)
HOURS = timedelta(hours=1)


@pytest.fixture
def there() -> Iterator[Account]:
    """An account with sixty messages an hour."""
    with account() as opened:
        yield opened


def preview(
    config: Mapping[str, object],
    state: Mapping[str, object] | None = None,
    catalog: dict[str, Any] | None = None,
) -> Preview:
    """What a run would do."""
    bookmarks = {"bookmarks": {STREAM: state}} if state else None
    tap = TapMailjetSMS(config=dict(config), state=bookmarks, catalog=catalog)
    stream = tap.streams[STREAM]
    return stream.preview()  # type: ignore[attr-defined,no-any-return]


def asked(there: Account) -> list[str]:
    """What Mailjet was asked for, call by call."""
    return [str(line.operation) for line in there.backend.journal]


def fails(there: Account, status: int) -> None:
    """Have Mailjet answer each count with an error."""
    when = When(on=frozenset({Operation.COUNT}), times=None)
    there.backend.scenario = Scenario((Fault(fx.Http(status), when),))


def test_a_plan_asks_for_counts_alone(there: Account) -> None:
    """One in all, and one of each window; no export, and nothing else."""
    found = preview(there.config(windows=4)).document()

    assert asked(there) == ["count"] * 5
    windows = found["windows"]
    assert isinstance(windows, list)
    assert [window["export_id"] for window in windows] == [None] * 4
    assert found["exports_to_ask_for"] == 4


def test_a_plan_says_when_the_run_is_cut(there: Account) -> None:
    """Where `max_run_minutes` may cut it, and nowhere else."""
    config = there.config({"max_run_minutes": 2.5}, windows=4)
    plan = preview(config)
    assert plan.document()["max_run_minutes"] == 2.5
    assert any(
        "After 2.5 minutes (max_run_minutes) this run asks for no" in x for x in plan.lines()
    )

    there.run(config)
    for other in (there.config(windows=4), there.config({"max_run_minutes": 1}, windows=1)):
        assert "max_run_minutes" not in "\n".join(preview(other).lines())
    assert preview(there.config(windows=4)).document()["max_run_minutes"] is None


def test_a_plan_says_why_a_run_reads_again(there: Account) -> None:
    """How deep, and when the last reading that deep was, if there was one."""
    config = there.config({"lookback_days": 0.25}, windows=2)
    never = there.config({"lookback_days": 0}, windows=2)
    begin = END - 7 * HOURS
    state = {
        "replication_key_value": (END - HOURS).isoformat(),
        "read_from": begin.isoformat(),
        "settled_until": begin.isoformat(),
    }
    reading = {"from_ts": begin.isoformat(), "at": (END - 2 * HOURS).isoformat()}

    why = preview(config, state).document()
    assert (why["reads_again_hours"], why["last_reading_that_deep"]) == (6, None)
    why = preview(config, {**state, "readings": [reading]}).document()
    assert (why["reads_again_hours"], why["last_reading_that_deep"]) == (6, reading["at"])
    why = preview(never, state).document()
    assert (why["reads_again_hours"], why["last_reading_that_deep"]) == (None, None)


def test_a_run_does_what_its_plan_says(there: Account) -> None:
    """The same windows, the same messages, the same bookmark."""
    config = there.config(windows=3)
    plan = preview(config).document()
    messages = there.run(config)

    windows = plan["windows"]
    assert isinstance(windows, list)
    of_records = {(r["from_ts"], r["to_ts"]) for r in records(messages)}
    assert {(window["from_ts"], window["to_ts"]) for window in windows} == of_records
    # The count takes in the second before the span, and its very last one.
    assert 0 <= int(str(plan["messages"])) - len(records(messages)) <= 2
    state = messages[-1]["value"]["bookmarks"][STREAM]
    assert plan["bookmark"] is None
    assert plan["bookmark_afterwards"] == state["replication_key_value"] == END.isoformat()
    assert asked(there).count("request") == plan["exports_to_ask_for"]


def test_exports_of_the_state_are_named_without_asking(there: Account) -> None:
    """Of their windows no count is asked."""
    config = there.config(windows=3)
    first = datetime.fromisoformat(str(config["start_date"]))
    pending = {
        "id": 4711,
        "from_ts": first.isoformat(),
        "to_ts": (first + 8 * HOURS).isoformat(),
        "requested_at": datetime.now(UTC).isoformat(),
    }
    found = preview(config, {"pending_exports": [pending]})

    assert asked(there) == ["count"] * 3
    assert (found.document()["exports_taken_up"], found.document()["exports_to_ask_for"]) == (1, 2)
    text = "\n".join(found.lines())
    assert "2 exports to ask for, 1 export of the state to take up" in text
    assert "4711, of the state" in text


def test_it_says_how_far_it_reads_again_and_why(there: Account) -> None:
    """As the run itself does."""
    bookmark = (END - 2 * HOURS).isoformat()
    config = there.config({"lookback_days": 1})
    found = preview(config, {"replication_key_value": bookmark})

    assert found.document()["bookmark"] == bookmark
    assert str(found.document()["reads_again_from"]) < bookmark
    assert any(line.startswith("  This run reads again from ") for line in found.lines())


def test_nothing_to_read_is_nothing_to_ask(there: Account) -> None:
    """The bookmark is at the end already."""
    state = {"replication_key_value": END.isoformat()}
    found = preview(there.config({"lookback_days": 0}), state)

    assert asked(there) == []
    assert found.document()["span"] is None
    assert found.document()["messages"] == 0
    assert found.document()["bookmark_afterwards"] == END.isoformat()
    assert next(found.lines()).startswith("A run would read nothing of sms_messages up to ")


def test_what_is_lost_is_named(there: Account) -> None:
    """What lies behind the one-year limit."""
    config = there.config({"start_date": "2020-01-01", "window_days": 365})
    found = preview(config)

    lost = found.document()["lost"]
    assert isinstance(lost, dict)
    assert lost["from_ts"] == "2020-01-01T00:00:00+00:00"
    assert any("Mailjet exports one year only" in line for line in found.lines())


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_plan_does_without_counts(there: Account, status: int) -> None:
    """Where Mailjet refuses one, no other is asked for; the rest is known all the same."""
    fails(there, status)
    found = preview(there.config({"max_attempts": 1}, windows=4))

    assert asked(there) == ["count"]
    assert found.document()["messages"] is None
    assert found.document()["exports_to_ask_for"] == 4
    assert any("Counting the messages of" in line for line in found.lines())


def test_a_wrong_token_is_an_error(there: Account) -> None:
    """As everywhere."""
    with pytest.raises(NotAuthorisedError):
        preview({**there.config(), "auth_token": "another"})


def test_a_full_table_moves_no_bookmark(there: Account) -> None:
    """It reads from `start_date`, whatever the bookmark says."""
    catalog = TapMailjetSMS(config=dict(there.config())).catalog_dict
    catalog["streams"][0]["replication_method"] = "FULL_TABLE"
    state = {"replication_key_value": (END - 2 * HOURS).isoformat()}
    found = preview(there.config(windows=2), state, catalog).document()

    assert (found["exports_to_ask_for"], found["bookmark_afterwards"]) == (2, None)


def test_a_stream_that_is_not_selected_is_not_read(there: Account) -> None:
    """Then nothing is asked."""
    catalog = TapMailjetSMS(config=dict(there.config())).catalog_dict
    for entry in catalog["streams"][0]["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["selected"] = False
    found = preview(there.config(), catalog=catalog).document()

    assert (found["windows"], asked(there)) == ([], [])


def window(number: int) -> Window:
    """One of a row of days."""
    return Window(T0 + number * DAY, T0 + (number + 1) * DAY)


def counting(calls: list[Window], messages: int) -> Callable[[Window], int]:
    """A Mailjet that counts so many messages each time, and remembers what it was asked."""

    def count(window: Window) -> int:
        calls.append(window)
        return messages

    return count


def test_no_more_than_24_windows_are_counted_and_shown() -> None:
    """However many there are: programs get all of them."""
    plan = Plan(T0 + 400 * DAY, T0, windows=tuple(window(number) for number in range(400)))
    calls: list[Window] = []
    found = counted(plan, counting(calls, 7))
    shown = Preview(STREAM, plan, found, None, moves_bookmark=True)

    assert calls == [Window(T0, T0 + 400 * DAY), *(window(number) for number in range(24))]
    assert [*shown.lines()][-1] == "  and 376 more windows"
    windows = shown.document()["windows"]
    assert isinstance(windows, list)
    assert [one["messages"] for one in windows] == [7] * 24 + [None] * 376


def test_what_is_not_read_is_not_counted() -> None:
    """Windows with a gap between them are two spans."""
    plan = Plan(T0 + 4 * DAY, T0, windows=(window(0), window(1), window(3)))
    calls: list[Window] = []
    found = counted(plan, counting(calls, 5))

    assert calls[:2] == [Window(T0, T0 + 2 * DAY), window(3)]
    assert found == Counted(10, {window(0): 5, window(1): 5, window(3): 5})


def test_the_command_line_shows_a_plan(there: Account, tmp_path: Path) -> None:
    """For people, or as JSON; no Singer message, and exit code 0."""
    settings = {name: str(value) for name, value in there.config(windows=2).items()}
    state = tmp_path / "state.json"
    bookmark = (END - 12 * HOURS).isoformat()
    state.write_text(json.dumps({"bookmarks": {STREAM: {"replication_key_value": bookmark}}}))
    options = ("--config", "ENV", "--state", state, "--plan")

    people = run_tap(*options, timeout=120, **settings)
    programs = run_tap(*options, "--json", timeout=120, **settings)

    assert (people.code, programs.code) == (0, 0)
    assert people.lines[0].startswith("A run would read sms_messages from ")
    found = json.loads("\n".join(programs.lines))
    assert found["bookmark"] == bookmark
    assert f"  bookmark {bookmark} now, {END.isoformat()} afterwards" in people.lines
    assert set(asked(there)) == {"count"}
    assert "METRIC" not in people.log


def test_the_command_line_ends_as_a_run_does(there: Account) -> None:
    """With 77 for a wrong token; what does not belong together is a wrong command line."""
    settings = {name: str(value) for name, value in there.config().items()}

    wrong = run_tap("--config", "ENV", "--plan", timeout=120, **{**settings, "auth_token": "x"})
    alone = run_tap("--config", "ENV", "--json", timeout=120, **settings)

    assert (wrong.code, wrong.lines) == (77, [])
    assert wrong.log.splitlines()[-1].endswith("Ended with exit code 77 (not authorised)")
    assert (alone.code, alone.lines) == (2, [])
    assert "--json is for --plan alone" in alone.log
    for others in (("--plan", "--test"), ("--discover", "--plan"), ("--plan", "--about")):
        both = run_tap("--config", "ENV", *others, timeout=120, **settings)
        assert (both.code, both.lines) == (2, [])
        assert "are two commands: give one of them" in both.log
    tested = run_tap("--config", "ENV", "--json", "--test=all", timeout=120, **settings)
    assert (tested.code, tested.lines) == (2, [])
