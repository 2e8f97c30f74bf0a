"""The command line: an error is one sentence in the log and an exit code, never a traceback."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import traceback
import typing as t
from pathlib import PurePath

from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_mailjet_sms.exceptions import (
    InvalidSettingError,
    InvalidStateError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.output import TerminatedError


class Command(SingerCommand):
    """The tap's command; knows what to say of its errors."""

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command as `click` does, with our errors as one sentence each.

        Raises:
            SystemExit: With the exit code: 1 for an error, 128 + signal for a signal.
        """
        try:
            return super().main(*args, **kwargs)
        except ConfigValidationError as error:
            for sentence in error.errors or [str(error)]:
                self.logger.error("%s", sentence)  # noqa: TRY400 - the traceback is for DEBUG
        except (TapMailjetSMSError, MappingError) as error:
            # The SDK's is about an expression of the user's: it names that, not the values.
            self.logger.error("%s", error)  # noqa: TRY400
            self._tell_where(error)
        except Exception as error:  # noqa: BLE001 - its text may hold a row, so only its kind is said
            self.logger.error("Unexpected %s, a bug: please report it", _kind(error))  # noqa: TRY400
            self._tell_where(error)
        raise _FailedExit

    def _tell_where(self, error: Exception) -> None:
        """Where it was raised, for DEBUG: without the texts of errors, which may hold a row."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        self.logger.debug("Where it was raised:\n%s", frames)

    @override
    def __call__(self, *args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        """Run the command and end the process, at once where it must not wait for anything.

        After an error or a signal no worker is waited for: it may be in the middle of a slow
        answer. All messages are out by then, and without a reader Python's own clean-up would fail
        once more on what is left to write.
        """
        try:
            self.main(*args, **kwargs)
        except SystemExit as leaving:
            if isinstance(leaving, TerminatedError):
                self.logger.info("Ended by signal %d", leaving.signum)
            if isinstance(leaving, TerminatedError | _FailedExit):
                logging.shutdown()
                os._exit(int(str(leaving.code)))
            raise
        sys.exit(0)


def _kind(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"


class _FailedExit(SystemExit):
    def __init__(self) -> None:
        super().__init__(1)


def read_json(option: str, file: t.TextIO | None) -> t.TextIO | None:
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
        msg = f"The file given with {option} holds no JSON object"
        if option == "--state":
            raise InvalidStateError(msg)
        raise InvalidSettingError(msg, errors=[msg])
    return io.StringIO(text)
