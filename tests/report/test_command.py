"""The command: what `uv run` installs for it is what was tested."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.version import Version

from pipeline.dbt import PACKAGE
from pipeline.root import ROOT


def test_the_tested_versions_are_in_the_range_of_the_script() -> None:
    """Each dependency that the script names is pinned for the tests, in the range it allows."""
    script = (PACKAGE / "report.py").read_text(encoding="utf-8")
    block = re.match(r"# /// script\n(?P<toml>(?:#.*\n)+?)# ///\n", script)
    assert block
    metadata = tomllib.loads(re.sub(r"^# ?", "", block["toml"], flags=re.MULTILINE))
    pinned: dict[str, str] = {}
    for name in ("dbt-snowflake", "dbt"):
        pins = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        pinned |= re.findall(r"^([a-z0-9-]+)==(\S+)", pins, re.MULTILINE)
    named = [Requirement(text) for text in metadata["dependencies"]]
    assert {"dbt-core", "dbt-postgres", "dbt-snowflake", "dbt-duckdb"} < {r.name for r in named}
    for requirement in named:
        assert Version(pinned[requirement.name]) in requirement.specifier, requirement.name
