"""What the documents show can be done as it stands there: their blocks are run.

A page's blocks are run in order, as one reader would: the shell's in one shell, in an empty
folder, with a local Mailjet whose token is `your token`; settings (YAML and JSON) each by a run of
the tap; SQL on the table of such a run. A block that needs what a test has not says so in a word
behind its language, which no reader of the page sees: see :data:`ELSEWHERE`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from mailjet_sandbox import Backend, Build, Messages, Sandbox
from pipeline.root import ROOT
from tests.support.blocks import Block, blocks_of
from tests.support.program import environment, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Words behind a block's language: what it needs, and who tries it instead.
ELSEWHERE = {
    "docker": "a container engine",
    "example": "shortened: nothing as it stands",
    "installs": "a registry, and a home folder to install into",
    "release": "a release, and GitHub's command line",
    "repository": "a clone, and minutes: .ci/run has what is quick of it",
    "warehouse": "a target, or a warehouse with dbt: tests/test_meltano_postgres.py, dbt_checks/",
}
#: Pages whose blocks other tests run, or know: the commands of a clone, dbt, Meltano.
OF_THEIR_OWN = {
    "CONTRIBUTING.md": "tests/test_docs.py",
    "dbt/README.md": "dbt_checks/test_package.py",
    "docs/loading.md": "tests/test_loading.py",
    "docs/schedulers.md": "tests/test_examples.py",
    "docs/state.md": "tests/test_state_recipes.py",
    "docs/your-project.md": "tests/test_own_project.py",
}
#: Shown, and nothing to run: output, diagrams, and files and shells of other programs.
SHOWN = {"", "console", "dockerfile", "ini", "mermaid", "powershell"}
RUN = {"json", "shell", "sql", "yaml"}
#: The day on which the documents are read, by their examples: all their dates move with it.
TODAY = date(2026, 11, 21)
TOKEN = "your token"
DAY = 86_400


def is_run(block: Block) -> bool:
    """Whether a block is run here."""
    return block.language in RUN and not block.words and block.page not in OF_THEIR_OWN


PAGES = [
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("dbt/*.md"))
    if "```" in path.read_text(encoding="utf-8")
]
BLOCKS = [block for path in sorted(PAGES) for block in blocks_of(path)]
CONFIGS = [block for block in BLOCKS if is_run(block) and block.language in {"yaml", "json"}]
QUERIES = [block for block in BLOCKS if is_run(block) and block.language == "sql"]
SCRIPTS = {
    page: [block for block in BLOCKS if block.page == page]
    for page in dict.fromkeys(block.page for block in BLOCKS if is_run(block))
    if any(block.language == "shell" and is_run(block) for block in BLOCKS if block.page == page)
}


@pytest.fixture(scope="module")
def mailjet() -> Iterator[Sandbox]:
    """An account with two messages an hour for twelve days."""
    messages = Messages(since=int(time.time()) - 12 * DAY, per_hour=2)
    backend = Backend(data=messages, clock=time.time, token=TOKEN, build=Build(seconds=0))
    with Sandbox(backend) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def given(mailjet: Sandbox) -> dict[str, Any]:
    """Settings of the local Mailjet, secrets, and what makes a run quick."""
    secrets = {"auth_token": TOKEN, "hash_key": "0123456789abcdef"}
    return {"api_url": mailjet.url, "poll_interval_seconds": 0.05, **secrets}


def of_today(text: str) -> str:
    """A block with its dates as far from today as they are from that of the documents."""
    later = datetime.now(UTC).date() - TODAY

    def moved(found: re.Match[str]) -> str:
        return (date.fromisoformat(found[0]) + later).isoformat()

    return re.sub(r"\b20\d\d-\d\d-\d\d\b", moved, text)


def test_every_block_is_run_or_says_why_not() -> None:
    """By its language, by the words behind it, or by its page."""
    assert [str(block) for block in BLOCKS if not ELSEWHERE.keys() >= set(block.words)] == []
    silent = [
        str(block)
        for block in BLOCKS
        if not (block.language in SHOWN | RUN or block.words or block.page in OF_THEIR_OWN)
    ]
    assert silent == []
    assert [test for test in OF_THEIR_OWN.values() if not (ROOT / test).is_file()] == []


@pytest.mark.parametrize("page", SCRIPTS)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path, given: dict[str, Any]) -> None:
    """All its shell blocks in one shell, which ends at the first command that fails."""
    lines = ["set -eu -o pipefail"]
    for block in SCRIPTS[page]:
        if block.language == "shell" and is_run(block):
            lines += [f"echo 'now {block}' >&2", of_today(block.text)]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/usr/bin/env", "bash"],
        input="\n".join(lines),
        cwd=tmp_path,
        env=environment(given) | {"PATH": programs},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def configurations(block: Block) -> Iterator[dict[str, Any]]:
    """The settings of the tap that a block shows."""
    shown = yaml.safe_load(of_today(block.text))
    if block.language == "json":
        yield shown
        return
    assert shown.keys() <= {"config", "plugins", "jobs", "schedules"}, block
    if "config" in shown:
        yield shown["config"]
    for plugin in shown.get("plugins", {}).get("extractors", ()):
        yield plugin.get("config", {})


@pytest.mark.parametrize("block", CONFIGS, ids=str)
def test_settings_that_are_shown_work(block: Block, tmp_path: Path, given: dict[str, Any]) -> None:
    """The tap takes them, and reads with them; only the account is the local Mailjet's."""
    for settings in configurations(block):
        path = tmp_path / "config.json"
        text = json.dumps(settings | given)
        path.write_text(text.replace("file:///data", tmp_path.as_uri()))
        run = run_tap("--config", path)
        assert run.code == 0, run.log
        assert any('"RECORD"' in line or '"BATCH"' in line for line in run.lines), run.log


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, given: dict[str, Any]) -> Path:
    """A database with what a run brought, and the dictionary on it."""
    folder = tmp_path_factory.mktemp("table")
    run = run_tap("--config", "ENV", **given)
    messages = [json.loads(line) for line in run.lines]
    records = folder / "records.jsonl"
    records.write_text(
        "\n".join(json.dumps(each["record"]) for each in messages if each["type"] == "RECORD")
    )
    with duckdb.connect(folder / "warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE SCHEMA mailjet")
        # Of a moment targets store what a clock in UTC shows, without a zone.
        times = ("created_at", "sent_at", "exported_at", "from_ts", "to_ts")
        shown = ", ".join(f"{name} AT TIME ZONE 'UTC' AS {name}" for name in times)
        found = warehouse.read_json(str(records))
        found.project(f"* REPLACE ({shown})").create("mailjet.sms_messages")
        warehouse.execute((ROOT / "docs" / "dictionary" / "duckdb.sql").read_text())
    return folder / "warehouse.duckdb"


@pytest.mark.parametrize("block", QUERIES, ids=str)
def test_queries_that_are_shown_work(block: Block, table: Path) -> None:
    """On the table of a run; they say the same in any zone that a session may have."""
    text, found = block.text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"), []
    with duckdb.connect(table) as warehouse:
        for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
            warehouse.execute(f"SET TimeZone = '{zone}'")
            found.append(sorted(map(str, warehouse.execute(text).fetchall())))
    assert found[0] or block.text.startswith("CREATE ")
    assert all(rows == found[0] for rows in found)
