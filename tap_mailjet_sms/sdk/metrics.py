"""Singer metrics, as the SDK's own: timers of exports and of calls, with their ends as tags."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from http import HTTPStatus

from singer_sdk.metrics import Metric, Status, Tag, Timer

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_mailjet_sms.exporting.client import Call
    from tap_mailjet_sms.exporting.job import ExportJob

# The SDK times calls where a stream is a `RESTStream` only (0.54).
# Breaks: `test_metrics.py::test_calls_are_timed`.


@contextmanager
def timed_export(job: ExportJob, *, stream: str) -> Iterator[None]:
    """Time an export until Mailjet has finished it: `succeeded` then, else `failed`."""
    tags = {Tag.STREAM: stream, Tag.JOB_TYPE: "export", **job.fields}
    with Timer(Metric.JOB_DURATION, tags):
        yield


@contextmanager
def timed_call(call: Call, *, stream: str) -> Iterator[None]:
    """Time a call of Mailjet's API, or a download; `failed` from status 400 on, and without one."""
    timer = Timer(Metric.HTTP_REQUEST_DURATION, {Tag.STREAM: stream, Tag.ENDPOINT: call.endpoint})
    with timer:
        try:
            yield
        finally:
            failed = call.status is None or call.status >= HTTPStatus.BAD_REQUEST
            timer.tags |= {Tag.HTTP_STATUS_CODE: call.status, "bytes": call.size}
            if failed:
                timer.tags[Tag.STATUS] = Status.FAILED
