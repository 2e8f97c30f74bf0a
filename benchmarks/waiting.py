"""How long a run waits for exports that Mailjet takes its time for."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.peers import airbyte
from mailjet_sandbox import Backend, Build, Messages, Sandbox
from pipeline.environments import environment
from tap_mailjet_sms.exporting.waiting import JITTER, PollSchedule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.report import Table

EXPORTS, SECONDS = 12, 5.0
TAP = (sys.executable, "-m", "tap_mailjet_sms")


@dataclass(frozen=True, slots=True)
class Case:
    """So many exports at once: as the client asks for, and as the server builds."""

    at_once: int
    built_at_once: int | None = None

    @property
    def ideal(self) -> float:
        """The seconds that the server alone needs."""
        return math.ceil(EXPORTS / min(self.at_once, self.built_at_once or EXPORTS)) * SECONDS


CASES = (Case(4), Case(12), Case(1), Case(12, built_at_once=3))


def table(folder: Path) -> Table:
    """The tap and Airbyte's CDK, from the first request to the last STATE."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    start = end - timedelta(days=EXPORTS)
    rows: Table = []
    for case in CASES:
        row: dict[str, object] = {
            "at once": case.at_once,
            "built at once": case.built_at_once or "all",
            "ideal s": case.ideal,
        }
        for name, command in (("tap", _tap), ("Airbyte CDK", _airbyte)):
            waited, polls = _run(case, partial(command, folder, start, end, case))
            row |= {f"{name} s": waited, f"{name} x": waited / case.ideal, f"{name} polls": polls}
        rows.append(row)
    return rows


def _run(case: Case, command: Callable[[str], Sequence[str]]) -> tuple[float, int]:
    """Seconds from the first request to the last STATE, and how often the status was asked."""
    backend = Backend(
        data=Messages(since=int(time.time()) - 20 * 86_400, per_hour=10),
        clock=time.time,
        build=Build(SECONDS, at_once=case.built_at_once),
    )
    last_state = 0.0
    with (
        Sandbox(backend) as sandbox,
        subprocess.Popen(
            command(sandbox.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        for line in process.stdout or ():
            if b'"STATE"' in line:
                last_state = time.time()
    requests = [asked for asked in backend.journal if asked.operation == "request"]
    if process.returncode or len(requests) != EXPORTS:
        msg = f"{len(requests)} exports were asked for, exit code {process.returncode}"
        raise RuntimeError(msg)
    polls = sum(asked.operation == "status" for asked in backend.journal)
    return last_state - requests[0].time, polls


def _tap(folder: Path, start: datetime, end: datetime, case: Case, url: str) -> Sequence[str]:
    path = folder / "waiting.json"
    config = {
        "auth_token": "sandbox-token",
        "api_url": url,
        "start_date": start.isoformat(),
        "end_date": end.isoformat(),
        "window_days": 1,
        "max_concurrent_exports": case.at_once,
    }
    path.write_text(json.dumps(config))
    return [*TAP, "--config", str(path)]


def _airbyte(folder: Path, start: datetime, end: datetime, case: Case, url: str) -> Sequence[str]:
    job = airbyte.Job(url, "sandbox-token", start, end, timedelta(days=1), case.at_once)
    arguments = airbyte.write_files(job, folder)
    return [str(environment("airbyte-cdk") / "source-declarative-manifest"), *arguments]


def polls() -> Table:
    """Polls of one export, with the default schedule, in virtual time."""
    schedule = PollSchedule(
        interval=1,
        max_interval=30,
        timeout=3600,
        jitter=lambda pause: pause * dice.uniform(*JITTER),
    )
    rows: Table = []
    for seconds in (1, 5, 30, 120, 300, 600, 1200):
        worst_count, worst_late = 0, 0.0
        for seed in range(200):
            dice = random.Random(seed)
            count, waited = 0, 0.0
            while waited < seconds:
                waited += schedule.pause(waited)
                count += 1
            worst_count, worst_late = max(worst_count, count), max(worst_late, waited - seconds)
        rows.append(
            {
                "finished after s": seconds,
                "polls at most": worst_count,
                "allowed": 12 + 12 * math.log(seconds),
                "seen late by s, at most": worst_late,
            }
        )
    return rows
