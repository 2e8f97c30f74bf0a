"""`examples/prefect`, run by Prefect: a task that is killed is tried again, and an hour follows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.environments import environment
from pipeline.processes import running
from tests.support.scheduled import EXAMPLES, scheduled, tap_below, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scheduled import Scheduled

#: The first retry comes after a minute.
PATIENCE = 300


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Scheduled]:
    """A Prefect with a server of its own that nobody else knows of."""
    with scheduled(tmp_path, environment("prefect")) as ground:
        ground.variables.update(
            {
                "PREFECT_HOME": str(tmp_path / "prefect"),
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "NO_PROXY": "127.0.0.1",
            }
        )
        yield ground


def test_a_flow_outlives_a_killed_task(ground: Scheduled, tmp_path: Path) -> None:
    """The retry takes the lock that the killed run has left; the table equals the truth."""
    flow: list[str | Path] = [
        environment("prefect") / "python",
        EXAMPLES / "prefect" / "flow.py",
        "--once",
    ]
    variables = ground.variables | {"LOG": str(tmp_path / "flow.log")}
    log = tmp_path / "flow.log"
    quiet = ["bash", "-c", 'exec "$@" >"$LOG" 2>&1', "flow", *flow]
    with running(quiet, cwd=tmp_path, env=variables) as process:
        prefect = psutil.Process(process.pid)
        wait_until(
            lambda: len(ground.load.asked()) > 3 and tap_below(prefect), PATIENCE, log.read_text
        )
        killed = [
            child
            for child in prefect.children(recursive=True)
            if any(name in " ".join(child.cmdline()) for name in ("meltano", "-mailjet", "target-"))
        ]
        for child in killed:
            child.kill()
        assert process.wait(PATIENCE) == 0, log.read_text()

    start = ground.load.start
    assert ground.rows() == ground.truth(ground.load.end, since=start)
    ground.load.backend.advance(delivery=86_400)
    ground.run(flow)
    assert ground.rows() == ground.truth(ground.load.end, since=start)
    logging.getLogger(__name__).info("%d messages, equal to the truth", len(ground.rows()))
