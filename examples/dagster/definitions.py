"""Mailjet's SMS into the warehouse with Meltano and Dagster: months to backfill, then every hour.

Two assets write one table: `sms_history` has a partition for each month, and a backfill of several
is one run (one token has one rate limit, and the tap itself asks for several exports at once);
`sms_messages` is the hourly run, which goes on from its own state. What the process needs:
`meltano` and `graceful-meltano` on the PATH, MELTANO_PROJECT_ROOT (with `meltano install` done),
MELTANO_DATABASE_URI, and the settings of tap and target as environment variables. The pool
`mailjet_token` is to have one slot.
"""

import json
import os
import signal
import subprocess

import dagster as dg

TAP, TARGET = "tap-mailjet-sms", "target-postgres"
#: What `meltano run` makes of environment and plugins, so that both share one state.
STATE_ID = "prod:tap-mailjet-sms-to-target-postgres"
RETRIES = dg.RetryPolicy(max_retries=3, delay=60, backoff=dg.Backoff.EXPONENTIAL)
MONTHS = dg.MonthlyPartitionsDefinition(start_date=os.environ.get("MAILJET_FIRST", "2026-01-01"))


def load(context: dg.AssetExecutionContext, state_id: str, **settings: str) -> dg.MaterializeResult:
    """Run `meltano el`, and tell how many records came.

    Not `meltano run`: two at once in one project take each other's config, state and catalog. If
    the run is terminated, the target still loads what it has.
    """
    command = ["graceful-meltano", "--environment=prod", "--log-format=json", "el", "--no-install"]
    command += [f"--state-id={state_id}", TAP, TARGET]
    if context.retry_number:
        command.insert(-2, "--force")  # what was killed leaves its lock behind for five minutes
    records = 0
    with subprocess.Popen(
        command,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                event = _event(line)
                metric = event.get("metric_info", {})
                if metric.get("metric") == "record_count" and event.get("name") == TAP:
                    records += metric["value"]  # each line tells what came since the last one
                elif event.get("event") != "METRIC":
                    context.log.info("%s: %s", event.get("name", "meltano"), event.get("event"))
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
    if process.returncode:
        raise dg.Failure(f"meltano ended with exit code {process.returncode}")
    return dg.MaterializeResult(metadata={"records": records})


def _event(line: str) -> dict:
    try:
        event = json.loads(line)
    except ValueError:
        return {"event": line.rstrip()}
    return event if isinstance(event, dict) else {}


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="mailjet_token",
    retry_policy=RETRIES,
)
def sms_history(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The messages of whole months, for a first load or a repair.

    Each span has a state of its own: asked for again, it is read again only after `meltano state
    clear` of that. Start the hourly run from the last one's, with `meltano state copy`.
    """
    start, end = context.partition_time_window
    return load(
        context,
        f"{STATE_ID}:months-{start:%Y-%m}-{end:%Y-%m}",
        TAP_MAILJET_SMS_START_DATE=start.isoformat(),
        TAP_MAILJET_SMS_END_DATE=end.isoformat(),
    )


@dg.asset(pool="mailjet_token", retry_policy=RETRIES)
def sms_messages(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """All that came since the last run, and again what is due to be read again."""
    return load(context, STATE_ID)


hourly = dg.ScheduleDefinition(
    name="sms_hourly",
    target=dg.AssetSelection.assets(sms_messages),
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(assets=[sms_history, sms_messages], schedules=[hourly])
