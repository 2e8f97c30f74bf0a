"""DuckDB, as docs/loading.md defines its loader: what arrives, and what is replaced.

Not on Python 3.14, for which DuckDB 1.2 has no wheels; `conftest.py` knows.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from benchmarks import hostile
from benchmarks.export_server import TOKEN, serve
from pipeline.environments import environment
from pipeline.meltano import PLUGINS, TAP, Meltano, install
from pipeline.root import ROOT
from tests.support.exported import written

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.hostile import Row

DUCKDB = "target-duckdb"
PAGE = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8").partition("\n## DuckDB\n")[2]
(LOADER,) = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])["loaders"]
(COMMAND,) = re.findall(rf"^(.*) meltano (run {TAP} {DUCKDB})$", PAGE, re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A DuckDB file, and the target that the page's definition makes."""

    path: Path

    def load(self, output: bytes, **more: object) -> None:
        """Load what the tap wrote, with the page's settings and these."""
        config = self.path.with_suffix(".json")
        settings = {**LOADER["config"], "filepath": str(self.path), **more}
        config.write_text(json.dumps(settings), encoding="utf-8")
        program = environment(DUCKDB) / LOADER["executable"]
        subprocess.run([program, "--config", config], input=output, capture_output=True, check=True)

    def rows(self) -> list[list[str]]:
        """What the table holds, comparable."""
        names = list(hostile.messages()[0])
        table = f"{LOADER['config']['default_target_schema']}.sms_messages"
        select = f"SELECT {', '.join(names)} FROM {table} ORDER BY 1"  # noqa: S608
        query = (
            "import duckdb, json, sys;"
            f"found = duckdb.connect(sys.argv[1], read_only=True).execute({select!r});"
            "print(json.dumps(found.fetchall(), default=str))"
        )
        python = environment(DUCKDB) / "python"
        done = subprocess.run([python, "-c", query, self.path], capture_output=True, check=True)
        loaded = json.loads(done.stdout)
        return [hostile.comparable(dict(zip(names, row, strict=True))) for row in loaded]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A file that is not there yet."""
    return Warehouse(tmp_path / "sms.duckdb")


def tap_output(folder: Path, rows: list[Row]) -> bytes:
    """What the tap writes of these rows, set as the page says."""
    hostile.write_csv(folder / "export.csv", rows)
    name, _, value = COMMAND[0].partition("=")
    assert name == "TAP_MAILJET_SMS_DECIMALS"
    return written(folder / "export.csv", rows, {"decimals": value})


def test_the_pins_are_those_of_the_definition() -> None:
    """So what these tests run is what its `pip_url` installs; and Meltano hands on its settings."""
    pins = (ROOT / "requirements" / f"{DUCKDB}.in").read_text(encoding="utf-8").splitlines()

    assert sorted(LOADER["pip_url"].split()) == [pin for pin in pins if not pin.startswith("#")]
    assert set(LOADER["config"]) == {setting["name"] for setting in LOADER["settings"]}


def test_meltano_loads_every_cell(tmp_path: Path) -> None:
    """The page's definition in a project, and the page's command."""
    install(print)
    project, loaders = tmp_path / "project", tmp_path / "meltano" / "loaders"
    (loaders / DUCKDB).mkdir(parents=True)
    (loaders / DUCKDB / "venv").symlink_to(environment(DUCKDB).parent)
    (tmp_path / "meltano" / "extractors").symlink_to(PLUGINS / "extractors")
    definition = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    definition["plugins"]["loaders"].append(LOADER)
    (project / "output").mkdir(parents=True)
    (project / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    rows = hostile.messages()
    hostile.write_csv(tmp_path / "export.csv", rows)

    with serve(tmp_path / "export.csv", rows=len(rows)) as url:
        tap = {"api_url": url, "auth_token": TOKEN, **hostile.window()}
        settings = {f"TAP_MAILJET_SMS_{name.upper()}": str(value) for name, value in tap.items()}
        variables = dict([COMMAND[0].split("=")])
        run, *plugins = COMMAND[1].split()
        Meltano(tmp_path / "meltano", project).run(
            run, "--no-install", *plugins, settings=settings | variables, show=print
        )

    found = Warehouse(project / LOADER["config"]["filepath"]).rows()
    assert found == [hostile.comparable(row) for row in rows]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_rows_are_replaced_and_none_is_lost(
    size: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Whatever the size of a batch, whose first row a newer DuckDB takes for a header."""
    before = hostile.messages()
    changed = before[::3]
    after = [
        {**row, "status_code": 4, "status_name": "rejected_operator", "cost_value": None}
        if row in changed
        else row
        for row in before
    ]

    warehouse.load(tap_output(tmp_path, before), batch_size_rows=size)
    assert warehouse.rows() == [hostile.comparable(row) for row in before]
    warehouse.load(tap_output(tmp_path, after), batch_size_rows=size)

    assert warehouse.rows() == [hostile.comparable(row) for row in after]


def test_single_quotes_around_a_text_are_lost(warehouse: Warehouse, tmp_path: Path) -> None:
    """As the page says: DuckDB guesses what quotes a batch has."""
    rows = [{**row, "sender": "'quoted'", "extra": None} for row in hostile.messages()]
    hostile.write_csv(tmp_path / "export.csv", rows, notes=False)

    warehouse.load(written(tmp_path / "export.csv", rows))

    assert {row[1] for row in warehouse.rows()} == {"sender=quoted"}
