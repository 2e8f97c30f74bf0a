"""docs/when-it-fails.md knows each error, its exit code, and quotes what the code says."""

from __future__ import annotations

import inspect
import re

from pipeline.root import ROOT
from tap_mailjet_sms import exceptions
from tap_mailjet_sms.exceptions import ExitCode, TapMailjetSMSError

PAGE = (ROOT / "docs" / "when-it-fails.md").read_text(encoding="utf-8")
SENTENCES = ROOT / "tests/__snapshots__/test_sentences/test_sentences_are_as_they_were.txt"
#: Its sections by exit code, and in each the errors that have an entry.
SECTIONS = {
    int(code): re.findall(r"^### (\w+)$", text, re.MULTILINE)
    for code, text in re.findall(
        r"^## (\d+): [^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
}
ERRORS = {
    name: kind.exit_code
    for name, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, TapMailjetSMSError)
    and name not in {"TapMailjetSMSError", "UnsoundFileError"}
}


#: What Meltano makes of each failure, the target's among them.
MELTANOS = 1


def test_each_error_has_an_entry_under_its_exit_code() -> None:
    """One for each class, and none for what is no error any more."""
    entries = [(name, code) for code, names in SECTIONS.items() for name in names]
    assert sorted(entries) == sorted((name, code.value) for name, code in ERRORS.items())


def test_each_exit_code_says_what_to_do() -> None:
    """A row in the table, which leads to its section, and that it is there."""
    rows = dict(re.findall(r"^\| \[(\d+)\]\(#(\d+)-[\w-]+\) \|", PAGE, re.MULTILINE))
    codes = [MELTANOS, *(code.value for code in ExitCode)]
    assert sorted(rows.items()) == sorted((str(code), str(code)) for code in codes)
    assert set(SECTIONS) == set(codes)


def pieces() -> list[str]:
    """What the code's texts say between what is put into them, the longest first."""
    texts = SENTENCES.read_text(encoding="utf-8").splitlines()
    parts = {part.strip() for text in texts for part in re.split(r"\{[^}]*\}+|%\w", text)}
    return sorted(parts, key=len, reverse=True)


def test_sentences_are_the_codes() -> None:
    """A quoted sentence, but for “…” and numbers, is made of texts of the code."""
    quoted = re.findall(r"^> (.+)$", PAGE, re.MULTILINE)
    assert len(quoted) > len(ERRORS)
    known = pieces()
    unknown = []
    for part in {part.strip() for line in quoted for part in line.split("…")}:
        rest = "" if any(part in piece for piece in known) else part
        for piece in known:
            rest = rest.replace(piece, "\0") if len(piece) > 1 else rest
        if re.search(r"[^\W\d]", rest):
            unknown.append(part)
    assert unknown == []
