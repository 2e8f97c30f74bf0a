# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "dbt-core>=1.10.6,<1.12",
#   "dbt-duckdb",
#   "dbt-postgres",
#   "dbt-snowflake",
#   "vl-convert-python>=1.9,<2",
# ]
# ///
"""Write one HTML file that tells how the SMS fare, from the models of this package.

    uv run dbt_packages/mailjet_sms/report.py --output sms.html --target prod

The file has no script, asks nobody for anything and holds no recipient: it can be mailed. All
options but `--output` go to dbt, which knows the warehouse: `--target`, `--profiles-dir`, `--vars`.
`dbt build` must have made the models. Another warehouse: `uv run --with dbt-bigquery ...`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sms_report.figures import read
from sms_report.page import page

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the line begins with that the macro prints.
ANSWER = '{"mailjet_sms_report": '


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; the exit code is 1 if dbt cannot give the figures."""
    parser = argparse.ArgumentParser(
        description="Write the HTML report of the dbt package mailjet_sms.",
        epilog="All other options go to dbt: --target, --project-dir, --profiles-dir, --vars, ...",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output", type=Path, default=Path("sms.html"), help="the file to write (%(default)s)"
    )
    options, for_dbt = parser.parse_known_args(arguments)
    try:
        answer = ask_dbt(for_dbt)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    text = page(read(answer))
    options.output.write_text(text, encoding="utf-8", newline="\n")
    print(f"{options.output}: {len(text.encode()) / 1024:.0f} KB")
    return 0


def ask_dbt(options: Sequence[str]) -> dict[str, object]:
    """What the macro `report_figures` prints, asked in one go over dbt's own connection.

    Raises:
        LookupError: dbt is missing, or could not read the models; says what dbt said.
    """
    beside = str(Path(sys.executable).parent)
    dbt = shutil.which("dbt", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if dbt is None:
        msg = "dbt is missing: run this script by `uv run`, or where dbt is installed"
        raise LookupError(msg)
    quiet = ("--quiet", "--print", "--no-use-colors", "--log-level-file", "none")
    command = [dbt, *quiet, "run-operation", "mailjet_sms.report_figures", *options]
    done = subprocess.run(  # noqa: S603 - the user's own dbt
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    for line in done.stdout.splitlines():
        if line.startswith(ANSWER) and not done.returncode:
            return cast("dict[str, object]", json.loads(line))
    said = done.stdout.strip()
    msg = f"dbt cannot read the models of mailjet_sms; has `dbt build` made them? dbt says:\n{said}"
    raise LookupError(msg)


if __name__ == "__main__":
    sys.exit(main())
