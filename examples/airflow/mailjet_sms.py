"""Mailjet's SMS into the warehouse with Meltano and Airflow 3: a backfill by month, then hourly.

A task is one `meltano el`, which, unlike `meltano run`, keeps config, state and catalog of each run
in a folder of its own: so several may run at once in one project. Meltano has an environment of its
own, since its dependencies are not Airflow's. What every worker needs, from the image or from the
executor: `meltano` and `graceful-meltano` on the PATH, MELTANO_PROJECT_ROOT (with `meltano install`
done), MELTANO_DATABASE_URI (a database that all workers reach: it holds the state, and the lock of
each state id) and the settings of tap and target as environment variables.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag, get_current_context, task

#: What `meltano run` makes of environment and plugins, so that both share one state.
STATE_ID = "prod:tap-mailjet-sms-to-target-postgres"
BACKFILL = f"{STATE_ID}:backfill"

MELTANO = """\
: "${MELTANO_DATABASE_URI:?must be a database that all workers share}"
options="--environment=prod --log-format=json"
"""
# `graceful-meltano`: if Airflow ends the task (time-out, cleared, marked), the target still loads
# what it has and Meltano saves how far it got; `exec`, so that Airflow waits for it.
# A first try respects the lock of the state id. A retry does not: a worker that was killed leaves
# the lock behind for five minutes, and Airflow has seen the last try end.
LOAD = (
    MELTANO
    + """\
exec graceful-meltano $options el --no-install --run-id={{ ti.id }} --state-id="$STATE_ID" \
    {% if ti.try_number > 1 %}--force{% endif %} tap-mailjet-sms target-postgres"""
)

DEFAULTS = {
    "retries": int(os.environ.get("MAILJET_RETRIES", "3")),
    "retry_delay": timedelta(seconds=int(os.environ.get("MAILJET_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=3),
}


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # the state, not the schedule, knows where to go on
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["mailjet"],
)
def mailjet_sms_hourly() -> None:
    """Read what came since the last run, and again what is due to be read again."""
    BashOperator(task_id="load", bash_command=LOAD, append_env=True, env={"STATE_ID": STATE_ID})


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["mailjet"],
    params={
        "first": Param("2026-01-01", type="string", format="date"),
        "until": Param("2026-11-01", type="string", format="date", description="exclusive"),
    },
)
def mailjet_sms_backfill() -> None:
    """Read some months, each in a task that can be seen and retried, and hand over.

    One task at a time: a token has one rate limit, and the tap itself asks for several exports at
    once. All months share one state. So each goes on where the one before ended, whatever became of
    that one, and there is no seam between two of them.
    """

    @task
    def months() -> list[dict[str, str]]:
        """Settings of the tap for each month of [first, until)."""
        params = get_current_context()["params"]
        first, until = (datetime.fromisoformat(params[key]) for key in ("first", "until"))
        found = []
        start = first
        while start < until:
            start = min((start.replace(day=1) + timedelta(days=32)).replace(day=1), until)
            found.append(
                {
                    "STATE_ID": BACKFILL,
                    "TAP_MAILJET_SMS_START_DATE": f"{first:%Y-%m-%dT%H:%M:%SZ}",
                    "TAP_MAILJET_SMS_END_DATE": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                }
            )
        return found

    load = BashOperator.partial(
        task_id="load",
        bash_command=LOAD,
        append_env=True,
        max_active_tis_per_dagrun=1,
        map_index_template="until {{ task.env['TAP_MAILJET_SMS_END_DATE'][:10] }}",
    )
    # The hourly run goes on where the backfill ended, unless it has a state of its own. The state
    # is copied rather than a start_date set: what is young in it is read again then, else never.
    hand_over = BashOperator(
        task_id="hand_over",
        bash_command=MELTANO
        + f"""\
if meltano $options state get {STATE_ID} | grep -q replication_key_value
then echo "{STATE_ID} has a state of its own"
else meltano $options state copy --force {BACKFILL} {STATE_ID}; fi""",
        append_env=True,
    )
    load.expand(env=months()) >> hand_over


mailjet_sms_hourly()
mailjet_sms_backfill()
