"""The layout is proved in whole runs, over a socket: what is asked, read, said, and remembered."""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from mailjet_sandbox import (
    LAYOUTS,
    PUZZLES,
    Backend,
    Build,
    Fault,
    Layout,
    Listing,
    Messages,
    Operation,
    Sandbox,
    Scenario,
    Unknowns,
    When,
)
from mailjet_sandbox import effects as fx
from mailjet_sandbox.layouts import TimeForm
from mailjet_sandbox.unknowns import Spelling, Unsent
from tap_mailjet_sms.exceptions import CSVLayoutError, NotAuthorisedError, TapMailjetSMSError
from tap_mailjet_sms.exporting.windows import Window, clocks_set_back
from tap_mailjet_sms.utc import iso
from tests.support.account import END, STREAM, Account, Output, account, records
from tests.support.command import command, set_environment
from tests.support.truth import truth, without_export

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.account import JSON

#: The layouts that contradict their names.
CONTRADICTORY = {"swapped", "swapped-times", "swapped-numbers", "number-ids"}
MESSAGES = frozenset({Operation.MESSAGES})
HOUR = 3600


def settings(there: Account, **more: object) -> dict[str, object]:
    """Two days in two windows, by the zone in which the file is written."""
    layout = there.backend.layout
    zone = {"csv_time_zone": layout.zone} if layout.zone else {}
    return there.config({**zone, **more}, hours=48, windows=2)


def lists_asked(there: Account) -> int:
    """How many lists were asked for."""
    return [asked.operation for asked in there.backend.journal].count("messages")


def state_of(output: Output) -> JSON:
    """The last state that came out."""
    states: list[JSON] = [m["value"] for m in output.messages if m["type"] == "STATE"]
    return states[-1]


def layout_of(state: JSON) -> JSON:
    """What the state remembers of the layout."""
    (layout,) = state["bookmarks"][STREAM]["layout"]
    return dict(layout)


def by_id(found: list[JSON]) -> dict[str, JSON]:
    """Records without what tells of their exports, by their ids."""
    return {str(record["message_id"]): without_export(record) for record in found}


def wanted(there: Account, config: Mapping[str, object]) -> dict[str, JSON]:
    """What a right reader makes of the account, by the ids of the file."""
    return by_id(list(truth(there, config).values()))


def listing(there: Account, **more: object) -> None:
    """List messages in another way from now on."""
    unknowns = there.backend.unknowns
    there.backend.unknowns = replace(
        unknowns,
        listing=Listing(**more),  # type: ignore[arg-type]
    )


@contextmanager
def failing(there: Account, effect: fx.Effect) -> Iterator[None]:
    """All lists are befallen by this."""
    there.backend.scenario = Scenario((Fault(effect, When(on=MESSAGES, times=None)),))
    yield
    there.backend.scenario = Scenario()


# What is asked for.


def test_a_first_run_asks_for_two_lists_and_a_later_one_for_none() -> None:
    """However many windows it has; the state remembers what was proved."""
    with account() as there:
        config = there.config(hours=48, windows=6)
        output = Output()
        earlier = {**config, "end_date": (END - timedelta(hours=24)).isoformat()}
        there.run(earlier, output=output)
        assert lists_asked(there) == 2
        spans = {(a.from_ts, a.to_ts) for a in there.backend.journal if a.operation == "messages"}
        assert len(spans) == 2
        again = there.run(config, state=state_of(output))
        assert lists_asked(there) == 2
    assert records(again)
    assert layout_of(state_of(output))["proof"]["messages"] == 20


@pytest.mark.parametrize("name", [name for name in PUZZLES if name not in CONTRADICTORY])
def test_what_names_do_not_say_is_read_as_it_is(name: str) -> None:
    """Each value of each message is the truth; the next run asks for no list."""
    with account(PUZZLES[name], per_hour=30) as there:
        config = settings(there)
        output = Output()
        earlier = {**config, "end_date": (END - timedelta(hours=24)).isoformat()}
        found = records(there.run(earlier, output=output))
        asked = lists_asked(there)
        found += records(there.run(config, state=state_of(output)))
        assert lists_asked(there) == asked <= 3
        expected = wanted(there, config)
    assert len(expected) > 1000
    if name == "letters-columns":  # names of statuses say it all; the codes beside them are kept
        for record in expected.values():
            record["extra"] = {"E": str(record["status_code"])}
    assert by_id(found) == expected


@pytest.mark.parametrize("name", sorted(CONTRADICTORY))
def test_what_names_say_wrong_is_refused_before_a_row_leaves(name: str) -> None:
    """With a setting that reads it, where there is one: pasted, it brings each value as it is."""
    with account(PUZZLES[name], per_hour=30) as there:
        config, output = settings(there), Output()
        with pytest.raises(CSVLayoutError) as caught:
            there.run(config, output=output)
        assert records(output.messages) == []
        assert "replication_key_value" not in state_of(output)["bookmarks"][STREAM]
        offered = re.findall(r"column_map (\{[^}]*\})", str(caught.value))
        if name == "number-ids":
            assert offered == []
            return
        found = records(there.run({**config, "column_map": json.loads(offered[0])}))
        assert by_id(found) == wanted(there, config)


def test_times_of_another_place_are_refused_until_the_setting_says_so() -> None:
    """The error names the setting; with it, each time is as it is."""
    with account(PUZZLES["local"], per_hour=30) as there:
        config = settings(there)
        with pytest.raises(CSVLayoutError, match=r"\d h ahead of .* set csv_time_zone to the zone"):
            there.run({**config, "csv_time_zone": "UTC"})
        assert by_id(records(there.run(config))) == wanted(there, config)


@pytest.mark.parametrize("name", ["swapped", "local"])
def test_under_warn_it_is_read_by_its_names_and_told(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; also where times are an hour off, the names win."""
    with account(PUZZLES[name], per_hour=30) as there:
        config = settings(there, verify_layout="warn", csv_time_zone="UTC")
        found = records(there.run(config))
        assert len(found) == len(wanted(there, config))
    told = [r.getMessage() for r in caplog.records if "so say 20 messages" in r.getMessage()]
    assert told
    assert all(record.levelno == logging.WARNING for record in caplog.records
               if record.getMessage() in told)  # fmt: skip


def test_off_asks_for_no_list() -> None:
    """In no run."""
    with account() as there:
        output = Output()
        there.run(settings(there, verify_layout="off"), output=output)
        assert lists_asked(there) == 0
    layout = layout_of(state_of(output))
    assert (layout["proof"], layout["unproved"]) == (None, None)


# How messages are listed.


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"cap": 21, "overlap": 5}, id="pages that overlap"),
        pytest.param({"cap": 3}, id="short pages"),
        pytest.param({"spelling": Spelling.SAMPLES, "unsent": Unsent.MISSING}, id="samples"),
        pytest.param({"spelling": Spelling.PROSE, "unsent": Unsent.NULL}, id="prose"),
        pytest.param({"ahead": 3 * 24 * HOUR}, id="newer than the export"),
    ],
)
@pytest.mark.parametrize("name", ["default", "french"])
def test_however_messages_are_listed_the_layout_is_proved(
    name: str, how: dict[str, object]
) -> None:
    """In three requests at most."""
    with account((LAYOUTS | PUZZLES)[name], per_hour=30) as there:
        listing(there, **how)
        config, output = settings(there), Output()
        found = records(there.run(config, output=output))
        assert by_id(found) == wanted(there, config)
        assert lists_asked(there) <= 3
    assert layout_of(state_of(output))["proof"]["messages"] >= 6


def test_a_list_with_other_ids_proves_no_id() -> None:
    """Rows are found by recipient and time, and the id of the file is another one: refused."""
    with account(per_hour=30) as there:
        listing(there, number_ids=True)
        with pytest.raises(CSVLayoutError, match=r'"ID" \(message_id\) holds other values'):
            there.run(settings(there))


# No witness to be had.


@pytest.mark.parametrize(
    ("effect", "why", "requests"),
    [
        pytest.param(fx.Http(status=403), "does not list messages", 1, id="403"),
        pytest.param(fx.Http(status=404), "does not list messages", 1, id="404"),
        pytest.param(fx.Http(status=503), "list of messages could not be had", 2, id="503"),
        pytest.param(fx.Listed(keep=0), "Mailjet lists no message of this window", 1, id="empty"),
        pytest.param(fx.Listed(keep=9, strangers=True), "none of the messages", 3, id="strangers"),
    ],
)
def test_without_a_list_names_are_read_and_that_is_said_once(
    effect: fx.Effect,
    why: str,
    requests: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All messages come; WARNING in the first run, INFO in the next, and the state has why."""
    monkeypatch.setattr("tap_mailjet_sms.exporting.waiting.MAX_BACKOFF", 0.01)
    with account(per_hour=30) as there, failing(there, effect):
        config, output = there.config(hours=24, windows=1), Output()
        caplog.set_level(logging.INFO)
        found = records(there.run(config, output=output))
        assert by_id(found) == wanted(there, config)
        assert lists_asked(there) == requests
        assert _levels(caplog, why) == ["WARNING"]

        there.run(config, state=state_of(output))
        assert set(_levels(caplog, why)) <= {"INFO"}
    assert layout_of(state_of(output))["proof"] is None
    assert layout_of(state_of(output))["unproved"]["why"]


def _levels(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    found = [r.levelname for r in caplog.records if text in r.getMessage()
             and r.getMessage().startswith("The layout of")]  # fmt: skip
    caplog.clear()
    return found


def test_a_list_that_does_not_know_the_token_ends_the_run() -> None:
    """401, as everywhere; nothing has left."""
    with account(per_hour=30) as there, failing(there, fx.Http(status=401)):
        output = Output()
        with pytest.raises(NotAuthorisedError):
            there.run(settings(there), output=output)
    assert records(output.messages) == []


@pytest.mark.parametrize("name", ["headless", "french"])
def test_without_a_list_unknown_names_are_refused(name: str) -> None:
    """Nothing has left, and why nothing tells is said."""
    with account(PUZZLES[name], per_hour=30) as there, failing(there, fx.Http(status=403)):
        output = Output()
        with pytest.raises(TapMailjetSMSError, match="Mailjet does not list messages for this"):
            there.run(settings(there), output=output)
    assert records(output.messages) == []


# A layout that changes.


def test_a_column_that_is_renamed_is_read_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Between two windows; nothing becomes null."""
    with account(per_hour=30) as there:
        there.backend.scenario = Scenario(
            (Fault(fx.Renamed("To", "Nach"), When(skip=1, times=None)),)
        )
        config = settings(there)
        found = records(there.run(config))
        assert by_id(found) == wanted(there, config)
        assert lists_asked(there) <= 4
    assert any(
        'recipient ("To" before, "Nach" now)' in record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING
    )


# What nobody may read.


@pytest.mark.parametrize("name", [*PUZZLES, "default"])
def test_nothing_of_a_message_is_in_a_log_an_error_or_a_state(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No id, number, text or time, at any level; whether the layout is read, refused or doubted."""
    caplog.set_level(logging.DEBUG)
    said = []
    with account((LAYOUTS | PUZZLES)[name], per_hour=20) as there:
        for verify in ("error", "warn"):
            output = Output()
            try:
                there.run(settings(there, verify_layout=verify, csv_time_zone="UTC"), output=output)
            except TapMailjetSMSError as error:
                said.append(str(error))
            said += [json.dumps(m) for m in output.messages if m["type"] != "RECORD"]
        start = there.backend.data.since
        told = list(there.backend.truth(int(time.time()) - 60 * HOUR, start + 400 * 24 * HOUR))
        layout = there.backend.layout
    said += [record.getMessage() for record in caplog.records]
    text = "\n".join(said)
    assert "Mailjet" in text
    for message in told:
        ids = {message.message_id, str(layout.expected(message)["message_id"])}
        for secret in (*ids, message.recipient[1:]):
            assert secret not in text
        # Windows and what is asked for begin and end with a minute, or a second off it.
        if message.created_ts % 60 not in {0, 1, 59}:
            assert str(message.created_ts) not in text
    senders = {m.sender for m in told if len(m.sender) > 3}
    assert not {sender for sender in senders if re.search(rf"\b{re.escape(sender)}\b", text)}


# Clocks.


@pytest.mark.parametrize("form", [TimeForm.SPACED, TimeForm.MONTH_FIRST])
def test_an_hour_that_comes_twice_is_read_as_what_it_was(form: TimeForm) -> None:
    """A file in the time of a place, of the days on which clocks there were set back, read twice.

    The second run goes on from within the hour in question.
    """
    half_a_year = Window(END - timedelta(days=200), END)
    set_back, place = max(
        (moment, place)
        for place in ("Europe/Paris", "Australia/Sydney")  # the other half of the year
        for moment in clocks_set_back(half_a_year, ZoneInfo(place))
    )
    with account(Layout(time=form, zone=place), per_hour=120) as there:
        config = settings(
            there,
            start_date=(set_back - timedelta(days=1)).isoformat(),
            end_date=(set_back + timedelta(minutes=20)).isoformat(),
            window_days=5,
        )
        output = Output()
        first = by_id(records(there.run(config, output=output)))
        assert first == wanted(there, config)
        later = {**config, "end_date": (set_back + timedelta(days=1)).isoformat()}
        second = by_id(records(there.run(later, state=state_of(output))))

        assert first | second == wanted(there, later)
        edges = {moment for m in there.backend.journal for moment in (m.from_ts, m.to_ts)}
        assert int(set_back.timestamp()) in edges
        around = Window(set_back - timedelta(hours=1), set_back + timedelta(hours=1))
        moments = (str(record["created_at"]) for record in (first | second).values())
        in_doubt = [then for then in moments if iso(around.start)[:16] <= then < iso(around.end)]
        assert len(in_doubt) > 200


# `--test`.


@pytest.fixture(params=["default", "french", "headless", "swapped"])
def trial(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> tuple[str, int, list[str], list[str]]:
    """What `--test` ends with and says for a layout; and the account's ids, numbers and texts."""
    monkeypatch.chdir(tmp_path)
    name = request.param
    layout: Layout = (LAYOUTS | PUZZLES)[name]
    backend = Backend(
        data=Messages(since=int(time.time()) - 48 * HOUR, per_hour=60),
        clock=time.time,
        layout=layout,
        build=Build(seconds=0),
        unknowns=Unknowns(),
    )
    with Sandbox(backend) as sandbox:
        set_environment(
            monkeypatch,
            auth_token=backend.token,
            api_url=sandbox.url,
            poll_interval_seconds=0.05,
            csv_time_zone=layout.zone or "UTC",
        )
        ended = command(caplog, "--config", "ENV", "--test")
        now = int(time.time())
        secrets = [
            secret
            for message in backend.truth(now - 48 * HOUR, now)
            for secret in (message.message_id, message.recipient[1:])
        ]
    return name, ended.code, [record.getMessage() for record in ended.log], secrets


def test_a_test_tells_the_layout(trial: tuple[str, int, list[str], list[str]]) -> None:
    """One line for each column, and the `column_map` to keep it; no data of the account."""
    name, code, said, secrets = trial
    text = "\n".join(said)
    assert not [secret for secret in secrets if secret in text]
    if name == "swapped":
        assert code == 65
        assert 'column_map {"From": "recipient", "To": "sender"}' in text
        return
    assert code == 0
    begin = next(n for n, line in enumerate(said) if "which holds no data and may be" in line)
    lines = said[begin + 1 :]
    source = {"default": '"ID"', "french": '"Identifiant"', "headless": "column 1"}[name]
    assert lines[0] == f"  {source} -> message_id, proved by 20 messages"
    told = {line.split(" -> ")[1].partition(",")[0] for line in lines if " -> " in line}
    assert {"recipient", "created_at", "status_code", "cost_value", "cost_currency"} <= told
    kept = [line for line in lines if "to keep it so, set column_map" in line]
    assert len(kept) == (name != "headless")
