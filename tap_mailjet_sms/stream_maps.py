"""Stream maps: what no value can cure is refused before a run. Pure; knows no SDK.

The SDK ignores a map for a stream that is not there, so that phone numbers leave as they are where
hashes are meant, and finds an unknown name at the first message only (0.54).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ELSE, FILTER, SOURCE, ALIAS, KEYS = (
    f"__{name}__" for name in ("else", "filter", "source", "alias", "key_properties")
)
#: What stands for null where a configuration cannot have one.
NULLS = (None, "__NULL__")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an expression may use: names, functions, and syntax as classes of `ast`."""

    names: Collection[str]
    functions: Collection[str]
    syntax: Collection[type]


def map_errors(
    stream_maps: Mapping[str, object], *, stream: str, columns: Collection[str], words: Vocabulary
) -> list[str]:
    """A sentence for each mistake in `stream_maps`; names stream and property, no expression."""
    errors: list[str] = []
    for name, entry in stream_maps.items():
        where = f"stream_maps.{name}"
        if name == ELSE:
            errors += [] if entry in NULLS else [f"{where} must be null"]
        elif name.startswith("__"):
            errors.append(f"{where} is not an option of stream maps: they have streams, and {ELSE}")
        elif entry not in NULLS and not isinstance(entry, dict):
            errors.append(f"{where} must be an object with expressions by property, or null")
        else:
            options = entry if isinstance(entry, dict) else {}
            errors += _stream_errors(where, options, options.get(SOURCE, name), stream)
            errors += _option_errors(where, options)
            errors += _expression_errors(where, options, columns, words)
    return errors


def _stream_errors(
    where: str, options: Mapping[str, object], source: object, stream: str
) -> Iterator[str]:
    if not isinstance(source, str):
        yield f"{where}.{SOURCE} must be the name of a stream"
    elif not fnmatch(stream, source):
        which = f"{where}.{SOURCE}" if SOURCE in options else where
        yield f"{which} names a stream that is not there, and maps nothing: it is called {stream}"


def _option_errors(where: str, options: Mapping[str, object]) -> Iterator[str]:
    keys = options.get(KEYS)
    if keys is not None and not (
        isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    ):
        yield f"{where}.{KEYS} must be an array of properties, or null"
    if not isinstance(options.get(ALIAS, ""), str):
        yield f"{where}.{ALIAS} must be a name"
    if options.get(ELSE) not in NULLS:
        yield f"{where}.{ELSE} must be null"


def _expression_errors(
    where: str, options: Mapping[str, object], columns: Collection[str], words: Vocabulary
) -> Iterator[str]:
    for name, expression in options.items():
        if name in {SOURCE, ALIAS, ELSE, KEYS} or expression is None:
            continue
        if not isinstance(expression, str):
            yield f"{where}.{name} must be an expression (text), or null"
        elif expression not in NULLS:
            # Its own value, where it has one.
            own = {"self"} if name in columns else set()
            wrong = _what_is_wrong(expression, {*columns, *words.names, *own}, words)
            if wrong is not None:
                yield f"The expression of {where}.{name} {wrong}"


def _what_is_wrong(expression: str, names: set[str], words: Vocabulary) -> str | None:
    """What no value can cure in an expression; None if there is nothing."""
    try:
        body = ast.parse(expression).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "cannot be parsed"
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return "is not a single expression"
    nodes = list(ast.walk(body[0].value))
    # Comprehensions have names of their own.
    names |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name not in words.functions:
                return f"calls {name}, which is not a function of stream maps"
            case ast.Name(id=name) if name not in names and name not in words.functions:
                return f"uses {name}, which is neither a selected column nor a name of stream maps"
            case ast.expr() | ast.operator() | ast.unaryop() | ast.cmpop() if (
                type(node) not in words.syntax
            ):
                return f"has a part that stream maps cannot evaluate ({type(node).__name__})"
    return None
