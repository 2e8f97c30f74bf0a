"""`python -m mailjet_sandbox`: a local Mailjet on a port of this machine."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailjet_sandbox import control
from mailjet_sandbox.backend import Backend
from mailjet_sandbox.effects import EFFECTS
from mailjet_sandbox.layouts import LAYOUTS, PUZZLES
from mailjet_sandbox.messages import Messages
from mailjet_sandbox.scenario import Scenario
from mailjet_sandbox.server import HISTORY, Sandbox
from mailjet_sandbox.unknowns import (
    Build,
    DownloadToken,
    Edges,
    Empty,
    Listing,
    Spelling,
    Unknowns,
)
from mailjet_sandbox.wire import Framing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import Enum

    from mailjet_sandbox.effects import Effect


def _describe(name: str, effect: type[Effect]) -> str:
    keys = ", ".join(field.name for field in dataclasses.fields(effect))  # type: ignore[arg-type]
    summary = (effect.__doc__ or "").splitlines()[0]
    return f"  {name:14}{summary}\n" + (f"  {'':14}keys: {keys}\n" if keys else "")


EPILOG = f"""\
calls to the sandbox itself, without a token:
{control.HELP}
faults for --scenario (a JSON file, or the JSON itself), for example
[{{"fault": "http", "on": "status", "status": 429, "retry_after": 2, "times": 3}},
 {{"fault": "error", "longer_than": 86400, "times": null}}]
{"".join(_describe(name, effect) for name, effect in EFFECTS.items())}
  Keys of every fault, which say when it happens:
    on            "request", "status", "download", "count", "messages", or a list of them
    skip, times   spare so many, then befall so many (1; null: all)
    chance        befall only this share of them, told by the scenario's "seed"
    export        only the n-th export, from 1
    longer_than   only windows of more than so many seconds
    covers        only windows that hold this moment, in unix seconds

try it:
  python -m mailjet_sandbox --port 8025 &
  curl -H 'Authorization: Bearer sandbox-token' http://127.0.0.1:8025/v4/sms/count
"""


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = "needs a time zone"
        raise argparse.ArgumentTypeError(msg)
    return int(moment.timestamp())


def _scenario(text: str) -> Scenario:
    try:
        if not text.lstrip().startswith(("[", "{")):
            text = Path(text).read_text(encoding="utf-8")
        return Scenario.from_json(json.loads(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mailjet_sandbox",
        description="A local Mailjet: its SMS API with made-up messages, for the demo and tests.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def choice(name: str, default: Enum, text: str) -> None:
        parser.add_argument(
            name,
            type=type(default),
            default=default,
            metavar="|".join(str(member.value) for member in type(default)),
            help=f"{text} (default: {default.value})",
        )

    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add("--token", default="sandbox-token", help="the bearer token (default: %(default)s)")
    add("--seed", type=int, default=0, help="other seeds give other messages")
    add("--per-hour", type=float, default=60, help="messages per hour (default: %(default)s)")
    add(
        "--since",
        type=_moment,
        help="when the first message was created, ISO 8601 with a zone (default: 400 days ago)",
    )
    add(
        "--layout",
        choices=[*LAYOUTS, *PUZZLES],
        default="default",
        metavar="NAME",
        help=f"how the CSV is written: {', '.join(LAYOUTS)}; and so that its header does not"
        f" settle it: {', '.join(PUZZLES)}",
    )
    add("--build-seconds", type=float, default=1, help="an export takes so long (default: 1)")
    add("--build-polls", type=int, help="an export takes so many polls, however long")
    add("--at-once", type=int, help="build so many exports at the same time (default: all)")
    choice("--edges", Edges.FROM, "which edges belong to a window")
    choice("--empty", Empty.HEADER, "what an export without messages gives")
    choice("--download-token", DownloadToken.OPTIONAL, "whether a download takes the token")
    choice("--download-framing", Framing.LENGTH, "how a download shows its end")
    add("--gzip", action="store_true", help="compress downloads where the client accepts it")
    add("--list-cap", type=int, help="list no more messages at a time, whatever is asked for")
    add("--list-ahead", type=int, default=0, help="list statuses so many seconds ahead of exports")
    choice("--list-spelling", Spelling.LIVE, "how a list spells its keys")
    add("--string-ids", action="store_true", help="write the ID of an export as a string")
    add("--scenario", type=_scenario, metavar="JSON", help="what goes wrong, see below")
    add("--quiet", action="store_true", help="do not log each request to stderr")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args(argv)
    since = options.since if options.since is not None else int(time.time()) - HISTORY
    backend = Backend(
        data=Messages(since=since, seed=options.seed, per_hour=options.per_hour),
        clock=time.time,
        token=options.token,
        scenario=options.scenario,
        layout=(LAYOUTS | PUZZLES)[options.layout],
        build=Build(options.build_seconds, options.build_polls, options.at_once),
        unknowns=Unknowns(
            edges=options.edges,
            empty=options.empty,
            download_token=options.download_token,
            download_framing=options.download_framing,
            gzip=options.gzip,
            string_ids=options.string_ids,
            listing=Listing(
                cap=options.list_cap, ahead=options.list_ahead, spelling=options.list_spelling
            ),
        ),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    verbose = not options.quiet
    with Sandbox(backend, host=options.host, port=options.port, verbose=verbose) as sandbox:
        print(f"Mailjet sandbox ready at {sandbox.url}", flush=True)  # noqa: T201
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
