"""A local Mailjet in a process of its own, and what can be asked of it beyond Mailjet's API."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import requests

from pipeline.processes import running
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but the sandbox
SECONDS = 10


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox; `api_url` is what the tap is given in place of Mailjet's."""

    api_url: str

    def advance_deliveries(self, by: timedelta) -> None:
        """Let the statuses of all messages move on as if so much time had passed."""
        wish = {"advance_delivery": int(by.total_seconds())}
        requests.post(self._control("clock"), json=wish, timeout=SECONDS).raise_for_status()

    def truth(self, start: datetime, end: datetime, *, at: datetime) -> list[dict[str, object]]:
        """Tell what a right reader makes of the messages created in [start, end), as of `at`."""
        span = {
            "FromTS": int(start.timestamp()),
            "ToTS": int(end.timestamp()),
            "at": int(at.timestamp()),
        }
        answer = requests.get(f"{self._control('truth')}?{urlencode(span)}", timeout=SECONDS)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.content.splitlines()]

    def _control(self, what: str) -> str:
        parts = urlsplit(self.api_url)
        return f"{parts.scheme}://{parts.netloc}/_sandbox/{what}"


@contextmanager
def sandbox(*arguments: str) -> Iterator[Sandbox]:
    """Run `python -m mailjet_sandbox` on a free port while the block lasts."""
    command = [sys.executable, "-m", "mailjet_sandbox", "--port", "0", "--token", TOKEN]
    with running([*command, *arguments], cwd=ROOT) as process:
        line = process.stdout.readline() if process.stdout is not None else ""
        url = re.search(r"http://\S+/v4", line)
        if url is None:
            msg = f"the sandbox did not start: {line.strip() or 'it said nothing'}"
            raise RuntimeError(msg)
        yield Sandbox(url[0])
