"""Mailjet's SMS into the warehouse with Meltano and Prefect, hourly.

`python flow.py` serves it, `python flow.py --once` runs it once. What the process needs: `meltano`
and `graceful-meltano` on the PATH, MELTANO_PROJECT_ROOT (with `meltano install` done), and the
settings of tap and target as environment variables.
"""

import os
import signal
import subprocess
import sys

from prefect import flow, get_run_logger, runtime, task

STATE_ID = "prod:tap-mailjet-sms-to-target-postgres"


@task(retries=3, retry_delay_seconds=[60, 120, 360])
def load(state_id: str, settings: dict[str, str] | None = None) -> None:
    """Run `meltano el`: its config, state and catalog are its own, so several may run at once."""
    command = ["graceful-meltano", "--environment=prod", "el", "--no-install"]
    command += [f"--state-id={state_id}", "tap-mailjet-sms", "target-postgres"]
    if runtime.task_run.run_count > 1:
        command.insert(-2, "--force")  # what was killed leaves its lock behind for five minutes
    logger = get_run_logger()
    with subprocess.Popen(
        command,
        env=os.environ | {"MELTANO_CLI_LOG_FORMAT": "plain"} | (settings or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                logger.info(line.rstrip())
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
    if process.returncode:
        raise RuntimeError(f"meltano ended with exit code {process.returncode}")


@flow(name="mailjet-sms")
def mailjet_sms(state_id: str = STATE_ID, settings: dict[str, str] | None = None) -> None:
    """Load; a backfill is the same with another state id, a start_date and an end_date."""
    load(state_id, settings)


if __name__ == "__main__":
    if "--once" in sys.argv:
        mailjet_sms()
    else:
        mailjet_sms.serve(cron="17 * * * *", global_limit=1)
