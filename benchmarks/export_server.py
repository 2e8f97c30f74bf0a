"""The least that a Mailjet must do for a benchmark: one export file, ready at once.

The file is made beforehand, with the sandbox's seeded messages, and sent by the kernel: so the
server takes next to nothing of the processor that the measured programs share with it. An export
of any window holds the same file.
"""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from mailjet_sandbox import Layout, Messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The rows of every file were created in the hours before this moment.
HOURS = 100
#: 2026-01-01T00:00:00Z; statuses are as of days later, so that they have settled.
START = 1_767_225_600
TOKEN = "benchmark-token"  # noqa: S105 - opens nothing


def write_export(path: Path, *, rows: int, numbers: int | None = None) -> None:
    """Make an export file of so many rows, the same ones each time.

    With so many different phone numbers, in no order; by default those of the sandbox.
    """
    messages = Messages(since=START, seed=0, per_hour=rows / HOURS + 1)
    written = 0

    def blocks() -> Iterator[list[object]]:
        nonlocal written
        for block in messages.blocks(START, START + HOURS * 3600, at=START + 90 * 86_400):
            kept = block[: rows - written]
            if numbers:
                kept = [
                    message._replace(recipient=f"+336{(written + n) * 7919 % numbers:08}")
                    for n, message in enumerate(kept)
                ]
            written += len(kept)
            yield kept  # type: ignore[misc]

    with path.open("wb") as file:
        file.writelines(Layout().render(blocks()))  # type: ignore[arg-type]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Take an export: it is finished already."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = {name.casefold(): value for name, value in json.loads(body).items()}
        self.server.window = (int(asked["fromts"]), int(asked["tots"]))
        self._send(self._export())

    def do_GET(self) -> None:
        """Tell of the export, count its rows, or send its file."""
        if self.path.startswith("/v4/sms/count"):
            self._send({"Count": self.server.rows})
        elif self.path.startswith("/v4/sms?"):
            self._send({"Data": []})
        elif self.path.startswith("/v4/sms/export/"):
            self._send(self._export())
        else:
            size = os.fstat(self.server.file.fileno()).st_size
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.send_header("Content-Type", "text/csv")
            self.end_headers()
            self.wfile.flush()
            start = 0
            while start < size:
                target, source = self.connection.fileno(), self.server.file.fileno()
                start += os.sendfile(target, source, start, min(1 << 20, size - start))

    def _export(self) -> dict[str, object]:
        start, end = self.server.window
        now = int(time.time())
        return {
            "ID": 1,
            "CreationTS": now,
            "ExpirationTS": now + 7 * 86_400,
            "Status": {"Code": 3, "Name": "COMPLETED", "Description": ""},
            "URL": f"{self.server.origin}/v3/data/export.csv",
            "FromTs": start,
            "ToTs": end,
        }

    def _send(self, answer: dict[str, object]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    window = (0, 0)

    def __init__(self, file: BinaryIO, rows: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        self.rows = rows
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve(path: Path, *, rows: int) -> Iterator[str]:
    """Serve an export file while the block lasts, and hand out the API's root."""
    with path.open("rb") as file, _Server(file, rows) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"{server.origin}/v4"
        server.shutdown()
