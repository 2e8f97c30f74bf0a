"""A local Mailjet, a warehouse, and the real Meltano between them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from mailjet_sandbox import Backend, Build, Messages, Sandbox, Unknowns
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url
from tests.simulation.schedule import start_date

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
SCHEMA = "mailjet_dev"
STATE_ID = f"dev:{TAP}-to-{TARGET}"
GRACEFUL = Path(sys.executable).with_name("graceful-meltano")
#: What a schedule has: the state of a pair in this environment, and the schema of its table.
PROD = f"prod:{TAP}-to-{TARGET}"
PROD_SCHEMA = "mailjet"


def el(state_id: str = PROD, *options: str) -> tuple[str, ...]:
    """The command line of a run with a state id, config, state and catalog of its own."""
    run = ("el", "--no-install", f"--state-id={state_id}", *options, TAP, TARGET)
    return ("--environment=prod", *run)


@dataclass
class Pipeline:
    """An account with messages from `start` to `end`, and `meltano run` that loads them."""

    backend: Backend
    url: str
    uri: str
    meltano: Meltano
    start: int
    end: int
    settings: dict[str, str] = field(init=False)
    #: A killed Meltano cannot say that it is gone: for some minutes it counts as running.
    command: tuple[str, ...] = ("run", "--force", TAP, TARGET)

    def __post_init__(self) -> None:
        """Read all there is, in five windows."""
        self.settings = {
            "TAP_MAILJET_SMS_API_URL": self.url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": self.backend.token,
            "TAP_MAILJET_SMS_START_DATE": start_date(self.start),
            "TAP_MAILJET_SMS_END_DATE": start_date(self.end),
            "TAP_MAILJET_SMS_WINDOW_DAYS": "0.4",
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": "0.5",
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(self.uri),
            "TARGET_POSTGRES_BATCH_SIZE_ROWS": "1000",
        }

    def run(self, **settings: str) -> list[str]:
        """Run to the end, and give the log."""
        lines: list[str] = []
        all_settings = self.settings | settings
        self.meltano.run(*self.command, settings=all_settings, show=lines.append)
        return lines

    @contextmanager
    def running(
        self, *arguments: str, graceful: bool = False, **settings: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run while the block lasts."""
        with self.meltano.running(
            *(arguments or self.command),
            settings=self.settings | settings,
            program=GRACEFUL if graceful else None,
        ) as process:
            yield process

    def rows(self, schema: str = SCHEMA) -> dict[str, int]:
        """The statuses in the warehouse, by message."""
        with psycopg.connect(self.uri) as warehouse:
            found = warehouse.execute(
                f"SELECT message_id, status_code FROM {schema}.sms_messages"  # noqa: S608
            ).fetchall()
        by_id: dict[str, int] = dict(found)
        assert len(by_id) == len(found), "a message is there twice"
        return by_id

    def truth(self) -> dict[str, int]:
        """What they should be."""
        messages = self.backend.truth(self.start, self.end)
        return {message.message_id: message.status for message in messages}

    def newest(self) -> str | None:
        """The latest end of a window in the warehouse, in the words of a bookmark."""
        with psycopg.connect(self.uri) as warehouse:
            (found,) = warehouse.execute(
                f"SELECT max(to_ts) FROM {SCHEMA}.sms_messages"  # noqa: S608
            ).fetchone() or (None,)
        return None if found is None else f"{found.isoformat()}+00:00"

    def state_text(self, state_id: str = STATE_ID, **settings: str) -> str:
        """The whole state, byte for byte as Meltano has it."""
        lines: list[str] = []
        self.meltano.run("state", "get", state_id, settings=settings, show=lines.append)
        (text,) = [line for line in lines if line.startswith("{")]
        return text

    def state(self, state_id: str = STATE_ID, **settings: str) -> dict[str, object]:
        """The stream's state, as Meltano has it."""
        state = json.loads(self.state_text(state_id, **settings)).get("singer_state", {})
        stream = state.get("bookmarks", {}).get("sms_messages", {})
        assert isinstance(stream, dict)
        return stream

    def forget(self) -> None:
        """Begin anew: no table, and no state."""
        with psycopg.connect(self.uri) as warehouse:
            warehouse.execute(f"DROP TABLE IF EXISTS {SCHEMA}.sms_messages")
        self.meltano.run("state", "clear", "--force", STATE_ID, settings={}, show=print)

    def asked(self, since: int = 0) -> list[tuple[int, int]]:
        """The spans that exports were asked for, from a line of the journal on."""
        return [
            (line.from_ts or 0, line.to_ts or 0)
            for line in self.backend.journal[since:]
            if line.operation == "request" and line.status == 200
        ]


@contextmanager
def pipeline(
    home: Path, *, hours: int = 48, per_hour: float = 150, build: Build | None = None
) -> Iterator[Pipeline]:
    """Install what is needed, then start everything on fresh folders.

    Time stands still, unless exports need some to be built (in polls they need none).
    """
    now = int(time.time())
    start, end = now - (hours + 1) * HOUR, now - HOUR
    install(print)
    with ExitStack() as stack:
        backend = Backend(
            data=Messages(since=start - HOUR, per_hour=per_hour),
            clock=time.time if build and build.polls is None else lambda: now,
            build=build or Build(seconds=0),
            # A clock that stands still would after five minutes look like a wrong one.
            unknowns=Unknowns(date_header=False),
        )
        sandbox = stack.enter_context(Sandbox(backend))
        uri = stack.enter_context(postgres())
        yield Pipeline(backend, sandbox.url, uri, Meltano.prepare(home), start, end)


def processes(group: int) -> list[str]:
    """The command lines of the living processes of a group."""
    ps = ["ps", "-A", "-o", "pgid=,stat=,args="]
    lines = subprocess.run(ps, capture_output=True, check=True, text=True).stdout.splitlines()
    fields = [line.split(maxsplit=2) for line in lines]
    # A dead process without a parent that asks for it is still listed in some containers.
    return [args for pgid, stat, args in fields if pgid == str(group) and stat[0] != "Z"]
