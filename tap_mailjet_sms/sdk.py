"""Everything that the Singer SDK keeps private, in one room.

Base classes for the tap and its stream, the command line, and the schema of `batch_config`. Each
hook says which trap it closes, the version of the SDK in which that was seen, and the test that
breaks if the SDK changes. No other file of the tap names anything that the SDK keeps private
(`tests/test_sdk.py::test_private_names_of_the_sdk_stand_in_one_file`).
"""

from __future__ import annotations

import copy
import io
import itertools
import json
import logging
import os
import signal
import sys
import traceback
import typing as t
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path, PurePath

from singer_sdk import Stream, Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.exceptions import ConfigValidationError, MappingError, StreamMapConfigError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import BATCH_CONFIG
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.metrics import DEFAULT_LOG_INTERVAL
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from singer_sdk.singerlib import Catalog
from singer_sdk.singerlib.catalog import Metadata
from singer_sdk.singerlib.schema import Schema
from typing_extensions import override

from tap_mailjet_sms.environment import settings_of_environment, variable_of
from tap_mailjet_sms.exceptions import (
    ExitCode,
    InvalidSettingError,
    InvalidStateError,
    OpenFilesError,
    OutputClosedError,
    StreamMapError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.settings import Settings, coerce, config_errors
from tap_mailjet_sms.state import check_state
from tap_mailjet_sms.stream_maps import Vocabulary, map_errors
from tap_mailjet_sms.writing.stdout import MessageWriter, TerminatedError

if t.TYPE_CHECKING:
    import ast
    from collections.abc import Mapping
    from types import FrameType

    import click
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    _Catalog: t.TypeAlias = PurePath | str | dict[str, t.Any] | Catalog
    # What the SDK calls `get_batches` with, and wants to have back from it.
    Batches: t.TypeAlias = t.Iterator[tuple[BaseBatchFileEncoding, list[str]]]
    BatchSetting: t.TypeAlias = BatchConfig


class StrictTap(Tap):
    """A tap that checks what it is given, ends a run by signals, and says errors in a sentence."""

    message_writer_class = MessageWriter

    def __init__(self, *, catalog: _Catalog | None = None, **options: t.Any) -> None:  # noqa: ANN401
        """Take a configuration, a catalog and a state, as the SDK does.

        The SDK ends with a traceback on a catalog without `tap_stream_id` (0.54).
        Breaks: `test_catalogs.py::test_a_catalog_that_is_none_is_refused`.

        Raises:
            InvalidSettingError: If the catalog is none; and see `_validate_config`.
            InvalidStateError: If the state is none.
        """
        if isinstance(catalog, dict) and not isinstance(catalog, Catalog):
            given: dict[str, t.Any] = catalog
            try:
                catalog = Catalog.from_dict(given)
            except (KeyError, TypeError, ValueError, AttributeError):
                msg = "This is not a catalog: make one with --discover, and change that"
                raise _ConfigError([msg]) from None
        super().__init__(catalog=catalog, **options)

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
        # What stream maps hold is checked against the streams, by `setup_mapper`.
        maps = {"stream_maps": {"type": ["object", "null"]}}
        schema = {**schema, "properties": {**schema["properties"], **maps}}
        coerce(self._config, schema)
        errors = config_errors(
            self._config, schema, variable_of=partial(variable_of, prefix=self._env_var_prefix)
        )
        if errors and raise_errors:
            raise _ConfigError(errors)
        return errors

    @classproperty
    def _env_var_config(cls) -> dict[str, object]:  # noqa: N805
        """The settings of the environment: see `environment.py` on what the SDK does (0.54).

        Breaks: `test_environment.py::test_the_environment_wins`.
        """
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        try:
            return settings_of_environment(schema, prefix=cls._env_var_prefix, logger=cls.logger)
        except InvalidSettingError as error:
            raise _ConfigError(error.errors) from None

    @override
    def setup_mapper(self) -> None:
        """Take the stream maps, if they can be right.

        The SDK ignores a map for a stream that is not there, finds an unknown name at the first
        record, and ends with a traceback on much else (0.54).
        Breaks: `test_stream_maps.py::test_what_no_value_can_cure_is_refused`.
        """
        stream_maps = self.config.get("stream_maps", {})
        for stream in self.streams.values():  # also has the catalog applied, which maps build on
            mask = stream.mask
            columns = [name for name in stream.schema["properties"] if mask["properties", name]]
            words = _vocabulary()
            errors = map_errors(stream_maps, stream=stream.name, columns=columns, words=words)
            if errors:
                raise _ConfigError(errors)
        try:
            super().setup_mapper()
        except ConfigValidationError as error:
            raise _ConfigError(list(error.errors)) from None
        except StreamMapConfigError as error:
            raise _ConfigError([str(error)]) from None
        except MappingError:
            raise _ConfigError(["stream_maps: an __alias__ is not the name of a stream"]) from None
        for stream_map in itertools.chain(*self.mapper.stream_maps.values()):
            if type(stream_map) is CustomStreamMap:
                stream_map.__class__ = _UsersMap

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
        for option in command.params:
            if option.name in {"state", "catalog"}:
                # Some editors put a byte order mark in front.
                t.cast("click.File", option.type).encoding = "utf-8-sig"
        return command

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files given with `--config`, each once: it may be a pipe.

        The SDK ends with a traceback where one is missing or no JSON object (0.54).
        Breaks: `test_cli.py::test_a_config_file_that_is_none_is_named`.
        """
        files = [name for name in value if name != "ENV"]
        config: dict[str, object] = {}
        for name in files:
            config |= _config_file(name)
        return _ConfigInput(config, parse_env=len(files) < len(value))

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

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Follow a catalog, save that the key is always selected: without it no row has a name.

        The SDK leaves the key out if the catalog says so (0.54).
        Breaks: `test_catalogs.py::test_the_key_is_always_selected`.
        """
        keys, properties = self.primary_keys, self.schema["properties"]
        if entry := catalog.get_stream(self.name):
            known = entry.schema.properties = dict(entry.schema.properties or {})
            for key in keys:
                entry.metadata["properties", key].inclusion = Metadata.InclusionType.AUTOMATIC
                known.setdefault(key, Schema.from_dict(properties[key]))
            entry.key_properties = entry.key_properties or keys
        super().apply_catalog(catalog)

    def selects(self, column: str) -> bool:
        """Whether the catalog has the column selected."""
        return self.mask["properties", column]

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


class _UsersMap(CustomStreamMap):
    """A stream map whose expressions fail as the user's error.

    The SDK lets any error of an expression through, or shows the expression (0.54).
    Breaks: `test_stream_maps.py::test_what_fails_on_a_value_is_the_users_error`.
    """

    @override
    def _eval(
        self, expr: str, expr_parsed: ast.Expr, record: Record, property_name: str | None
    ) -> t.Any:
        """The value of an expression for a record.

        Raises:
            StreamMapError: If it has none, or one that no message can hold.
        """
        try:
            value = super()._eval(expr, expr_parsed, record, property_name)
        except Exception as error:  # noqa: BLE001 - whatever an expression of the user's raises
            what = (
                f"fails on a value ({type(error.__cause__ or error).__name__}): it must take every"
            )
            what += " value of its columns, null among them"
        else:
            if isinstance(value, _VALUES):
                return value
            what = f"gives what no message can hold ({type(value).__name__})"
        where = f"stream_maps.{self.stream_alias}.{property_name or '__filter__'}"
        msg = f"The expression of {where} {what}"
        raise StreamMapError(msg)


#: What an expression may give: what JSON has, and what becomes text in it.
_VALUES = (str, int, float, Decimal, list, tuple, dict, date, type(None))


def _vocabulary() -> Vocabulary:
    """What the expressions of stream maps may use, as the SDK itself has it.

    Breaks: `test_stream_maps.py::test_what_the_sdk_evaluates_is_taken`.
    """
    example = CustomStreamMap("", {}, {}, {"properties": {}}, None, {}, None)
    names = ["_", "record", "config", "__stream_name__", "__original_stream_name__"]
    evaluator = example.expr_evaluator
    return Vocabulary(
        names=[*names, "fake"] if example.fake else names,
        functions=list(example.functions),
        syntax=[*evaluator.nodes, *evaluator.operators],
    )


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
    if isinstance(error, TapMailjetSMSError):
        return error.exit_code, [str(error)]
    if isinstance(error, OSError) and error.strerror:
        return ExitCode.INPUT_OUTPUT, [f"{error.strerror}: {_kind(error)}"]
    return ExitCode.BUG, [f"Unexpected {_kind(error)}: this is a bug, please report it"]


def _kind(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"


def _config_file(name: str) -> dict[str, object]:
    """A file given with `--config`; its name may be its content, by mistake, and holds a secret.

    Raises:
        InvalidSettingError: If it is no JSON object.
    """
    if not name.strip() or name.lstrip().startswith("{"):
        raise _ConfigError(
            ["--config takes the name of a file, or ENV, not the settings themselves"]
        )
    what = f"The file {name} given with --config"
    try:
        found = json.loads(Path(name).read_text("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise _ConfigError([f"{what} cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _ConfigError([f"{what} holds no JSON object"])
    return found


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
