"""What a stranger meets first: the forms of issues, and how to work here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline.root import ROOT
from scripts.release import home

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(set(TEMPLATES.glob("*.yml")) - {TEMPLATES / "config.yml"})
# GitHub's syntax for issue forms: the kinds of parts, and what each must have.
PARTS = {
    "markdown": {"value"},
    "textarea": {"label"},
    "input": {"label"},
    "dropdown": {"label", "options"},
    "checkboxes": {"label", "options"},
}
ATTRIBUTES = {
    "markdown": {"value"},
    "textarea": {"label", "description", "placeholder", "value", "render"},
    "input": {"label", "description", "placeholder", "value"},
    "dropdown": {"label", "description", "multiple", "options", "default"},
    "checkboxes": {"label", "description", "options"},
}


def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def form(path: Path) -> dict[str, Any]:
    """An issue form as GitHub reads it."""
    found: dict[str, Any] = yaml.safe_load(read(path))
    return found


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_one_that_github_shows(path: Path) -> None:
    """Known keys, known parts with what they must have, and ids that are there once."""
    found = form(path)
    assert {"name", "description", "body"} <= found.keys()
    assert found.keys() <= {"name", "description", "body", "title", "labels", "assignees", "type"}
    ids = [part["id"] for part in found["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in ids)
    for part in found["body"]:
        assert part.keys() <= {"type", "id", "attributes", "validations"}
        kind, attributes = part["type"], part["attributes"]
        assert PARTS[kind] <= attributes.keys() <= ATTRIBUTES[kind], part
        assert part.get("validations", {}).keys() <= {"required"}
        if kind == "checkboxes":
            assert all(option.keys() <= {"label", "required"} for option in attributes["options"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_the_version_and_for_no_data(path: Path) -> None:
    """Nobody is led to paste a phone number."""
    found = form(path)
    required = [p.get("id") for p in found["body"] if p.get("validations", {}).get("required")]
    assert "version" in required
    assert re.search(r"phone number", read(path))
    assert re.search(r"(without `auth_token`|no token)", read(path), re.IGNORECASE)


def test_forms_ask_for_the_words_that_the_tap_says() -> None:
    """The line from which on a layout is to be pasted is one that `--test` writes."""
    said = " ".join(map(read, ROOT.glob("tap_mailjet_sms/reading/*.py")))
    line = "The layout of Mailjet's CSV, which holds no data and may be shown to anyone:"
    assert line in said
    assert "to keep it so, set column_map" in said
    for name in ("1-layout", "2-refused"):
        assert line in read(TEMPLATES / f"{name}.yml")


def test_contributing_names_every_target_of_make() -> None:
    """What the Makefile offers is in its table."""
    targets = re.findall(r"^([a-z-]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE)
    table = read(ROOT / "CONTRIBUTING.md")
    assert [t for t in targets if f"`make {t}`" not in table and f"make {t} " not in table] == []


def test_contributing_tells_what_ci_runs() -> None:
    """Each target of `.ci/run` is marked so in the table, and no other."""
    run = set(re.findall(r" make ([a-z-]+)$", read(ROOT / ".ci" / "run"), re.MULTILINE))
    rows = re.findall(
        r"^\| `make ([a-z-]+)` .*\| yes \|$", read(ROOT / "CONTRIBUTING.md"), re.MULTILINE
    )
    assert set(rows) == run


def test_security_names_our_repository() -> None:
    """Who checks an attestation asks for ours."""
    owner_and_name = "/".join(home().split("/")[-2:])
    assert f"--repo {owner_and_name}\n" in read(ROOT / "SECURITY.md")
