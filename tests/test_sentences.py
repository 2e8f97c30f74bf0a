"""What the tap says to its users, all of it in one file, so that wording is reviewed as a diff."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

import tap_mailjet_sms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syrupy.assertion import SnapshotAssertion

PACKAGE = Path(tap_mailjet_sms.__file__).parent
MODULES = {
    str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
#: Texts of words that no user reads: headers, and words of the SDK's and of Mailjet's.
UNSEEN = {"Bearer {self._token}", "text/csv, */*;q=0.1", "An unhandled error", "one year"}
#: Names of values, which `test_verdict.py` reads in the documents.
UNSEEN |= {"fetch again", "export again", "take it", "give up"}
#: What makes a type or a pattern of its text.
NOT_SAID = {"cast", "compile", "fullmatch", "match", "search", "sub"}
#: Described in README.md by `make docs`, and in the snapshots of the catalog and `--about`.
DESCRIPTIONS = {"title", "description"}
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}


class TextExtension(SingleFileSnapshotExtension):
    """A snapshot as plain text."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def sentences(source: str) -> set[str]:
    """All texts of a module that users may read, whole or in parts; placeholders as `{name}`.

    Those are all that have a letter and a blank, wherever they stand, so that nothing depends on
    the way which they take into an error or a log: but for docstrings, descriptions, types,
    patterns and `UNSEEN`.
    """
    texts = (_as_written(node) for node in _texts(ast.parse(source)) if _has_words(node))
    return {" ".join(text.split()) for text in texts if text not in UNSEEN}


def words_that_escape(source: str) -> set[str]:
    """Texts in a `raise` or a call of a logger, or in a name handed to one, that are no sentence.

    They are too short to be told from names and keys: one word.
    """
    nodes = list(ast.walk(ast.parse(source)))
    said = [part for node in nodes for part in _said(node)]
    names = {name.id for part in said for name in ast.walk(part) if isinstance(name, ast.Name)}
    said += [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in names for target in node.targets)
    ]
    texts = {text for part in said for text in _texts(part) if not _has_words(text)}
    return {_as_written(text) for text in texts if re.search(r"(?<!%)[A-Za-z]", _letters(text))}


def _texts(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts in a piece of code, but for docstrings, descriptions, types and patterns."""
    match node:
        case ast.Constant(value=str()):
            yield node
            return
        case ast.JoinedStr() if _has_words(node):
            yield node
            return
        case ast.Expr(value=ast.Constant()) | ast.keyword(arg="title" | "description"):
            return
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in NOT_SAID:
            parts: list[ast.AST] = [*node.args[1:], *node.keywords]
        case ast.Dict(keys=keys, values=values):
            described = [isinstance(k, ast.Constant) and k.value in DESCRIPTIONS for k in keys]
            parts = [value for value, skip in zip(values, described, strict=True) if not skip]
        case _:
            parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from _texts(part)


def _as_written(text: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(text, ast.Constant):
        return str(text.value)
    parts = []
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            form = part.format_spec
            how = f":{_as_written(form)}" if isinstance(form, ast.JoinedStr) else ""
            parts.append(f"{{{ast.unparse(part.value)}{how}}}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)


def _letters(text: ast.Constant | ast.JoinedStr) -> str:
    """What is written out, without the placeholders."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def _has_words(text: ast.Constant | ast.JoinedStr) -> bool:
    return bool(re.search(r"[A-Za-z]", _letters(text)) and re.search(r"\s", _letters(text)))


def _said(node: ast.AST) -> list[ast.expr]:
    """What a `raise` raises, and what a call of a logger is given."""
    match node:
        case ast.Raise(exc=ast.expr() as error):
            return [error]
        case ast.Call(func=ast.Attribute(value=logger, attr=name)) if name in LOGGING:
            return node.args if ast.unparse(logger).endswith("logger") else []
        case _:
            return []


def test_sentences_are_as_they_were(snapshot: SnapshotAssertion) -> None:
    """A change of wording shows as a diff of one file, sorted so that moving code shows nothing."""
    lines = []
    for module, source in MODULES.items():
        if found := sorted(sentences(source)):
            lines += [module, *(f"  {sentence}" for sentence in found), ""]
    assert "\n".join(lines) == snapshot(extension_class=TextExtension)


@pytest.mark.parametrize("module", MODULES)
def test_no_text_of_an_error_or_a_log_escapes(module: str) -> None:
    """What an error or a log says is in the snapshot: it has more than one word."""
    assert words_that_escape(MODULES[module]) == set()


def test_what_is_left_out_is_still_there() -> None:
    """An exception whose reason is gone goes, too."""
    texts = {_as_written(text) for source in MODULES.values() for text in _texts(ast.parse(source))}
    assert texts >= UNSEEN


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise E("No answer")', {"No answer"}),
        ('msg = f"No answer to {what} in {wait:.1f} s"', {"No answer to {what} in {wait:.1f} s"}),
        ('errors.append("No " "answer")', {"No answer"}),
        ("""f"{what}{f' and {more} more' if more else ''}" """, {"and {more} more"}),
        ('logger.info("%s; again in %.1f s", error, pause)', {"%s; again in %.1f s"}),
        ('def f():\n    """Do this."""\n    return cast("dict[str, int]", f)', set()),
        ('Column("id", description="The id")\n{"title": "An id", "x": "no id"}', {"no id"}),
        ('re.search("no (.*)", error)', set()),
    ],
)
def test_texts_are_found_where_they_stand(source: str, found: set[str]) -> None:
    """Sentences and parts of them, in any place; nothing that only the code reads."""
    assert sentences(source) == found


@pytest.mark.parametrize(
    "source",
    [
        'raise E("Failed")',
        'def f():\n    msg = "Failed"\n    raise E(msg) from None',
        'self.logger.warning("Failed")',
        'logger.info("%s: failed", error)\nlogger.info(f"failed:{error}")',
    ],
)
def test_a_single_word_is_no_sentence(source: str) -> None:
    """It cannot be told from a name or a key, so it is refused where it would be said."""
    assert words_that_escape(source)
