"""What `make site` makes of the pages, and what it finds wrong with a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.processes import CommandError
from pipeline.root import ROOT
from scripts.build_site import linked, page, wrong

if TYPE_CHECKING:
    from pathlib import Path

SOUND = """\
<link rel="stylesheet" href="style.css"><script src="script.js"></script>
<h2 id="here">Here</h2><p>A line
of text.</p><ul><li><a href="#here">up</a></li></ul>
<a href="deeper/#there">deeper</a><a href="https://example.com/">elsewhere</a>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two pages that are as they should be, a style and a script."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "index.html").write_text(SOUND)
    (tmp_path / "deeper" / "index.html").write_text('<p id="there"><a href="../">up</a></p>')
    (tmp_path / "style.css").write_text("p {background: url(data:image/png;base64,AA==)}")
    (tmp_path / "script.js").write_text("")
    return tmp_path


def test_a_sound_site_has_nothing_wrong(site: Path) -> None:
    """A link to elsewhere loads nothing by itself, and does not count."""
    assert wrong(site) == (5, [])


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('<script src="https://example.com/x.js"></script>', "loads https://example.com/x.js"),
        ('<link rel="preconnect" href="//example.com">', "loads //example.com"),
        ('<img src="http://example.com/x.png">', "loads http://example.com/x.png"),
        ("<style>@import 'https://example.com/x.css'</style>", "loads https://example.com/x.css"),
        ('<a href="gone/">x</a>', "links to gone/, which is not there"),
        ('<img src="gone.svg">', "links to gone.svg, which is not there"),
        ('<a href="deeper/#gone">x</a>', "links to deeper/#gone, an anchor that is not there"),
        ('<a href="#gone">x</a>', "links to #gone, an anchor that is not there"),
        ("<p>First:\n- one\n- two</p>", "has a list without a blank line before it"),
    ],
)
def test_what_is_wrong_is_named(site: Path, added: str, said: str) -> None:
    """With the page that it is in."""
    (site / "index.html").write_text(SOUND + added)
    assert wrong(site)[1] == [f"index.html {said}"]


def test_a_style_loads_nothing_from_elsewhere(site: Path) -> None:
    """No font of anybody else's."""
    (site / "style.css").write_text("@font-face {src: url('https://example.com/x.woff2')}")
    assert wrong(site)[1] == ["style.css loads https://example.com/x.woff2"]


def test_links_are_those_of_the_site(tmp_path: Path) -> None:
    """docs/ is its root; what MkDocs does not see, in HTML, is one folder deeper."""
    text = '[x](../README.md#state) [y](adr/README.md) ![z](report.png)\n<img src="report.png">\n'
    made = page(text, ROOT / "docs" / "a-page.md", tmp_path / "a-page.md")
    assert made == (
        '[x](index.md#state) [y](adr/README.md) ![z](report.png)\n<img src="../report.png">\n'
    )


def test_words_for_the_tests_are_not_shown(tmp_path: Path) -> None:
    """They would make MkDocs take a block for text."""
    made = page("```shell installs\n[x](y)\n```\n", ROOT / "README.md", tmp_path / "index.md")
    assert made == "```shell\n[x](y)\n```\n"


def test_a_link_to_nothing_ends_the_build() -> None:
    """With the page, and what it links to."""
    with pytest.raises(CommandError, match=r"README\.md links to gone\.md, which is no file"):
        list(linked("[x](gone.md)", ROOT / "README.md"))
