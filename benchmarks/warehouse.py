"""The whole way into a warehouse: Meltano, the tap, the target and Postgres together."""

from __future__ import annotations

import resource
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.export_server import TOKEN, serve, write_export
from benchmarks.processes import measure
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Table

START, END = "2026-01-01T00:00:00+00:00", "2026-01-06T00:00:00+00:00"


def table(folder: Path, *, rows: int) -> Table:
    """What `meltano run` takes for so many rows, and the tap alone for the same ones."""
    install(print)
    path = folder / "warehouse.csv"
    write_export(path, rows=rows)
    with serve(path, rows=rows) as url, postgres() as uri:
        settings = {
            "TAP_MAILJET_SMS_API_URL": url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": TOKEN,
            "TAP_MAILJET_SMS_START_DATE": START,
            "TAP_MAILJET_SMS_END_DATE": END,
        }
        alone = measure([sys.executable, "-m", "tap_mailjet_sms", "--config", "ENV"], env=settings)
        meltano = Meltano.prepare(folder / "meltano")
        target = {"TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(uri)}
        before, began = _children(), time.perf_counter()
        meltano.run("run", TAP, TARGET, settings=settings | target, show=lambda _: None)
        wall, cpu = time.perf_counter() - began, _children() - before
    return [
        {"program": "meltano run", "rows": rows, "CPU s": cpu, "wall s": wall},
        {"program": "the tap alone", "rows": rows, "CPU s": alone.cpu, "wall s": alone.wall},
        {"program": "the tap's share, %", "CPU s": 100 * alone.cpu / cpu},
    ]


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
