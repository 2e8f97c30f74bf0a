"""Draws the charts of `docs/performance.md` from the figures of `make bench`.

Runs in an environment of its own: `python charts.py FIGURES.json FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

# So that the same figures give the same file.
mpl.rcParams["svg.hashsalt"] = "tap-mailjet-sms"
mpl.rcParams["font.size"] = 9
METADATA = {"Date": None, "Creator": None}
BLUE, GREY = "#1f5fa8", "#b5b5b5"


def main(figures: str, folder: str) -> None:
    """Draw the chart of each part that was measured."""
    found = json.loads(Path(figures).read_text())
    into = Path(folder)
    if "growth" in found:
        growth(found["growth"], into / "performance-growth.svg")
    if "records" in found:
        speed(found["records"], into / "performance-records.svg")
    if "meltano" in found:
        warehouse(found["meltano"], into / "performance-meltano.svg")


def growth(table: list[dict[str, float]], path: Path) -> None:
    """Rows against seconds, and against memory."""
    figure, (seconds, memory) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    rows = [row["rows"] for row in table]
    seconds.plot(rows, [row["CPU s"] for row in table], "o-", color=BLUE)
    seconds.set(xscale="log", yscale="log", xlabel="rows of an export", ylabel="CPU seconds")
    memory.plot(rows, [row["peak MiB"] for row in table], "o-", color=BLUE)
    memory.axhline(170, color=GREY, linestyle="--")
    memory.set(xscale="log", ylim=(0, 200), xlabel="rows of an export", ylabel="peak MiB")
    for axes in (seconds, memory):
        axes.grid(alpha=0.3)
    figure.savefig(path, metadata=METADATA)


def speed(table: list[dict[str, object]], path: Path) -> None:
    """Rows for a CPU second, by program, net of start-up."""
    programs = [row for row in table if row["program"] != "cat"][::-1]
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    values = [float(str(row["net"])) for row in programs]
    names = [str(row["program"]) for row in programs]
    colours = [BLUE if name.startswith("tap") else GREY for name in names]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3)
    axes.set(xlabel="rows for a CPU second, net of start-up", xlim=(0, max(values) * 1.15))
    figure.savefig(path, metadata=METADATA)


def warehouse(table: list[dict[str, object]], path: Path) -> None:
    """Seconds of the processor by process for a first load and an upsert, by the way."""
    measured = [row for row in table if "net" in row][::-1]
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 3.6), sharex=True, sharey=True, layout="constrained"
    )
    for axes, load in zip(panels, ("first load", "upsert"), strict=True):
        ways = [row for row in measured if row["load"] == load]
        names = [str(row["way"]) for row in ways]
        left = [0.0] * len(ways)
        processes = {"tap": BLUE, "target": GREY, "Postgres": "#d9a441"}
        for process, colour in processes.items():
            seconds = [
                1e6 * float(str(row[f"{process} CPU s"])) / float(str(row["rows"])) for row in ways
            ]
            axes.barh(names, seconds, left=left, color=colour, label=process)
            left = [before + more for before, more in zip(left, seconds, strict=True)]
        axes.bar_label(axes.containers[-1], [f"{value:,.0f}" for value in left], padding=3)
        axes.set(title=load, xlim=(0, max(*left, axes.get_xlim()[1]) * 1.1))
    figure.supxlabel("CPU microseconds for a row, start-up included", fontsize="medium")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, metadata=METADATA)


if __name__ == "__main__":
    main(*sys.argv[1:])
