"""How the tests are laid out."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pipeline.root import ROOT
from tests import support

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def imported(path: Path) -> Iterator[str]:
    """All that a module imports, by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_test_module() -> None:
    """What tests share stands in `tests/support`, so that a test can change without another."""
    paths = sorted(ROOT.glob("tests/**/*.py"))
    assert len(paths) > 50
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imported(path)
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert wrong == []


def test_nothing_but_tests_imports_tests() -> None:
    """What benchmarks and other programs share with them stands on their side."""
    # The site has a copy of what its pages name.
    paths = [
        path
        for path in sorted(ROOT.glob("[!.]*/**/*.py"))
        if path.relative_to(ROOT).parts[0] not in {"tests", "site"}
    ]
    assert len(paths) > 100
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imported(path)
        if name.split(".")[0] == "tests"
    ]
    assert wrong == []


def test_the_table_of_what_tests_share_has_each_module() -> None:
    """Who writes a test finds in it which account to take."""
    shown = set(re.findall(r"`(\w+)`", support.__doc__ or ""))
    modules = {path.stem for path in ROOT.glob("tests/support/[!_]*.py")}
    assert modules - shown == set()
