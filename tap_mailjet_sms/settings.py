"""Settings: from whatever the SDK hands over to typed values, or a sentence for each mistake.

The SDK's own validation knows no date-times, takes no `"24"` for a number, lets an explicit null
beat a default and prints the values that it refuses, secrets too. So it is done here.
"""

from __future__ import annotations

import codecs
import difflib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR, extend_validator_with_defaults

from tap_mailjet_sms.exporting.counting import VerifyCounts
from tap_mailjet_sms.exporting.links import LOOPBACK_HOSTS
from tap_mailjet_sms.exporting.lookback import DEEPEST, Lookback
from tap_mailjet_sms.exporting.waiting import PollSchedule
from tap_mailjet_sms.exporting.windows import SHORTEST
from tap_mailjet_sms.reading.roles import STATUS
from tap_mailjet_sms.reading.rules import Rules, VerifyLayout
from tap_mailjet_sms.schema import MESSAGE_COLUMNS, TEXT_DECIMALS
from tap_mailjet_sms.utc import moment_of, whole_second

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from jsonschema import ValidationError

    JSONSchema = Mapping[str, "JSONSchema"]

DAY = 86_400
#: Bytes of a key that nobody finds by trying.
SHORTEST_KEY = 16
#: There is no second after it.
LAST_SECOND = datetime.max.replace(microsecond=0, tzinfo=UTC)
#: What other taps, and other APIs of Mailjet, call a setting of this one.
ELSEWHERE = dict.fromkeys(
    ("api_key", "api_token", "access_token", "bearer_token", "token"), "auth_token"
)
#: What Python calls encodings, though no file is written in them.
_NO_ENCODINGS = ("idna", "punycode", "raw-unicode-escape", "unicode-escape")

_Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run; moments in UTC."""

    auth_token: str
    api_url: str
    account: str | None
    start_date: datetime | None
    end_date: datetime | None
    window: timedelta
    lookback: Lookback
    max_run: timedelta | None
    max_concurrent_exports: int
    poll: PollSchedule
    request_timeout: float
    max_attempts: int
    verify_counts: VerifyCounts
    rules: Rules
    hash_key: str
    text_decimals: bool

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Settings:
        """The typed settings of a configuration that `config_errors` has nothing against."""

        def number(name: str) -> float:
            return float(str(config[name]))

        column_map = config["column_map"]
        return cls(
            auth_token=str(config["auth_token"]).strip(),
            api_url=str(config["api_url"]).rstrip("/"),
            account=str(config["account"]).strip() if "account" in config else None,
            start_date=_rounded_up(_date(config.get("start_date"))),
            end_date=_date(config.get("end_date")),
            window=timedelta(days=number("window_days")),
            lookback=Lookback(
                # No run reads more than a year, so that more changes nothing.
                min(whole_second(timedelta(days=min(number("lookback_days"), 400))), DEEPEST),
                is_spaced=config["lookback_schedule"] == "spaced",
            ),
            max_run=(
                timedelta(minutes=number("max_run_minutes"))
                if "max_run_minutes" in config
                else None
            ),
            max_concurrent_exports=int(number("max_concurrent_exports")),
            poll=PollSchedule(
                interval=number("poll_interval_seconds"),
                max_interval=number("poll_max_interval_seconds"),
                timeout=number("poll_timeout_seconds"),
            ),
            request_timeout=number("request_timeout_seconds"),
            max_attempts=int(number("max_attempts")),
            verify_counts=VerifyCounts(config["verify_counts"]),
            rules=Rules(
                column_map=dict(column_map) if isinstance(column_map, dict) else {},
                encoding=str(config["csv_encoding"]).strip(),
                zone=_time_zone(str(config["csv_time_zone"])) or UTC,
                verify=VerifyLayout(config["verify_layout"]),
                hashed=frozenset(_hash_columns(config)),
            ),
            hash_key=_hash_key(config),
            text_decimals=config["decimals"] == TEXT_DECIMALS,
        )


def coerce(config: MutableMapping[str, object], schema: Mapping[str, object]) -> None:
    """Bring a configuration into its schema's terms, in place.

    A null is as good as no value, and so is blank text, which Meltano hands on from variables; of
    a setting that is required it is told. Environment variables know numbers as text only, and
    Meltano makes objects of the dots in the keys of `column_map`.
    """
    properties, required = properties_of(schema), schema.get("required")
    for name, value in list(config.items()):
        types = types_of(properties.get(name, {}))
        is_required = isinstance(required, list) and name in required
        is_blank = isinstance(value, str) and not value.strip() and not is_required
        if value is None or is_blank:
            del config[name]
        elif name == "column_map" and isinstance(value, dict):
            config[name] = _undotted(value)
        elif {"number", "integer"} & types and isinstance(value, str | Decimal | float):
            config[name] = _number(value)


def config_errors(
    config: MutableMapping[str, object],
    schema: Mapping[str, object],
    *,
    variable_of: Callable[[str], str | None] = lambda _: None,
) -> list[str]:
    """A sentence for each mistake in a configuration, without its values; fills in defaults.

    `variable_of` tells which environment variable would have a setting that is missing.
    """
    properties = properties_of(schema)
    errors = [_unknown(name, properties) for name in config if name not in properties]
    known = {**schema, "additionalProperties": True}
    errors += [
        _sentence(error, properties, variable_of) for error in _Validator(known).iter_errors(config)
    ]
    return list(dict.fromkeys(errors)) or _meaning_errors(config)


def _meaning_errors(config: Mapping[str, object]) -> list[str]:
    """What a JSON schema cannot tell."""
    errors = [*_token_errors(str(config["auth_token"])), *_url_errors(str(config["api_url"]))]
    errors += [
        f"{name} is not a date or date-time in ISO 8601, such as 2026-01-31"
        for name in ("start_date", "end_date")
        if name in config and _date(config[name]) is None
    ]
    # In whole seconds: JSON writes 1/24 as 0.041666666666666664, other programs end sooner.
    if round(float(str(config["window_days"])) * DAY) < SHORTEST.total_seconds():
        errors.append("window_days must be at least 1/24 (0.0416667, an hour)")
    start, end = _date(config.get("start_date")), _date(config.get("end_date"))
    if start is not None and end is not None and start >= end:
        errors.append("start_date must be earlier than end_date")
    if not _is_text(str(config.get("account", ""))):
        errors.append("account is no text that a target can take: it must be UTF-8, without NUL")
    if not _is_encoding(str(config["csv_encoding"]).strip()):
        errors.append("csv_encoding is no encoding of text, such as utf-8 or windows-1252")
    if _time_zone(str(config["csv_time_zone"])) is None:
        errors.append("csv_time_zone is no time zone, such as UTC or Europe/Paris")
    columns = [*(column.name for column in MESSAGE_COLUMNS), STATUS]
    column_map = config.get("column_map")
    for header, column in column_map.items() if isinstance(column_map, dict) else ():
        if column is not None and column not in columns:
            hint = _hint(str(column), columns)
            text = f"column_map maps “{header}” to an unknown column{hint}"
            errors.append(f"{text} (the columns are {', '.join(columns)}, or null)")
    return errors + _hash_errors(config) + _batch_errors(config)


def _hash_columns(config: Mapping[str, object]) -> list[str]:
    columns = config["hash_columns"]
    return [str(name) for name in columns] if isinstance(columns, list) else []


def _hash_key(config: Mapping[str, object]) -> str:
    return str(config.get("hash_key", "")).strip()


def _hash_errors(config: Mapping[str, object]) -> list[str]:
    """What would hash with no key, or with one that can be found by trying."""
    if not _hash_columns(config):
        return []
    if "hash_key" not in config:
        return ["hash_key is missing: hash_columns needs a secret of 16 bytes at least"]
    if len(_hash_key(config).encode()) < SHORTEST_KEY:
        return ["hash_key must be 16 bytes long at least, such as openssl rand -hex 32 prints"]
    return []


def _batch_errors(config: Mapping[str, object]) -> list[str]:
    """What batch files cannot hold, or would let through."""
    batch_config = config.get("batch_config")
    if not isinstance(batch_config, dict):
        return []
    errors = [
        f"{name} does not apply to the files of batch_config: remove one of the two settings"
        for name in ("stream_maps", "flattening_enabled")
        if config.get(name)
    ]
    encoding = batch_config["encoding"]
    if encoding["format"] == "arrow" and encoding.get("compression") == "gzip":
        errors.append(
            "batch_config: files in the format arrow cannot be compressed, remove compression"
        )
    return errors


def _token_errors(token: str) -> list[str]:
    if not token.strip():
        return ["auth_token is empty: make a bearer token in Mailjet's SMS dashboard"]
    if not (token.strip().isascii() and token.strip().isprintable()):
        return ["auth_token has characters that no token has: copy it again"]
    return []


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8 and kept in a database, whatever came from outside."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:  # half of a pair, or a byte of the environment that is no UTF-8
        return False


def _is_encoding(name: str) -> bool:
    """Whether Python knows this encoding, as one in which files are written."""
    text = "ID,To\n"
    try:
        return (
            codecs.lookup(name).name not in _NO_ENCODINGS and text.encode(name).decode(name) == text
        )
    except (LookupError, ValueError):
        return False


def _time_zone(name: str) -> tzinfo | None:
    """The zone of a name of the IANA database; None if there is none.

    Names of files that are not zones, as some systems have beside them, are no names either.
    """
    name = name.strip()
    if name.upper() in {"UTC", "Z", "ETC/UTC", "GMT", "ETC/GMT"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _url_errors(text: str) -> list[str]:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if host is None or url.scheme not in {"https", "http"}:
        return ["api_url is not a URL, such as https://api.mailjet.com/v4"]
    if url.username or url.password or url.query or url.fragment:
        return ["api_url must have no credentials, query or fragment"]
    if url.scheme == "http" and host not in LOOPBACK_HOSTS:
        return ["api_url must begin with https, or the token would be sent unencrypted"]
    return []


def _sentence(
    error: ValidationError,
    properties: Mapping[str, JSONSchema],
    variable_of: Callable[[str], str | None],
) -> str:
    """What is wrong, by the schema alone: the value may be a secret."""
    if error.validator == "required":
        missing = error.message.split("'")[1]  # JSON schema: “'auth_token' is a required property”
        if variable := variable_of(missing):
            text = f"{missing} is missing: {variable} is set, but the environment is read only with"
            return f"{text} --config ENV"
        return f"{missing} is missing: set it in the configuration or as an environment variable"
    path = ".".join(str(part) for part in error.absolute_path)
    name = str(error.absolute_path[0]) if error.absolute_path else ""
    setting = properties.get(name, {})
    if setting and (len(error.absolute_path) == 1 or "array" in types_of(setting)):
        return f"{name} must be {expectation(setting)}"
    return f"{path or 'The configuration'} is not valid (JSON schema: {error.validator})"


def expectation(schema: Mapping[str, object]) -> str:
    """What a setting must be, in words."""
    if isinstance(choices := schema.get("enum"), list):
        return f"one of {', '.join(str(choice) for choice in choices if choice is not None)}"
    if isinstance(items := schema.get("items"), dict) and "enum" in items:
        return f"an array with any of {', '.join(map(str, items['enum']))}"
    types = types_of(schema) - {"null"}
    names = {"object": "an object (JSON)", "array": "an array", "string": "text"}
    kind = " or ".join(names.get(name, f"a{'n' * (name[0] in 'aio')} {name}") for name in types)
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "greater than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    return ", ".join(
        [kind, *(f"{word} {schema[key]}" for key, word in bounds.items() if key in schema)]
    )


def _unknown(name: str, properties: Mapping[str, object]) -> str:
    return f"{name} is not a setting of this tap{_hint(name, list(properties))}"


def _hint(name: str, known: list[str]) -> str:
    near = nearest(name, known, cutoff=0.5)
    return f": did you mean {near}?" if near else ""


def nearest(name: str, known: list[str], *, cutoff: float) -> str | None:
    """The known name that is meant by another one; None if none is as much alike as `cutoff`."""
    plain = name.lower().replace("-", "_")
    if (meant := ELSEWHERE.get(plain)) in known:
        return meant
    return next(iter(difflib.get_close_matches(plain, known, n=1, cutoff=cutoff)), None)


def properties_of(schema: Mapping[str, object]) -> Mapping[str, JSONSchema]:
    """The settings of a schema, by name."""
    properties = schema["properties"]
    return properties if isinstance(properties, dict) else {}


def types_of(schema: Mapping[str, object]) -> set[str]:
    """The JSON types that a setting may have."""
    types = schema.get("type", [])
    return {types} if isinstance(types, str) else {str(name) for name in types}  # type: ignore[attr-defined]


def _number(value: str | Decimal | float) -> object:
    """An int where it is one, else a float; what is no finite number is left as it is."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return value
    if not math.isfinite(number):
        return str(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _undotted(column_map: Mapping[str, object], above: str = "") -> dict[str, object]:
    """Headers with dots, which come as objects: `{"Cost": {"Value": …}}` is `{"Cost.Value": …}`."""
    flat: dict[str, object] = {}
    for name, value in column_map.items():
        if isinstance(value, dict) and value:
            flat |= _undotted(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _rounded_up(moment: datetime | None) -> datetime | None:
    """The first whole second from a moment on: windows have no fractions."""
    if moment is None or not moment.microsecond:
        return moment
    whole = moment.replace(microsecond=0)
    return whole if moment > LAST_SECOND else whole + timedelta(seconds=1)


def _date(value: object) -> datetime | None:
    """A date or date-time, with or without spaces around it, as files and environments have."""
    return moment_of(value.strip() if isinstance(value, str) else value)
