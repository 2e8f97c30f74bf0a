"""Make all files of a release, and refuse one whose parts do not agree.

`python -m scripts.release v0.1.0` writes wheel and sdist to `dist/`, and to `release/` the notes
(the changelog's section) and the SBOM (CycloneDX: what the wheel brings, in the versions that were
tested). It publishes nothing; `.github/workflows/release.yml` does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from pipeline.environments import environment
from pipeline.root import ROOT
from scripts.check_package import Package, run, sound_package

CHANGELOG = ROOT / "CHANGELOG.md"
PYPROJECT = ROOT / "pyproject.toml"
CITATION = ROOT / "CITATION.cff"
DIST, RELEASE = ROOT / "dist", ROOT / "release"


def versions() -> dict[str, str]:
    """Give the newest version that each document names, by the document."""
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    _, newest, *_ = sections()
    (cited,) = re.findall(r"^version: (\S+)$", CITATION.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        CHANGELOG.name: newest,
        PYPROJECT.name: pyproject["tool"]["hatch"]["version"]["fallback-version"],
        CITATION.name: cited,
    }


def sections() -> dict[str, str]:
    """Give what the changelog says of each version, the newest first; `Unreleased` is one, too."""
    text = CHANGELOG.read_text(encoding="utf-8")
    _, *parts = re.split(r"^## \[([^]]+)\].*\n", text, flags=re.MULTILINE)
    # Behind the last section stand the addresses that the headings lead to.
    bodies = [re.sub(r"^\[[^]]+\]: .*\n?", "", body, flags=re.MULTILINE) for body in parts[1::2]]
    return dict(zip(parts[::2], (body.strip() for body in bodies), strict=True))


def notes(version: str) -> str:
    """Give what the changelog says of a version, with links that lead into the tree of its tag."""
    tree = f"{home()}/blob/v{version}/"
    return re.sub(r"\]\((?!https?:)", f"]({tree}", sections()[version])


def home() -> str:
    """Give the address of the project's repository, as pyproject.toml has it."""
    urls = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["urls"]
    return str(urls["Repository"])


def disagreements(tag: str, repository: str | None) -> list[str]:
    """Say what keeps this tag from being a release.

    Args:
        tag: as git has it, `v0.1.0`.
        repository: its address where this runs, if that is known.
    """
    version = tag.removeprefix("v")
    found = []
    if tag == version:
        found.append(f"the tag is {tag}, not v{version}")
    found += [
        f"{document} has {other}, not {version}"
        for document, other in versions().items()
        if other != version
    ]
    if unreleased := sections()["Unreleased"]:
        found.append(f"{CHANGELOG.name} still has {len(unreleased.splitlines())} lines unreleased")
    if repository is not None and repository != home():
        found.append(f"{PYPROJECT.name} has the address {home()}, but this is {repository}")
    return found


def main() -> int:
    """Check first, then build; the first thing that is wrong ends the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", help="such as v0.1.0")
    tag = parser.parse_args().tag
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if wrong := disagreements(tag, f"{server}/{name}" if server and name else None):
        sys.exit(f"No release {tag}: {'; '.join(wrong)}.")
    for old in (DIST, RELEASE):
        shutil.rmtree(old, ignore_errors=True)
    RELEASE.mkdir()
    version = tag.removeprefix("v")
    (RELEASE / "notes.md").write_text(f"{notes(version)}\n", encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="tap-mailjet-sms-release-") as folder:
        package = sound_package(DIST, Path(folder) / "env")
        if f"-{version}-" not in package.wheel.name:
            sys.exit(
                f"No release {tag}: the wheel is {package.wheel.name}. Is this the tag's tree?"
            )
        bill = RELEASE / "tap-mailjet-sms.cdx.json"
        bill.write_text(bill_of_materials(package, version), encoding="utf-8")
    for made in (package.wheel, package.sdist, *sorted(RELEASE.iterdir())):
        print(made.relative_to(ROOT))
    return 0


def bill_of_materials(package: Package, version: str) -> str:
    """Give the SBOM of a package: its environment, with the tap itself as what it is about."""
    program = str(environment("audit") / "cyclonedx-py")
    options = ("--output-reproducible", "--pyproject", str(PYPROJECT))
    bill = json.loads(run(program, "environment", *options, str(package.python)))
    # pyproject.toml leaves the version to git.
    bill["metadata"]["component"]["version"] = version
    return json.dumps(bill, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
