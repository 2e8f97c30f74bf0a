"""Singer metrics of calls and exports, as the SDK writes them, and the log in JSON."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mailjet_sandbox import Fault, Operation
from mailjet_sandbox import effects as fx
from tests.support.account import account
from tests.support.program import run_tap
from tests.support.story import on, play, story

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, metrics included."""
    caplog.set_level(logging.INFO)
    return caplog


def points(log: pytest.LogCaptureFixture, metric: str) -> list[dict[str, Any]]:
    """The points of a metric, as they stand in the log."""
    lines = [r.getMessage() for r in log.records if r.name == "singer_sdk.metrics"]
    found = [json.loads(line.removeprefix("METRIC: ")) for line in lines]
    return [point for point in found if point["metric"] == metric]


def tags(log: pytest.LogCaptureFixture, metric: str, *names: str) -> list[tuple[object, ...]]:
    """These tags of each point."""
    return [tuple(p["tags"].get(name) for name in names) for p in points(log, metric)]


def test_calls_are_timed(log: pytest.LogCaptureFixture) -> None:
    """Each with its endpoint, without any id, its status and its bytes."""
    faults = (Fault(fx.Http(502), on(Operation.STATUS)), Fault(fx.Rate(0), on(Operation.COUNT)))
    simulation = story(windows=1)

    play(simulation, *faults)

    all_points = points(log, "http_request_duration")
    found = tags(log, "http_request_duration", "stream", "endpoint", "http_status_code", "status")
    assert len(found) == len(simulation.backend.journal)
    assert {stream for stream, *_ in found} == {"sms_messages"}
    assert {tuple(rest) for _, *rest in found} >= {
        ("sms/export", 200, "succeeded"),
        ("sms/export/{id}", 502, "failed"),
        ("sms/export/{id}", 200, "succeeded"),
        ("download", 200, "succeeded"),
        ("sms/count", 200, "succeeded"),
    }
    sizes = {point["tags"]["endpoint"]: point["tags"]["bytes"] for point in all_points}
    assert sizes["download"] > 1000 > sizes["sms/count"] > 0
    assert all(point["value"] >= 0 for point in all_points)


def test_a_call_without_an_answer_has_failed(log: pytest.LogCaptureFixture) -> None:
    """It has no status."""
    play(story(windows=1), Fault(fx.Broken(), on(Operation.DOWNLOAD)))

    found = tags(log, "http_request_duration", "endpoint", "http_status_code", "status")
    assert ("download", None, "failed") in found
    assert ("download", 200, "succeeded") in found


def test_exports_are_timed(log: pytest.LogCaptureFixture) -> None:
    """Each with its id, its window, and whether Mailjet has finished it."""
    play(story(windows=2), Fault(fx.Fails(), on(Operation.REQUEST)))

    found = tags(log, "job_duration", "job_type", "stream", "status")
    assert found.count(("export", "sms_messages", "failed")) == 1
    assert found.count(("export", "sms_messages", "succeeded")) == 2
    ids = tags(log, "job_duration", "export_id", "from_ts", "to_ts")
    assert len({export for export, *_ in ids}) == 3
    assert len({tuple(window) for _, *window in ids}) == 2


def test_a_log_in_json_has_window_and_export_as_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `extra`, as the SDK's formatter writes what a line comes with."""
    config = {
        "version": 1,
        "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
    }
    (tmp_path / "logging.yml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(tmp_path / "logging.yml"))
    with account() as there:
        run = run_tap("--config", "ENV", timeout=120, **there.config())

    lines = [json.loads(line) for line in run.log.splitlines() if line.startswith("{")]
    finished = [line for line in lines if "% of the span" in line["message"]]
    assert [line["extra"]["export_id"] for line in finished] == [
        line["extra"]["export_id"] for line in lines if line["message"].startswith("Asked Mailjet")
    ]
    records = {(r["export_id"], r["from_ts"], r["to_ts"]) for r in run.records}
    assert {
        (str(e["export_id"]), e["from_ts"], e["to_ts"])
        for e in (line["extra"] for line in finished)
    } == {(str(export), start, end) for export, start, end in records}
