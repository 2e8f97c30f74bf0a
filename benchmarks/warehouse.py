"""The whole way into Postgres, taken apart by process: the tap, the target, and Postgres itself."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import psycopg

from benchmarks.export_server import TOKEN, serve, write_export
from pipeline.environments import environment
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.report import Table

PEERS = Path(__file__).resolve().parent / "peers"
WINDOW = {"start_date": "2026-01-01T00:00:00+00:00", "end_date": "2026-01-06T00:00:00+00:00"}
FEW = 100
FAST: Mapping[str, object] = {"validate_records": False, "sanitize_null_text_characters": True}
LOADS = ("first load", "upsert")
DEFAULTS, RECOMMENDED = "target-postgres, its defaults", "… recommended"
LIMIT = "bare COPY and upsert"


@dataclass(frozen=True, slots=True)
class Database:
    """Where everything goes."""

    uri: str

    @property
    def folder(self) -> str:
        """The folder of its socket."""
        return parse_qs(urlsplit(self.uri).query)["host"][0]

    @property
    def pid(self) -> int:
        """The process of its server."""
        return int((Path(self.folder) / "postmaster.pid").read_text().split()[0])

    def cpu(self) -> float:
        """The processor's seconds of the server and of all that it has ever started."""
        time.sleep(0.5)  # so that it has taken leave of those that have just ended
        ticks = _ticks(self.pid, ended_children=True)
        for path in Path("/proc").glob("[0-9]*"):
            if path.name.isdigit() and _parent(int(path.name)) == self.pid:
                ticks += _ticks(int(path.name), ended_children=False)
        return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Way:
    """A program that takes the tap's output, and what the tap is told for it."""

    name: str
    #: Its command for a schema, which also is the name of its files in a folder.
    command: Sequence[str]
    tap: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the processor, by process, and of the clock."""

    tap: float
    target: float
    postgres: float
    wall: float

    @property
    def cpu(self) -> float:
        """All of it."""
        return self.tap + self.target + self.postgres


def table(folder: Path, *, rows: int, rounds: int) -> Table:
    """What each way takes for a first load and for the same rows once more."""
    files = {}
    for size in (FEW, rows):
        files[size] = folder / f"warehouse-{size}.csv"
        write_export(files[size], rows=size)
    costs: dict[tuple[str, str, int], list[Cost]] = {}
    with (
        serve(files[FEW], rows=FEW) as few,
        serve(files[rows], rows=rows) as many,
        postgres() as uri,
    ):
        database = Database(uri)
        every = ways(database, folder)
        for _ in range(rounds):
            for way in every:
                for size, url in ((FEW, few), (rows, many)):
                    clear(database, folder)
                    for name in LOADS:
                        cost = run(way, url, database, folder)
                        costs.setdefault((way.name, name, size), []).append(cost)
                    if way.name == RECOMMENDED:
                        for name, cost in zip(LOADS, _limit(database), strict=True):
                            costs.setdefault((LIMIT, name, size), []).append(cost)
        names = [*(way.name for way in every), LIMIT]
        found = [_row(way, name, rows, costs) for name in LOADS for way in names]
        _against(found)
        return [*found, *_meltano(folder, many, database, rows, found)]


def ways(database: Database, folder: Path) -> list[Way]:
    """All that are measured, with their settings in a folder."""
    target = str(environment(TARGET) / TARGET)

    def singer(name: str, settings: Mapping[str, object], program: str = target) -> Sequence[str]:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(settings))
        return [program, "--config", str(path)]

    own = {"sqlalchemy_url": sqlalchemy_url(database.uri), "default_target_schema": "loaded"}
    files = {
        "batch_config": {
            "encoding": {"format": "jsonl", "compression": "none"},
            "storage": {"root": (folder / "batches").as_uri()},
            "batch_size": 10_000,
        }
    }
    pipelinewise = {
        "host": database.folder,
        "port": 5432,
        "user": "postgres",
        "password": "none",
        "dbname": "postgres",
        "default_target_schema": "loaded",
    }
    dlt = [str(environment("dlt") / "python"), str(PEERS / "dlt_postgres.py")]
    return [
        Way(DEFAULTS, singer("defaults", own)),
        Way(RECOMMENDED, singer("fast", {**own, **FAST})),
        Way("… and use_copy", singer("copy", {**own, **FAST, "use_copy": True})),
        Way("… and files of 10,000 rows", singer("files", {**own, **FAST}), files),
        Way("… and both", singer("both", {**own, **FAST, "use_copy": True}), files),
        Way("pipelinewise-target-postgres", singer(
            "pipelinewise", pipelinewise, str(environment("pipelinewise") / TARGET))),
        Way("dlt", [*dlt, database.uri, "loaded", str(folder / "peers")]),
        Way("sling, told the types", sling(database), {"decimals": "x-singer.decimal"}),
    ]  # fmt: skip


def sling(database: Database) -> Sequence[str]:
    """The command of a peer that can also guess the types of the columns: add `guess`."""
    program = [str(environment("sling") / "python"), str(PEERS / "sling_postgres.py")]
    return [*program, database.uri, "loaded"]


def run(
    way: Way, url: str, database: Database, folder: Path, window: Mapping[str, object] = WINDOW
) -> Cost:
    """Run the tap into a program, to the end of both.

    Raises:
        RuntimeError: If one fails.
    """
    shutil.rmtree(folder / "batches", ignore_errors=True)
    config = folder / "tap.json"
    own = {"auth_token": TOKEN, "api_url": url}
    config.write_text(json.dumps({**own, **window, **way.tap}))
    variables = {**os.environ, "PGTZ": "UTC", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    before, began = database.cpu(), time.perf_counter()
    with (folder / "log").open("wb") as log:
        tap = subprocess.Popen(
            [sys.executable, "-m", "tap_mailjet_sms", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        program = subprocess.Popen(
            way.command, stdin=tap.stdout, stdout=log, stderr=log, env=variables
        )
        if tap.stdout is not None:
            tap.stdout.close()
        of_tap, of_target = _seconds(tap), _seconds(program)
    wall = time.perf_counter() - began
    if tap.returncode or program.returncode:
        msg = f"{way.name} failed:\n{(folder / 'log').read_text()[-3000:]}"
        raise RuntimeError(msg)
    return Cost(of_tap, of_target, database.cpu() - before, wall)


def _seconds(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process, and give the seconds of the processor that it took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _limit(database: Database) -> Iterator[Cost]:
    """COPY and upsert of the rows that the table holds into an empty one, and once more."""
    with psycopg.connect(database.uri, autocommit=True) as connection:
        with connection.cursor().copy("COPY loaded.sms_messages TO STDOUT") as copy:
            text = b"".join(copy)
        connection.execute("CREATE TABLE loaded.bare (LIKE loaded.sms_messages INCLUDING INDEXES)")
        names = [
            str(row[0])
            for row in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attnum > 0"
                " AND attrelid = 'loaded.bare'::regclass"
            )
        ]
        values = ", ".join(f"{name} = excluded.{name}" for name in names)
        for _ in LOADS:
            before, own, began = database.cpu(), time.process_time(), time.perf_counter()
            with connection.transaction():
                connection.execute("CREATE TEMPORARY TABLE fresh (LIKE loaded.bare)")
                with connection.cursor().copy("COPY fresh FROM STDIN") as copy:
                    copy.write(text)
                connection.execute(
                    "INSERT INTO loaded.bare SELECT * FROM fresh"  # noqa: S608 - its own columns
                    f" ON CONFLICT (message_id) DO UPDATE SET {values}"
                )
                connection.execute("DROP TABLE fresh")
            wall = time.perf_counter() - began
            yield Cost(0, time.process_time() - own, database.cpu() - before, wall)


def _row(
    name: str, load: str, rows: int, costs: Mapping[tuple[str, str, int], Sequence[Cost]]
) -> dict[str, object]:
    few, many = costs[name, load, FEW], costs[name, load, rows]
    cpu = statistics.median(cost.cpu for cost in many)
    net = statistics.median(large.cpu - small.cpu for small, large in zip(few, many, strict=True))
    return {
        "way": name,
        "load": load,
        "rows": rows,
        "tap CPU s": statistics.median(cost.tap for cost in many),
        "target CPU s": statistics.median(cost.target for cost in many),
        "Postgres CPU s": statistics.median(cost.postgres for cost in many),
        "rows per CPU s": round(rows / cpu),
        "net": round(rows / net),
        "wall s": statistics.median(cost.wall for cost in many),
    }


def _against(found: Table) -> None:
    """Add each way's speed over that of the target's defaults."""
    for row in found:
        base = next(r for r in found if r["way"] == DEFAULTS and r["load"] == row["load"])
        for figure, title in (("rows per CPU s", "x defaults"), ("net", "x defaults, net")):
            row[title] = float(str(row[figure])) / float(str(base[figure]))


def _meltano(folder: Path, url: str, database: Database, rows: int, found: Table) -> Table:
    """What `meltano run` adds to the recommended way."""
    install(print)
    clear(database, folder)
    meltano = Meltano.prepare(folder / "meltano")
    settings = {
        "TAP_MAILJET_SMS_API_URL": url,
        "TAP_MAILJET_SMS_AUTH_TOKEN": TOKEN,
        "TAP_MAILJET_SMS_START_DATE": WINDOW["start_date"],
        "TAP_MAILJET_SMS_END_DATE": WINDOW["end_date"],
        "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(database.uri),
    }
    before, began = _children(), time.perf_counter()
    meltano.run("run", TAP, TARGET, settings=settings, show=lambda _: None)
    cpu, wall = _children() - before, time.perf_counter() - began
    alone = next(row for row in found if row["way"] == RECOMMENDED)
    both = float(str(alone["tap CPU s"])) + float(str(alone["target CPU s"]))
    way = "meltano itself, around the recommended way"
    return [{"way": way, "load": "first load", "rows": rows, "CPU s": cpu - both, "wall s": wall}]


def clear(database: Database, folder: Path) -> None:
    """Forget what was loaded, and what a peer has kept of it."""
    shutil.rmtree(folder / "peers", ignore_errors=True)
    with psycopg.connect(database.uri, autocommit=True) as connection:
        for schema in ("loaded", "loaded_staging", "mailjet_dev"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _ticks(pid: int, *, ended_children: bool) -> int:
    fields = _stat(pid)
    return sum(map(int, fields[11 : 15 if ended_children else 13]))
