"""Environments of their own for programs that cannot share the tap's: Meltano, targets, peers.

Each is made from hashed pins in `requirements/` and kept in `.tools/`, so that only the first use
installs anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.processes import CommandError, run_checked
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS = ROOT / ".tools"


def environment(name: str) -> Path:
    """The folder of the programs of an environment, made from `requirements/<name>.txt`.

    Raises:
        CommandError: If it cannot be installed.
    """
    pins = ROOT / "requirements" / f"{name}.txt"
    made_from = f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {sys.version}"
    folder = TOOLS / "environments" / name
    stamp = folder / "made-from"
    with locked(folder.with_suffix(".lock")):
        if not stamp.is_file() or stamp.read_text() != made_from:
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            python = str(folder / "bin" / "python")
            _uv("pip", "sync", "--quiet", "--python", python, "--require-hashes", str(pins))
            stamp.write_text(made_from)
    return folder / "bin"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process: two test processes must not install at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _uv(*arguments: str) -> None:
    """Run uv: the one that runs us, else the one of `make`, else any on the path."""
    local = TOOLS / "uv" / "bin" / "uv"
    uv = os.environ.get("UV") or (str(local) if local.is_file() else shutil.which("uv"))
    if uv is None:
        msg = "uv is missing: run `make install`, or install uv"
        raise CommandError(msg)
    run_checked([uv, *arguments], cwd=ROOT)
