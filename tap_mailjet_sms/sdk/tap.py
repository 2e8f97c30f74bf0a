"""A tap that checks what it is given, ends a run by signals, and says errors in a sentence."""

from __future__ import annotations

import itertools
import json
import logging
import typing as t
from functools import cached_property, partial

import click
from singer_sdk import Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.exceptions import ConfigValidationError, MappingError, StreamMapConfigError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.mapper import CustomStreamMap
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_mailjet_sms.environment import (
    settings_of_environment,
    slips_of_environment,
    variable_of,
)
from tap_mailjet_sms.exceptions import (
    ExitCode,
    InvalidSettingError,
)
from tap_mailjet_sms.schema import TEXT_DECIMAL
from tap_mailjet_sms.sdk.batch_setting import batch_setting
from tap_mailjet_sms.sdk.command import Command
from tap_mailjet_sms.sdk.errors import ConfigError, FailedExit
from tap_mailjet_sms.sdk.files import config_file, json_object
from tap_mailjet_sms.sdk.maps import UsersMap, vocabulary
from tap_mailjet_sms.settings import Settings, coerce, config_errors
from tap_mailjet_sms.state import check_state
from tap_mailjet_sms.stream_maps import map_errors
from tap_mailjet_sms.writing.stdout import MessageWriter

if t.TYPE_CHECKING:
    from pathlib import PurePath
    from types import FrameType

    from tap_mailjet_sms.sdk.stream import WindowedStream

    _Catalog: t.TypeAlias = PurePath | str | dict[str, t.Any] | Catalog


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
                raise ConfigError([msg]) from None
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
        config_jsonschema["properties"]["batch_config"] = batch_setting()

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
        prefix = self._env_var_prefix
        for slip in slips_of_environment(schema, self._config, prefix=prefix):
            self.logger.warning("%s It is ignored", slip)
        errors = config_errors(
            self._config, schema, variable_of=partial(variable_of, prefix=prefix)
        )
        if errors and raise_errors:
            raise ConfigError(errors)
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
            raise ConfigError(error.errors) from None

    @override
    def setup_mapper(self) -> None:
        """Take the stream maps, if they can be right.

        The SDK ignores a map for a stream that is not there, finds an unknown name at the first
        record, and ends with a traceback on much else; of each schema it forgets `precision` and
        `scale`, without which Snowflake's decimals have no places (0.54).
        Breaks: `test_stream_maps.py::test_what_no_value_can_cure_is_refused`,
        `test_decimals.py::test_the_schema_says_how_many_places`.
        """
        stream_maps = self.config.get("stream_maps", {})
        for stream in self.streams.values():  # also has the catalog applied, which maps build on
            if not stream_maps:
                continue
            mask = stream.mask
            columns = [name for name in stream.schema["properties"] if mask["properties", name]]
            words = vocabulary()
            errors = map_errors(stream_maps, stream=stream.name, columns=columns, words=words)
            if errors:
                raise ConfigError(errors)
        try:
            super().setup_mapper()
        except ConfigValidationError as error:
            raise ConfigError(list(error.errors)) from None
        except StreamMapConfigError as error:
            raise ConfigError([str(error)]) from None
        except MappingError:
            raise ConfigError(["stream_maps: an __alias__ is not the name of a stream"]) from None
        for stream_map in itertools.chain(*self.mapper.stream_maps.values()):
            if type(stream_map) is CustomStreamMap:
                stream_map.__class__ = UsersMap
            _restore_places(stream_map.transformed_schema)

    @override
    def load_state(self, state: dict[str, object]) -> None:
        """Take a state, if it is one; `meltano state get` wraps it once more.

        The SDK takes any JSON, and fails where it first looks into it (0.54).
        Breaks: `test_state.py::test_a_damaged_state_is_refused`.
        """
        if "bookmarks" not in state and isinstance(inner := state.get("singer_state"), dict):
            state = inner
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

        The SDK ends with a traceback where it says what cannot be, and a configuration that does
        not say `disable_existing_loggers: false` would silence what we have to say (0.54).
        Breaks: `test_exit_codes.py::test_a_log_that_cannot_be_is_told`,
        `test_metrics.py::test_a_log_in_json_has_window_and_export_as_fields`.

        Raises:
            SystemExit: With 78, if the log cannot be set up.
        """
        try:
            command: click.Command = super().cli
        except Exception:  # noqa: BLE001 - of logging, YAML, or the classes that it names
            logging.basicConfig(force=True)
            variables = f"{cls._env_var_prefix}LOGLEVEL, LOGLEVEL and SINGER_SDK_LOG_CONFIG"
            cls.logger.error("The log cannot be set up: see the variables %s", variables)  # noqa: TRY400
            cls.logger.error("Ended with exit code %s", ExitCode.CONFIGURATION)  # noqa: TRY400
            raise FailedExit(ExitCode.CONFIGURATION) from None
        for name in logging.root.manager.loggerDict:
            if name.startswith(cls.name):
                logging.getLogger(name).disabled = False
        return command

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The command line, with errors as one sentence each (see `Command`)."""
        command = super().get_singer_command()
        command.__class__ = Command
        command.params += [
            click.Option(
                ["--plan"],
                is_flag=True,
                help="Show what a run would do, without asking for an export.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="Show the plan as JSON."),
        ]
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
            config |= config_file(name)
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
        plan: bool = False,
        as_json: bool = False,
    ) -> None:
        """Run the tap, or show what a run would do; state and catalog are JSON objects at least.

        The SDK ends with a traceback where they are none (0.54).
        Breaks: `test_cli.py::test_a_state_that_is_none_is_named`,
        `…::test_a_catalog_that_is_none_is_named`.
        """
        state, catalog = json_object("--state", state), json_object("--catalog", catalog)
        if about or not plan:
            super().invoke(
                about=about, about_format=about_format, config=config, state=state, catalog=catalog
            )
            return
        config = config or _ConfigInput()
        tap = cls(
            config=config.config,
            state=json.load(state) if state else None,
            catalog=json.load(catalog) if catalog else None,
            parse_env_config=config.parse_env,
            validate_config=True,
        )
        for stream in tap.streams.values():
            preview = t.cast("WindowedStream", stream).preview()
            lines = [json.dumps(preview.document(), indent=2)] if as_json else preview.lines()
            click.echo("\n".join(lines))


def _restore_places(schema: dict[str, t.Any]) -> None:
    """Say again how many places decimals have that leave as text."""
    for column in schema["properties"].values():
        if column.get("format") == TEXT_DECIMAL["format"]:
            column.update(TEXT_DECIMAL)
