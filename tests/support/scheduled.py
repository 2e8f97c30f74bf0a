"""What a scheduler needs to run the examples: programs, settings, a shared database, an account."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from mailjet_sandbox import Build
from pipeline.environments import environment
from pipeline.postgres import sqlalchemy_url
from pipeline.root import ROOT
from tests.support.pipeline import GRACEFUL, PROD, PROD_SCHEMA, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.pipeline import Pipeline

EXAMPLES = ROOT / "examples"
#: So that at least two whole months are between the first day and the last.
DAYS = 95


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An account with three months of messages, and the variables of whoever loads them."""

    load: Pipeline
    variables: dict[str, str]
    first: datetime
    #: Where a backfill ends, and the hourly run begins.
    seam: datetime

    def run(self, command: list[str | Path], **variables: str) -> str:
        """Run a program to its good end, and give what it printed."""
        done = subprocess.run(
            command,
            env=self.variables | variables,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def rows(self) -> dict[str, int]:
        """The statuses in the warehouse, by message."""
        return self.load.rows(PROD_SCHEMA)

    def truth(self, until: float, since: float | None = None) -> dict[str, int]:
        """What they should be, from the first day on or since another moment."""
        start = self.first.timestamp() if since is None else since
        messages = self.load.backend.truth(int(start), int(until))
        return {message.message_id: message.status for message in messages}

    def bookmark(self, state_id: str = PROD) -> str:
        """Up to where a state says that all is read."""
        shared = {"MELTANO_DATABASE_URI": self.variables["MELTANO_DATABASE_URI"]}
        return str(self.load.state(state_id, **shared)["replication_key_value"])


@contextmanager
def scheduled(folder: Path, programs: Path) -> Iterator[Scheduled]:
    """Start everything on fresh folders; `programs` is the folder of the scheduler's own."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "meltano").symlink_to(environment("meltano") / "meltano")
    (bin_folder / "graceful-meltano").symlink_to(GRACEFUL)
    with pipeline(folder / "meltano", hours=24 * DAYS, per_hour=4, build=Build(polls=2)) as load:
        midnight = datetime.fromtimestamp(load.end, UTC).replace(hour=0, minute=0, second=0)
        load.settings |= {
            "TAP_MAILJET_SMS_WINDOW_DAYS": "5",
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": "3",
            "TAP_MAILJET_SMS_LOOKBACK_SCHEDULE": "every_run",
            "TAP_MAILJET_SMS_MAX_CONCURRENT_EXPORTS": "1",
        }
        variables = load.meltano.environment() | load.settings
        variables |= {
            "HOME": str(folder),
            "PATH": f"{bin_folder}:{programs}:{variables['PATH']}",
            "MELTANO_PROJECT_ROOT": str(ROOT),
            "MELTANO_DATABASE_URI": sqlalchemy_url(load.uri),
        }
        yield Scheduled(
            load, variables, midnight - timedelta(days=DAYS - 2), midnight - timedelta(days=1)
        )


def wait_until(holds: Callable[[], object], seconds: float, why: Callable[[], object]) -> None:
    """Wait until something holds; `why` tells what there is instead."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.2)


def tap_below(process: psutil.Process) -> bool:
    """Whether the tap is running among the descendants of a process."""
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(word.endswith("/bin/tap-mailjet-sms") for word in child.cmdline()[:2]):
                return True
    return False


def query(database: Path, sql: str) -> list[tuple[object, ...]]:
    """What a scheduler's own SQLite database says."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        return connection.execute(sql).fetchall()
