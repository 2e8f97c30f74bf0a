"""Settings from the environment and from `.env`: which one wins, and what is misspelt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import InvalidSettingError
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.command import NOBODY, PREFIX, command, set_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tap_mailjet_sms.settings import Settings

TOKEN = "s3cr3t-token"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, below one that has a file `.env`."""
    (tmp_path / ".env").write_text(f"{PREFIX}VERIFY_COUNTS=off\n")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def settings() -> Settings:
    """The settings of the environment."""
    return TapMailjetSMS(parse_env_config=True).settings


def test_the_environment_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file `.env` gives what the environment lacks; one of a folder above gives nothing."""
    (folder / ".env").write_text(f"{PREFIX}AUTH_TOKEN=file\n{PREFIX}WINDOW_DAYS=7\n")
    monkeypatch.setenv(f"{PREFIX}AUTH_TOKEN", "environment")

    found = settings()

    assert found.auth_token == "environment"
    assert found.window.days == 7
    assert found.verify_counts.value == "warn"


def test_blank_values_are_no_values(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker compose and CI pass what is not set as blank, and `.env.example` has such lines."""
    (folder / ".env").write_text(f"{PREFIX}AUTH_TOKEN={TOKEN}\n{PREFIX}MAX_ATTEMPTS=\n")
    for name in ("AUTH_TOKEN", "START_DATE", "COLUMN_MAP", "FLATTENING_ENABLED", "STARTDATE"):
        monkeypatch.setenv(PREFIX + name, " ")

    found = settings()

    assert found.auth_token == TOKEN
    assert found.start_date is None
    assert found.max_attempts == 6


def test_the_file_is_named_without_its_values(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At INFO, with the variables that it gives: whoever has one should know that it counts."""
    set_environment(monkeypatch)
    monkeypatch.delenv(f"{PREFIX}AUTH_TOKEN")
    (folder / ".env").write_text(f"{PREFIX}AUTH_TOKEN={TOKEN}\n{PREFIX}API_URL=https://other\n")

    ended = command(caplog, "--config", "ENV")

    (said,) = [line for line in ended.said("INFO") if ".env" in line]
    assert said == f"Beside the environment, {folder / '.env'} is read: {PREFIX}AUTH_TOKEN"
    assert not any(TOKEN in record.getMessage() for record in ended.log)


def test_what_else_the_file_has_is_for_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy, say; also there the environment wins, and the tap's own stay out of it."""
    monkeypatch.setenv("SOMETHING_SET", "environment")
    monkeypatch.setenv("SOMETHING_NEW", "")
    monkeypatch.delenv("SOMETHING_NEW")
    lines = f"SOMETHING_SET=file\nexport SOMETHING_NEW=file\n{PREFIX}AUTH_TOKEN={TOKEN}\n"
    (folder / ".env").write_text(lines)

    assert settings().auth_token == TOKEN
    assert os.environ["SOMETHING_SET"] == "environment"
    assert os.environ["SOMETHING_NEW"] == "file"
    assert f"{PREFIX}AUTH_TOKEN" not in os.environ


def test_a_byte_order_mark_is_no_part_of_a_name(folder: Path) -> None:
    """Some editors put one in front."""
    (folder / ".env").write_text(f"{PREFIX}AUTH_TOKEN={TOKEN}\n", encoding="utf-8-sig")

    assert settings().auth_token == TOKEN


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_what_is_no_file_is_none(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some keep an environment of Python's in a folder of that name."""
    monkeypatch.setenv(f"{PREFIX}AUTH_TOKEN", TOKEN)
    if kind == "folder":
        (folder / ".env").mkdir()
    else:
        (folder / ".env").symlink_to(".env")

    assert settings().auth_token == TOKEN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"A=\xff\xfe\n", "it is not text in UTF-8"),
        (b"A=\0\n", "no environment can have what it has"),
        (b"A\0B=1\n", "no environment can have what it has"),
        (b"'A=B'=1\n", "no environment can have what it has"),
        (None, "Input/output error"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None,
    reason: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In one line, before anything is asked."""
    set_environment(monkeypatch)
    if content is None:
        (folder / ".env").symlink_to("/proc/self/mem")  # also root cannot read its beginning
    else:
        (folder / ".env").write_bytes(content)

    ended = command(caplog, "--config", "ENV")

    assert ended.code == 78
    assert ended.complaint == f"The file {folder / '.env'} cannot be read: {reason}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TAP_MAILJET_SMS_STARTDATE", "TAP_MAILJET_SMS_START_DATE"),
        ("TAP_MAILJET_SMS_LOOKBACK", "TAP_MAILJET_SMS_LOOKBACK_DAYS"),
        ("TAP_MAILJET_SMS_API_KEY", "TAP_MAILJET_SMS_AUTH_TOKEN"),
        ("TAP_MAILJET_SMS_LOG_LEVEL", "TAP_MAILJET_SMS_LOGLEVEL"),
        ("tap_mailjet_sms_window_days", "TAP_MAILJET_SMS_WINDOW_DAYS"),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_refused(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be ignored without a word, and a year be read where a day was meant."""
    set_environment(monkeypatch)
    monkeypatch.setenv(name, TOKEN)

    ended = command(caplog, "--config", "ENV")

    assert ended.code == 78
    expected = (
        f"The environment variable {name} is not a setting of this tap: did you mean {meant}?"
    )
    assert ended.complaint == expected


def test_another_name_with_the_prefix_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be of something else: Kubernetes makes such for services, other taps have settings."""
    names = ["TAP_MAILJET_SMS_SERVICE_HOST", "TAP_MAILJET_SMS_US_AUTH_TOKEN"]
    set_environment(monkeypatch)
    for name in names:
        monkeypatch.setenv(name, TOKEN)

    ended = command(caplog, "--config", "ENV")

    expected = "The environment variable {} is not a setting of this tap: it is ignored"
    assert ended.said("WARNING") == [expected.format(name) for name in names]
    assert ended.code == 69


def test_names_of_meltano_and_the_sdk_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Extras, settings of plugins that inherit from the tap, entries of objects, the log level."""
    set_environment(monkeypatch, _select="[]", _us_auth_token="x", us__select="[]", loglevel="INFO")
    set_environment(monkeypatch, column_map_id="x", faker_config_seed="1", us_column_map_to="x")

    ended = command(caplog, "--config", "ENV")

    assert ended.said("WARNING") == []
    assert ended.code == 69


def test_a_slip_is_warned_of_where_others_read_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Meltano passes a file of what it has found, and says nothing of a name that it does not know.

    It may be meant for others: so it is no error, and no word is lost on what is given besides.
    """
    config = folder / "config.json"
    config.write_text(f'{{"auth_token": "{TOKEN}", "api_url": "{NOBODY}", "max_attempts": 1}}')
    for name in ("START_DATE", "SOMETHING_ELSE", "AUTH_TOKEN_FR", "COLUMN_MAP_ID"):
        monkeypatch.setenv(f"TAP_MAILJET_SMS_{name}", "2026-01-01")
    good = command(caplog, "--config", config)
    monkeypatch.setenv("TAP_MAILJET_SMS_STARTDATE", "2026-01-01")
    slip = command(caplog, "--config", config)

    assert (good.code, good.said("WARNING")) == (69, [])
    assert slip.code == 69
    (warning,) = slip.said("WARNING")
    assert warning == (
        "The environment variable TAP_MAILJET_SMS_STARTDATE is not a setting of this tap:"
        " did you mean TAP_MAILJET_SMS_START_DATE? It is ignored"
    )


def test_a_token_that_is_not_read_is_pointed_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The variable is set, but `--config ENV` was forgotten."""
    set_environment(monkeypatch)
    (folder / "config.json").write_text("{}")

    ended = command(caplog, "--config", "config.json")

    assert ended.complaint == (
        "auth_token is missing: TAP_MAILJET_SMS_AUTH_TOKEN is set, but the environment is read "
        "only with --config ENV"
    )


def test_a_value_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON and booleans have to be what they are; the value is not shown."""
    set_environment(
        monkeypatch, column_map="{", flattening_enabled="maybe", stream_maps="[" * 100_000
    )

    with pytest.raises(InvalidSettingError) as caught:
        settings()

    text = "The environment variable TAP_MAILJET_SMS_{} cannot be read: {} must be {}"
    assert caught.value.errors == [
        text.format("COLUMN_MAP", "column_map", "an object (JSON)"),
        text.format("STREAM_MAPS", "stream_maps", "an object (JSON)"),
        text.format("FLATTENING_ENABLED", "flattening_enabled", "a boolean"),
    ]


def test_files_and_the_environment_are_merged_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A later file wins over an earlier one, the environment over both; a pipe is read once."""
    monkeypatch.setenv(f"{PREFIX}API_URL", NOBODY)
    reader, writer = os.pipe()
    os.write(writer, f'{{"auth_token": "{TOKEN}", "max_attempts": 1, "api_url": 5}}'.encode())
    os.close(writer)
    (folder / "one.json").write_text('{"window_days": "many"}', encoding="utf-8-sig")
    (folder / "two.json").write_text('{"window_days": 9}')

    options = ("one.json", f"/dev/fd/{reader}", "ENV", "two.json", "ENV")
    ended = command(caplog, *(word for name in options for word in ("--config", name)))
    os.close(reader)

    assert ended.code == 69


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("no.json", "The file no.json given with --config cannot be read: No such file or direct"),
        (".", "The file . given with --config cannot be read: Is a directory"),
        ("", "--config takes the name of a file, or ENV, not the settings themselves"),
        (f'{{"auth_token": "{TOKEN}"}}', "--config takes the name of a file"),
        (f'["{TOKEN}"]', "--config takes the name of a file"),
        (f'"{TOKEN}"', "--config takes the name of a file"),
    ],
)
def test_a_file_that_is_none_is_named(
    option: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name, unless that is not a name but the settings, with a token."""
    ended = command(caplog, "--config", option)

    assert ended.code == 78
    assert ended.complaint.startswith(expected)
    assert TOKEN not in ended.complaint
