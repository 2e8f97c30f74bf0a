"""The files that the command line names."""

from __future__ import annotations

import io
import json
import typing as t
from decimal import Decimal
from pathlib import Path

from tap_mailjet_sms.exceptions import (
    InvalidStateError,
)
from tap_mailjet_sms.sdk.errors import ConfigError


def config_file(name: str) -> dict[str, object]:
    """A file given with `--config`; its name may be its content, by mistake, and holds a secret.

    Raises:
        InvalidSettingError: If it is no JSON object.
    """
    if not name.strip() or name.lstrip().startswith(("{", "[", '"')):
        raise ConfigError(
            ["--config takes the name of a file, or ENV, not the settings themselves"]
        )
    what = f"The file {name} given with --config"
    try:
        found = json.loads(Path(name).read_text("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError([f"{what} cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError([f"{what} holds no JSON object"])
    return found


def json_object(option: str, file: t.TextIO | None) -> t.TextIO | None:
    """A JSON file given on the command line, read and checked.

    Raises:
        InvalidStateError: If what `--state` names is no JSON object.
        InvalidSettingError: If what another option names is none.
    """
    if file is None:
        return None
    try:
        text = file.read()
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        msg = f"The file given with {option} does not contain a JSON object"
        if option == "--state":
            raise InvalidStateError(msg)
        raise ConfigError([msg])
    return io.StringIO(text)
