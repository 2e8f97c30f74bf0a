"""The promises of docs/reliability.md are held by tests that exist."""

from __future__ import annotations

import re

from pipeline.root import ROOT

TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", TEXT)


def names_in(path: str) -> set[str]:
    """The names of the tests in a file."""
    source = (ROOT / path).read_text(encoding="utf-8")
    return set(re.findall(r"^def (test_\w+)\(", source, flags=re.MULTILINE))


def test_every_test_named_exists() -> None:
    """Each promise names tests, and all of them are there."""
    assert len(NAMED) > 50
    missing = [f"{path}::{name}" for path, name in NAMED if name not in names_in(path)]
    assert not missing


def test_every_row_of_promises_names_a_test() -> None:
    """No row of the tables is without a test."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    heads = [row for row in rows if row.startswith("| What happens")]
    assert [row for row in rows if "::test_" not in row] == heads


def test_every_test_of_a_fault_is_a_promise() -> None:
    """What is tested of faults and deaths is promised."""
    named = {name for _, name in NAMED}
    faults = [str(path.relative_to(ROOT)) for path in ROOT.glob("tests/faults/test_*.py")]
    assert len(faults) > 5
    for path in (*faults, "tests/test_killed.py", "tests/test_killed_meltano.py"):
        assert names_in(path) <= named
