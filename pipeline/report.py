"""The report of the dbt package, as its own command writes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.dbt import PACKAGE
from pipeline.environments import environment
from pipeline.processes import run_checked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.dbt import Dbt


def write_report(dbt: Dbt, output: Path, variables: Mapping[str, object]) -> Path:
    """Write the HTML report on what `dbt build` made, and return its path.

    Raises:
        CommandError: The models are missing, or something else failed; says what.
    """
    command: list[str | Path] = [
        environment("dbt") / "python",
        PACKAGE / "report.py",
        "--output",
        output,
        "--project-dir",
        dbt.project,
        "--profiles-dir",
        dbt.home,
        "--target-path",
        dbt.home / "target",
        "--vars",
        json.dumps(variables),
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    run_checked(command, cwd=dbt.home)
    return output
