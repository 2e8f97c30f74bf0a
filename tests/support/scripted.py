"""A server that answers as scripted, on a socket, and a client of it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from typing_extensions import override

from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tap_mailjet_sms.exporting.windows import Window

if TYPE_CHECKING:
    from email.message import Message
    from types import TracebackType

TOKEN = "tok3n"
START = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
LONG_AGO = START - timedelta(days=300)
FROM, TO = int(WINDOW.start.timestamp()), int(WINDOW.end.timestamp())


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer; a body that is no bytes is sent as JSON."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """Answers as scripted, the last answer for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        """Take the answers, in order."""
        self.answers = list(answers)
        self.asked: list[Asked] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                script.asked.append(Asked(self.command, self.path, self.headers, body))
                answer = script.answers[0]
                if len(script.answers) > 1:
                    script.answers.pop(0)
                whole = answer.body
                content = whole if isinstance(whole, bytes) else json.dumps(whole).encode()
                self.send_response_only(answer.status)
                for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def client(server: Server, *, now: datetime = START, timeout: float = 5) -> MailjetClient:
    """A client of a server."""
    return MailjetClient(
        api_url=f"{server.url}/v4", auth_token=TOKEN, request_timeout=timeout, now=lambda: now
    )


def export(**fields: object) -> dict[str, object]:
    """Mailjet's words for an export, as documented."""
    return {
        "ID": 56660,
        "CreationTS": None,
        "ExpirationTS": None,
        "Status": {"Code": 1, "Name": "PENDING", "Description": "…"},
        "URL": None,
        "FromTs": FROM - 1,
        "ToTs": TO,
        **fields,
    }


def completed(url: str | None) -> ExportJob:
    """An export with a file."""
    return ExportJob(7, WINDOW, START, ExportStatus.COMPLETED, url)
