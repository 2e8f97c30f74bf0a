"""The tap: its settings and its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_mailjet_sms.sdk.tap import StrictTap
from tap_mailjet_sms.state import STREAM
from tap_mailjet_sms.streams import SMSMessages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum


class TapMailjetSMS(StrictTap):
    """Singer tap for Mailjet's SMS history, read through the asynchronous CSV export."""

    name = "tap-mailjet-sms"
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
            "account",
            th.StringType,
            title="Account",
            description=(
                "A name of your own for the account: adds the column `account` with it to every "
                "row, for several accounts in one table"
            ),
        ),
        th.Property(
            "start_date",
            th.DateTimeType,
            title="Start Date",
            description=(
                "Where the first run begins; by default the oldest that Mailjet still exports (one "
                "year). Beside a bookmark it has no effect, unless it is later: then what lies "
                "between is skipped"
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
            description="Longest window of one export, from 1/24 (an hour) to 365",
        ),
        th.Property(
            "lookback_days",
            th.NumberType(minimum=0),
            default=3,
            title="Lookback (Days)",
            description=(
                "Up to which age messages are read again, since statuses and costs change after "
                "creation; what changes later is not seen"
            ),
        ),
        th.Property(
            "lookback_schedule",
            th.StringType,
            allowed_values=["spaced", "every_run"],
            default="spaced",
            title="Lookback Schedule",
            description=(
                "When messages are read again until then: each when its age has grown by some "
                "share (spaced), or all of them in every run (every_run)"
            ),
        ),
        th.Property(
            "max_run_minutes",
            th.NumberType(exclusive_minimum=0, maximum=10_080),
            title="Max Run (Minutes)",
            description=(
                "After so long a run asks for no new export and ends with the window in hand; the "
                "next run goes on from there"
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
            description=(
                "How long to wait for an export before it is asked for once more, and how long "
                "Mailjet may put off one call before the run gives up"
            ),
        ),
        th.Property(
            "request_timeout_seconds",
            th.NumberType(exclusive_minimum=0, maximum=86_400),
            default=60,
            title="Request Timeout (Seconds)",
            description=(
                "How long one request may take to connect, and between two bytes; a whole answer, "
                "other than a file, may take three times as long"
            ),
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
                "What to do if an export, asked for again, still has fewer rows than Mailjet "
                "counts for its window, or the same id twice"
            ),
        ),
        th.Property(
            "column_map",
            th.ObjectType(additional_properties=th.CustomType({"type": ["string", "null"]})),
            default={},
            title="Column Map",
            description=(
                "CSV header to column, for headers that the tap does not know (`status` for one of "
                "any form of status); null sends the column to `extra`"
            ),
        ),
        th.Property(
            "csv_encoding",
            th.StringType,
            default="utf-8",
            title="CSV Encoding",
            description=(
                "Encoding of CSV files that are not UTF-8 and do not say so by their first bytes, "
                "such as windows-1252"
            ),
        ),
        th.Property(
            "csv_time_zone",
            th.StringType,
            default="UTC",
            title="CSV Time Zone",
            description=(
                "Zone (a name of IANA's, such as Europe/Paris) of times that the CSV writes "
                "without one"
            ),
        ),
        th.Property(
            "verify_layout",
            th.StringType,
            allowed_values=["off", "warn", "error"],
            default="error",
            title="Verify Layout",
            description=(
                "What to do if a column of the CSV holds something else than its name says, by "
                "some messages of Mailjet's own list; off asks for no list"
            ),
        ),
        th.Property(
            "hash_columns",
            th.ArrayType(th.StringType(allowed_values=["recipient", "sender"])),
            default=[],
            title="Hash Columns",
            description=(
                "Which of recipient and sender leave as keyed hashes only (HMAC-SHA-256 with "
                "hash_key, 64 hexadecimal digits); deselect extra then, which can hold copies that "
                "nothing tells"
            ),
        ),
        th.Property(
            "hash_key",
            th.StringType,
            secret=True,
            title="Hash Key",
            description=(
                "Secret of hash_columns, 16 bytes or more; whoever has it can find out the "
                "numbers, and another one gives other hashes"
            ),
        ),
        th.Property(
            "decimals",
            th.StringType,
            allowed_values=["number", "x-singer.decimal"],
            default="number",
            title="Decimals",
            description=(
                "How costs leave: as JSON numbers, or as strings in the format x-singer.decimal, "
                "which targets of the SDK store exactly where they make a FLOAT of a number"
            ),
        ),
        additional_properties=False,
    ).to_dict()

    @override
    def discover_streams(self) -> Sequence[SMSMessages]:
        catalog = self.input_catalog
        if catalog is not None and catalog.get_stream(STREAM) is None:
            self.logger.warning("The catalog has no stream %s, so nothing is read", STREAM)
        return [SMSMessages(self)]
