"""The report on real warehouses: its figures are right, and both give the same file."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from sms_report.figures import Figures, read

from pipeline.dbt import PACKAGE, Dbt, duckdb_output, postgres_output
from pipeline.environments import environment
from pipeline.postgres import postgres
from pipeline.report import write_report
from tests.support.history import (
    NASTY,
    SENDERS,
    answer,
    history,
    load_duckdb,
    load_postgres,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE = "America/New_York"
VARIABLES = {"mailjet_sms_timezone": ZONE}
MESSAGES = history(days=75)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse with the package's models, built on `MESSAGES`."""

    dbt: Dbt

    def build(self, **variables: object) -> None:
        """Make the models, without their tests."""
        kinds = ("--resource-type", "seed", "--resource-type", "model")
        self.dbt.run("build", *kinds, variables=VARIABLES | variables, show=_ignore)

    def report(self, output: Path) -> str:
        """The report, as its command writes it."""
        return write_report(self.dbt, output, VARIABLES).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The models in a DuckDB file."""
    folder = tmp_path_factory.mktemp("duckdb")
    load_duckdb(folder / "warehouse.duckdb", MESSAGES)
    warehouse = Warehouse(Dbt.prepare(folder / "dbt", duckdb_output(folder / "warehouse.duckdb")))
    warehouse.build()
    return warehouse


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The models in a Postgres."""
    folder = tmp_path_factory.mktemp("postgres")
    with postgres() as uri:
        load_postgres(uri, reversed(MESSAGES))
        warehouse = Warehouse(Dbt.prepare(folder / "dbt", postgres_output(uri)))
        warehouse.build()
        yield warehouse


@pytest.fixture(scope="module")
def page(on_duckdb: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on what is in the DuckDB file."""
    return on_duckdb.report(tmp_path_factory.mktemp("page") / "sms.html")


def test_figures_are_those_of_the_rows(on_duckdb: Warehouse) -> None:
    """Each figure that the report is drawn from equals a computation from the raw rows."""
    found, expected = asked(on_duckdb), read(answer(MESSAGES, ZONE))
    assert expected is not None
    assert _rounded(found) == _rounded(replace(expected, country_names=found.country_names))
    assert expected.country_names.items() <= found.country_names.items()


def test_both_warehouses_give_the_same_bytes(
    on_postgres: Warehouse, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the database, the order of the rows, the machine's zone nor its language shows."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert on_postgres.report(tmp_path / "a" / "sms.html") == page


def test_no_recipient_and_no_message_is_named(page: str) -> None:
    """Whoever gets the file learns no phone number of a recipient and no id of a message."""
    for message in MESSAGES:
        number = (message.recipient or "").partition(":")[2] or (message.recipient or "")[1:]
        assert number not in page
        assert message.message_id not in page
    # Nor anything else that could be taken for a number, but the numeric sender.
    assert set(re.findall(r"\d{8,}", page)) == {"33757000000"}


def test_senders_are_shown_as_text(page: str) -> None:
    """Each sender is there as it is, also one that is markup, a number, or the word null."""
    cells = re.findall(r"<tr><td>(.*?)</td>", page)
    assert {"Clinic", "36190", "33757000000", "0049", "null", "Ünï"} <= set(cells)
    assert NASTY in SENDERS
    assert NASTY not in page
    assert "&lt;img src=x onerror=1&gt;" in cells
    assert "a&quot;b&amp;c" in cells


def test_it_runs_from_a_project_that_uses_the_package(
    on_duckdb: Warehouse, page: str, tmp_path: Path
) -> None:
    """`dbt deps`, then the script in `dbt_packages/`: the same file in a project of the user's."""
    (tmp_path / "dbt_project.yml").write_text(
        "name: mine\nversion: '1.0'\nprofile: mailjet_sms\nflags: {print: false, quiet: false}\n"
        f"vars: {{mailjet_sms: {{mailjet_sms_timezone: {ZONE}}}}}\n"
    )
    (tmp_path / "packages.yml").write_text(json.dumps({"packages": [{"local": str(PACKAGE)}]}))
    where = ("--profiles-dir", str(on_duckdb.dbt.home))
    bin_folder = environment("dbt")
    subprocess.run(
        [bin_folder / "dbt", "deps", *where], cwd=tmp_path, check=True, capture_output=True
    )
    script = tmp_path / "dbt_packages" / "mailjet_sms" / "report.py"
    done = subprocess.run(
        [bin_folder / "python", script, *where],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"sms\.html: \d+ KB\n", done.stdout)
    assert (tmp_path / "sms.html").read_text(encoding="utf-8") == page


def test_an_empty_table_and_no_models_are_told(tmp_path: Path) -> None:
    """Without models it says what to do, and fails; on an empty table it has nothing to show."""
    file = tmp_path / "warehouse.duckdb"
    load_duckdb(file, [])
    warehouse = Warehouse(Dbt.prepare(tmp_path / "dbt", duckdb_output(file)))
    failed = _run(warehouse, tmp_path / "sms.html")
    assert failed.returncode == 1
    assert failed.stderr.startswith(
        "dbt cannot read the models of mailjet_sms; has `dbt build` made them? dbt says:\n"
    )
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "sms.html").exists()
    warehouse.build()
    page = warehouse.report(tmp_path / "sms.html")
    assert "<p>No messages yet.</p>" in page
    assert len(page) < 6000


def asked(warehouse: Warehouse) -> Figures:
    """The figures that dbt gives."""
    home = warehouse.dbt.home
    where = ["--project-dir", str(PACKAGE), "--profiles-dir", str(home), "--target-path"]
    where += [str(home / "target"), "--vars", json.dumps(VARIABLES)]
    program = f"import json, report; print(json.dumps(report.ask_dbt({where})))"
    done = subprocess.run(
        [environment("dbt") / "python", "-c", program],
        cwd=PACKAGE,
        check=True,
        capture_output=True,
        text=True,
    )
    figures = read(json.loads(done.stdout))
    assert figures is not None
    return figures


def _run(warehouse: Warehouse, output: Path) -> subprocess.CompletedProcess[str]:
    home = warehouse.dbt.home
    where = ("--project-dir", PACKAGE, "--profiles-dir", home, "--target-path", home / "target")
    return subprocess.run(
        [environment("dbt") / "python", PACKAGE / "report.py", "--output", output, *where],
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
    )


def _rounded(figures: Figures) -> Figures:
    """Without the last digits, in which two ways to interpolate or to divide may differ."""
    return replace(
        figures,
        latency=tuple(
            replace(day, median=round(day.median, 6), p95=round(day.p95, 6), p99=round(day.p99, 6))
            for day in figures.latency
        ),
        months=tuple(
            replace(month, change=None if month.change is None else round(month.change, 6))
            for month in figures.months
        ),
    )


def _ignore(_: str) -> None:
    """Show nothing."""
