"""What the checks share: the two warehouses, dbt, and the comparison with Python's figures."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dbt_checks.figures import MONEY, Settings, marts
from dbt_checks.warehouses import Warehouse, warehouse
from pipeline.dbt import PACKAGE, SCHEMA, Dbt
from pipeline.processes import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbt_checks.figures import Figures
    from dbt_checks.world import Row


@dataclass(frozen=True, slots=True)
class Bench:
    """A warehouse, and dbt to build in it."""

    kind: str
    warehouse: Warehouse
    folder: Path
    dbts: dict[str, Dbt] = field(default_factory=dict)
    compared: Counter[str] = field(default_factory=Counter)

    def dbt(
        self,
        *arguments: str,
        project: Path = PACKAGE,
        variables: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> str:
        """Run dbt, and give what it said.

        Each set of variables gets a target folder of its own: dbt parses all anew if they change.

        Raises:
            CommandError: It failed; the message has what it said.
        """
        key = f"{project} {variables}"
        if key not in self.dbts:
            home = self.folder / f"dbt-{len(self.dbts)}"
            self.dbts[key] = Dbt.prepare(home, self.warehouse.output, project)
        said: list[str] = []
        try:
            self.dbts[key].run(
                *arguments, variables=variables or {}, show=said.append, environ=environ
            )
        except CommandError as error:
            raise CommandError("\n".join([str(error), *said])) from None
        return "\n".join(said)

    def manifest(self, project: Path) -> dict[str, dict[str, dict[str, Any]]]:
        """What dbt knows of a project that it ran, with its defaults, before."""
        path = self.dbts[f"{project} None"].home / "target" / "manifest.json"
        manifest: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text())
        return manifest

    def build(
        self,
        *arguments: str,
        warnings: int = 0,
        project: Path = PACKAGE,
        variables: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Build everything: nothing fails, nothing is left out, so many tests warn."""
        said = self.dbt("build", *arguments, project=project, variables=variables, environ=environ)
        (counts,) = re.findall(r"Done\. PASS=\d+ WARN=(\d+) ERROR=(\d+) SKIP=(\d+)", said)
        assert counts == (str(warnings), "0", "0"), said

    def compare(
        self, rows: Sequence[Row], settings: Settings | None = None, schema: str = SCHEMA
    ) -> None:
        """Hold every figure of every mart against Python's own."""
        for name, expected in marts(rows, settings or Settings()).items():
            found = self.warehouse.ask(f"SELECT * FROM {name}", schema)
            here, there = comparable(found), comparable(expected)
            assert (here - there, there - here) == ({}, {}), f"{name} on {self.kind}"
            self.compared[name] += sum(len(row) for row in found)


def comparable(rows: Iterable[Figures]) -> Counter[tuple[tuple[str, object], ...]]:
    """Rows as they compare: without an order of rows or columns, floats to nine digits."""
    return Counter(tuple((name, _plain(row[name])) for name in sorted(row)) for row in rows)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, Decimal):
        assert value == value.quantize(MONEY), "money has six places"
    return value


@pytest.fixture(scope="session", params=["postgres", "duckdb"])
def bench(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    figures_compared: dict[tuple[str, str], int],
) -> Iterator[Bench]:
    """One warehouse after the other."""
    folder = tmp_path_factory.mktemp(request.param)
    with warehouse(request.param, folder) as started:
        there = Bench(request.param, started, folder)
        yield there
        for mart, count in there.compared.items():
            before = figures_compared.get((mart, there.kind), 0)
            figures_compared[mart, there.kind] = before + count


_COMPARED = pytest.StashKey[dict[tuple[str, str], int]]()


@pytest.fixture(scope="session")
def figures_compared(pytestconfig: pytest.Config) -> dict[tuple[str, str], int]:
    """How many figures were held against Python's, by mart and kind of warehouse."""
    return pytestconfig.stash.setdefault(_COMPARED, {})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was compared to the process that prints the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        compared = session.config.stash.get(_COMPARED, {})
        output["compared"] = [(mart, kind, count) for (mart, kind), count in compared.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist's
    """Take what another process compared."""
    compared = node.config.stash.setdefault(_COMPARED, {})
    for mart, kind, count in getattr(node, "workeroutput", {}).get("compared", ()):
        compared[mart, kind] = compared.get((mart, kind), 0) + count


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401
    """Say how many figures were compared."""
    compared = config.stash.get(_COMPARED, {})
    if compared:
        terminalreporter.section("figures that equal Python's own")
        for (mart, kind), count in sorted(compared.items()):
            terminalreporter.write_line(f"{mart:<30} {kind:<10} {count:>9,}")
