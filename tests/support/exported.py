"""What the tap writes of a CSV that a test has made, served as the file of one export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.export_server import TOKEN, serve
from benchmarks.hostile import window
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import Output, run_here

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.hostile import Row


def written(csv: Path, rows: list[Row], more: Mapping[str, object] | None = None) -> bytes:
    """What goes to stdout of a file of hostile messages, read as one window."""
    output = Output()
    with serve(csv, rows=len(rows)) as url:
        config = {"auth_token": TOKEN, "api_url": url, **window(), **(more or {})}
        run_here(lambda: TapMailjetSMS(config=config).sync_all(), output=output)
    return bytes(output.written)
