"""The tap stays fast and small: ratios within one run, with a wide margin.

What it reaches on a quiet machine is in `docs/performance.md`, and `make bench` measures it.
"""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.export_server import serve
from benchmarks.parts import FEW, HASHED, TAP, Bench, polls
from benchmarks.processes import measure
from benchmarks.startup import cpu_until_first_request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Exports and settings, in a folder of their own."""
    return Bench(tmp_path_factory.mktemp("bench"), rows=FEW, rounds=1)


class Race:
    """Two programs in turn, round after round, until the ratio holds or never will.

    Each is known by its best run on each export: what else the machine does only ever adds. So a
    busy machine makes a race longer, and what is slower by far loses it on any machine.
    """

    ROUNDS = 8

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._best: dict[tuple[str, int], float] = {}

    def run(self, name: str, command: Callable[[str], Sequence[str]], *, rows: int) -> float:
        """CPU seconds of the best run so far, after one more."""
        with serve(self._bench.export(rows), rows=rows) as url:
            taken = measure(command(url)).cpu
        best = min(taken, self._best.get((name, rows), taken))
        self._best[name, rows] = best
        return best

    def net(self, name: str, command: Callable[[str], Sequence[str]], *, rows: int) -> float:
        """Microseconds of CPU for a row, net of start-up, after one more run."""
        large, small = (self.run(name, command, rows=size) for size in (rows, FEW))
        return (large - small) / (rows - FEW) * 1e6

    def holds(self, ratio: Callable[[], float], *, above: float) -> bool:
        """Whether it gets above this; not after one round only, since a single run says little."""
        ratio()
        return any(ratio() > above for _ in range(1, self.ROUNDS))


@pytest.fixture
def race(bench: Bench) -> Race:
    """A race between programs."""
    return Race(bench)


def test_records_leave_many_times_faster_than_from_a_stock_tap(bench: Bench, race: Race) -> None:
    """The RECORD lane takes a small part of the time of a stock tap of the SDK."""

    def ratio() -> float:
        tap = race.net("tap", lambda url: bench.tap("plain", url), rows=400_000)
        return race.net("stock", lambda url: bench.stock("plain", url), rows=30_000) / tap

    assert race.holds(ratio, above=10)


def test_single_records_leave_faster_than_from_a_stock_tap(bench: Bench, race: Race) -> None:
    """Where a map wants single records, the rest of the way is still the faster one."""

    def ratio() -> float:  # start-up counts on both sides: it is no small part of either
        tap = race.run("tap", lambda url: bench.tap("map", url, HASHED), rows=50_000)
        return race.run("stock", lambda url: bench.stock("map", url, HASHED), rows=50_000) / tap

    assert race.holds(ratio, above=1.2)


def test_batch_files_cost_little_more_than_arrow_alone(bench: Bench, race: Race) -> None:
    """Arrow files take a small multiple of what pyarrow takes to parse, type and write."""
    rows = 500_000

    def ratio() -> float:  # start-up counts here, too
        limit = bench.limit("arrow", bench.export(rows))
        tap = race.run("tap", lambda url: bench.batch(url, "arrow"), rows=rows)
        return race.run("pyarrow", lambda _: limit, rows=rows) / tap

    assert race.holds(ratio, above=0.25)


def test_memory_does_not_depend_on_the_rows(bench: Bench) -> None:
    """Six times the rows, and hardly more memory."""
    peaks = []
    for rows in (50_000, 300_000):
        with serve(bench.export(rows), rows=rows) as url:
            peaks.append(measure(bench.tap("plain", url)).peak_mib)
    assert peaks[1] < 1.25 * peaks[0]
    assert peaks[1] < 200


def test_start_costs_hardly_more_than_the_sdk(bench: Bench, race: Race) -> None:
    """Until the first request the tap takes little more than importing the SDK."""
    sdk, tap = [], []

    def ratio() -> float:
        sdk.append(measure([sys.executable, "-c", "import singer_sdk"]).cpu)
        tap.append(cpu_until_first_request(lambda url: bench.tap("start", url)))
        return min(sdk) / min(tap)

    assert race.holds(ratio, above=0.5)


@pytest.mark.parametrize("option", ["--about", "--version", "--discover"])
def test_what_reads_nothing_imports_no_arrow(option: str) -> None:
    """What asks nothing of Mailjet is done without pyarrow and arro3."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *TAP[1:], option], capture_output=True, check=True
    )
    imported = {line.split(b"|")[-1].strip().split(b".")[0] for line in done.stderr.splitlines()}
    assert b"singer_sdk" in imported
    assert not {b"pyarrow", b"arro3"} & imported


def test_polls_grow_with_the_logarithm_of_the_wait(bench: Bench) -> None:
    """An export that takes long is asked for ever more seldom, and seen soon after it is done."""
    for row in polls(bench):
        seconds = float(str(row["finished after s"]))
        assert int(str(row["polls at most"])) <= 12 + 12 * math.log(seconds)
        assert float(str(row["seen late by s, at most"])) <= max(1, seconds / 10)
