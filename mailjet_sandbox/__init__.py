"""A faithful local Mailjet: its SMS API with made-up messages, for the demo, tests and benchmarks.

It never imports the tap and is not part of its wheel. In a process of its own::

    python -m mailjet_sandbox --help

In a test, on a socket or without one::

    with Sandbox(Backend(data=Messages(since=0), clock=time.time)) as sandbox:
        ...  # sandbox.url is the tap's `api_url`
    token = {"authorization": f"Bearer {backend.token}"}
    response = backend.handle(Request("GET", "/v4/sms/count", headers=token))
"""

from __future__ import annotations

from mailjet_sandbox.backend import Asked, Backend
from mailjet_sandbox.effects import Link, Operation
from mailjet_sandbox.layouts import LAYOUTS, PUZZLES, Layout
from mailjet_sandbox.messages import Message, Messages
from mailjet_sandbox.scenario import Fault, Scenario, When
from mailjet_sandbox.server import Sandbox
from mailjet_sandbox.unknowns import Build, DownloadToken, Edges, Empty, Listing, Unknowns
from mailjet_sandbox.wire import Ending, Framing, Request, Response

__all__ = [
    "LAYOUTS",
    "PUZZLES",
    "Asked",
    "Backend",
    "Build",
    "DownloadToken",
    "Edges",
    "Empty",
    "Ending",
    "Fault",
    "Framing",
    "Layout",
    "Link",
    "Listing",
    "Message",
    "Messages",
    "Operation",
    "Request",
    "Response",
    "Sandbox",
    "Scenario",
    "Unknowns",
    "When",
]
