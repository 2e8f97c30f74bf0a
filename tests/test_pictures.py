"""The pictures of the documents come from code."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
import vl_convert

from scripts.draw_pictures import PICTURES, TABLE, pictures
from scripts.write_dictionary import SEEDS

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = pictures()


def name_of(path: Path) -> str:
    """What a picture is called by."""
    return path.name


@pytest.mark.parametrize("path", DRAWN, ids=name_of)
def test_a_picture_is_what_its_script_draws(path: Path) -> None:
    """Byte for byte, so that nobody changes the one without the other."""
    assert path.read_bytes() == DRAWN[path].encode(), "run `make pictures`"


def test_every_picture_has_a_script() -> None:
    """No file of the folder is drawn by hand."""
    assert set(PICTURES.iterdir()) == set(DRAWN)


@pytest.mark.parametrize("path", DRAWN, ids=name_of)
def test_a_picture_stands_alone_and_says_in_words_what_it_shows(path: Path) -> None:
    """It can be drawn, loads nothing, runs nothing, and has a title and a description."""
    text = DRAWN[path]
    root = ET.fromstring(text)  # noqa: S314 - written by the script above
    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
    assert all(child.text for child in list(root)[:2])
    addresses = re.findall(r"(?:https?:|href|@import|<script)[^\s\"]*", text)
    assert addresses == ["http://www.w3.org/2000/svg"]
    assert vl_convert.svg_to_png(text).startswith(b"\x89PNG")


def test_light_and_dark_differ_in_colours_alone() -> None:
    """The same shapes and the same words."""
    light, dark = (
        re.sub(r"#[0-9a-f]{6}|-(?:light|dark)", "", DRAWN[path])
        for path in sorted(DRAWN)
        if path.name.startswith("way-of-the-data")
    )
    assert light == dark


def test_statuses_in_the_picture_are_mailjets() -> None:
    """The table shows what a table can hold."""
    seed = (SEEDS / "mailjet_sms_statuses.csv").read_text(encoding="utf-8")
    assert all(f",{status}," in seed for status, _, _ in TABLE)
