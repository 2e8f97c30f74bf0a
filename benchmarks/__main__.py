"""`python -m benchmarks [PART ...]`: measure the tap beside its peers, in one run.

Each part measures its programs in turn, round after round, so that whatever else the machine does
falls on all of them alike, and gives medians. CPU seconds are those of the whole process, and net
of start-up those less what the same program takes for 100 rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks import parts
from benchmarks.report import show
from pipeline.environments import environment
from pipeline.root import ROOT

VERSIONS = ("singer-sdk", "pyarrow", "arro3-io", "msgspec", "requests")


def main() -> int:
    """Run the parts that are asked for, print their tables, and keep their figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n"
        + "\n".join(f"  {name:10} {part.__doc__}" for name, part in parts.PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all of them")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the exports compared")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each program")
    parser.add_argument("--json", type=Path, default=ROOT / ".tools" / "benchmarks.json")
    parser.add_argument("--charts", action="store_true", help="draw what was measured, and end")
    options = parser.parse_args()
    if options.charts:
        charts = [environment("charts") / "python", ROOT / "benchmarks" / "charts.py"]
        return subprocess.run([*charts, options.json, ROOT / "docs"], check=True).returncode
    if unknown := set(options.parts) - set(parts.PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")

    found: dict[str, object] = {
        "machine": machine(),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
    }
    print(json.dumps(found, indent=2))
    with tempfile.TemporaryDirectory(prefix="tap-mailjet-sms-benchmarks-") as folder:
        for name in options.parts or parts.PARTS:
            bench = parts.Bench(Path(folder), rows=options.rows, rounds=options.rounds)
            table = parts.PARTS[name](bench)
            show(name, table)
            found[name] = table
            options.json.parent.mkdir(parents=True, exist_ok=True)
            kept = json.loads(options.json.read_text()) if options.json.is_file() else {}
            options.json.write_text(json.dumps(kept | found, indent=1) + "\n")
    print(f"\nThe figures are in {options.json}")
    return 0


def machine() -> dict[str, object]:
    """What the figures hold for."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": f"{len(names)} x {names[0]}" if names else platform.processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: version(name) for name in VERSIONS},
    }


if __name__ == "__main__":
    sys.exit(main())
