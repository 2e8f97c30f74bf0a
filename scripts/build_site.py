"""Build the documentation site into site/, strictly, and look at what came out.

The pages are those of docs/, README.md, and all that they link to in this tree: another Markdown
file is a page, too, any other file lies beside it. So no link leads out of the site. Diagrams are
drawn here, so that nothing is loaded from elsewhere when somebody reads.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pipeline.environments import TOOLS, environment
from pipeline.processes import CommandError
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = TOOLS / "site-pages"
SITE = ROOT / "site"
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?P<words>[^\n]*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
# Of Markdown, and of HTML in it; without those that have a scheme or are an anchor alone.
LINK = re.compile(r"""(?P<before>\]\(|\b(?:src|srcset|href)=")(?P<target>[^)"\s:#]+)(?=[)"#])""")
# What a browser loads by itself; a link waits for a click.
LOADED = {
    "script": "src", "img": "src", "iframe": "src", "source": "srcset", "video": "src",
    "audio": "src", "embed": "src", "object": "data", "link": "href",
}  # fmt: skip
# A list that Markdown takes for text, since no blank line is before it; GitHub shows it as a list.
LOST_LIST = re.compile(r"<p>(?:(?!</p>).)*?\n(?:[-*]|\d+\.) ", re.DOTALL)
LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")\s]+)""")


def lay_out(folder: Path) -> None:
    """Write the pages as MkDocs takes them, and the files that they link to."""
    shutil.rmtree(folder, ignore_errors=True)
    todo = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    todo.append(ROOT / "docs" / "pictures" / "logo.svg")  # of mkdocs.yml
    done = set()
    while todo:
        source = todo.pop()
        if source in done:
            continue
        done.add(source)
        place = folder / place_of(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            place.write_text(page(text, source, place), encoding="utf-8")
            todo += linked(text, source)
        else:
            shutil.copyfile(source, place)


def place_of(source: Path) -> str:
    """Where a file of this tree is in the site: as in the tree, but docs/ is its root.

    MkDocs leaves out what begins with a dot.
    """
    name = source.relative_to(ROOT).as_posix()
    return "index.md" if name == "README.md" else name.removeprefix("docs/").removeprefix(".")


def linked(text: str, source: Path) -> Iterator[Path]:
    """The files of this tree that a Markdown file links to; of a folder, its README.md."""
    for link in LINK.finditer(FENCE.sub("", text)):
        yield _file(source, link["target"])


def _file(source: Path, target: str) -> Path:
    path = Path(os.path.normpath(source.parent / target))
    path = path / "README.md" if path.is_dir() else path
    if not path.is_file() or not path.is_relative_to(ROOT):
        msg = f"{source.relative_to(ROOT)} links to {target}, which is no file of this tree"
        raise CommandError(msg)
    return path


def page(text: str, source: Path, place: Path) -> str:
    """A Markdown file with its links as the site has them, and its diagrams drawn."""
    here = posixpath.dirname(place_of(source))

    def link(found: re.Match[str]) -> str:
        there = posixpath.relpath(place_of(_file(source, found["target"])), here or ".")
        # MkDocs takes care of links in Markdown; HTML is shown as it is, at page/index.html.
        is_deeper = found["before"].endswith('"') and place.stem not in {"index", "README"}
        return found["before"] + ("../" if is_deeper else "") + there

    written, end = [], 0
    for number, fence in enumerate(FENCE.finditer(text)):
        written.append(LINK.sub(link, text[end : fence.start()]))
        end = fence.end()
        if fence["language"] == "mermaid":
            written.append(_drawn(fence["body"], place.with_suffix(f".{number}")))
        else:
            # The words behind the language are for tests/test_blocks.py, not for MkDocs.
            head = f"{fence['indent']}```{fence['language']}"
            written.append(f"{head}\n{fence['body']}{fence['indent']}```")
    return "".join([*written, LINK.sub(link, text[end:])])


def _drawn(diagram: str, path: Path) -> str:
    """Draw a diagram twice, for light and dark; what shows them, in Markdown."""
    shown = []
    for theme, mode in (("default", "light"), ("dark", "dark")):
        image = path.with_name(f"{path.name}-{mode}.svg")
        command: list[str | Path] = [environment("site") / "mermaidx", "--quiet"]
        command += ["--input", "-", "--theme", theme, "--output", image]
        done = subprocess.run(command, input=diagram, text=True, check=False, capture_output=True)
        if done.returncode:
            msg = f"A diagram cannot be drawn: {done.stderr}"
            raise CommandError(msg)
        shown.append(f"![Diagram]({image.name}#only-{mode})")
    return "\n".join(shown)


def build() -> None:
    """Run MkDocs, which ends at any warning."""
    shutil.rmtree(SITE, ignore_errors=True)
    command: list[str | Path] = [environment("site") / "mkdocs", "build", "--strict", "--quiet"]
    # Words of the theme's makers on what comes after MkDocs 1.
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    if subprocess.run(command, cwd=ROOT, check=False, env=variables).returncode:
        msg = "MkDocs does not take the pages: see above"
        raise CommandError(msg)


class Page(HTMLParser):
    """What a page of the site loads, links to, and can be linked to by."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        text = path.read_text(encoding="utf-8")
        self.loaded += LOADED_BY_STYLE.findall(text)
        self.has_lost_list = LOST_LIST.search(text) is not None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names."""
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if LOADED.get(tag) in values and values.get("rel") not in {"canonical", "next", "prev"}:
            self.loaded.append(values[LOADED[tag]])


def wrong(site: Path) -> tuple[int, list[str]]:
    """How many links within the site there are, and a sentence for each thing that is wrong."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    sentences, count = [], 0
    for style in site.rglob("*.css"):
        addresses = LOADED_BY_STYLE.findall(style.read_text(encoding="utf-8"))
        sentences += [f"{style.relative_to(site)} loads {address}" for address in addresses]
    for path, read in pages.items():
        name = path.relative_to(site)
        if read.has_lost_list:
            sentences.append(f"{name} has a list without a blank line before it")
        for address in (*read.loaded, *read.links):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in read.loaded and parts.scheme != "data":
                    sentences.append(f"{name} loads {address}")
                continue
            count += 1
            # 404.html is shown at any address, so its own are those of the root.
            base = site if parts.path.startswith("/") else path.parent
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                sentences.append(f"{name} links to {address}, which is not there")
            elif target in pages and parts.fragment not in {"", *pages[target].anchors}:
                sentences.append(f"{name} links to {address}, an anchor that is not there")
    return count, sentences


def main() -> int:
    """Build it; the exit code tells whether it is sound."""
    begun = time.monotonic()
    try:
        environment("site")
        begun = time.monotonic()
        lay_out(PAGES)
        build()
    except CommandError as error:
        sys.exit(str(error))
    links, sentences = wrong(SITE)
    files = [path for path in SITE.rglob("*") if path.is_file()]
    pages = sum(path.suffix == ".html" for path in files)
    size = sum(path.stat().st_size for path in files) / 1e6
    print("\n".join(sentences), end="\n" if sentences else "")
    print(
        f"{SITE.relative_to(ROOT)}/: {pages} pages, {size:.1f} MB, {links} links of its own,"
        f" {len(sentences)} wrong, in {time.monotonic() - begun:.0f} s"
    )
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
