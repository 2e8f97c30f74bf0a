"""Settings: every mistake gets a sentence that names the setting and never shows its value."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tap_mailjet_sms.exceptions import InvalidSettingError
from tap_mailjet_sms.exporting.counting import VerifyCounts
from tap_mailjet_sms.exporting.lookback import DEEPEST, Lookback
from tap_mailjet_sms.reading.rules import VerifyLayout
from tap_mailjet_sms.tap import TapMailjetSMS

if TYPE_CHECKING:
    from tap_mailjet_sms.settings import Settings

TOKEN = "s3cr3t-token"


def settings(**config: object) -> Settings:
    """The typed settings of a configuration, with a token."""
    return TapMailjetSMS(config={"auth_token": TOKEN, **config}).settings


def errors(config: dict[str, object]) -> list[str]:
    """What is said against a configuration."""
    with pytest.raises(InvalidSettingError) as caught:
        TapMailjetSMS(config=config)
    return caught.value.errors


def test_a_token_is_enough() -> None:
    """Everything else has a default, as documented."""
    defaults = settings()

    assert defaults.auth_token == TOKEN
    assert defaults.api_url == "https://api.mailjet.com/v4"
    assert (defaults.start_date, defaults.end_date) == (None, None)
    assert defaults.window == timedelta(days=30)
    assert defaults.lookback == Lookback(timedelta(days=3), is_spaced=True)
    assert defaults.max_concurrent_exports == 4
    assert (defaults.poll.interval, defaults.poll.max_interval) == (1, 30)
    assert defaults.poll.timeout == 3600
    assert (defaults.request_timeout, defaults.max_attempts) == (60, 6)
    assert defaults.verify_counts is VerifyCounts.WARN
    assert defaults.rules.column_map == {}
    assert defaults.rules.encoding == "utf-8"
    assert defaults.rules.zone is UTC
    assert defaults.rules.verify is VerifyLayout.ERROR


@pytest.mark.parametrize("value", [0.5, "0.5", " 0.5 ", Decimal("0.5")])
def test_numbers_come_in_many_forms(value: object) -> None:
    """The SDK hands JSON numbers over as Decimal, and environment variables as text."""
    assert settings(window_days=value).window == timedelta(hours=12)


@pytest.mark.parametrize("value", [1 / 24, "0.041666666666666664", "0.04166666666666666"])
def test_an_hour_is_one_however_it_is_written(value: object) -> None:
    """JSON has no 1/24, and programs cut it at different digits."""
    assert settings(window_days=value).window == timedelta(hours=1)


@pytest.mark.parametrize("date", ["9999-12-31T23:59:59.5", "9999-12-31", "0001-01-01"])
def test_the_first_and_last_dates_there_are_are_dates(date: str) -> None:
    """Some set the year 9999 for “never”."""
    assert settings(end_date="9999-12-31T23:59:59.9").end_date is not None
    start = settings(start_date=date).start_date
    assert start is not None
    assert start.microsecond == 0


@pytest.mark.parametrize("name", ["UTC", "utc", " UTC ", "Etc/UTC", "GMT", "Z"])
def test_utc_has_many_names(name: str) -> None:
    """They are one zone, so that none of them is another layout."""
    assert settings(csv_time_zone=name).rules.zone is UTC


@pytest.mark.parametrize("name", ["Europe/Paris", " America/New_York ", "Asia/Kolkata"])
def test_a_zone_is_a_name_of_iana(name: str) -> None:
    """With or without blanks around it."""
    assert settings(csv_time_zone=name).rules.zone == ZoneInfo(name.strip())


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Pariss",
        "Europe",
        "+01:00",
        "UTC+1",
        "Paris",
        "tzdata.zi",
        "../UTC",
        "/etc/localtime",
    ],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    """Before anything is asked, and without the value."""
    (error,) = errors({"auth_token": TOKEN, "csv_time_zone": name})
    assert error == "csv_time_zone is no time zone, such as UTC or Europe/Paris"


def test_zones_are_known_where_the_system_has_none() -> None:
    """Windows and small containers lack the database: the tap brings its own."""
    try:
        zoneinfo.reset_tzpath([])
        ZoneInfo.clear_cache()
        assert settings(csv_time_zone="Europe/Paris").rules.zone == ZoneInfo("Europe/Paris")
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


def test_what_to_do_about_a_layout_is_one_of_three() -> None:
    """`off`, `warn` or `error`."""
    for value in VerifyLayout:
        assert settings(verify_layout=value.value).rules.verify is value
    (error,) = errors({"auth_token": TOKEN, "verify_layout": "strict"})
    assert error.startswith("verify_layout")
    assert "strict" not in error


@pytest.mark.parametrize("value", [2, "2", 2.0, Decimal("2.0")])
def test_whole_numbers_come_in_many_forms(value: object) -> None:
    """`2.0` is as good as `2`."""
    assert settings(max_concurrent_exports=value).max_concurrent_exports == 2


def test_a_lookback_of_more_than_a_year_is_one_of_a_year() -> None:
    """No run reads more, so that any large number means “everything”."""
    assert settings(lookback_days=10**9).lookback.depth == DEEPEST


def test_null_is_as_good_as_no_value() -> None:
    """Orchestrators pass what is not set as null, or as blank text."""
    assert settings(window_days=None, start_date=None).window == timedelta(days=30)
    assert settings(window_days="", start_date=" ", column_map="").start_date is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5+02:00", datetime(2026, 1, 31, 10, 0, 1, tzinfo=UTC)),
        ("20260131T120000Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_dates_take_what_iso_8601_allows(text: str, moment: datetime) -> None:
    """Without a zone they are in UTC, without a time midnight; windows begin on whole seconds."""
    assert settings(start_date=text).start_date == moment


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "auth_token is missing"),
        ({"auth_token": None}, "auth_token is missing"),
        ({"auth_token": ""}, "auth_token is empty"),
        ({"auth_token": " \n"}, "auth_token is empty"),
        ({"auth_token": 5}, "auth_token must be text"),
        ({"auth_token": "tok\nen"}, "auth_token has characters"),
        ({"account": "caf\udce9"}, "account is no text that a target can take: it must be UTF-8"),
        ({"account": "a\0b"}, "account is no text that a target can take: it must be UTF-8"),
        ({"windowdays": 3}, "windowdays is not a setting of this tap: did you mean window_days?"),
        ({"api_key": "x"}, "api_key is not a setting of this tap: did you mean auth_token?"),
        ({"start": "2026-01-01"}, "start is not a setting of this tap: did you mean start_date?"),
        ({"window_days": 0}, "window_days must be a number, greater than 0, at most 365"),
        ({"window_days": 3599 / 86_400}, "window_days must be at least 1/24 (0.0416667, an hour)"),
        ({"window_days": 1e-300}, "window_days must be at least 1/24 (0.0416667, an hour)"),
        ({"window_days": 365 + 1 / 86_400}, "window_days must be a number, greater than 0, at m"),
        ({"window_days": 400}, "window_days must be a number, greater than 0, at most 365"),
        ({"window_days": "many"}, "window_days must be a number"),
        ({"window_days": "inf"}, "window_days must be a number"),
        ({"lookback_days": -1}, "lookback_days must be a number, at least 0"),
        ({"max_concurrent_exports": 17}, "max_concurrent_exports must be an integer, at least 1"),
        ({"max_concurrent_exports": 1.5}, "max_concurrent_exports must be an integer"),
        ({"max_run_minutes": 0}, "max_run_minutes must be a number, greater than 0, at most 10080"),
        ({"max_attempts": 0}, "max_attempts must be an integer, at least 1"),
        ({"poll_interval_seconds": 0}, "poll_interval_seconds must be a number, greater than 0"),
        ({"verify_counts": "maybe"}, "verify_counts must be one of off, warn, error"),
        ({"start_date": "yesterday"}, "start_date is not a date or date-time in ISO 8601"),
        ({"end_date": "2026-02-30"}, "end_date is not a date or date-time in ISO 8601"),
        (
            {"start_date": "2026-02-01", "end_date": "2026-02-01T00:00:00Z"},
            "start_date must be earlier than end_date",
        ),
        ({"api_url": "api.mailjet.com"}, "api_url is not a URL"),
        ({"api_url": "http://api.mailjet.com/v4"}, "api_url must begin with https"),
        ({"api_url": "https://me:pw@api.mailjet.com"}, "api_url must have no credentials"),
        ({"api_url": "https://[::1/v4"}, "api_url is not a URL"),
        ({"column_map": []}, "column_map must be an object (JSON)"),
        ({"column_map": {"Nr": 5}}, "column_map.Nr is not valid"),
        (
            {"column_map": {"Nr": "messageid"}},
            "column_map maps “Nr” to an unknown column: did you mean message_id?",
        ),
        ({"hash_columns": ["recipient"]}, "hash_key is missing: hash_columns needs a secret"),
        ({"hash_columns": ["sender"], "hash_key": " "}, "hash_key is missing"),
        ({"hash_columns": ["sender"], "hash_key": "é" * 7}, "hash_key must be 16 bytes long"),
        ({"hash_columns": ["sender"], "hash_key": f"{'k' * 15}\n"}, "hash_key must be 16 bytes"),
        ({"hash_columns": ["cost"]}, "hash_columns must be an array with any of recipient, sender"),
        ({"hash_columns": "sender"}, "hash_columns must be an array with any of recipient, sender"),
        ({"decimals": "float"}, "decimals must be one of number, x-singer.decimal"),
    ],
)
def test_a_mistake_is_named(config: dict[str, object], sentence: str) -> None:
    """One sentence, which names the setting and says what is expected."""
    token = {} if not config or "auth_token" in config else {"auth_token": TOKEN}

    (error,) = errors({**token, **config})

    assert error.startswith(sentence)


def test_all_mistakes_are_named_at_once() -> None:
    """So that they can be mended in one go."""
    assert len(errors({"windowdays": 1, "max_attempts": 0, "verify_counts": 1})) == 4


def test_no_error_shows_a_value() -> None:
    """A secret may stand anywhere: under a misspelt name, or with a character too many."""
    secret = "hush-hush"
    wrong: dict[str, object] = {
        "auth_token": [secret],
        "auth_tokken": secret,
        "start_date": [secret],
        "verify_counts": secret,
        "hash_columns": [secret],
        "column_map": {"x": [secret]},
        "stream_maps": secret,
    }

    assert secret not in " ".join(errors(wrong))
    assert secret not in " ".join(errors({"auth_token": f"{secret}\x00"}))
    short: dict[str, object] = {"auth_token": TOKEN, "hash_columns": ["sender"], "hash_key": secret}
    assert secret not in " ".join(errors(short))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_is_for_this_machine_only(host: str) -> None:
    """Where a sandbox runs."""
    assert settings(api_url=f"http://{host}:8025/v4/").api_url == f"http://{host}:8025/v4"


def test_column_map_is_taken_as_it_is() -> None:
    """Headers to columns, and null for a header that goes to `extra`."""
    assert settings(column_map={"Nr": "message_id", "Cost": None}).rules.column_map == {
        "Nr": "message_id",
        "Cost": None,
    }


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As orchestrators pass them."""
    monkeypatch.setenv("TAP_MAILJET_SMS_AUTH_TOKEN", f"{TOKEN}\n")
    monkeypatch.setenv("TAP_MAILJET_SMS_WINDOW_DAYS", "0.25")
    monkeypatch.setenv("TAP_MAILJET_SMS_COLUMN_MAP", '{"Nr": "message_id"}')
    monkeypatch.setenv("TAP_MAILJET_SMS_HASH_COLUMNS", '["recipient"]')
    monkeypatch.setenv("TAP_MAILJET_SMS_HASH_KEY", f"{'k' * 32}\n")

    found = TapMailjetSMS(parse_env_config=True).settings

    assert found.auth_token == TOKEN
    assert found.window == timedelta(hours=6)
    assert found.rules.hashed == {"recipient"}
    assert found.hash_key == "k" * 32
    assert found.rules.column_map == {"Nr": "message_id"}


def test_headers_with_dots_may_come_as_objects() -> None:
    """Meltano makes them of the keys in its file."""
    nested = {"Cost": {"Value": "cost_value", "Unit": {"Name": None}}, "An": "recipient"}
    assert settings(column_map=nested).rules.column_map == {
        "Cost.Value": "cost_value",
        "Cost.Unit.Name": None,
        "An": "recipient",
    }


@pytest.mark.parametrize("wrong", [{"Cost": {}}, {"Cost": {"Value": 1}}, {"Cost": ["cost_value"]}])
def test_other_objects_in_column_map_are_refused(wrong: dict[str, object]) -> None:
    """Only text and null stand at the end of a name."""
    (error,) = errors({"auth_token": TOKEN, "column_map": wrong})
    assert error.startswith("column_map.Cost")


@pytest.mark.parametrize(
    "name", ["utf-8", "windows-1252", "cp1252", " Latin-1 ", "utf-16-le", "gbk"]
)
def test_encodings_are_known_by_their_names(name: str) -> None:
    """As Python knows them, in any spelling."""
    assert settings(csv_encoding=name).rules.encoding == name.strip()


@pytest.mark.parametrize(
    "name",
    ["utf-9", "rot13", "base64", "zlib", "idna", "punycode", "unicode_escape", "undefined"],
)
def test_what_is_no_encoding_is_refused(name: str) -> None:
    """Before anything is asked of Mailjet."""
    (error,) = errors({"auth_token": TOKEN, "csv_encoding": name})
    assert error.startswith("csv_encoding is no encoding")
    assert "windows-1252" in error
