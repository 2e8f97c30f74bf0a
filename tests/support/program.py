"""Running the tap as its users do: a process of its own, against a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAP = (sys.executable, "-m", "tap_mailjet_sms")


@dataclass(frozen=True)
class Run:
    """What a run of the tap left behind."""

    code: int
    lines: list[str]
    log: str

    @property
    def messages(self) -> list[dict[str, object]]:
        """All Singer messages; numbers with a point as text, so exact."""
        return [json.loads(line, parse_float=str) for line in self.lines]

    @property
    def records(self) -> list[dict[str, object]]:
        """The records of all RECORD messages."""
        records = []
        for message in self.messages:
            if message["type"] == "RECORD":
                assert isinstance(message["record"], dict)
                records.append(message["record"])
        return records

    @property
    def state(self) -> dict[str, object]:
        """The last state."""
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        assert isinstance(states[-1], dict)
        return states[-1]


def environment(settings: Mapping[str, object] | None = None) -> dict[str, str]:
    """An environment with these settings of the tap and none else."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("TAP_MAILJET_SMS")
    }
    return clean | {
        f"TAP_MAILJET_SMS_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in (settings or {}).items()
    }


def run_tap(*options: str | Path, timeout: float = 120, **settings: object) -> Run:
    """Run the tap to its end, configured by its environment."""
    done = subprocess.run(
        [*TAP, *(map(str, options) if options else ("--config", "ENV"))],
        capture_output=True,
        env=environment(settings),
        timeout=timeout,
        check=False,
    )
    return Run(done.returncode, done.stdout.decode().splitlines(), done.stderr.decode())
