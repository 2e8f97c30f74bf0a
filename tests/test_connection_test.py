"""`--test`: what it says, what it costs, and what it leaves behind."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Backend, Messages, Sandbox
from tests.support.command import command, set_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command import Ended

HOUR = 3600


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An account with three messages an hour since ten days ago."""
    since = int(time.time()) - 240 * HOUR
    with Sandbox(Backend(data=Messages(since=since, per_hour=3), clock=time.time)) as served:
        yield served


@pytest.fixture
def try_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[..., Ended]:
    """What runs `--test` with some settings."""

    def run(**settings: object) -> Ended:
        own = {"auth_token": sandbox.backend.token, "api_url": sandbox.url}
        set_environment(monkeypatch, **{**own, "poll_interval_seconds": 0.05, **settings})
        return command(caplog, "--config", "ENV", "--test")

    return run


def test_the_verdict_is_said_in_words(sandbox: Sandbox, try_it: Callable[..., Ended]) -> None:
    """Last of all: the token is good, how much there is, and what a first run would ask for."""
    ended = try_it(window_days=30)

    assert ended.code == 0
    said = re.fullmatch(
        r"The token is good\. Mailjet counts (\d+) messages from \S+ to \S+, one of which was read"
        r"\. A first run would ask for 13 exports",
        ended.log[-1].getMessage(),
    )
    assert said
    assert 600 < int(said[1]) < 800
    assert [asked.operation for asked in sandbox.backend.journal].count("request") == 1
    assert [message["type"] for message in ended.messages].count("RECORD") == 1


def test_nothing_is_said_to_have_failed(try_it: Callable[..., Ended]) -> None:
    """The SDK aborts a sync after its record, and its metric then has the status `failed`."""
    log = [record.getMessage() for record in try_it().log]

    assert [line for line in log if "failed" in line or "abort" in line.lower()] == []
    assert any('"status":"succeeded"' in line for line in log)


def test_no_file_is_left_behind(tmp_path: Path, try_it: Callable[..., Ended]) -> None:
    """With `batch_config` too, the one record leaves as a message."""
    encoding = {"format": "jsonl", "compression": "gzip"}
    ended = try_it(batch_config={"encoding": encoding, "storage": {"root": f"file://{tmp_path}"}})

    assert ended.code == 0
    assert [message["type"] for message in ended.messages].count("RECORD") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_account_without_messages_is_good(
    sandbox: Sandbox, try_it: Callable[..., Ended]
) -> None:
    """Counted only: no export is asked for."""
    sandbox.backend.data = Messages(since=int(time.time()) + HOUR)

    ended = try_it(start_date="2026-01-01")

    assert ended.code == 0
    assert "Mailjet counts 0 messages" in ended.log[-1].getMessage()
    assert "so none was read" in ended.log[-1].getMessage()
    assert {asked.operation for asked in sandbox.backend.journal} == {"count"}


@pytest.mark.parametrize("start_date", ["2026-01-01", "9999-12-31"])
def test_a_wrong_token_costs_no_export(
    start_date: str, sandbox: Sandbox, try_it: Callable[..., Ended]
) -> None:
    """Also where there is nothing to read yet: the token is what is tested."""
    ended = try_it(auth_token="wrong", start_date=start_date)

    assert ended.code == 77
    assert "HTTP 401" in ended.complaint
    assert {asked.operation for asked in sandbox.backend.journal} == {"count"}


def test_what_begins_later_asks_for_nothing(try_it: Callable[..., Ended]) -> None:
    """The token is tested all the same."""
    ended = try_it(start_date="9999-12-31")

    assert ended.code == 0
    assert ended.log[-1].getMessage().endswith("A first run would ask for 0 exports")
