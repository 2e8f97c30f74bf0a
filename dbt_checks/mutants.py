"""Packages that are wrong in one place: their own tests must say so. `make dbt-mutants`.

What a user runs is `dbt build`, not the checks of this folder. So each mutant is built like a
user's, on one of the two databases or both, and a test of the package must fail.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dbt_checks.warehouses import warehouse
from dbt_checks.world import late, loaded, moved
from pipeline.dbt import PACKAGE, Dbt
from pipeline.processes import CommandError, exit_on_signals

MESSAGES = "models/marts/mailjet_sms__messages.sql"
DAILY = "models/marts/mailjet_sms__daily.sql"
INTERMEDIATE = "models/intermediate/int_mailjet_sms__messages.sql"
STAGING = "models/staging/stg_mailjet_sms__messages.sql"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one text in one file of the package."""

    name: str
    file: str
    old: str
    new: str

    def make(self, folder: Path) -> Path:
        """Copy the package with the change."""
        ignored = shutil.ignore_patterns("target", "logs")
        package = Path(shutil.copytree(PACKAGE, folder / "package", ignore=ignored))
        path = package / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            msg = f"{self.name}: `{self.old}` is not there once in {self.file}"
            raise ValueError(msg)
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        return package


MUTANTS = (
    Mutant("no message is chosen of its loads", INTERMEDIATE, "where newest = 1", "where true"),
    Mutant("the oldest load wins", INTERMEDIATE, "exported_at desc", "exported_at"),
    Mutant(
        "settled a second late",
        MESSAGES,
        "coalesce(messages.exported_at >=",
        "coalesce(messages.exported_at >",
    ),
    Mutant("settled by age a second early", MESSAGES, "or clock.as_of >", "or clock.as_of >="),
    Mutant("the shortest prefix wins", INTERMEDIATE, "substring(max(", "substring(min("),
    Mutant(
        "a prefix is missing", "seeds/mailjet_sms_country_prefixes.csv", "\n1876,JM,Jamaica\n", "\n"
    ),
    Mutant(
        "money without a scale",
        "macros/types.sql",
        "numeric(18, 6){% endmacro %}",
        "numeric{% endmacro %}",
    ),
    Mutant("a price without a scale", STAGING, "mailjet_sms.type_money()", "'numeric'"),
    Mutant(
        "the cost of pending is dropped",
        DAILY,
        "coalesce(sum(cost), 0)",
        "coalesce(sum(case when outcome <> 'pending' then cost end), 0)",
    ),
    Mutant(
        "a status is judged wrongly",
        "seeds/mailjet_sms_statuses.csv",
        "8,rejected_network,failed,true,true,operator",
        "8,rejected_network,failed,true,true,recipient",
    ),
    Mutant(
        "a final status is pending",
        "seeds/mailjet_sms_statuses.csv",
        "9,rejected_dnd,failed,true",
        "9,rejected_dnd,pending,false",
    ),
    Mutant(
        "days are UTC's",
        MESSAGES,
        "{{ mailjet_sms.local_time('messages.created_at') }}",
        "messages.created_at",
    ),
)


def main() -> int:
    """Build the package and each mutant of it; the exit code tells whether one lived."""
    exit_on_signals()
    rows = loaded(300)
    rows += late(rows) + moved(rows)
    alive = []
    with TemporaryDirectory(prefix="dbt-mutants-") as name:
        for kind in ("postgres", "duckdb"):
            folder = Path(name) / kind
            folder.mkdir()
            with warehouse(kind, folder) as there:
                there.load("mailjet", rows)
                killers = _failed(Dbt.prepare(folder / "whole", there.output))
                print(f"{kind:<9} the package itself: {len(killers)} tests fail", flush=True)
                alive += [f"{kind}: the package itself fails: {killers}"] if killers else []
                for number, mutant in enumerate(MUTANTS):
                    home = folder / f"mutant-{number}"
                    home.mkdir()
                    dbt = Dbt.prepare(home / "dbt", there.output, mutant.make(home))
                    killers = _failed(dbt)
                    print(f"{kind:<9} {mutant.name}: {', '.join(killers) or 'LIVES'}", flush=True)
                    alive += [] if killers else [f"{kind}: {mutant.name}"]
    for line in alive:
        print(f"WRONG: {line}")
    return 1 if alive else 0


def _failed(dbt: Dbt) -> list[str]:
    """What fails of a build."""
    said: list[str] = []
    try:
        dbt.run("build", "--full-refresh", variables={}, show=said.append)
    except CommandError:
        return sorted(
            set(
                re.findall(
                    r" (?:FAIL \d+|ERROR)(?: creating \S+ \S+ model)? (\S+)", "\n".join(said)
                )
            )
        )
    return []


if __name__ == "__main__":
    sys.exit(main())
