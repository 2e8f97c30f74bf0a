"""`examples/airflow` under Airflow: by `dags test`, and by a scheduler that sees tasks die."""

from __future__ import annotations

import json
import logging
import socket
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.environments import environment
from pipeline.processes import running
from tests.support.scheduled import EXAMPLES, query, scheduled, tap_below, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scheduled import Scheduled

HOURLY, BACKFILL = "mailjet_sms_hourly", "mailjet_sms_backfill"
#: An Airflow that shares two cores with others takes its time.
PATIENCE = 600


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Scheduled]:
    """An Airflow that knows of our example alone."""
    with scheduled(tmp_path, environment("airflow")) as ground:
        port = free_port()
        ground.variables.update(
            {
                "AIRFLOW_HOME": str(tmp_path / "airflow"),
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, long enough for it",
                "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "airflow"),
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__PARALLELISM": "2",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
                "MAILJET_RETRY_SECONDS": "1",
                "NO_PROXY": "127.0.0.1",
            }
        )
        ground.run(["airflow", "db", "migrate"])
        yield ground


def span(ground: Scheduled) -> str:
    """The parameters of the backfill."""
    return json.dumps({"first": f"{ground.first:%Y-%m-%d}", "until": f"{ground.seam:%Y-%m-%d}"})


def database(ground: Scheduled) -> Path:
    """Airflow's own."""
    return Path(ground.variables["AIRFLOW_HOME"]) / "airflow.db"


def tries(ground: Scheduled) -> list[tuple[object, ...]]:
    """Each task that Airflow knows of: its name, number, state and number of tries."""
    return query(
        database(ground),
        "SELECT dag_id, task_id, map_index, state, try_number FROM task_instance ORDER BY 1, 2, 3",
    )


def test_both_dags_run_by_hand(ground: Scheduled) -> None:
    """`airflow dags test`: the months, the hand-over, an hour; the table equals the truth."""
    folder = ["--dagfile-path", str(EXAMPLES / "airflow" / "mailjet_sms.py")]
    ground.run(["airflow", "dags", "test", *folder, BACKFILL, "--conf", span(ground)])
    assert ground.rows() == ground.truth(ground.seam.timestamp())
    assert ground.bookmark() == ground.seam.isoformat()

    ground.load.backend.advance(delivery=86_400)  # statuses of the last days change
    ground.run(["airflow", "dags", "test", *folder, HOURLY])
    assert ground.rows() == ground.truth(ground.load.end)


@contextmanager
def airflow(ground: Scheduled, log: Path) -> Iterator[psutil.Process]:
    """The processes of a real Airflow; the scheduler, below which tasks run."""
    with ExitStack() as stack:
        for program in (["api-server", "--workers", "1"], ["dag-processor"], ["scheduler"]):
            command = ["bash", "-c", 'exec airflow "$@" >"$LOG" 2>&1', "airflow", *program]
            variables = ground.variables | {"LOG": str(log / f"{program[0]}.log")}
            process = stack.enter_context(running(command, cwd=log, env=variables))
        yield psutil.Process(process.pid)


def task(scheduler: psutil.Process) -> psutil.Process | None:
    """The process of Airflow's that runs `graceful-meltano`, once the tap itself runs."""
    for process in scheduler.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "graceful-meltano" in " ".join(process.cmdline()) and tap_below(process):
                return process
    return None


def asked(ground: Scheduled) -> int:
    """How many exports were asked for so far."""
    return len(ground.load.asked())


def test_a_scheduler_outlives_the_death_of_tasks(ground: Scheduled, tmp_path: Path) -> None:
    """One is killed, one is cleared while it runs; the table equals the truth, then and later."""

    def runs() -> object:
        return query(database(ground), "SELECT dag_id, state FROM dag_run"), tries(ground)

    def states(dag: str) -> set[object]:
        return {
            state
            for (state,) in query(
                database(ground),
                f"SELECT state FROM dag_run WHERE dag_id = '{dag}'",  # noqa: S608
            )
        }

    with airflow(ground, tmp_path) as scheduler:

        def is_known() -> bool:
            return len(query(database(ground), "SELECT dag_id FROM dag")) == 2

        wait_until(is_known, PATIENCE, runs)
        ground.run(["airflow", "dags", "unpause", "--yes", BACKFILL])
        ground.run(["airflow", "dags", "trigger", BACKFILL, "--conf", span(ground)])

        wait_until(lambda: task(scheduler) and asked(ground) > 1, PATIENCE, runs)
        killed = task(scheduler)
        assert killed
        for process in [killed, *killed.children(recursive=True)]:
            process.kill()  # as whoever runs out of memory

        before = asked(ground)
        wait_until(lambda: task(scheduler) and asked(ground) > before + 3, PATIENCE, runs)
        ended = task(scheduler)
        assert ended
        ground.run(["airflow", "tasks", "clear", "--yes", "--only-running", "-t", "load", BACKFILL])
        wait_until(lambda: not ended.is_running(), PATIENCE, runs)

        wait_until(lambda: states(BACKFILL) & {"success", "failed"}, PATIENCE, runs)
        assert states(BACKFILL) == {"success"}, runs()
        assert ground.rows() == ground.truth(ground.seam.timestamp())
        assert ground.bookmark() == ground.seam.isoformat()

        ground.load.backend.advance(delivery=86_400)
        ground.run(["airflow", "dags", "unpause", "--yes", HOURLY])
        wait_until(lambda: states(HOURLY) & {"success", "failed"}, PATIENCE, runs)
        assert states(HOURLY) == {"success"}, runs()

    exports = ground.load.asked()
    logging.getLogger(__name__).info(
        "Tasks %s; %d exports asked for, %d of them again; %d messages, equal to the truth",
        tries(ground),
        len(exports),
        len(exports) - len(set(exports)),
        len(ground.rows()),
    )
    assert max(int(str(tried)) for *_, tried in tries(ground)) > 1
    assert ground.rows() == ground.truth(ground.load.end)
