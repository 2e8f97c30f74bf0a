"""A release is made of parts that agree; what publishes it runs nowhere but on GitHub."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.root import ROOT
from scripts.check_package import Package
from scripts.document_settings import PLUGIN
from scripts.release import (
    CHANGELOG,
    CITATION,
    PYPROJECT,
    bill_of_materials,
    disagreements,
    home,
    notes,
    sections,
    versions,
)

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def workflow(name: str) -> dict[str, Any]:
    """A workflow of GitHub's, by its file's name."""
    found: dict[str, Any] = yaml.safe_load(read(ROOT / ".github" / "workflows" / f"{name}.yml"))
    return found


def steps(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """All steps of all jobs of a workflow."""
    return [step for job in definition["jobs"].values() for step in job.get("steps", [])]


def test_every_document_names_one_version() -> None:
    """The newest of the changelog, that of a copy without git, and that which is cited."""
    assert set(versions()) == {"CHANGELOG.md", "pyproject.toml", "CITATION.cff"}
    assert len(set(versions().values())) == 1


def test_unreleased_stands_on_top_and_each_version_has_its_day() -> None:
    """The headings are those of Keep a Changelog, and lead to the changes."""
    first, *rest = re.findall(r"^## (.*)", read(CHANGELOG), re.MULTILINE)
    assert first == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in rest)
    _, newest, *_ = sections()
    assert f'date-released: "{rest[0].split(" - ")[1]}"' in read(CITATION)
    assert f"[Unreleased]: {home()}/compare/v{newest}...HEAD" in read(CHANGELOG)
    assert all(
        f"[{version}]: {home()}/releases/tag/v{version}" in read(CHANGELOG)
        for version in list(sections())[1:]
    )


def test_notes_of_a_release_are_the_changelogs_section() -> None:
    """Whole, without the heading, and without the addresses at the end of the file."""
    _, newest, *_ = sections()
    text = notes(newest)
    assert "### Added" in text
    assert "\n## " not in text
    assert "]: https" not in text


def test_links_of_the_notes_lead_into_the_tree_of_the_tag() -> None:
    """A page of releases is no file of the tree, so a relative link would lead nowhere."""
    _, newest, *_ = sections()
    tree = f"{home()}/blob/v{newest}/"
    leads = re.findall(r"\]\(([^)]+)\)", notes(newest))
    inside = [lead.removeprefix(tree) for lead in leads if lead.startswith(tree)]
    assert inside
    assert all((ROOT / path).is_file() for path in inside)
    assert all(lead.startswith("https://") for lead in leads)


def test_one_place_says_where_the_project_lives() -> None:
    """A project that moves changes its address in pyproject.toml, and this says where else."""
    own = re.compile(r"https://(?:raw\.githubusercontent|github)\.com/([\w.-]+)/tap-mailjet-sms\b")
    owner, name = home().split("/")[-2:]
    assert name == "tap-mailjet-sms"
    for path in (PYPROJECT, PLUGIN, CITATION, CHANGELOG):
        assert set(own.findall(read(path))) == {owner}, path.name


def test_what_does_not_agree_is_no_release() -> None:
    """Each part is named: the tag's form, a document's version, another repository."""
    _, newest, *_ = sections()
    unreleased = [d for d in disagreements(f"v{newest}", home()) if "unreleased" in d]
    assert disagreements(f"v{newest}", home()) == unreleased
    assert disagreements(f"v{newest}", None) == unreleased
    assert unreleased == [] or sections()["Unreleased"]

    other = " ".join(disagreements("v99.0.0", home()))
    assert all(f"{document} has {newest}, not 99.0.0" in other for document in versions())
    assert f"the tag is {newest}, not v{newest}" in disagreements(newest, None)
    (fork,) = set(disagreements(f"v{newest}", "https://github.com/fork/tap")) - set(unreleased)
    assert home() in fork
    assert fork.endswith("but this is https://github.com/fork/tap")


def test_the_bill_of_materials_names_each_package_by_its_version() -> None:
    """CycloneDX, about this tap in this version, and each package with what it depends on."""
    nowhere = Path()
    bill = json.loads(bill_of_materials(Package(nowhere, nowhere, Path(sys.executable)), "1.2.3"))
    assert bill["bomFormat"] == "CycloneDX"
    about = bill["metadata"]["component"]
    assert (about["name"], about["version"]) == ("tap-mailjet-sms", "1.2.3")
    assert about["licenses"][0]["license"]["id"] == "MIT"
    packages = {package["name"].lower(): package for package in bill["components"]}
    assert {"singer-sdk", "pyarrow", "requests"} <= packages.keys()
    assert all(package["version"] for package in packages.values())
    dependencies = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    own = dependencies[about["bom-ref"]]
    assert packages["singer-sdk"]["bom-ref"] in own


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_by_its_hash(path: Path) -> None:
    """And says in words which version that is. For the rest, `make lint` has zizmor."""
    text = read(path)
    used = re.findall(r"uses: (.*)", text)
    pinned = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/\S+.*")
    assert used
    assert [action for action in used if not pinned.fullmatch(action)] == []


def test_every_python_that_we_name_is_tested() -> None:
    """The matrix has the versions of the package's classifiers."""
    classifiers = tomllib.loads(read(PYPROJECT))["project"]["classifiers"]
    named = [c.rpartition(" ")[2] for c in classifiers if "Python :: 3." in c]
    assert workflow("test")["jobs"]["test"]["strategy"]["matrix"]["python-version"] == named


def test_a_release_is_tested_built_attested_and_only_then_published() -> None:
    """In this order, with no more rights than each needs, and no secret anywhere."""
    release = workflow("release")
    jobs = release["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "test": None,
        "build": "test",
        "attest": "build",
        "image": "test",
        "publish": ["attest", "image"],
        "announce": "publish",
    }
    assert release["permissions"] == {}
    assert [name for name, job in jobs.items() if "id-token" in job["permissions"]] == [
        "attest",
        "publish",
    ]
    assert "secrets." not in read(ROOT / ".github" / "workflows" / "release.yml")


def test_workflows_run_what_make_has() -> None:
    """So that a failure on GitHub can be had at one's own desk."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE))
    for path in WORKFLOWS:
        commands = [step["run"] for step in steps(yaml.safe_load(read(path))) if "run" in step]
        made = [command.split()[1] for command in commands if command.startswith("make ")]
        assert set(made) <= targets, path.name
