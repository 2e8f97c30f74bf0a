"""Fuzz what Mailjet sends us, guided by coverage, for as long as you like.

The suite asks the same questions with hypothesis for some seconds; this goes on for hours. Atheris
is no dependency of the project, since it has wheels for few versions of Python:

    uv run --python 3.11 --with atheris python -m fuzz csv -max_total_time=3600
    uv run --python 3.11 --with atheris python -m fuzz answers -max_total_time=3600

All options after the target are libFuzzer's. A finding is written to a file `crash-…`, and played
again by naming that file in place of the options.
"""

from __future__ import annotations

import gzip
import io
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import atheris

with atheris.instrument_imports(include=["tap_mailjet_sms"]):
    from tap_mailjet_sms.exceptions import TapMailjetSMSError
    from tap_mailjet_sms.exporting.client import MailjetClient
    from tap_mailjet_sms.exporting.job import ExportJob
    from tap_mailjet_sms.exporting.windows import Window
    from tap_mailjet_sms.reading import csv_file
    from tap_mailjet_sms.reading.rules import Rules
    from tap_mailjet_sms.reading.window_check import WindowCheck
    from tap_mailjet_sms.writing.kept import Spool

import requests  # noqa: TC002 - after what is instrumented
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

START = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
STATUSES = [200, 200, 206, 302, 400, 401, 403, 404, 429, 500, 503]
HEADERS = ["Retry-After", "Date", "Location", "X-Mj-Request-Guid"]
CSV_HEADER = b"ID,From,To,Status,SmsCount,CreationTS,SentTS,Cost,Currency,Else\n"
CSV_ROW = b"a-1,ACME,+33639980001,3,1,1795000000,1795000001,0.04,EUR,\n"


class Scripted(HTTPAdapter):
    """Answers each request with what the fuzzer says."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._choices = atheris.FuzzedDataProvider(data)

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        """Make an answer of the next bytes."""
        choices = self._choices
        headers = {}
        if choices.ConsumeBool():
            value = choices.ConsumeString(30).encode("ascii", "ignore").decode()
            headers[choices.PickValueInList(HEADERS)] = "".join(filter(str.isprintable, value))
        body = choices.ConsumeBytes(choices.ConsumeIntInRange(0, 600))
        encoding = choices.PickValueInList(["", "", "gzip", "deflate"])
        if encoding:
            headers["Content-Encoding"] = encoding
            if encoding == "gzip" and choices.ConsumeBool():
                body = gzip.compress(body)[: choices.ConsumeIntInRange(0, 1000)]
        status = choices.PickValueInList(STATUSES)
        raw = HTTPResponse(
            body=io.BytesIO(body), headers=headers, status=status, preload_content=False
        )
        return self.build_response(request, raw)


def answers(data: bytes) -> None:
    """Every call to Mailjet gives a result or a clear error."""
    client = MailjetClient(
        api_url="http://127.0.0.1/v4",
        auth_token="token",  # noqa: S106 - opens nothing
        request_timeout=1,
        now=lambda: START,
        transport=Scripted(data),
    )
    job = ExportJob(id=7, window=WINDOW, requested_at=START, url="http://127.0.0.1/x.csv")
    for call in (
        lambda: client.request_export(WINDOW, not_before=START),
        lambda: client.get_export(job),
        lambda: client.count(WINDOW, not_before=START),
        lambda: client.download(job, io.BytesIO()),
    ):
        try:
            call()
        except TapMailjetSMSError as error:
            if not str(error).isprintable():
                raise RuntimeError(repr(str(error))) from None
    client.close()


def csv(data: bytes) -> None:
    """Any file is read or refused; most begin like an honest one, or few would get far."""
    check = WindowCheck(WINDOW.start, WINDOW.end, now=WINDOW.end, refuses=False)
    choice = data[:1]
    if choice > b"\x40":
        data = CSV_HEADER + (CSV_ROW if choice > b"\xa0" else b"") + data[1:]
    try:
        file = csv_file.read(io.BytesIO(data), Rules(), before=None, check=check, listing=None)
        batches = [*file]
    except TapMailjetSMSError:
        return
    with closing(Spool(iter(batches))) as spool:
        if batches != [*spool]:
            msg = "the spool has other rows"
            raise RuntimeError(msg)


TARGETS = {"answers": answers, "csv": csv}


def main() -> None:
    """Fuzz the target that the command line names."""
    target = TARGETS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if target is None:
        sys.exit(__doc__)
    atheris.Setup([f"fuzz {sys.argv[1]}", *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
