"""Build wheel and sdist, look into them, and run the tap from the wheel in a fresh environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.root import ROOT

PINS = ROOT / "requirements" / "dev.txt"
PACKAGE = "tap_mailjet_sms"


@dataclass(frozen=True, slots=True)
class Package:
    """Wheel and sdist, and the Python of an environment that has the wheel and what it needs."""

    wheel: Path
    sdist: Path
    python: Path


def main() -> int:
    """Do it all in a throw-away folder."""
    with tempfile.TemporaryDirectory(prefix="tap-mailjet-sms-package-") as name:
        package = sound_package(Path(name) / "dist", Path(name) / "env")
    print(f"{package.wheel.name} and {package.sdist.name} are sound")
    return 0


def sound_package(dist: Path, env: Path) -> Package:
    """Build into one folder, install into another; the first thing that is wrong ends the program.

    The environment has what the wheel names, in the versions that were tested, and nothing else.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        sys.exit("uv is missing: run `make package`")
    run(uv, "build", "--quiet", "--python", sys.executable, "--out-dir", str(dist), ".")
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    _check_contents(wheel, sdist)
    _check_description(wheel)
    python = env / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", sys.executable, str(env))
    pins = ("--constraint", str(PINS))
    run(uv, "pip", "install", "--quiet", "--python", str(python), *pins, str(wheel))
    _smoke_test(python.with_name("tap-mailjet-sms"), env)
    return Package(wheel, sdist, python)


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


def _check_description(wheel: Path) -> None:
    """The page of the package has no link and no picture that leads nowhere from there."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    _, _, description = metadata.partition("\n\n")
    links = re.findall(r"(?:\]\(|(?:src|srcset|href)=\")([^)\"\s]+)", description)
    if broken := [link for link in links if not re.match(r"https://|#", link)]:
        sys.exit(f"{wheel.name} describes itself with relative links: {broken}")


def _smoke_test(tap: Path, folder: Path) -> None:
    """What needs neither a token nor a network answers."""
    run(str(tap), "--version", cwd=folder)
    about = json.loads(run(str(tap), "--about", "--format=json", cwd=folder))
    catalog = json.loads(run(str(tap), "--discover", cwd=folder))
    if about["name"] != "tap-mailjet-sms" or [s["stream"] for s in catalog["streams"]] != [
        "sms_messages"
    ]:
        sys.exit("The installed tap does not know its own name or its stream")


def run(*command: str, cwd: Path = ROOT) -> str:
    """Give what a command prints; one that fails ends the program."""
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
