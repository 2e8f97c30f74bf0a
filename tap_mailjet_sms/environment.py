"""Settings from the environment, and from the file `.env` of the folder that the tap runs in.

The SDK has `.env` beat the environment, looks for it above its own files, takes blank values for
values, `maybe` for false, and ignores what is misspelt (0.54). Here the environment wins, the file
of the working folder counts or none, a blank value is none (docker compose and CI pass such), and
a name that is nearly a setting is refused.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from tap_mailjet_sms.exceptions import InvalidSettingError
from tap_mailjet_sms.settings import expectation, nearest, properties_of, types_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Iterator, Mapping

FILE = Path(".env")
#: Read by the SDK itself, with the prefix of the tap.
OF_SDK = ("loglevel",)
#: How alike a name and a setting must be for the one to be a slip of the other.
SLIP = 0.75

_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def settings_of_environment(
    schema: Mapping[str, object], *, prefix: str, logger: logging.Logger
) -> dict[str, object]:
    """The settings that the environment has, or else the file `.env`.

    What else the file has (a proxy, say) becomes the process's, unless it has that already.

    Raises:
        InvalidSettingError: If a value or the file cannot be read, or a name is nearly a setting.
    """
    in_file = _of_file()
    for name, value in in_file.items():
        if not name.upper().startswith(prefix):
            os.environ.setdefault(name, value)
    ours, theirs = _with_prefix(os.environ, prefix), _with_prefix(in_file, prefix)
    if in_file:
        names = ", ".join(sorted(theirs.keys() - ours.keys())) or "nothing that it lacks"
        path = FILE.absolute()
        logger.info("Beside the environment, %s is read: %s", path, names)

    found, known = theirs | ours, properties_of(schema)
    errors = []
    for name, slip in _unknown(found, known, prefix=prefix):
        if slip is None:
            logger.warning("%s: it is ignored", _no_setting(name))
        else:
            errors.append(_meant(name, slip))
    config: dict[str, object] = {}
    for name, setting in known.items():
        variable = prefix + name.upper()
        if variable in found:
            try:
                config[name] = _value(found[variable].strip(), types_of(setting))
            except (ValueError, RecursionError):
                text = f"The environment variable {variable} cannot be read: {name} must be"
                errors.append(f"{text} {expectation(setting)}")
    if errors:
        raise InvalidSettingError(errors)
    return config


def slips_of_environment(
    schema: Mapping[str, object], config: Mapping[str, object], *, prefix: str
) -> list[str]:
    """A sentence for each variable that is nearly a setting, where others read the environment.

    Meltano passes over such a name and says nothing. It may be meant for others, and the setting
    has its value: so it is none of these if the configuration has another one than the default.
    """
    settings = properties_of(schema)
    given = {
        prefix + name.upper()
        for name, setting in settings.items()
        if config.get(name) not in (None, setting.get("default"))
    }
    unknown = _unknown(_with_prefix(os.environ, prefix), settings, prefix=prefix)
    return [_meant(name, slip) for name, slip in unknown if slip and slip not in given]


def variable_of(name: str, *, prefix: str) -> str | None:
    """The environment variable that has a value for a setting, if there is one."""
    variable = prefix + name.upper()
    return variable if os.environ.get(variable, "").strip() else None


def _of_file() -> dict[str, str]:
    try:
        if not FILE.is_file():
            return {}
        values = dotenv_values(FILE, encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "it is not text in UTF-8"
    else:
        if all(name and "=" not in name and "\0" not in f"{name}{values[name]}" for name in values):
            return {name: value for name, value in values.items() if value is not None}
        reason = "no environment can have what it has"
    path = FILE.absolute()
    raise InvalidSettingError([f"The file {path} cannot be read: {reason}"])


def _with_prefix(variables: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Those that are the tap's, without blank ones."""
    return {
        name: value
        for name, value in variables.items()
        if name.upper().startswith(prefix) and value.strip()
    }


def _unknown(
    names: Collection[str], settings: Mapping[str, Mapping[str, object]], *, prefix: str
) -> Iterator[tuple[str, str | None]]:
    """The names that are no setting, each with the one that it is a slip of, if it is one.

    Meltano has names of its own: with two underscores extras such as `…__SELECT`, and settings of
    plugins that inherit from the tap, such as `…__US_AUTH_TOKEN`; and one for each entry of an
    object, such as `…_COLUMN_MAP_ID`, also of another plugin, `…_US_COLUMN_MAP_ID`.
    """
    known = [*settings, *OF_SDK]
    objects = [f"_{name}_" for name, setting in settings.items() if "object" in types_of(setting)]
    variables = {prefix + setting.upper() for setting in known}
    for name in sorted(names):
        word = name[len(prefix) :].lower()
        if "__" in name[len(prefix) - 1 :] or name in variables:
            continue
        if any(entry in f"_{word}" for entry in objects):
            continue
        # One of another tap, whose name begins like this one's: `…_US_AUTH_TOKEN`.
        is_foreign = any(word.endswith(f"_{setting}") for setting in known)
        slip = None if is_foreign else nearest(word, known, cutoff=SLIP)
        yield name, slip and prefix + slip.upper()


def _no_setting(name: str) -> str:
    return f"The environment variable {name} is not a setting of this tap"


def _meant(name: str, slip: str) -> str:
    return f"{_no_setting(name)}: did you mean {slip}?"


def _value(text: str, types: Collection[str]) -> object:
    """What a text means; numbers stay text, which `coerce` knows.

    Raises:
        ValueError: If it is not of these types.
    """
    if "array" in types and not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    if {"object", "array"} & set(types):
        return json.loads(text, parse_float=Decimal)
    if "boolean" in types:
        if (word := _WORDS.get(text.lower())) is None:
            raise ValueError
        return word
    return text
