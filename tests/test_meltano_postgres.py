"""The whole way: a local Mailjet, the real `meltano run`, and an embedded Postgres."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import psycopg
import pytest

from mailjet_sandbox import LAYOUTS, Backend, Build, Messages, Sandbox, Unknowns
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url
from pipeline.processes import CommandError
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row: TypeAlias = dict[str, object]

# Dotted headers, `;`, decimal commas, a byte order mark, CRLF and two unknown hostile columns.
LAYOUT = LAYOUTS["extra-semicolon"]
COLUMNS = {
    "message_id": "text",
    "sender": "text",
    "recipient": "text",
    "status_code": "bigint",
    "status_name": "text",
    "status_description": "text",
    "created_at": "timestamp without time zone",
    "sent_at": "timestamp without time zone",
    "sms_count": "bigint",
    "cost_value": "numeric",
    "cost_currency": "text",
    "extra": "jsonb",
    "export_id": "bigint",
    "exported_at": "timestamp without time zone",
    "from_ts": "timestamp without time zone",
    "to_ts": "timestamp without time zone",
}


@dataclass(frozen=True, slots=True)
class Journey:
    """A local Mailjet whose time stands still, a warehouse, and Meltano between them."""

    backend: Backend
    url: str
    meltano: Meltano
    uri: str
    warehouse: psycopg.Connection[tuple[object, ...]]
    now: datetime

    def run(
        self, *command: str, start: datetime, end: datetime, meltano: Meltano | None = None
    ) -> list[tuple[int, int]]:
        """Load up to `end`, and give each export's span as the tap asked for it."""
        asked_before = len(self._exports())
        settings = {
            "TAP_MAILJET_SMS_API_URL": self.url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": self.backend.token,
            "TAP_MAILJET_SMS_START_DATE": start.isoformat(),
            "TAP_MAILJET_SMS_END_DATE": end.isoformat(),
            "TAP_MAILJET_SMS_WINDOW_DAYS": "1.5",
            # Hours pass for the deliveries only: by the clock, nothing is due to be read again.
            "TAP_MAILJET_SMS_LOOKBACK_SCHEDULE": "every_run",
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(self.uri),
        }
        command = command or ("run", TAP, TARGET)
        (meltano or self.meltano).run(*command, settings=settings, show=print)
        return self._exports()[asked_before:]

    def expected(self, exports: list[tuple[int, int]], *, start: datetime, first: int) -> list[Row]:
        """Say what the rows of these exports must be, from the local Mailjet's own data.

        Each export is asked for from one second before its window, save at the start date; a
        message of the overlap belongs to the earlier window.
        """
        rows: dict[object, Row] = {}
        stamp = self.backend.clock.stamp()
        for export_id, (asked_from, asked_to) in enumerate(exports, start=first):
            window_from = asked_from + (asked_from != int(start.timestamp()))
            for message in self.backend.truth(asked_from, asked_to, at=stamp):
                row = LAYOUT.expected(message)
                row["created_at"] = _moment(row.pop("created_ts"))
                row["sent_at"] = _moment(row.pop("sent_ts"))
                row["cost_value"] = Decimal(str(row["cost_value"]))
                row["export_id"] = export_id
                row["exported_at"] = _moment(stamp)
                row["from_ts"] = _moment(window_from)
                row["to_ts"] = _moment(asked_to)
                rows.setdefault(message.message_id, row)
        return list(rows.values())

    def table(self, schema: str = "mailjet_dev") -> dict[object, Row]:
        """Read every row of the warehouse by its key."""
        names = ", ".join(COLUMNS)
        query = f"SELECT {names} FROM {schema}.sms_messages"  # noqa: S608
        rows = self.warehouse.execute(query).fetchall()
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        by_id = {row["message_id"]: row for row in found}
        assert len(by_id) == len(found), "a message is there twice"
        return by_id

    def _exports(self) -> list[tuple[int, int]]:
        return [
            (asked.from_ts, asked.to_ts)
            for asked in self.backend.journal
            if asked.operation == "request" and asked.from_ts and asked.to_ts
        ]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Install what is needed, then start everything on fresh folders."""
    install(print)
    now = time.time()
    with ExitStack() as stack:
        backend = Backend(
            data=Messages(since=int(now) - 30 * 86_400, per_hour=20),
            clock=lambda: now,
            layout=LAYOUT,
            build=Build(polls=1),
            # Its clock stands still, which after five minutes would look like a wrong one.
            unknowns=Unknowns(date_header=False),
        )
        sandbox = stack.enter_context(Sandbox(backend))
        uri = stack.enter_context(postgres())
        warehouse = stack.enter_context(psycopg.connect(uri, autocommit=True))
        # Where times would go wrong if Meltano did not hand on what the loader's `env` says.
        warehouse.execute("ALTER DATABASE postgres SET timezone TO 'Europe/Paris'")
        meltano = Meltano.prepare(tmp_path_factory.mktemp("demo") / "meltano")
        yield Journey(
            backend, sandbox.url, meltano, uri, warehouse, datetime.fromtimestamp(int(now), UTC)
        )


def test_two_runs_leave_what_mailjet_knows(journey: Journey) -> None:
    """After a first load, and after statuses moved on, every field of every row is right."""
    start = journey.now - timedelta(days=5)
    end = journey.now - timedelta(hours=1)

    exports = journey.run(start=start, end=end)
    first_load = {
        row["message_id"]: row for row in journey.expected(exports, start=start, first=56660)
    }
    assert len(exports) == 4
    assert len(first_load) > 2000
    assert journey.table() == first_load

    types = journey.warehouse.execute(
        """SELECT column_name, data_type FROM information_schema.columns
           WHERE table_name = 'sms_messages' AND column_name NOT LIKE '\\_sdc%'"""
    ).fetchall()
    assert dict(types) == COLUMNS  # type: ignore[arg-type]

    journey.backend.advance(delivery=86_400)
    later = journey.run(start=start, end=journey.now - timedelta(minutes=10))
    update = journey.expected(later, start=start, first=56660 + len(exports))
    expected = first_load | {row["message_id"]: row for row in update}
    assert journey.table() == expected

    # The second run had something to do: it read three days again, not everything.
    moved = [
        row
        for row in update
        if row["message_id"] in first_load
        and row["status_code"] != first_load[row["message_id"]]["status_code"]
    ]
    assert moved
    assert len(expected) > len(first_load)
    assert len(update) < len(expected)


def test_batch_files_are_deleted_once_they_are_loaded(journey: Journey, tmp_path: Path) -> None:
    """The environment for many rows at once loads the same rows, and leaves no number behind.

    What a target has failed with stays, until the next run has loaded all of it.
    """
    shutil.copy(ROOT / "meltano.yml", tmp_path)
    start, end = journey.now - timedelta(days=2), journey.now - timedelta(hours=1)
    files = tmp_path / "output" / "batch-files"

    def run() -> list[tuple[int, int]]:
        command = ("--environment=postgres-files", "run", "sms-to-postgres-files")
        meltano = Meltano(journey.meltano.home, project=tmp_path)
        return journey.run(*command, start=start, end=end, meltano=meltano)

    journey.warehouse.execute("CREATE SCHEMA mailjet")
    journey.warehouse.execute(
        "CREATE TABLE mailjet.sms_messages (message_id text PRIMARY KEY CHECK (false))"
    )
    with pytest.raises(CommandError):
        run()
    assert list(files.iterdir())
    assert not journey.warehouse.execute("SELECT FROM mailjet.sms_messages").fetchall()
    journey.warehouse.execute("DROP TABLE mailjet.sms_messages")
    first = 56660 + len(journey._exports())

    exports = run()

    expected = journey.expected(exports, start=start, first=first)
    assert len(expected) > 900
    assert journey.table("mailjet") == {row["message_id"]: row for row in expected}
    assert not list(files.iterdir())
    # So they came from files.
    (row,) = journey.warehouse.execute("SELECT count(_sdc_extracted_at) FROM mailjet.sms_messages")
    assert row == (0,)


def _moment(seconds: object) -> datetime | None:
    """Turn unix seconds into what Postgres gives for its `timestamp`: UTC without saying so."""
    if seconds is None:
        return None
    assert isinstance(seconds, int)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
