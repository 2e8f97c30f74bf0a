"""What the documents say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.root import ROOT
from scripts.build_site import FENCE, place_of
from scripts.check_tree import offences
from scripts.document_settings import (
    ENV_EXAMPLE,
    MELTANO,
    PLUGIN,
    README,
    SETTINGS,
    STREAM,
    documents,
)

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("dbt/*.md")])


def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    """What a test of a document is called by."""
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def fresh() -> dict[Path, str]:
    """The documents as `make docs` writes them."""
    return documents()


@pytest.mark.parametrize(
    "path", [README, SETTINGS, STREAM, MELTANO, PLUGIN, ENV_EXAMPLE], ids=name_of
)
def test_document_is_what_make_docs_writes(fresh: dict[Path, str], path: Path) -> None:
    """The pages, the files for Meltano and .env.example follow the settings and columns."""
    assert path.read_text(encoding="utf-8") == fresh[path], "run `make docs`"


def test_every_plugin_of_meltano_yml_is_defined_in_full() -> None:
    """Nothing needs Meltano's hub: each plugin says what to install and each setting what it is."""
    project = yaml.safe_load(MELTANO.read_text(encoding="utf-8"))
    (utility,) = project["plugins"].pop("utilities")
    assert {command["executable"] for command in utility["commands"].values()} == {"find"}
    plugins = [plugin for kind in project["plugins"].values() for plugin in kind]
    assert {plugin["name"] for plugin in plugins} == {
        "tap-mailjet-sms",
        "target-postgres",
        "target-snowflake",
        "target-jsonl",
    }
    for plugin in plugins:
        assert {"namespace", "pip_url", "executable", "settings"} <= plugin.keys()
        for setting in plugin["settings"]:
            assert {"name", "kind", "label", "description"} <= setting.keys(), setting["name"]
        names = {setting["name"] for setting in plugin["settings"]}
        assert {name for group in plugin["settings_group_validation"] for name in group} <= names
    jobs = {job["name"] for job in project["jobs"]}
    assert [schedule["job"] in jobs for schedule in project["schedules"]] == [True]
    environments = {environment["name"] for environment in project["environments"]}
    assert environments == {"dev", "prod", "postgres-files", "snowflake"}


def test_meltano_knows_every_setting_that_is_set() -> None:
    """Of those that are not declared it hands none on, without a word."""
    project = yaml.safe_load(MELTANO.read_text(encoding="utf-8"))
    plugins = [plugin for kind in project["plugins"].values() for plugin in kind]
    declared = {p["name"]: {s["name"] for s in p.get("settings", [])} for p in plugins}
    places = [environment["config"]["plugins"] for environment in project["environments"]]
    configured = [entry for place in places for kind in place.values() for entry in kind]
    assert len(configured) > 5
    for entry in [*plugins, *configured]:
        assert entry.get("config", {}).keys() <= declared[entry["name"]], entry["name"]


def test_environment_example_holds_no_token() -> None:
    """The only line that is not commented out asks for the token."""
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings == ["TAP_MAILJET_SMS_AUTH_TOKEN="]


def test_make_knows_every_target_that_a_document_names() -> None:
    """Each `make X` in code is a target with a line in `make help`."""
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:^|`|=\d+ )make ([a-z-]+)", read(document), re.MULTILINE)
    }
    makefile = read(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document is a file or a folder of the project."""
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", read(document))
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_anchors_lead_somewhere(document: Path) -> None:
    """What a link names behind `#` is a heading of the document that it leads to."""
    links = re.findall(r"\]\(([^):#]*)#([^)]+)\)", FENCE.sub("", read(document)))
    missing = [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors_of(document.parent / target if target else document)
    ]
    assert missing == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """Those of docs/, but single decisions, to which their list leads; and no other."""
    navigation = read(ROOT / "mkdocs.yml").partition("\nnav:\n")[2]
    shown = set(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE))
    pages = {place_of(path) for path in ROOT.glob("docs/**/*.md")}
    assert pages - shown == {page for page in pages if re.match(r"adr/\d", page)}
    assert shown - pages == {
        "index.md",
        "dbt/README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    """What a document says is held by a test, `file::function`, is held by one."""
    named = re.findall(r"\b(tests/[\w/]+\.py)(?:::(\w+))?", read(document))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file()
        or not re.search(rf"^(?:(?:def|class) )?{name}\b", read(ROOT / path), re.MULTILINE)
    ]
    assert missing == []


def test_the_picture_of_the_rooms_has_every_module() -> None:
    """Who looks for a module of the tap finds it in the architecture's first picture."""
    picture = next(FENCE.finditer(read(ROOT / "docs/architecture.md")))
    assert picture["language"] == "mermaid"
    labels = re.findall(r'"([^"]+)"', picture["body"])
    shown = {name for label in labels for name in re.findall(r"\w+", label.replace("<br/>", " "))}
    modules = {path.stem for path in ROOT.glob("tap_mailjet_sms/**/[!_]*.py")}
    assert len(modules) > 50
    assert modules - shown == set()


def test_tree_holds_no_registry_address() -> None:
    """No tracked file, and no lock file, names a package registry."""
    assert offences() == []


def test_module_and_script_are_the_same_tap() -> None:
    """`tap-mailjet-sms` and `python -m tap_mailjet_sms` answer alike."""
    script = [str(Path(sys.executable).with_name("tap-mailjet-sms")), "--version"]
    module = [sys.executable, "-m", "tap_mailjet_sms", "--version"]
    printed = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for command in (script, module)
    ]
    assert printed[0] == printed[1]
    assert printed[0].startswith("tap-mailjet-sms")
