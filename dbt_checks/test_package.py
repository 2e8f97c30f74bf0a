"""What the package promises besides its figures."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import yaml

from dbt_checks.world import FIRST, loaded
from pipeline.dbt import PACKAGE
from pipeline.processes import CommandError
from scripts.make_country_prefixes import SEED, seed

if TYPE_CHECKING:
    from pathlib import Path

    from dbt_checks.conftest import Bench

MODELS, SEEDS, SOURCES = 8, 2, 1
# Where a recipient may be named. It is personal data.
HAVE_RECIPIENTS = {
    "models/staging/stg_mailjet_sms__messages.sql",
    "models/intermediate/int_mailjet_sms__messages.sql",
    "models/marts/mailjet_sms__messages.sql",
}
# A project of a user's, with a schema of its own for the package.
PROJECT = """
name: company
profile: mailjet_sms
models:
  mailjet_sms: {+schema: sms}
"""
MODEL = "select currency, sum(cost) as cost from {{ ref('mailjet_sms__daily') }} group by 1"


def test_the_country_seed_is_what_the_library_says() -> None:
    """`python -m scripts.make_country_prefixes` would write the same bytes."""
    assert SEED.read_text(encoding="utf-8") == seed()


def test_the_package_knows_what_its_prefixes_add_up_to() -> None:
    """The figures in dbt's own test of the prefixes are those of the seed."""
    with SEED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    total = sum(int(row["prefix"]) for row in rows)
    figures = {len(rows), total, len({row["country_code"] for row in rows})}
    test = (PACKAGE / "tests" / "assert_prefixes_are_whole.sql").read_text(encoding="utf-8")
    assert {int(number) for number in re.findall(r"<> (\d+)", test)} == figures


def test_no_clock_in_the_models() -> None:
    """What is old is told by the data alone, so that two runs agree."""
    for name, code in _code().items():
        clock = re.search(r"current_|\bnow\(|getdate|sysdate|run_started_at", code)
        assert clock is None, name


def test_no_other_package_is_needed() -> None:
    """The package hub may be out of reach, and a dependency is what breaks first."""
    assert not [*PACKAGE.glob("packages.y*ml"), *PACKAGE.glob("dependencies.y*ml")]


def test_recipients_go_no_further_than_the_messages() -> None:
    """Nothing that adds up or lists messages repeats a phone number."""
    # A quoted one is the fault of a status, no number.
    named = {name for name, code in _code().items() if re.search(r"recipient(?!')", code)}
    assert named == HAVE_RECIPIENTS


def test_freshness_is_told_by_the_newest_export(bench: Bench) -> None:
    """A table of today passes and one of last week does not, wherever the machine stands."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    (row, *_) = loaded(1)
    elsewhere = {"TZ": "Asia/Tokyo", "PGTZ": "Asia/Tokyo"}
    variables = {"mailjet_sms_schema": "fresh"}
    bench.warehouse.load("fresh", [row | {"exported_at": now - timedelta(hours=5)}])
    said = bench.dbt("source", "freshness", variables=variables, environ=elsewhere)
    assert "PASS freshness" in said
    bench.warehouse.load("fresh", [row | {"exported_at": now - timedelta(hours=49)}])
    with pytest.raises(CommandError, match="ERROR STALE"):
        bench.dbt("source", "freshness", variables=variables, environ=elsewhere)


def test_a_project_that_uses_the_package(bench: Bench, tmp_path: Path) -> None:
    """Installed offline into another project it builds there, and says what each column is."""
    project = tmp_path / "company"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "models" / "costs.sql").write_text(MODEL)
    (project / "packages.yml").write_text(yaml.safe_dump({"packages": [{"local": str(PACKAGE)}]}))
    bench.warehouse.load("mailjet", loaded(300))
    bench.dbt("deps", project=project)
    strict = ("--warn-error-options", '{"error": ["Deprecations"]}')
    bench.build("--full-refresh", *strict, warnings=1, project=project)
    assert bench.warehouse.ask("SELECT * FROM costs")
    for query in _queries()[:3]:
        bench.warehouse.ask(query, "analytics_sms")
    bench.dbt("docs", "generate", project=project)
    manifest = bench.manifest(project)
    described = [
        node
        for node in [*manifest["nodes"].values(), *manifest["sources"].values()]
        if node["package_name"] == "mailjet_sms" and node["resource_type"] != "test"
    ]
    # The snapshot is not among them: it is off unless asked for.
    assert len(described) == MODELS + SEEDS + SOURCES
    for node in described:
        assert node["description"], node["name"]
        assert all(column["description"] for column in node["columns"].values()), node["name"]
        if node["resource_type"] == "model":
            built = bench.warehouse.ask(f"SELECT * FROM {node['name']}", "analytics_sms")
            assert set(node["columns"]) == set(built[0]), node["name"]


def test_status_history(bench: Bench) -> None:
    """Over three runs the snapshot keeps each state of a message, and no number of a recipient."""
    variables = {"mailjet_sms_schema": "history", "mailjet_sms_status_history": True}
    # Without tests: those that need more models than these would be chosen too.
    untested = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    build = ("build", *untested, "--select", "+mailjet_sms__status_history")
    moving, still, *_ = loaded(2)
    for run, (code, cost) in enumerate([(1, "0.045"), (2, "0.045"), (2, "0.09")]):
        state = {"status_code": code, "cost_value": Decimal(cost)}
        exported = {"exported_at": FIRST + timedelta(days=run)}
        bench.warehouse.load("history", [moving | state | exported, still | exported])
        fresh = () if run else ("--full-refresh",)
        bench.dbt(*build, *fresh, variables=variables)
    kept = bench.warehouse.ask("SELECT * FROM mailjet_sms__status_history ORDER BY dbt_valid_from")
    states = [
        (one["status_code"], one["cost"], one["dbt_valid_to"] is None)
        for one in kept
        if one["message_id"] == moving["message_id"]
    ]
    assert states == [
        (1, Decimal("0.045"), False),
        (2, Decimal("0.045"), False),
        (2, Decimal("0.09"), True),
    ]
    assert len(kept) == len(states) + 1
    assert "recipient" not in kept[0]
    for query in _queries()[3:]:
        bench.warehouse.ask(query)


def _queries() -> list[str]:
    """The queries of the package's README: three on the marts, one on the history."""
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(.*?)```", text, flags=re.DOTALL)
    queries = [query for block in blocks for query in block.split(";") if query.strip()]
    assert len(queries) == 4
    return queries


def _code() -> dict[str, str]:
    """The package's SQL without its comments, by the path in it."""
    return {
        str(path.relative_to(PACKAGE)): _uncommented(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.sql"))
        if not {"target", "dbt_packages"} & set(path.parts)
    }


def _uncommented(text: str) -> str:
    return re.sub(r"\{#.*?#\}", "", re.sub(r"--.*", "", text), flags=re.DOTALL)
