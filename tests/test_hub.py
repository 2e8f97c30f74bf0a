"""`plugin.yml` is what Meltano's hub takes: the facts of its schema for extractors.

Not its schema itself, which belongs to the hub; that `meltano add` takes the file, the real
Meltano shows in `test_own_project.py`.
"""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml

from scripts.document_settings import PLUGIN, PYPROJECT
from scripts.draw_pictures import PICTURES

WANTED = {
    "name",
    "namespace",
    "variant",
    "label",
    "description",
    "pip_url",
    "executable",
    "repo",
    "docs",
    "domain_url",
    "logo_url",
    "keywords",
    "maintenance_status",
    "quality",
    "prereq",
    "supported_python_versions",
    "capabilities",
    "settings",
    "settings_group_validation",
}
CAPABILITIES = {
    "about",
    "activate-version",
    "batch",
    "catalog",
    "discover",
    "log-based",
    "properties",
    "schema-flattening",
    "state",
    "stream-maps",
    "structured-logging",
    "test",
}
KINDS = {
    "array",
    "boolean",
    "date_iso8601",
    "decimal",
    "integer",
    "object",
    "options",
    "password",
    "string",
}


@pytest.fixture(scope="module")
def plugin() -> dict[str, Any]:
    """The definition as the hub reads it."""
    definition: dict[str, Any] = yaml.safe_load(PLUGIN.read_text(encoding="utf-8"))
    return definition


def test_it_has_the_keys_of_an_extractor_and_no_other(plugin: dict[str, Any]) -> None:
    """The hub refuses a key that it does not know."""
    assert plugin.keys() == WANTED
    assert all(plugin.values())


def test_its_values_are_words_of_the_hub(plugin: dict[str, Any]) -> None:
    """What the hub lists by, it has a list of words for."""
    assert set(plugin["capabilities"]) <= CAPABILITIES
    assert plugin["maintenance_status"] == "beta"
    assert plugin["quality"] in {"gold", "silver", "bronze", "unknown"}


def test_each_setting_is_one_of_the_hub(plugin: dict[str, Any]) -> None:
    """Known keys and kinds; what is required is a setting; a secret one is said to be one."""
    settings = {setting["name"]: setting for setting in plugin["settings"]}
    for setting in settings.values():
        assert {"name", "kind", "label", "description"} <= setting.keys()
        assert setting.keys() <= {
            *("name", "kind", "label", "description", "value", "options", "sensitive")
        }
        assert setting["kind"] in KINDS
        assert ("options" in setting) == (setting["kind"] == "options")
        assert all(option.keys() == {"label", "value"} for option in setting.get("options", []))
    assert plugin["settings_group_validation"] == [["auth_token"]]
    secret = [name for name, setting in settings.items() if setting.get("sensitive")]
    assert secret == ["auth_token", "hash_key"]


def test_it_says_of_the_project_what_pyproject_says(plugin: dict[str, Any]) -> None:
    """Address, variant (the owner, as the hub has it), how far it is, versions of Python."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert plugin["repo"] == project["urls"]["Repository"]
    assert plugin["repo"].endswith(f"/{plugin['variant']}/{plugin['name']}")
    assert "Development Status :: 4 - Beta" in project["classifiers"]
    versions = plugin["supported_python_versions"]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={versions[0]}"


def test_its_logo_is_ours(plugin: dict[str, Any]) -> None:
    """An SVG, below the name that the hub gives to logos."""
    assert plugin["logo_url"] == "/assets/logos/extractors/mailjet-sms.svg"
    assert (PICTURES / "logo.svg").is_file()
