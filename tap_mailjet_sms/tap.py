"""The tap: its settings and its stream."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TextIO, cast

from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_mailjet_sms.cli import Command, read_json
from tap_mailjet_sms.exceptions import InvalidSettingError
from tap_mailjet_sms.output import MessageWriter
from tap_mailjet_sms.settings import Settings, config_errors, normalise, with_batch_setting
from tap_mailjet_sms.state import STREAM, check_state
from tap_mailjet_sms.streams import SMSMessages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput


class TapMailjetSMS(Tap):
    """Singer tap for Mailjet's SMS history, read through the asynchronous CSV export."""

    name = "tap-mailjet-sms"
    message_writer_class = MessageWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "auth_token",
            th.StringType,
            required=True,
            secret=True,
            title="Auth Token",
            description="Bearer token, made in the SMS dashboard of Mailjet's app",
        ),
        th.Property(
            "api_url",
            th.URIType,
            default="https://api.mailjet.com/v4",
            title="API URL",
            description="Root of the API; accounts in the US use https://api.us.mailjet.com/v4",
        ),
        th.Property(
            "start_date",
            th.DateTimeType,
            title="Start Date",
            description=(
                "Where the first run begins, and what no run reads before; by default the oldest "
                "that Mailjet still exports (one year)"
            ),
        ),
        th.Property(
            "end_date",
            th.DateTimeType,
            title="End Date",
            description=(
                "End of the last window, for a bounded backfill; by default, and at the latest, "
                "five minutes before the run"
            ),
        ),
        th.Property(
            "window_days",
            th.NumberType(exclusive_minimum=0, maximum=365),
            default=30,
            title="Window (Days)",
            description="Longest window of one export",
        ),
        th.Property(
            "lookback_days",
            th.NumberType(minimum=0),
            default=3,
            title="Lookback (Days)",
            description=(
                "How much before the bookmark each run exports again, since statuses and costs "
                "change after creation"
            ),
        ),
        th.Property(
            "max_concurrent_exports",
            th.IntegerType(minimum=1, maximum=16),
            default=4,
            title="Max Concurrent Exports",
            description="Exports under way at Mailjet, or waiting to be emitted",
        ),
        th.Property(
            "poll_interval_seconds",
            th.NumberType(exclusive_minimum=0, maximum=86_400),
            default=1,
            title="Poll Interval (Seconds)",
            description="First wait between two polls; later waits are a tenth of the time waited",
        ),
        th.Property(
            "poll_max_interval_seconds",
            th.NumberType(exclusive_minimum=0, maximum=86_400),
            default=30,
            title="Poll Max Interval (Seconds)",
            description="Longest wait between two polls",
        ),
        th.Property(
            "poll_timeout_seconds",
            th.NumberType(exclusive_minimum=0, maximum=604_800),
            default=3600,
            title="Poll Timeout (Seconds)",
            description="An export that is not finished by then is asked for once more",
        ),
        th.Property(
            "request_timeout_seconds",
            th.NumberType(exclusive_minimum=0, maximum=86_400),
            default=60,
            title="Request Timeout (Seconds)",
            description="How long one request may take to connect, and between two bytes",
        ),
        th.Property(
            "max_attempts",
            th.IntegerType(minimum=1),
            default=6,
            title="Max Attempts",
            description="Tries of one request, and of the export of a window of an hour or less",
        ),
        th.Property(
            "verify_counts",
            th.StringType,
            allowed_values=["off", "warn", "error"],
            default="warn",
            title="Verify Counts",
            description=(
                "What to do if an export has fewer rows than Mailjet counts for its window, "
                "though it was asked for again"
            ),
        ),
        th.Property(
            "column_map",
            th.ObjectType(additional_properties=th.CustomType({"type": ["string", "null"]})),
            default={},
            title="Column Map",
            description=(
                "CSV header to column, for headers that the tap does not know; null sends the "
                "column to `extra`"
            ),
        ),
        additional_properties=False,
    ).to_dict()

    @override
    def discover_streams(self) -> Sequence[SMSMessages]:
        catalog = self.input_catalog
        if catalog is not None and catalog.get_stream(STREAM) is None:
            self.logger.warning("The catalog has no %s, so nothing is read", STREAM)
        return [SMSMessages(self)]

    @cached_property
    def settings(self) -> Settings:
        """The settings, typed."""
        return Settings.from_config(self.config)

    # What the SDK does otherwise: it prints refused values, secrets among them, crashes on an
    # environment variable that is no number, and ends with exit code 0 on a signal.

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        super().append_builtin_config(config_jsonschema)
        with_batch_setting(config_jsonschema)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        normalise(self._config, schema)
        errors = config_errors(self._config, schema)
        if errors and raise_errors:
            msg = "The settings are not valid"
            raise InvalidSettingError(msg, errors=errors)
        return errors

    @classproperty
    def _env_var_config(cls) -> dict[str, object]:  # noqa: N805
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
                errors.append(f"The environment variable {variable} cannot be read as {name}")
        if errors:
            msg = "The environment is not valid"
            raise InvalidSettingError(msg, errors=errors)
        return config

    @override
    def load_state(self, state: dict[str, object]) -> None:
        check_state(state)
        super().load_state(state)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # It says nothing here: the signal may have come in the middle of a log line.
        cast("MessageWriter", self.message_writer).terminate(signum)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        command.__class__ = Command
        return command

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files given with `--config`."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            msg = "A file given with --config cannot be read as a JSON object"
            raise InvalidSettingError(msg, errors=[msg]) from None

    @classmethod
    @override
    def invoke(  # type: ignore[override] # as the SDK's own taps: narrower than the base class
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: TextIO | None = None,
        catalog: TextIO | None = None,
    ) -> None:
        """Run the tap, with a state and a catalog that are JSON at least."""
        super().invoke(
            about=about,
            about_format=about_format,
            config=config,
            state=read_json("--state", state),
            catalog=read_json("--catalog", catalog),
        )
