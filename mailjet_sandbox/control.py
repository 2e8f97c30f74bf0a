"""What tests and the demo ask of the sandbox itself, under `/_sandbox/` and without a token.

No such thing exists at Mailjet. See :data:`HELP` for the calls.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from mailjet_sandbox.scenario import Scenario
from mailjet_sandbox.wire import Response, StoredFile, json_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailjet_sandbox.backend import Backend
    from mailjet_sandbox.wire import Request

ROOT = "/_sandbox/"
HELP = """\
GET    /_sandbox/health    answers at once
GET    /_sandbox/clock     the time, and by how many seconds statuses are ahead of it
POST   /_sandbox/clock     {"advance_now": 60} moves the time, {"advance_delivery": 86400} lets the
                           statuses of messages move on as if so much time had passed
GET    /_sandbox/truth     ?FromTS=..&ToTS=..[&at=..]: JSON lines, what a right reader makes of the
                           messages created in [FromTS, ToTS), as of now or of `at` (the
                           CreationTS of an export gives what its file must hold)
GET    /_sandbox/journal   what was asked so far
GET    /_sandbox/scenario  the faults being played; POST sets others, DELETE ends them
"""


def handle(backend: Backend, request: Request) -> Response:
    """Answer a control request."""
    try:
        return _answer(backend, request)
    except (KeyError, TypeError, ValueError) as error:
        return json_response(400, {"error": f"{type(error).__name__}: {error}"})


def _answer(backend: Backend, request: Request) -> Response:  # noqa: PLR0911 (one for each call)
    match request.method, request.path.removeprefix(ROOT):
        case "GET", "health":
            return json_response(200, {"status": "ok"})
        case "GET", "clock":
            return _clock(backend)
        case "POST", "clock":
            wish = json.loads(request.body)
            delivery = int(wish.pop("advance_delivery", 0))
            backend.advance(now=float(wish.pop("advance_now", 0)), delivery=delivery)
            if wish:
                msg = f"unknown key {', '.join(wish)}; known are: advance_now, advance_delivery"
                raise ValueError(msg)
            return _clock(backend)
        case "GET", "truth":
            lines = StoredFile(_truth(backend, request))
            return Response(200, {"Content-Type": "application/x-ndjson"}, lines)
        case "GET", "journal":
            journal = [dataclasses.asdict(asked) for asked in list(backend.journal)]
            return json_response(200, journal)
        case "GET", "scenario":
            return json_response(200, backend.scenario.to_json())
        case "POST", "scenario":
            backend.scenario = Scenario.from_json(json.loads(request.body))
            return json_response(200, backend.scenario.to_json())
        case "DELETE", "scenario":
            backend.scenario = Scenario()
            return json_response(200, backend.scenario.to_json())
        case _:
            return json_response(404, {"error": f"no {request.method} {request.path} here"})


def _clock(backend: Backend) -> Response:
    clock = {"now": backend.clock.now(), "delivery_offset": backend.delivery_offset}
    return json_response(200, clock)


def _truth(backend: Backend, request: Request) -> Iterator[bytes]:
    at = request.query.get("at")
    from_ts, to_ts = int(request.query["FromTS"]), int(request.query["ToTS"])
    for message in backend.truth(from_ts, to_ts, at=None if at is None else float(at)):
        row = backend.layout.expected(message)
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"
