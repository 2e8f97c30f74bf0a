"""Build the package with dbt-snowflake on fakesnow, in an environment that has both.

`python fake_snowflake.py PACKAGE HOME` reads rows of the loaded table as JSON from stdin, and
prints as JSON what dbt said of each node, what is in the marts, and what the report asks of them.
It is no Snowflake: it turns the statements into DuckDB's. It has no temporary tables, so neither
unit tests nor a second run of an incremental model can be had.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fakesnow

# As target-snowflake makes them.
TYPES = {
    "status_code": "decimal(38, 0)",
    "sms_count": "decimal(38, 0)",
    "cost_value": "float",
    "extra": "variant",
    "export_id": "decimal(38, 0)",
    "created_at": "timestamp_ntz",
    "sent_at": "timestamp_ntz",
    "exported_at": "timestamp_ntz",
    "from_ts": "timestamp_ntz",
    "to_ts": "timestamp_ntz",
}
PROFILE = {
    "mailjet_sms": {
        "target": "warehouse",
        "outputs": {
            "warehouse": {
                "type": "snowflake",
                "account": "account",
                "user": "user",
                "password": "password",
                "database": "DB",
                "warehouse": "WH",
                "schema": "ANALYTICS",
                "threads": 1,
            }
        },
    }
}


def main() -> None:
    """Load stdin, build, and tell what is there."""
    package, home = Path(sys.argv[1]), Path(sys.argv[2])
    (home / "profiles.yml").write_text(json.dumps(PROFILE))
    rows = json.load(sys.stdin)
    with fakesnow.patch():
        # After the patch: they take the connector's functions by name.
        from dbt.cli.main import dbtRunner  # noqa: PLC0415
        from snowflake.connector import connect  # noqa: PLC0415

        cursor = connect(user="user", account="account", database="DB", schema="MAILJET").cursor()
        columns = ", ".join(f"{name} {TYPES.get(name, 'varchar')}" for name in rows[0])
        cursor.execute(f"create table mailjet.sms_messages ({columns})")
        for row in rows:
            values = ", ".join(_literal(value) for value in row.values())
            cursor.execute(f"insert into mailjet.sms_messages values ({values})")
        quiet = ["--quiet", "--log-path", f"{home}/logs"]
        where = ["--project-dir", str(package), "--profiles-dir", str(home)]
        where += ["--target-path", f"{home}/target"]
        build = ["build", "--exclude-resource-type", "unit_test"]
        done = dbtRunner().invoke([*quiet, *build, *where])
        printed: list[str] = []
        runner = dbtRunner(callbacks=[lambda event: printed.append(event.info.msg)])
        runner.invoke([*quiet, "run-operation", "mailjet_sms.report_figures", *where])
        report = [line for line in printed if line.startswith('{"mailjet_sms_report"')]
        results = getattr(done.result, "results", [])
        said = [(result.node.name, str(result.status), result.message) for result in results]
        marts = {}
        for result in results:
            if result.node.name.startswith("mailjet_sms__") and result.status == "success":
                cursor.execute(f"select * from analytics.{result.node.name}")
                names = [column[0].lower() for column in cursor.description]
                marts[result.node.name] = [
                    dict(zip(names, row, strict=True)) for row in cursor.fetchall()
                ]
    problem = str(done.exception) if done.exception else None
    answer = {"said": said, "marts": marts, "problem": problem, "report": report}
    json.dump(answer, sys.stdout, default=str)


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


if __name__ == "__main__":
    main()
