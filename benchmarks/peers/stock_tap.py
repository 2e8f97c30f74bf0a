"""The tap as the SDK's documents would have it: a plain stream over `csv.DictReader`.

Default writer, default type conformance. It does the same job as the tap, less the care: asks for
the export, polls, streams the download, converts each cell, yields dicts.
"""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import requests
from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUSES = [
    "unknown",
    "sent_pending",
    "sent",
    "delivered",
    "rejected_operator",
    "rejected_undelivered",
    "rejected_expired",
    "rejected_incorrect_delivery",
    "rejected_network",
    "rejected_dnd",
    "rejected_from_blacklist",
    "rejected_to_blacklist",
    "rejected_anti_flood",
    "rejected_system_error",
    "invalid_phone_number",
    "rejected_insufficent_funds",
    "rejected_daily_limit_reached",
]


class SMSMessages(Stream):
    """All messages of one window."""

    name = "sms_messages"
    primary_keys = ("message_id",)
    replication_key = "to_ts"
    schema = th.PropertiesList(
        th.Property("message_id", th.StringType, required=True),
        th.Property("sender", th.StringType),
        th.Property("recipient", th.StringType),
        th.Property("status_code", th.IntegerType),
        th.Property("status_name", th.StringType),
        th.Property("status_description", th.StringType),
        th.Property("created_at", th.DateTimeType, required=True),
        th.Property("sent_at", th.DateTimeType),
        th.Property("sms_count", th.IntegerType),
        th.Property("cost_value", th.NumberType),
        th.Property("cost_currency", th.StringType),
        th.Property("extra", th.ObjectType()),
        th.Property("export_id", th.IntegerType),
        th.Property("exported_at", th.DateTimeType),
        th.Property("from_ts", th.DateTimeType),
        th.Property("to_ts", th.DateTimeType),
    ).to_dict()

    @property
    @override
    def is_sorted(self) -> bool:
        return True

    @override
    def get_records(self, context: object) -> Iterator[dict[str, object]]:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.config['auth_token']}"
        root = self.config["api_url"]
        start, end = (
            int(datetime.fromisoformat(self.config[name]).timestamp())
            for name in ("start_date", "end_date")
        )
        body = {"FromTS": start, "ToTS": end}
        export = session.post(f"{root}/sms/export", json=body, timeout=60).json()
        while export["Status"]["Code"] != 3:
            time.sleep(1)
            export = session.get(f"{root}/sms/export/{export['ID']}", timeout=60).json()
        constants = {
            "export_id": export["ID"],
            "exported_at": moment(export["CreationTS"]),
            "from_ts": moment(start),
            "to_ts": moment(end),
        }
        with session.get(export["URL"], stream=True, timeout=60) as response:
            response.raw.auto_close = False  # else it is closed before the last lines are read
            lines = io.TextIOWrapper(cast("io.BufferedReader", response.raw), "utf-8", newline="")
            for row in csv.DictReader(lines):
                code = int(row["Status"])
                yield {
                    "message_id": row["ID"],
                    "sender": row["From"] or None,
                    "recipient": row["To"] or None,
                    "status_code": code,
                    "status_name": STATUSES[code],
                    "status_description": None,
                    "created_at": moment(int(row["CreationTS"])),
                    "sent_at": moment(int(row["SentTS"])) if row["SentTS"] else None,
                    "sms_count": int(row["SmsCount"]),
                    "cost_value": Decimal(row["Cost"]),
                    "cost_currency": row["Currency"] or None,
                    "extra": None,
                    **constants,
                }


def moment(seconds: int) -> str:
    """A moment from unix seconds, as text: the SDK's conformance takes longer for others."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class StockTap(Tap):
    """The tap."""

    name = "stock-tap"
    config_jsonschema = th.PropertiesList(
        th.Property("auth_token", th.StringType, required=True, secret=True),
        th.Property("api_url", th.StringType, required=True),
        th.Property("start_date", th.DateTimeType, required=True),
        th.Property("end_date", th.DateTimeType, required=True),
    ).to_dict()

    @override
    def discover_streams(self) -> list[Stream]:
        return [SMSMessages(self)]


if __name__ == "__main__":
    StockTap.cli()
