"""A backend in this process, with a clock that only moves when told to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qsl, urlsplit

from mailjet_sandbox import Backend, Messages, Request, Response

if TYPE_CHECKING:
    from typing import TypedDict

    from mailjet_sandbox import Build, Layout, Scenario, Unknowns

    class Options(TypedDict, total=False):
        """What a test may choose."""

        scenario: Scenario
        layout: Layout
        build: Build
        unknowns: Unknowns
        token: str


NOW = 1_800_000_000
DAY = 86_400
TOKEN = {"authorization": "Bearer sandbox-token"}


@dataclass
class HandClock:
    """A clock in the hand of the test."""

    now: float = NOW

    def __call__(self) -> float:
        """Return the time in unix seconds."""
        return self.now


class AskedBackend:
    """Asks a backend as a client would."""

    def __init__(self, data: Messages | None = None, **options: Unpack[Options]) -> None:
        self.clock = HandClock()
        self.data = data or Messages(since=NOW - 400 * DAY, per_hour=10)
        self.backend = Backend(data=self.data, clock=self.clock, **options)

    def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request, by default with the token."""
        parts = urlsplit(url)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        query = dict(parse_qsl(parts.query))
        headers = TOKEN if headers is None else headers
        return self.backend.handle(Request(method, parts.path, query, headers, raw))

    def get(self, url: str, *, headers: dict[str, str] | None = None) -> Response:
        """Send a GET."""
        return self.send("GET", url, headers=headers)

    def export(self, from_ts: int, to_ts: int) -> dict[str, object]:
        """Ask for an export that must be taken in, and give its first answer."""
        answer = self.send("POST", "/v4/sms/export", {"FromTS": from_ts, "ToTS": to_ts})
        assert answer.status == 200, read(answer)
        return read(answer)

    def status(self, export: dict[str, object]) -> dict[str, object]:
        """Ask how far an export is."""
        answer = self.get(f"/v4/sms/export/{export['ID']}")
        assert answer.status == 200, read(answer)
        return read(answer)

    def finished(self, from_ts: int, to_ts: int) -> dict[str, object]:
        """Ask for an export and wait for its end, as the clock does the default build."""
        export = self.export(from_ts, to_ts)
        self.clock.now += 1
        return self.status(export)

    def file(self, export: dict[str, object]) -> bytes:
        """Download the file of a finished export."""
        answer = self.get(str(export["URL"]))
        assert answer.status == 200, read(answer)
        return b"".join(answer.chunks())


def read(response: Response) -> dict[str, object]:
    """Read the JSON object of an answer."""
    document = response.json()
    assert isinstance(document, dict)
    return document


def code(export: dict[str, object]) -> int:
    """Read the status code of an export."""
    status = export["Status"]
    assert isinstance(status, dict)
    assert isinstance(status["Code"], int)
    return status["Code"]
