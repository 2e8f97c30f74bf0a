"""What `docs/state.md` says to do with the state, done with the real Meltano."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest

from pipeline.meltano import Meltano
from pipeline.postgres import sqlalchemy_url
from tests.simulation.schedule import start_date
from tests.support.pipeline import HOUR, PROD, PROD_SCHEMA, el, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.pipeline import Pipeline

BACKFILL = f"{PROD}:backfill"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, str]]:
    """Two days of messages, a run that has read them all, and its state."""
    home = tmp_path_factory.mktemp("recipes") / "meltano"
    with pipeline(home, per_hour=30) as loaded:
        loaded.settings |= {
            "TAP_MAILJET_SMS_LOOKBACK_DAYS": "0",
            "TAP_MAILJET_SMS_WINDOW_DAYS": "30",
        }
        loaded.command = el()
        loaded.run()
        assert loaded.rows(PROD_SCHEMA) == loaded.truth()
        yield loaded, loaded.state_text(PROD)


@pytest.fixture
def ground(loaded: tuple[Pipeline, str]) -> Iterator[Pipeline]:
    """The same for each test, whatever the one before did with state and settings."""
    ground, state = loaded
    meltano, settings = ground.meltano, dict(ground.settings)
    ground.command = el()
    yield ground
    ground.meltano, ground.settings = meltano, settings
    ground.meltano.run("state", "set", "--force", PROD, state, settings={}, show=print)


def lose(ground: Pipeline, start: int, end: int) -> None:
    """Delete the messages of some hours from the warehouse."""
    with psycopg.connect(ground.uri) as warehouse:
        deleted = warehouse.execute(
            f"DELETE FROM {PROD_SCHEMA}.sms_messages "  # noqa: S608
            "WHERE created_at >= to_timestamp(%s) AT TIME ZONE 'UTC' "
            "AND created_at < to_timestamp(%s) AT TIME ZONE 'UTC'",
            (start, end),
        ).rowcount
    assert deleted > 100


def test_a_plan_is_that_of_the_state_that_is_passed(ground: Pipeline, tmp_path: Path) -> None:
    """What `meltano state get` prints is taken as it is."""
    path = tmp_path / "state.json"
    path.write_text(ground.state_text(PROD), encoding="utf-8")
    since = len(ground.backend.journal)
    lines: list[str] = []
    ground.meltano.run(
        *("--environment=prod", "invoke", "--no-install", "tap-mailjet-sms"),
        *("--plan", "--state", str(path)),
        settings=ground.settings,
        show=lines.append,
    )
    bookmark = str(ground.state(PROD)["replication_key_value"])
    assert any("ookmark" in line and bookmark[:16] in line for line in lines), lines
    assert not ground.asked(since)


def test_some_days_are_read_again_with_a_state_of_their_own(ground: Pipeline) -> None:
    """The state of the hourly run stays as it is, byte for byte, and goes on as before."""
    before = ground.state_text(PROD)
    start, end = ground.start + 6 * HOUR, ground.start + 12 * HOUR
    lose(ground, start, end)
    ground.command = el(f"{PROD}:again")
    span = {
        "TAP_MAILJET_SMS_START_DATE": start_date(start),
        "TAP_MAILJET_SMS_END_DATE": start_date(end),
    }
    ground.run(**span)
    assert ground.rows(PROD_SCHEMA) == ground.truth()
    assert ground.state_text(PROD) == before

    ground.command = el()
    since = len(ground.backend.journal)
    ground.run()
    assert all(end <= asked for asked, _ in ground.asked(since))


def test_with_a_state_that_has_read_them_nothing_is_read_again(ground: Pipeline) -> None:
    """A reload by `start_date` beside a bookmark reads nothing, and the log says what would."""
    start, end = ground.start + 6 * HOUR, ground.start + 12 * HOUR
    lose(ground, start, end)
    since = len(ground.backend.journal)
    lines = ground.run(
        TAP_MAILJET_SMS_START_DATE=start_date(start), TAP_MAILJET_SMS_END_DATE=start_date(end)
    )
    assert not ground.asked(since)
    assert ground.rows(PROD_SCHEMA).keys() < ground.truth().keys()
    (said,) = [line for line in lines if "run with a state of its own" in line]
    assert start_date(end) in said


@pytest.mark.parametrize("way", ["state clear", "--full-refresh"])
def test_start_over(ground: Pipeline, way: str) -> None:
    """All is read from `start_date` on, into the same table."""
    lose(ground, ground.start, ground.end)
    if way == "state clear":
        ground.meltano.run("state", "clear", "--force", PROD, settings={}, show=print)
    else:
        ground.command = el(PROD, "--full-refresh")
    since = len(ground.backend.journal)
    ground.run()
    assert min(start for start, _ in ground.asked(since)) == ground.start - 1
    assert ground.rows(PROD_SCHEMA) == ground.truth()


def test_the_state_moves_to_another_machine(ground: Pipeline, tmp_path: Path) -> None:
    """`meltano state get` here and `set` there: the run there asks for nothing again."""
    saved = ground.state_text(PROD)
    (tmp_path / "state.json").write_text(saved, encoding="utf-8")
    ground.meltano = Meltano.prepare(tmp_path / "elsewhere")
    ground.meltano.run(
        *("state", "set", "--force", PROD, "--input-file", str(tmp_path / "state.json")),
        settings={},
        show=print,
    )
    since = len(ground.backend.journal)
    ground.run()
    assert not ground.asked(since)
    assert f"{ground.state(PROD)['replication_key_value']}" in saved


def test_a_backfill_hands_over_through_meltano(ground: Pipeline) -> None:
    """`meltano state copy`: the hourly run goes on at the seam, and refreshes what is young."""
    lose(ground, ground.start, ground.end)
    ground.meltano.run("state", "clear", "--force", PROD, settings={}, show=print)
    seam = ground.end - 12 * HOUR
    ground.settings["TAP_MAILJET_SMS_LOOKBACK_DAYS"] = "3"
    ground.command = el(BACKFILL)
    ground.run(TAP_MAILJET_SMS_END_DATE=start_date(seam))
    ground.meltano.run("state", "copy", "--force", BACKFILL, PROD, settings={}, show=print)

    ground.backend.advance(delivery=86_400)  # statuses have changed meanwhile
    since = len(ground.backend.journal)
    ground.command = el()
    # A start_date at the seam: what the copied state does not bring stays as it is.
    ground.settings["TAP_MAILJET_SMS_START_DATE"] = start_date(seam)
    ground.run(TAP_MAILJET_SMS_LOOKBACK_SCHEDULE="every_run")
    assert ground.rows(PROD_SCHEMA) == ground.truth()
    assert ground.asked(since)
    assert ground.state(PROD)["replication_key_value"] == start_date(ground.end)


def test_the_state_lives_in_postgres(ground: Pipeline, tmp_path: Path) -> None:
    """With MELTANO_DATABASE_URI, two machines share the state and its lock."""
    shared = {"MELTANO_DATABASE_URI": sqlalchemy_url(ground.uri)}
    lose(ground, ground.start, ground.end)
    ground.run(**shared)
    assert ground.rows(PROD_SCHEMA) == ground.truth()
    ground.meltano = Meltano.prepare(tmp_path / "elsewhere")
    since = len(ground.backend.journal)
    ground.run(**shared)
    assert not ground.asked(since)


def test_the_state_lives_in_a_folder(ground: Pipeline, tmp_path: Path) -> None:
    """Whoever reaches it goes on, with a new database; nothing keeps two machines from a run."""
    shared = {"MELTANO_STATE_BACKEND_URI": f"file://{tmp_path}/states"}
    machines = [Meltano.prepare(tmp_path / name) for name in ("one", "other")]
    with ExitStack() as stack:
        runs = [
            stack.enter_context(machine.running(*el(), settings=ground.settings | shared))
            for machine in machines
        ]
        outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "".join(outputs)

    (saved,) = (path for path in (tmp_path / "states").rglob("*") if path.is_file())
    assert start_date(ground.end) in saved.read_text(encoding="utf-8")
    ground.meltano = Meltano.prepare(tmp_path / "third")
    since = len(ground.backend.journal)
    ground.run(**shared)
    assert not ground.asked(since)
