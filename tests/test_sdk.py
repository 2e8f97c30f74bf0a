"""What the SDK keeps private stands in one room of the tap."""

from __future__ import annotations

import ast
from pathlib import Path

import singer_sdk
from singer_sdk.plugin_base import SingerCommand

import tap_mailjet_sms
from pipeline.root import ROOT

ROOM = "sdk"
PACKAGE = Path(tap_mailjet_sms.__file__).parent
ROOM_SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((PACKAGE / ROOM).glob("*.py"))
)
#: Names that a class of the SDK keeps to itself, where a subclass could get at them.
PRIVATE = {
    name
    for kind in (singer_sdk.Tap, singer_sdk.Stream, SingerCommand)
    for name in [*dir(kind), "_tap", "_config"]
    if name.startswith("_") and not name.startswith("__")
}


def private_names(source: str) -> set[str]:
    """What a module imports from private modules of the SDK, and names of its classes' insides."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("singer_sdk"):
                paths = [f"{module}.{alias.name}" for alias in names]
                found |= {path for path in paths if any(p[0] == "_" for p in path.split("."))}
            case ast.Import(names=names):
                found |= {alias.name for alias in names if "singer_sdk._" in alias.name}
            case ast.Attribute(attr=name) | ast.FunctionDef(name=name) if name in PRIVATE:
                found.add(name)
    return found


def test_private_names_of_the_sdk_stand_in_one_room() -> None:
    """So that a change of the SDK's is met in one place; `dir` shows that the test can see them."""
    assert {"_increment_stream_state", "_validate_config", "_tap"} <= PRIVATE
    assert private_names(ROOM_SOURCE)
    elsewhere = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if ROOM not in path.parts and (names := private_names(path.read_text(encoding="utf-8")))
    }
    assert elsewhere == {}


def test_each_hook_names_tests_that_exist() -> None:
    """Whoever upgrades the SDK can run what tells whether a trap is still closed."""
    named = [
        word.strip("`.,()") for word in ROOM_SOURCE.split() if "test_" in word and "::" in word
    ]
    tests = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 10
    assert [name for name in named if name.split("::")[1] not in tests] == []
