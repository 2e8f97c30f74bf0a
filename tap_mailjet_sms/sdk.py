"""Everything that the Singer SDK keeps private, in one room.

Base classes for the tap and its stream, the command line, and the schema of `batch_config`. Each
hook says which trap it closes, the version of the SDK in which that was seen, and the test that
breaks if the SDK changes. No other file of the tap names anything that the SDK keeps private
(`tests/test_sdk.py::test_private_names_of_the_sdk_stand_in_one_file`).
"""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import signal
import sys
import traceback
import typing as t
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import PurePath

from singer_sdk import Stream, Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import BATCH_CONFIG
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import DEFAULT_LOG_INTERVAL
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_mailjet_sms.exceptions import (
    ExitCode,
    InvalidSettingError,
    InvalidStateError,
    OpenFilesError,
    OutputClosedError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.settings import Settings, coerce, config_errors
from tap_mailjet_sms.state import check_state
from tap_mailjet_sms.writing.stdout import MessageWriter, TerminatedError

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    import click
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter
    from singer_sdk.plugin_base import _ConfigInput

    # What the SDK calls `get_batches` with, and wants to have back from it.
    Batches: t.TypeAlias = t.Iterator[tuple[BaseBatchFileEncoding, list[str]]]
    BatchSetting: t.TypeAlias = BatchConfig


class StrictTap(Tap):
    """A tap that checks what it is given, ends a run by signals, and says errors in a sentence."""

    message_writer_class = MessageWriter

    @cached_property
    def settings(self) -> Settings:
        """The settings, typed."""
        return Settings.from_config(self.config)

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Give a settings' schema the SDK's own settings, with what `batch_config` can do here.

        The SDK refuses `format: arrow`, which its targets read, takes a configuration without
        `root` or `encoding` and fails later, and knows no `batch_size` (0.54).
        Breaks: `test_batches.py::test_a_wrong_batch_config_is_refused`.
        """
        super().append_builtin_config(config_jsonschema)
        config_jsonschema["properties"]["batch_config"] = _batch_setting()

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings ourselves.

        The SDK checks no date-times, takes no `"24"` for a number, lets an explicit null beat a
        default, and prints the values that it refuses, secrets too (0.54).
        Breaks: `test_settings.py::test_a_mistake_is_named`, `…::test_no_error_shows_a_value`.
        """
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        coerce(self._config, schema)
        errors = config_errors(self._config, schema)
        if errors and raise_errors:
            raise _ConfigError(errors)
        return errors

    @classproperty
    def _env_var_config(cls) -> dict[str, object]:  # noqa: N805
        """The settings of the environment, each read by itself.

        The SDK ends with a traceback on a variable that is no number or no JSON (0.54).
        Breaks: `test_settings.py::test_an_environment_variable_that_cannot_be_read_is_named`.
        """
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        config: dict[str, object] = {}
        errors = []
        for name, setting in schema["properties"].items():
            try:
                config |= parse_environment_config(
                    {"properties": {name: setting}}, cls._env_var_prefix
                )
            except ValueError:
                variable = f"{cls._env_var_prefix}{name.upper()}"
                errors.append(
                    f"The environment variable {variable} has no valid value for the setting {name}"
                )
        if errors:
            raise _ConfigError(errors)
        return config

    @override
    def load_state(self, state: dict[str, object]) -> None:
        """Take a state, if it is one.

        The SDK takes any JSON, and fails where it first looks into it (0.54).
        Breaks: `test_state.py::test_a_damaged_state_is_refused`.
        """
        check_state(state)
        super().load_state(state)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End the run because of a signal, with the exit code that says so.

        The SDK's handler writes a STATE and exits with 0, so that an interrupted run looks like a
        success, and cuts a line that is being written (0.54). It says nothing here: the signal may
        have come in the middle of a log line.
        Breaks: `test_killed.py::test_terminated_at_any_moment_nothing_is_lost`.
        """
        t.cast("MessageWriter", self.message_writer).terminate(signum)

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805
        """The command line, with a log as the environment says.

        The SDK ends with a traceback where it says what cannot be (0.54).
        Breaks: `test_exit_codes.py::test_a_log_that_cannot_be_is_told`.

        Raises:
            SystemExit: With 78, if the log cannot be set up.
        """
        try:
            return super().cli
        except Exception:  # noqa: BLE001 - of logging, YAML, or the classes that it names
            logging.basicConfig(force=True)
            variables = f"{cls._env_var_prefix}LOGLEVEL, LOGLEVEL and SINGER_SDK_LOG_CONFIG"
            cls.logger.error("The log cannot be set up: see the variables %s", variables)  # noqa: TRY400
            cls.logger.error("Ended with exit code %s", ExitCode.CONFIGURATION)  # noqa: TRY400
            raise _FailedExit(ExitCode.CONFIGURATION) from None

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The command line, with errors as one sentence each (see `Command`)."""
        command = super().get_singer_command()
        command.__class__ = Command
        return command

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files given with `--config`.

        The SDK ends with a traceback where one is missing or no JSON object (0.54).
        Breaks: `test_cli.py::test_a_config_file_that_is_none_is_named`.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            msg = "A file given with --config cannot be read as a JSON object"
            raise _ConfigError([msg]) from None

    @classmethod
    @override
    def invoke(  # type: ignore[override] # as the SDK's own taps: narrower than the base class
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: t.TextIO | None = None,
        catalog: t.TextIO | None = None,
    ) -> None:
        """Run the tap, with a state and a catalog that are JSON objects at least.

        The SDK ends with a traceback where they are none (0.54).
        Breaks: `test_cli.py::test_a_state_that_is_none_is_named`,
        `…::test_a_catalog_that_is_none_is_named`.
        """
        super().invoke(
            about=about,
            about_format=about_format,
            config=config,
            state=_json_object("--state", state),
            catalog=_json_object("--catalog", catalog),
        )


class WindowedStream(Stream):
    """A stream whose bookmark is moved by finished windows, never by records.

    The SDK's own way loses rows: a sorted incremental stream bookmarks the first record of a window
    already, which in a crash leaves the rest of it unread; an unsorted one writes no STATE at all
    before its end (0.54). There is no public hook to leave bookmarks to the stream.
    """

    def __init__(self, tap: StrictTap) -> None:
        """Belong to a tap; nothing is asked of Mailjet yet."""
        super().__init__(tap)
        self._tap: StrictTap = tap
        #: What `--test` says in the end.
        self.verdict = ""

    @property
    def settings(self) -> Settings:
        """The settings of the tap, typed."""
        return self._tap.settings

    def on_end(self, call: t.Callable[[], None]) -> None:
        """Have a function called as soon as a signal or a closed output ends the run."""
        if isinstance(self._tap.message_writer, MessageWriter):
            self._tap.message_writer.on_end = call

    @property
    @override
    def is_sorted(self) -> bool:
        """Windows are emitted in order, so an interrupted run can be resumed."""
        return True

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No upper limit beside the windows themselves.

        The SDK would hold bookmarks against the moment at which the run began (0.54).
        Breaks: `test_state.py::test_the_sdk_asks_the_hooks_that_keep_records_off_the_bookmark`.
        """

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Records leave the bookmark alone (0.11 to 0.54: nothing public does that).

        Breaks: `test_state.py::test_the_sdk_asks_the_hooks_that_keep_records_off_the_bookmark`.
        """

    def write_state(self, change: Mapping[str, object]) -> None:
        """Change the stream's state, and write a STATE message unless it equals the last one.

        In one update, since a signal's handler may run between any two statements; and at once,
        since targets vouch only for the records that came before a STATE.
        Breaks: `test_state.py::test_a_finished_window_moves_the_bookmark_and_says_so`.
        """
        self.get_context_state(None).update(change)
        self._tap.state_writer.write_state(self._tap.state)

    def write_starting_state(self, context: Context | None) -> None:
        """Say where a run begins.

        The SDK does so before the first record, but not before the first batch (0.54).
        Breaks: `test_batches.py::test_states_are_those_of_the_record_lane`.
        """
        self._write_starting_replication_value(context)

    @property
    def is_test(self) -> bool:
        """Whether this is `--test`, which wants a few records and no progress."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @override  # type: ignore[misc]
    def sync(self, context: Context | None = None) -> None:
        """Read the stream, and say what came of it where this is `--test`.

        The SDK says nothing then, and wants nobody to override this, but calls no hook after its
        metrics (0.54).
        Breaks: `test_connection_test.py::test_the_verdict_is_said_in_words`.
        """
        super().sync(context)
        if self.is_test:
            self.logger.info(self.verdict)

    @override
    def get_batch_config(self, config: Mapping[str, t.Any]) -> BatchConfig | None:
        """What `batch_config` says; none for `--test`, which leaves no file behind.

        Breaks: `test_connection_test.py::test_no_file_is_left_behind`.
        """
        return None if self.is_test else super().get_batch_config(config)

    @cached_property
    def bulk_writer(self) -> MessageWriter | None:
        """What takes RECORD messages in bulk; None where something wants to see single records.

        Those are a stream map, flattening, another writer, or a limit on the number of records.
        Breaks: `test_lanes.py::test_maps_and_flattening_do_what_the_sdk_does`.
        """
        writer, maps = self._tap.message_writer, self.stream_maps
        plain = len(maps) == 1 and type(maps[0]) is SameRecordTransform
        if (
            not isinstance(writer, MessageWriter)
            or not plain
            or maps[0].stream_alias != self.name
            or maps[0].flattening_enabled
            or self.is_test
        ):
            return None
        return writer

    @override
    def get_record_counter(
        self, *, endpoint: str | None = None, log_interval: float = DEFAULT_LOG_INTERVAL
    ) -> Counter:
        """The counter of the SDK's sync, which bulk writing has to feed itself.

        Breaks: `test_lanes.py::test_records_are_counted_and_timed`.
        """
        counter = super().get_record_counter(endpoint=endpoint, log_interval=log_interval)
        self.record_counter = counter
        return counter

    @override
    def log(self, message: str, *args: object, level: int = logging.INFO, **kwargs: object) -> None:
        """Log a message; “unhandled error” only at DEBUG, since the command line tells which.

        The SDK logs it as an error in front of every error of ours (0.54).
        Breaks: `test_cli.py::test_a_wrong_token_shows_what_mailjet_says`.
        """
        announces_error = level == logging.ERROR and message.startswith("An unhandled error")
        super().log(message, *args, level=logging.DEBUG if announces_error else level, **kwargs)


class Command(SingerCommand):
    """The tap's command: an error is one sentence in the log and an exit code.

    The SDK prints a traceback for any error in a run, rows and links within it, and ends each with
    exit code 1 (0.54).
    Breaks: `test_cli.py::test_a_map_that_fails_is_named_without_the_values`.
    """

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command as `click` does, with our errors as one sentence each.

        Raises:
            SystemExit: With the exit code: see `ExitCode`; 128 + signal for a signal, 2 for a wrong
                command line.
        """
        try:
            return super().main(*args, **kwargs)
        except SystemExit as leaving:
            if leaving.code != 1:
                raise
            # `click` ends so where nobody reads its text.
            error: Exception = OutputClosedError("Nobody reads the output any more")
        except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes a sentence
            error = raised
        return self._end(error)

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        """Run the tap, with warnings in the log.

        The SDK tells errors in the settings itself, and ends with exit code 1 (0.54).
        Breaks: `test_cli.py::test_a_wrong_setting_is_named`.
        """
        logging.captureWarnings(capture=True)
        with _interruptible():
            return super(SingerCommand, self).invoke(ctx)

    @override
    def make_context(self, *args: t.Any, **kwargs: t.Any) -> click.Context:
        """Read the command line; `--test` and `--discover` run here."""
        with _interruptible():
            return super().make_context(*args, **kwargs)

    def _end(self, error: Exception) -> t.NoReturn:
        """Say what ended the run, and the exit code last.

        Raises:
            SystemExit: With the exit code.
        """
        code, sentences = _explained(error)
        said = {"exit_code": code.value}  # a field of the SDK's JSON log
        for sentence in sentences:
            self.logger.error("%s", sentence, extra=said)
        self._tell_where(error)
        self.logger.error("Ended with exit code %s", code, extra=said)
        raise _FailedExit(code)

    def _tell_where(self, error: Exception) -> None:
        """Where it was raised, for DEBUG: without the texts of errors, which may hold a row."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        self.logger.debug("Where it was raised:\n%s", frames)

    @override
    def __call__(self, *args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        """Run the command and end the process, without waiting for anything.

        No thread is waited for: a worker may be in the middle of a slow answer, and one of Arrow's
        that is still alive while the interpreter goes down ends a good run with SIGABRT. All
        messages are out by then, and without a reader Python's own clean-up would fail once more on
        what is left to write.
        """
        code = 0
        try:
            self.main(*args, **kwargs)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
            if isinstance(leaving, TerminatedError):
                said = {"exit_code": code}
                self.logger.info("Ended by signal %d", leaving.signum, extra=said)
        with suppress(OSError, ValueError, AttributeError):  # closed, or never there
            sys.stdout.flush()
        logging.shutdown()
        os._exit(code)


class _ConfigError(InvalidSettingError, ConfigValidationError):
    """The SDK knows it as a mistake in the settings, too: whoever calls the tap may catch that."""

    def __init__(self, errors: list[str]) -> None:
        InvalidSettingError.__init__(self, errors)
        self.schema = None


class _FailedExit(SystemExit):
    def __init__(self, code: ExitCode) -> None:
        super().__init__(code.value)


@contextmanager
def _interruptible() -> t.Iterator[None]:
    """Have Ctrl-C end the run as SIGINT does later: `click` ends with exit code 1 for it."""
    try:
        yield
    except KeyboardInterrupt:
        raise TerminatedError(signal.SIGINT) from None


def _explained(error: Exception) -> tuple[ExitCode, list[str]]:
    """The exit code for an error, and its sentences; of one that is not ours only the kind."""
    if isinstance(error, ConfigValidationError):
        return ExitCode.CONFIGURATION, list(error.errors) or [str(error)]
    if isinstance(error, OSError | ImportError) and OpenFilesError.is_behind(error):
        error = OpenFilesError()
    if isinstance(error, MappingError):
        # The SDK's is about an expression of the user's: it names that, not the values.
        return ExitCode.CONFIGURATION, [str(error)]
    if isinstance(error, TapMailjetSMSError):
        return error.exit_code, [str(error)]
    if isinstance(error, OSError) and error.strerror:
        return ExitCode.INPUT_OUTPUT, [f"{error.strerror}: {_kind(error)}"]
    return ExitCode.BUG, [f"Unexpected {_kind(error)}: this is a bug, please report it"]


def _kind(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"


def _json_object(option: str, file: t.TextIO | None) -> t.TextIO | None:
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
        raise _ConfigError([msg])
    return io.StringIO(text)


def _batch_setting() -> Mapping[str, object]:
    """The SDK's schema of `batch_config`, as far as this tap goes beyond it."""
    # A copy: the SDK's is shared by all plugins of a process.
    setting: dict[str, t.Any] = copy.deepcopy(BATCH_CONFIG["properties"]["batch_config"])
    encoding, storage = (setting["properties"][name] for name in ("encoding", "storage"))
    encoding["properties"]["format"] |= {"type": "string", "enum": ["arrow", "jsonl", "parquet"]}
    encoding["properties"]["compression"]["enum"] = ["gzip", "none", None]
    storage["properties"]["root"]["type"] = "string"
    encoding["required"] = ["format"]
    storage["properties"]["params"] = {
        "type": "object",
        "title": "Batch Storage Parameters",
        "description": "What fsspec takes for the storage, such as credentials.",
    }
    storage["required"] = ["root"]
    setting["properties"]["batch_size"] = {
        "type": ["integer", "null"],
        "minimum": 1,
        "title": "Batch Size",
        "description": "Most records in one batch file.",
    }
    setting["required"] = ["encoding", "storage"]
    for part in (setting, encoding, storage):
        part |= {"type": "object", "additionalProperties": False}
    return setting
