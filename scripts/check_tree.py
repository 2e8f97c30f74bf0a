"""Refuse what must not be in git: a lock file with registry addresses, or such an address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.root import ROOT

# Where packages come from is the business of each machine's own configuration.
PATTERNS = (
    re.compile(r"\b(?:https?|file)://\S+/simple\b"),
    re.compile(r"https?://\S+\.(?:whl|tar\.gz)\b"),
    re.compile(r"--(?:extra-)?index(?:-url)?[ =]\S*://"),
)
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock"}


def offences() -> list[str]:
    """Name every tracked file that holds an address of a package registry."""
    listing = ["git", "ls-files", "-z"]
    tracked = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = []
    hosts = _configured_hosts()
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if path.name in LOCK_FILES:
            found.append(f"{name}: a lock file; the pins live in requirements/")
        if path == Path(__file__).resolve() or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if any(pattern.search(line) for pattern in PATTERNS) or any(h in line for h in hosts):
                found.append(f"{name}:{number}: an address of a package registry")
    return found


def _configured_hosts() -> set[str]:
    """The registries that this machine is set up with, save names that mean something else too."""
    # The machine's own pip: an environment made by uv has none.
    listing = ["python3", "-m", "pip", "config", "list"]
    pip = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    settings = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    urls = re.findall(r"https?://[^\s'\"]+", "\n".join([pip, *settings]))
    elsewhere = {"127.0.0.1", "::1", "localhost"}
    return {host for url in urls if (host := urlsplit(url).hostname)} - elsewhere


def main() -> int:
    """Print the offences; the exit code tells whether there are any."""
    found = offences()
    for offence in found:
        print(offence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
