"""The tap's command line in this process: quick, and with the log as records."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import Output, captured

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

#: Nobody listens there, so that a run that was not refused before asks once and ends with 69.
NOBODY = "http://127.0.0.1:9/v4"
PREFIX = "TAP_MAILJET_SMS_"
SETTINGS = {"auth_token": "s3cr3t", "api_url": NOBODY, "max_attempts": 1}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: exit code, messages, and the log."""

    code: int
    messages: list[dict[str, Any]]
    log: list[logging.LogRecord]

    def said(self, level: str) -> list[str]:
        """What was logged at a level, in order."""
        return [record.getMessage() for record in self.log if record.levelname == level]

    @property
    def complaint(self) -> str:
        """The one error, which is followed by the exit code and nothing else."""
        error, last = self.said("ERROR")
        assert last.startswith(f"Ended with exit code {self.code} (")
        assert self.log[-1].getMessage() == last
        return error


def command(caplog: pytest.LogCaptureFixture, *options: str | Path) -> Ended:
    """Run the tap's command to its end."""
    caplog.clear()
    caplog.set_level(logging.INFO)
    output = Output()
    code: object = 0
    with captured(output):
        try:
            TapMailjetSMS.get_singer_command().main([str(option) for option in options])
        except SystemExit as leaving:
            code = leaving.code
        finally:
            logging.captureWarnings(capture=False)
    assert isinstance(code, int)
    messages = [json.loads(line) for line in bytes(output.written).splitlines()]
    return Ended(code, messages, list(caplog.records))


def set_environment(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    """Set the tap's settings as environment variables, beside those that end a run early."""
    for name, value in {**SETTINGS, **settings}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(PREFIX + name.upper(), text)
