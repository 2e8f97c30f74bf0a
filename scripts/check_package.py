"""Build wheel and sdist, look into them, and run the tap from the wheel in a fresh environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "dev.txt"
PACKAGE = "tap_mailjet_sms"


def main() -> int:
    """Do it all in a throw-away folder; the first thing that is wrong ends the program."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        sys.exit("uv is missing: run `make package`")
    with tempfile.TemporaryDirectory(prefix="tap-mailjet-sms-package-") as name:
        folder = Path(name)
        _run(uv, "build", "--quiet", "--python", sys.executable, "--out-dir", f"{folder}/dist", ".")
        (wheel,) = (folder / "dist").glob("*.whl")
        (sdist,) = (folder / "dist").glob("*.tar.gz")
        _check_contents(wheel, sdist)
        python = folder / "env" / "bin" / "python"
        _run(uv, "venv", "--quiet", "--python", sys.executable, f"{folder}/env")
        # As constraints: the dependencies that the wheel names, in the versions that were tested.
        pins = ("--constraint", str(PINS))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *pins, str(wheel))
        _smoke_test(python.with_name("tap-mailjet-sms"), folder)
    print(f"{wheel.name} and {sdist.name} are sound")
    return 0


def _check_contents(wheel: Path, sdist: Path) -> None:
    """The wheel holds the tap alone, the sdist what it takes to test it."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {entry.split("/")[0] for entry in archive.namelist()}
    others = {top for top in tops if top != PACKAGE and not top.endswith(".dist-info")}
    if PACKAGE not in tops or others:
        sys.exit(f"{wheel.name} must hold {PACKAGE} alone, but has {sorted(tops)}")
    with tarfile.open(sdist) as archive:
        inside = {entry.split("/")[1] for entry in archive.getnames() if "/" in entry}
    if missing := {PACKAGE, "mailjet_sandbox", "tests", "LICENSE", "README.md"} - inside:
        sys.exit(f"{sdist.name} lacks {sorted(missing)}")
    if unwanted := inside & {".venv", ".tools", ".meltano", "uv.lock"}:
        sys.exit(f"{sdist.name} must not hold {sorted(unwanted)}")


def _smoke_test(tap: Path, folder: Path) -> None:
    """What needs neither a token nor a network answers."""
    _run(str(tap), "--version", cwd=folder)
    about = json.loads(_run(str(tap), "--about", "--format=json", cwd=folder))
    catalog = json.loads(_run(str(tap), "--discover", cwd=folder))
    if about["name"] != "tap-mailjet-sms" or [s["stream"] for s in catalog["streams"]] != [
        "sms_messages"
    ]:
        sys.exit("The installed tap does not know its own name or its stream")


def _run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
