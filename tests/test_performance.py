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


def seconds(bench: Bench, command: Callable[[str], Sequence[str]], *, rows: int) -> float:
    """CPU time for an export: the least of a few measurements."""
    with serve(bench.export(rows), rows=rows) as url:
        return min(measure(command(url)).cpu for _ in range(3))


def microseconds(bench: Bench, command: Callable[[str], Sequence[str]], *, rows: int) -> float:
    """CPU time for a row, net of start-up."""
    large, small = (seconds(bench, command, rows=size) for size in (rows, FEW))
    return (large - small) / (rows - FEW) * 1e6


def test_records_leave_many_times_faster_than_from_a_stock_tap(bench: Bench) -> None:
    """The RECORD lane takes a small part of the time of a stock tap of the SDK."""
    tap = microseconds(bench, lambda url: bench.tap("plain", url), rows=200_000)
    stock = microseconds(bench, lambda url: bench.stock("plain", url), rows=10_000)
    assert stock / tap > 8


def test_single_records_leave_faster_than_from_a_stock_tap(bench: Bench) -> None:
    """Where a map wants single records, the rest of the way is still the faster one."""
    tap = microseconds(bench, lambda url: bench.tap("map", url, HASHED), rows=10_000)
    stock = microseconds(bench, lambda url: bench.stock("map", url, HASHED), rows=10_000)
    assert stock / tap > 1.1


def test_batch_files_cost_little_more_than_arrow_alone(bench: Bench) -> None:
    """Arrow files take a small multiple of what pyarrow takes to parse, type and write."""
    rows = 500_000  # start-up counts on both sides: what is left of it would be mostly noise
    tap = seconds(bench, lambda url: bench.batch(url, "arrow"), rows=rows)
    limit = seconds(bench, lambda _: bench.limit("arrow", bench.export(rows)), rows=rows)
    assert tap / limit < 5


def test_memory_does_not_depend_on_the_rows(bench: Bench) -> None:
    """Six times the rows, and hardly more memory."""
    peaks = []
    for rows in (50_000, 300_000):
        with serve(bench.export(rows), rows=rows) as url:
            peaks.append(measure(bench.tap("plain", url)).peak_mib)
    assert peaks[1] < 1.25 * peaks[0]
    assert peaks[1] < 200


def test_start_costs_hardly_more_than_the_sdk(bench: Bench) -> None:
    """Until the first request the tap takes little more than importing the SDK."""
    sdk = min(measure([sys.executable, "-c", "import singer_sdk"]).cpu for _ in range(3))
    tap = min(cpu_until_first_request(lambda url: bench.tap("start", url)) for _ in range(3))
    assert tap < 2 * sdk


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
