"""Bad input on the real command line: one clear line, an exit code, no traceback, no token."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mailjet_sandbox import Sandbox
from tests.support.program import TAP, Run, environment, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "sandbox-token"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A local Mailjet."""
    with Sandbox() as served:
        yield served


def complaint(run: Run, code: int = 78) -> str:
    """What the run says on its way out: errors, and nothing a user has not asked for."""
    assert run.code == code
    assert "Traceback" not in run.log
    errors = [line.split("|")[-1].strip() for line in run.log.splitlines() if "| ERROR" in line]
    first, last = errors
    assert last.startswith(f"Ended with exit code {code} (")
    return first


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "auth_token is missing"),
        ({"auth_token": ""}, "auth_token is missing"),
        ({"start_date": "yesterday"}, "start_date is not a date"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "start_date must be earlier"),
        ({"window_days": 0}, "window_days must be a number, greater than 0, at most 365"),
        ({"window_days": 400}, "window_days must be a number, greater than 0, at most 365"),
        ({"max_attempts": "six"}, "max_attempts must be an integer, at least 1"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], expected: str) -> None:
    """Before any request."""
    token = {} if not settings else {"auth_token": "s3cr3t"}

    assert complaint(run_tap(**{**token, **settings})).startswith(expected)


def test_an_unknown_setting_is_named_with_the_nearest_known(tmp_path: Path) -> None:
    """In a file, where it would otherwise go unnoticed."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auth_token": "s3cr3t", "lookback": 5}))

    said = complaint(run_tap("--config", config))

    assert said == "lookback is not a setting of this tap: did you mean lookback_days?"


def test_a_wrong_token_shows_what_mailjet_says(sandbox: Sandbox) -> None:
    """HTTP status, message and identifier, the setting to look at; not the token."""
    run = run_tap(auth_token="s3cr3t", api_url=sandbox.url)

    said = complaint(run, 77)
    assert "HTTP 401, Mailjet says “Not authorised" in said
    assert "ErrorIdentifier " in said
    assert "auth_token" in said
    assert "s3cr3t" not in run.log


def test_an_unreachable_host_is_said() -> None:
    """After the attempts that are allowed."""
    run = run_tap(auth_token="s3cr3t", api_url="http://127.0.0.1:9/v4", max_attempts=2)

    assert "the connection was refused; check the network, and the setting api_url" in complaint(
        run, 69
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("no state", "The file given with --state does not contain a JSON object"),
        ("[]", "The file given with --state does not contain a JSON object"),
        (
            '{"bookmarks": 5}',
            'The state must be the value of a STATE message, such as {"bookmarks": {"sms_messages"',
        ),
        (
            '{"bookmarks": {"sms_messages": {"replication_key_value": "soon"}}}',
            "The state's replication_key_value of sms_messages is not a date-time",
        ),
        (
            '{"bookmarks": {"sms_messages": {"replication_key_value": "2999-01-01T00:00:00Z"}}}',
            "The bookmark 2999-01-01T00:00:00+00:00 of sms_messages lies in the future",
        ),
        (
            '{"bookmarks": {"sms_messages": {"pending_exports": [{"id": 1}]}}}',
            "The state's pending_exports of sms_messages cannot be read",
        ),
    ],
)
def test_a_state_that_is_none_is_named(
    state: str, expected: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Before any request."""
    path = tmp_path / "state.json"
    path.write_text(state)
    asked = len(sandbox.backend.journal)

    run = run_tap("--config", "ENV", "--state", path, auth_token=TOKEN, api_url=sandbox.url)

    assert complaint(run).startswith(expected)
    assert len(sandbox.backend.journal) == asked


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_a_config_file_that_is_none_is_named(content: str | None, tmp_path: Path) -> None:
    """Missing, or no JSON object."""
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)

    said = complaint(run_tap("--config", config))
    assert said.startswith(f"The file {config} given with --config ")


def test_a_catalog_that_is_none_is_named(tmp_path: Path) -> None:
    """As a state is."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text("nonsense")

    run = run_tap("--config", "ENV", "--catalog", catalog, auth_token=TOKEN)

    assert complaint(run).startswith("The file given with --catalog does not contain a JSON object")


def test_a_map_that_fails_is_named_without_the_values(sandbox: Sandbox, tmp_path: Path) -> None:
    """The expression is the user's, the row is not theirs to be printed."""
    config = tmp_path / "config.json"
    maps = {"sms_messages": {"number": "int(recipient + 'x')"}}
    config.write_text(json.dumps({"stream_maps": maps, "poll_interval_seconds": 0.1}))

    run = run_tap(
        *("--config", config, "--config", "ENV"),
        auth_token=TOKEN,
        api_url=sandbox.url,
        start_date="2026-11-01",
        loglevel="DEBUG",
    )

    said = complaint(run)
    assert "Error in " in said or "expression" in said
    assert not re.search(r"\+\d{5}", run.log)


def test_a_full_disk_behind_the_output_is_said(sandbox: Sandbox) -> None:
    """As `> file` may run into."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*TAP, "--config", "ENV"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment({"auth_token": TOKEN, "api_url": sandbox.url}),
            check=False,
        )

    said = complaint(Run(done.returncode, [], done.stderr), 74)
    assert said == "The output cannot be written (No space left on device): check where it goes to"


def test_a_catalog_without_the_stream_is_warned_of(sandbox: Sandbox, tmp_path: Path) -> None:
    """It is the wrong file, most likely, and nothing would be read."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text('{"streams": []}')

    run = run_tap("--config", "ENV", "--catalog", catalog, auth_token=TOKEN, api_url=sandbox.url)

    assert run.code == 0
    assert "The catalog has no stream sms_messages, so nothing is read" in run.log


@pytest.mark.parametrize(
    "option", ["--version", "--about", "--about --format=json", "--about --format=markdown",
               "--discover", "--help"]
)  # fmt: skip
def test_looking_at_the_tap_needs_no_token(option: str) -> None:
    """Nor any other setting, nor anything that only a run needs."""
    run = run_tap(*option.split())

    assert run.code == 0
    assert "sms" in "\n".join(run.lines).lower()


@pytest.mark.parametrize("option", ["--version", "--about", "--discover"])
def test_looking_at_the_tap_does_not_import_arrow(option: str) -> None:
    """It costs more than all the rest."""
    program = (
        "import sys; from tap_mailjet_sms.tap import TapMailjetSMS\n"
        "try: TapMailjetSMS.cli.main()\n"
        "finally: sys.stderr.write(' '.join(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, option],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )

    imported = done.stderr.split()
    assert "tap_mailjet_sms.streams" in imported
    assert not {"pyarrow", "arro3.io", "arro3.core"} & set(imported)


def test_the_schema_can_be_tested(sandbox: Sandbox) -> None:
    """`--test=schema` writes the SCHEMA message, without any request."""
    run = run_tap("--config", "ENV", "--test=schema", auth_token=TOKEN, api_url=sandbox.url)

    assert run.code == 0
    assert [message["type"] for message in run.messages] == ["SCHEMA"]


@pytest.mark.parametrize("option", ["--test", "--test=records"])
def test_the_connection_can_be_tested(option: str, sandbox: Sandbox) -> None:
    """`--test` reads a record of the newest hour that has some, and leaves no bookmark."""
    run = run_tap("--config", "ENV", option, auth_token=TOKEN, api_url=sandbox.url)

    assert run.code == 0, run.log
    assert len(run.records) == 1
    assert "replication_key_value" not in json.dumps(run.state)


def test_the_console_script_is_the_same_command() -> None:
    """`tap-mailjet-sms` and `python -m tap_mailjet_sms`."""
    script = f"{sys.exec_prefix}/bin/tap-mailjet-sms"

    def version(*command: str) -> bytes:
        return subprocess.run([*command, "--version"], capture_output=True, check=True).stdout

    assert version(script) == version(*TAP)
