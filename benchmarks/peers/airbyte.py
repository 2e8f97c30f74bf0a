"""The same job for Airbyte's CDK: a low-code manifest with AsyncRetriever and CsvDecoder.

Written as its documents have it: jobs by time slices, the file decoded as CSV, each value cast to
its type in the schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

_TYPES = {
    "ID": "string",
    "From": "string",
    "To": "string",
    "Status": "integer",
    "SmsCount": "integer",
    "CreationTS": "integer",
    "SentTS": "integer",
    "Cost": "number",
    "Currency": "string",
}
_TIME = "%Y-%m-%dT%H:%M:%S%z"


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, in slices of a length, with so many exports under way at once."""

    api_url: str
    token: str
    start: datetime
    end: datetime
    step: timedelta
    at_once: int


def write_files(job: Job, folder: Path) -> list[str]:
    """Write manifest, configuration and catalog, and give the arguments that name them."""

    def requester(path: str, **more: object) -> dict[str, object]:
        return {
            "type": "HttpRequester",
            "url_base": "{{ config['api_url'] }}",
            "path": path,
            "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['token'] }}"},
            **more,
        }

    schema = {
        "type": "object",
        "properties": {name: {"type": [kind, "null"]} for name, kind in _TYPES.items()},
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "sms_messages",
        "primary_key": ["ID"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema},
        "incremental_sync": {
            "type": "DatetimeBasedCursor",
            "cursor_field": "CreationTS",
            "datetime_format": "%s",
            "cursor_datetime_formats": ["%s"],
            "start_datetime": {
                "type": "MinMaxDatetime",
                "datetime": "{{ config['start'] }}",
                "datetime_format": _TIME,
            },
            "end_datetime": {
                "type": "MinMaxDatetime",
                "datetime": "{{ config['end'] }}",
                "datetime_format": _TIME,
            },
            "step": f"PT{int(job.step.total_seconds())}S",
            "cursor_granularity": "PT1S",
        },
        "retriever": {
            "type": "AsyncRetriever",
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": []},
                "schema_normalization": "Default",
            },
            "status_mapping": {
                "type": "AsyncJobStatusMap",
                "running": ["1", "2"],
                "completed": ["3"],
                "failed": ["4"],
                "timeout": ["never"],
            },
            "status_extractor": {"type": "DpathExtractor", "field_path": ["Status", "Code"]},
            "download_target_extractor": {"type": "DpathExtractor", "field_path": ["URL"]},
            "creation_requester": requester(
                "/sms/export",
                http_method="POST",
                request_body_json={
                    "FromTS": "{{ stream_slice['start_time'] | int }}",
                    "ToTS": "{{ stream_slice['end_time'] | int }}",
                },
            ),
            "polling_requester": requester(
                "/sms/export/{{ creation_response['ID'] }}", http_method="GET"
            ),
            "download_requester": {
                "type": "HttpRequester",
                "url_base": "{{ download_target }}",
                "path": "",
                "http_method": "GET",
            },
            "download_decoder": {"type": "CsvDecoder", "set_values_to_none": [""]},
        },
    }
    manifest = {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["sms_messages"]},
        "streams": [stream],
        "spec": {
            "type": "Spec",
            "connection_specification": {"type": "object", "additionalProperties": True},
        },
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": 2},
        "max_concurrent_async_job_count": job.at_once,
    }
    config = {
        "__injected_declarative_manifest": manifest,
        "api_url": job.api_url,
        "token": job.token,
        "start": job.start.strftime(_TIME),
        "end": job.end.strftime(_TIME),
    }
    catalog = {
        "streams": [
            {
                "stream": {
                    "name": "sms_messages",
                    "json_schema": schema,
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append",
            }
        ]
    }
    arguments = ["read"]
    for name, content in (("config", config), ("catalog", catalog)):
        path = folder / f"airbyte-{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", str(path)]
    return arguments
