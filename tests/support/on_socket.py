"""A run against an account on a socket that breaks: what depends on how a connection ends."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailjet_sandbox import Backend, Build, Fault, Messages, Sandbox, Scenario, Unknowns
from tap_mailjet_sms.exceptions import TapMailjetSMSError
from tap_mailjet_sms.exporting import waiting
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.simulation.schedule import DAY, start_date
from tests.support.account import records, run_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

#: The time where the tap's own clock is real.
NOW = int(time.time())


class OnSocket:
    """A tap in this process and an account on a socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **unknowns: object) -> None:
        monkeypatch.setattr(waiting, "MAX_BACKOFF", 0.05)
        self.backend = Backend(
            data=Messages(since=NOW - DAY, per_hour=6),
            clock=lambda: NOW,
            build=Build(seconds=0),
            unknowns=Unknowns(**{"date_header": False, **unknowns}),  # type: ignore[arg-type]
        )
        self.error: str | None = None

    @contextmanager
    def open(self, *faults: Fault) -> Iterator[str]:
        """Serve the account, with these faults."""
        self.backend.scenario = Scenario(faults)
        with Sandbox(self.backend) as sandbox:
            yield sandbox.url

    def settings(self, url: str, **more: object) -> dict[str, object]:
        """Settings to read 12 hours in two windows, without much patience."""
        return {
            "api_url": url,
            "auth_token": self.backend.token,
            "start_date": start_date(NOW - DAY),
            "end_date": start_date(NOW - DAY // 2),
            "window_days": 0.25,
            "poll_interval_seconds": 0.01,
            "request_timeout_seconds": 0.5,
            "max_attempts": 3,
            **more,
        }

    def run(self, *faults: Fault, **more: object) -> list[dict[str, object]]:
        """Run the tap, and give its records."""

        def sync(url: str) -> None:
            try:
                TapMailjetSMS(config=self.settings(url, **more)).sync_all()
            except TapMailjetSMSError as error:
                self.error = str(error)

        with self.open(*faults) as url:
            return records(run_here(lambda: sync(url)))

    @property
    def truth(self) -> list[str]:
        """The ids of all messages."""
        messages = self.backend.truth(NOW - DAY, NOW - DAY // 2)
        return [message.message_id for message in messages]

    def is_complete(self, got: list[dict[str, object]]) -> bool:
        """Whether the records are all messages, each once."""
        return sorted(str(record["message_id"]) for record in got) == sorted(self.truth)
