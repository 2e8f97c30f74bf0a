"""The parts of the benchmark: what is measured, and beside what."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import cells as compared
from benchmarks import pace as sharing
from benchmarks import waiting as waits
from benchmarks import warehouse
from benchmarks.export_server import TOKEN, serve, write_export
from benchmarks.peers import airbyte
from benchmarks.processes import Run, measure
from benchmarks.startup import cpu_until_first_request
from pipeline.environments import environment
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.report import Table

PEERS = ROOT / "benchmarks" / "peers"
TAP = (sys.executable, "-m", "tap_mailjet_sms")
#: So few rows show what a program takes to start.
FEW = 100
SPAN = {"start_date": "2026-01-01T00:00:00+00:00", "end_date": "2026-01-06T00:00:00+00:00"}
HASHED = {"stream_maps": {"sms_messages": {"recipient": "md5(recipient)"}}}
#: Sizes of exports, to see how cost grows.
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(slots=True)
class Bench:
    """A folder, and how thoroughly to measure."""

    folder: Path
    rows: int
    rounds: int

    def export(self, rows: int) -> Path:
        """An export of so many rows, made once."""
        path = self.folder / f"export-{rows}.csv"
        if not path.exists():
            write_export(path, rows=rows)
        return path

    def settings(self, name: str, content: Mapping[str, object]) -> Path:
        """A file of settings."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return path

    def tap(self, name: str, url: str, more: Mapping[str, object] | None = None) -> Sequence[str]:
        """The command that reads an API's one export with the tap."""
        config = {"auth_token": TOKEN, "api_url": url, **SPAN, **(more or {})}
        return [*TAP, "--config", str(self.settings(name, config))]

    def batch(self, url: str, format_: str, compression: str | None = None) -> Sequence[str]:
        """The command that reads an API's one export into batch files."""
        root = self.folder / "batches"
        shutil.rmtree(root, ignore_errors=True)
        encoding = {"format": format_} | ({"compression": compression} if compression else {})
        config = {"encoding": encoding, "storage": {"root": root.as_uri()}, "batch_size": 100_000}
        return self.tap(f"batch-{format_}", url, {"batch_config": config})

    def stock(self, name: str, url: str, more: Mapping[str, object] | None = None) -> Sequence[str]:
        """The command that does so with a stock tap of the SDK."""
        config = {"auth_token": TOKEN, "api_url": url, **SPAN, **(more or {})}
        return [
            sys.executable,
            str(PEERS / "stock_tap.py"),
            "--config",
            str(self.settings(f"stock-{name}", config)),
        ]

    def airbyte(self, url: str) -> Sequence[str]:
        """The command that does so with Airbyte's CDK."""
        start, end = (datetime.fromisoformat(moment) for moment in SPAN.values())
        job = airbyte.Job(url, TOKEN, start, end, end - start + timedelta(days=1), at_once=4)
        arguments = airbyte.write_files(job, self.folder)
        return [str(environment("airbyte-cdk") / "source-declarative-manifest"), *arguments]

    def limit(self, what: str, export: Path) -> Sequence[str]:
        """The command that does with pyarrow alone, and a file, what the tap does."""
        into = self.folder / f"limit-{what}"
        return [sys.executable, str(PEERS / "arrow.py"), what, str(export), str(into)]

    def compare(self, programs: Mapping[str, Callable[[str, Path], Sequence[str]]]) -> Table:
        """Measure programs on a tiny export and on a large one, in turn, round after round.

        A machine's speed may change from minute to minute: so what is subtracted from a run is what
        was measured right before it, and a round has all programs.
        """
        runs: dict[tuple[str, int], list[Run]] = {}
        few, many = self.export(FEW), self.export(self.rows)
        with serve(few, rows=FEW) as few_url, serve(many, rows=self.rows) as many_url:
            for _ in range(self.rounds):
                for name, command in programs.items():
                    for rows, url, path in ((FEW, few_url, few), (self.rows, many_url, many)):
                        run = measure(command(url, path))
                        runs.setdefault((name, rows), []).append(run)
            sums = {
                name: measure(command(few_url, few), check=True)
                for name, command in programs.items()
            }
        return [self._row(name, runs, sums[name]) for name in programs]

    def _row(
        self, name: str, runs: Mapping[tuple[str, int], list[Run]], checked: Run
    ) -> dict[str, object]:
        few, many = runs[name, FEW], runs[name, self.rows]
        cpu = statistics.median(run.cpu for run in many)
        net = statistics.median(
            large.cpu - small.cpu for small, large in zip(few, many, strict=True)
        )
        return {
            "program": name,
            "CPU s": cpu,
            "net CPU s": net,
            "rows per CPU s": round(self.rows / cpu),
            "net": round(self.rows / net) if net > 0 else None,
            "wall s": statistics.median(run.wall for run in many),
            "peak MiB": round(statistics.median(run.peak_mib for run in many)),
            "output MB": round(many[0].output_bytes / 1e6),
            f"checksum of {FEW}": checked.checksum if checked.rows else None,
        }


def _against(table: Table, name: str, *, by: str = "net", title: str) -> Table:
    """Add each program's speed over that of one of them."""
    base = next(row for row in table if row["program"] == name)[by]
    for row in table:
        row[title] = float(str(row[by])) / float(str(base)) if row[by] and base else None
    return table


def records(bench: Bench) -> Table:
    """RECORD lane beside a stock tap, Airbyte's CDK, bare Python, and `cat`."""
    table = bench.compare(
        {
            "tap": lambda url, _: bench.tap("plain", url),
            "stock SDK tap": lambda url, _: bench.stock("plain", url),
            "Airbyte CDK": lambda url, _: bench.airbyte(url),
            "bare csv + json": lambda _, path: [sys.executable, str(PEERS / "bare.py"), str(path)],
            "tap, map": lambda url, _: bench.tap("map", url, HASHED),
            "stock SDK tap, map": lambda url, _: bench.stock("map", url, HASHED),
            "cat": lambda _, path: ["cat", str(path)],
        }
    )
    _against(table, "stock SDK tap", by="rows per CPU s", title="x stock")
    _against(table, "stock SDK tap", title="x stock, net")
    return _against(table, "Airbyte CDK", title="x Airbyte, net")


def batches(bench: Bench) -> Table:
    """BATCH lane beside what pyarrow alone takes for the same files."""

    def limit(what: str) -> Callable[[str, Path], Sequence[str]]:
        return lambda _, path: bench.limit(what, path)

    return _against(
        bench.compare(
            {
                "pyarrow: parse, type": limit("parse"),
                "pyarrow: and Arrow IPC": limit("arrow"),
                "tap, arrow": lambda url, _: bench.batch(url, "arrow"),
                "pyarrow: and Parquet": limit("parquet"),
                "tap, parquet": lambda url, _: bench.batch(url, "parquet"),
                "tap, jsonl": lambda url, _: bench.batch(url, "jsonl", "none"),
                "tap, jsonl gzip": lambda url, _: bench.batch(url, "jsonl", "gzip"),
            }
        ),
        "pyarrow: and Arrow IPC",
        title="of pyarrow's Arrow IPC",
    )


def growth(bench: Bench) -> Table:
    """How time and memory of the RECORD lane grow with the rows of an export."""
    table: Table = []
    for rows in SIZES:
        with serve(bench.export(rows), rows=rows) as url:
            run = measure(bench.tap("plain", url))
        table.append(
            {
                "rows": rows,
                "CPU s": run.cpu,
                "wall s": run.wall,
                "peak MiB": round(run.peak_mib),
                "output MB": round(run.output_bytes / 1e6),
            }
        )
        bench.export(rows).unlink()
    return table


def memory(bench: Bench) -> Table:
    """Peak memory of each lane for 500,000 and 5,000,000 rows."""
    stopped = "RECORD, the reader stops for a minute"
    programs: dict[str, Callable[[str], Sequence[str]]] = {
        "RECORD": partial(bench.tap, "plain"),
        stopped: partial(bench.tap, "plain"),
        "RECORD, map": partial(bench.tap, "map", more=HASHED),
        "BATCH arrow": partial(bench.batch, format_="arrow"),
        "BATCH parquet": partial(bench.batch, format_="parquet"),
    }
    table: Table = [{"lane": name} for name in programs]
    for rows in (500_000, 5_000_000):
        with serve(bench.export(rows), rows=rows) as url:
            for row, (name, command) in zip(table, programs.items(), strict=True):
                if name != "RECORD, map" or rows < 1_000_000:
                    stop = 60 if name == stopped else 0
                    peak = measure(command(url), stop=stop).peak_mib
                    row[f"{rows:,} rows, peak MiB"] = round(peak)
        bench.export(rows).unlink()
    return table


def hashing(bench: Bench) -> Table:
    """RECORD lane with hashed recipients, where a number repeats ten times, and where none does."""
    hashed = {"hash_columns": ["recipient"], "hash_key": "a key of a benchmark"}
    table: Table = []
    for times in (10, 1):
        path = bench.folder / "numbers.csv"
        write_export(path, rows=bench.rows, numbers=bench.rows // times)
        with serve(path, rows=bench.rows) as url:
            runs = [
                (measure(bench.tap("plain", url)), measure(bench.tap("hashed", url, hashed)))
                for _ in range(bench.rounds)
            ]
        plain, with_hashes = (
            {
                "CPU s": statistics.median(run.cpu for run in column),
                "peak MiB": round(statistics.median(run.peak_mib for run in column)),
            }
            for column in zip(*runs, strict=True)
        )
        table.append(
            {
                "each number occurs": f"{times} x",
                **{f"plain, {name}": value for name, value in plain.items()},
                **{f"hashed, {name}": value for name, value in with_hashes.items()},
                "x": statistics.median(second.cpu / first.cpu for first, second in runs),
            }
        )
    return table


def startup(bench: Bench) -> Table:
    """CPU from start to the first request, beside importing the SDK."""
    programs: dict[str, Callable[[], float]] = {
        "import singer_sdk": lambda: measure([sys.executable, "-c", "import singer_sdk"]).cpu,
        "tap, first request": partial(cpu_until_first_request, partial(bench.tap, "start")),
        "tap --version": lambda: measure([*TAP, "--version"]).cpu,
        "tap --about": lambda: measure([*TAP, "--about"]).cpu,
        "stock SDK tap, first request": partial(
            cpu_until_first_request, partial(bench.stock, "start")
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(3 * bench.rounds):
        for name, program in programs.items():
            seconds[name].append(program())
    base = statistics.median(seconds["import singer_sdk"])
    return [
        {"program": name, "CPU s": statistics.median(taken), "x": statistics.median(taken) / base}
        for name, taken in seconds.items()
    ]


def waiting(bench: Bench) -> Table:
    """12 exports that take 5 seconds each, with so many under way at once."""
    return waits.table(bench.folder)


def polls(_: Bench) -> Table:
    """How many polls an export takes, by the seconds until it is finished."""
    return waits.polls()


def meltano(bench: Bench) -> Table:
    """The whole way into Postgres by process, with the target's defaults, faster, and peers."""
    return warehouse.table(bench.folder, rows=min(bench.rows, 50_000), rounds=bench.rounds)


def cells(bench: Bench) -> Table:
    """Which cells of a hostile set each way into Postgres alters, peers too."""
    return compared.table(bench.folder)


def pace(bench: Bench) -> Table:
    """Many clients that share a token with a limit of calls per second."""
    return sharing.table(bench.folder)


PARTS: dict[str, Callable[[Bench], Table]] = {
    part.__name__: part
    for part in (
        *(records, batches, hashing, startup, waiting, polls, pace, memory, growth, meltano, cells),
    )
}
