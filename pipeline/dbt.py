"""dbt in an environment of its own, on the package in `dbt/` or on a project that uses it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pipeline.environments import environment
from pipeline.processes import CommandError, running
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PACKAGE = ROOT / "dbt"
# The schema that the package's tables get in the warehouse.
SCHEMA = "analytics"


@dataclass(frozen=True, slots=True)
class Dbt:
    """A dbt project with a warehouse; all that dbt writes beside it goes to `home`."""

    home: Path
    project: Path = PACKAGE

    @classmethod
    def prepare(cls, home: Path, output: Mapping[str, object], project: Path = PACKAGE) -> Dbt:
        """Lay out a throw-away home, with a profile whose only target is `output`."""
        home.mkdir(parents=True)
        profile = {"mailjet_sms": {"target": "warehouse", "outputs": {"warehouse": output}}}
        # JSON is YAML.
        (home / "profiles.yml").write_text(json.dumps(profile))
        return cls(home, project)

    def run(
        self,
        *arguments: str,
        variables: Mapping[str, object],
        show: Callable[[str], None],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run `dbt` with these arguments, every line of its output handed to `show`.

        Args:
            arguments: the command and its options.
            variables: the project's variables.
            show: called with each line.
            environ: more variables of the environment.

        Raises:
            CommandError: the exit code is not 0.
        """
        dbt = str(environment("dbt") / "dbt")
        command = [dbt, *arguments, "--vars", json.dumps(variables)]
        steering = ("DBT_", "PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
        own = {
            "DBT_LOG_PATH": str(self.home / "logs"),
            "DBT_PROFILES_DIR": str(self.home),
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_TARGET_PATH": str(self.home / "target"),
            "DBT_USE_COLORS": "false",
        }
        env = kept | own | dict(environ or {})
        with running(command, cwd=self.home, env=env) as process:
            if process.stdout is not None:
                for line in process.stdout:
                    show(line.rstrip())
            if process.wait():
                msg = f"`dbt {' '.join(arguments)}` ended with exit code {process.returncode}"
                raise CommandError(msg)


def postgres_output(uri: str) -> dict[str, object]:
    """The target of a profile for a connection URI of `pipeline.postgres`."""
    parts = urlsplit(uri)
    return {
        "type": "postgres",
        "host": parse_qs(parts.query)["host"][0],
        "port": parts.port or 5432,
        "user": parts.username,
        # The server asks for none, dbt does.
        "password": "",
        "dbname": parts.path.lstrip("/"),
        "schema": SCHEMA,
        "threads": 2,
    }


def duckdb_output(file: Path) -> dict[str, object]:
    """The target of a profile for a DuckDB file."""
    return {"type": "duckdb", "path": str(file), "schema": SCHEMA, "threads": 2}
