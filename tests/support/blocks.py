"""The fenced blocks of a document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.root import ROOT
from scripts.build_site import FENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words behind that, and its line in the page."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """Say where it is."""
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        body = re.sub(rf"^{fence['indent']}", "", fence["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, fence.start()) + 1
        page = path.relative_to(ROOT).as_posix()
        yield Block(page, line, fence["language"], tuple(fence["words"].split()), body)
