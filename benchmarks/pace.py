"""How many clients that share a token live with a limit of so many calls per second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING

from mailjet_sandbox import Backend, Build, Fault, Messages, Sandbox, Scenario, When
from mailjet_sandbox import effects as fx

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Table

WINDOWS = 31
LIMITS = (2, 5)
#: Processes, and exports that each may have under way.
CLIENTS = ((1, 16), (4, 4), (8, 2))
TAP = (sys.executable, "-m", "tap_mailjet_sms")


@dataclass(frozen=True, slots=True)
class _Case:
    """A limit, and the clients that share it."""

    per_second: int
    retry_after: int | None
    processes: int
    exports: int


def table(folder: Path) -> Table:
    """Time and refusals of bounded runs that start together and read 31 days between them.

    `x` is the time over the one that the limit allows for all calls that were not refused.
    """
    cases = [
        _Case(limit, retry_after, *clients)
        for limit in LIMITS
        for retry_after in (None, 1)
        for clients in CLIENTS
    ]
    return [_measured(folder, case) for case in cases]


def _measured(folder: Path, case: _Case) -> dict[str, object]:
    limit = Fault(fx.Rate(case.per_second, retry_after=case.retry_after), When(times=None))
    backend = Backend(
        data=Messages(since=int(time.time()) - 60 * 86_400, per_hour=1),
        clock=time.time,
        build=Build(seconds=1),
        scenario=Scenario((limit,)),
    )
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    start = end - timedelta(days=WINDOWS)
    edges = [
        start + timedelta(days=WINDOWS * n // case.processes) for n in range(case.processes + 1)
    ]
    with Sandbox(backend) as sandbox, ExitStack() as running:
        processes = []
        for number, (begin, finish) in enumerate(pairwise(edges)):
            path = folder / f"pace-{number}.json"
            config = {
                "auth_token": backend.token,
                "api_url": sandbox.url,
                "start_date": begin.isoformat(),
                "end_date": finish.isoformat(),
                "window_days": 1,
                "max_concurrent_exports": case.exports,
            }
            path.write_text(json.dumps(config))
            output = running.enter_context((folder / f"pace-{number}.out").open("w+b"))
            command = [*TAP, "--config", str(path)]
            processes.append(
                (subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL), output)
            )
        codes = [process.wait() for process, _ in processes]
        ids = set()
        for _, output in processes:
            output.seek(0)
            messages = [json.loads(line) for line in output]
            ids |= {m["record"]["message_id"] for m in messages if m["type"] == "RECORD"}
    truth = {
        message.message_id
        for message in backend.truth(int(start.timestamp()), int(end.timestamp()))
    }
    if any(codes) or ids != truth:
        msg = f"{case}: exit codes {codes}, {len(truth - ids)} messages are missing"
        raise RuntimeError(msg)
    refused = sum(asked.status == HTTPStatus.TOO_MANY_REQUESTS for asked in backend.journal)
    answered = len(backend.journal) - refused
    seconds = backend.journal[-1].time - backend.journal[0].time
    return {
        "calls per second": case.per_second,
        "Retry-After": case.retry_after or "none",
        "processes x exports": f"{case.processes} x {case.exports}",
        "answered": answered,
        "429": refused,
        "ideal s": answered / case.per_second,
        "s": seconds,
        "x": seconds * case.per_second / answered,
    }
