"""Runs the real tap in this process, over a real socket, against an account that stands still."""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from mailjet_sandbox import LAYOUTS, Backend, Build, Messages, Sandbox, Unknowns
from tap_mailjet_sms.tap import TapMailjetSMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from typing_extensions import Buffer

    from mailjet_sandbox import Layout

#: A line of the tap's output, or a part of one.
JSON: TypeAlias = dict[str, Any]

NOW = int(time.time())
END = datetime.fromtimestamp(NOW, UTC).replace(minute=0, second=0) - timedelta(hours=1)
STREAM = "sms_messages"


class Output(io.RawIOBase):
    """Standard output: keeps what is written, and can break off before a given write."""

    def __init__(self, break_before: int | None = None) -> None:
        super().__init__()
        self.written = bytearray()
        self.writes = 0
        self._break_before = break_before

    def writable(self) -> bool:
        """Take bytes."""
        return True

    def write(self, data: Buffer) -> int:
        """Take bytes, unless this is the end.

        Raises:
            Broken: If this is the end.
        """
        if self.writes == self._break_before:
            raise Broken
        self.writes += 1
        self.written += data
        return len(memoryview(data))

    @property
    def messages(self) -> list[JSON]:
        """The messages, numbers with a point as decimals."""
        lines = bytes(self.written).splitlines()
        return [json.loads(line, parse_float=Decimal) for line in lines]


class Broken(BaseException):
    """The process is killed here."""


@dataclass(frozen=True, slots=True)
class Account:
    """A Mailjet account on a socket, whose time stands still."""

    backend: Backend
    url: str

    def config(
        self, more: Mapping[str, object] | None = None, *, hours: float = 24, windows: int = 2
    ) -> dict[str, object]:
        """Settings to read the last hours in so many windows."""
        return {
            "auth_token": self.backend.token,
            "api_url": self.url,
            "start_date": (END - timedelta(hours=hours)).isoformat(),
            "end_date": END.isoformat(),
            "window_days": hours / 24 / windows,
            "poll_interval_seconds": 0.01,
            **(more or {}),
        }

    def run(  # noqa: PLR0913 (each is one independent choice)
        self,
        config: Mapping[str, object],
        *,
        deselect: tuple[str, ...] = (),
        catalog: JSON | None = None,
        state: JSON | None = None,
        output: Output | None = None,
        tap_class: type[TapMailjetSMS] = TapMailjetSMS,
    ) -> list[JSON]:
        """Run the tap, and give its messages, as far as it got."""
        if deselect:
            catalog = tap_class(config=dict(config)).catalog_dict
            for entry in catalog["streams"][0]["metadata"]:
                if entry["breadcrumb"] and entry["breadcrumb"][-1] in deselect:
                    entry["metadata"]["selected"] = False
        return run_here(
            lambda: tap_class(config=dict(config), catalog=catalog, state=state).sync_all(),
            output=output,
        )


def run_here(sync: Callable[[], object], *, output: Output | None = None) -> list[JSON]:
    """Run a tap in this process, and give its messages, as far as it got."""
    output = output or Output()
    with captured(output), suppress(Broken):
        sync()
    return output.messages


@contextmanager
def captured(output: io.RawIOBase) -> Iterator[None]:
    """Have standard output go there while the block lasts; then signals are as they were before."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stdout, sys.stdout = sys.stdout, io.TextIOWrapper(output, "utf-8", write_through=True)
    try:
        yield
    finally:
        sys.stdout = stdout
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def account(layout: Layout | str = "default", *, per_hour: float = 60) -> Iterator[Account]:
    """Open an account with messages at an even rate; exports are finished at once."""
    backend = Backend(
        # As long before END on any day: so the messages before it are always the same ones.
        data=Messages(since=int(END.timestamp()) - 400 * 86_400, per_hour=per_hour),
        clock=lambda: NOW,
        layout=LAYOUTS[layout] if isinstance(layout, str) else layout,
        build=Build(seconds=0),
        # Its clock stands still, which must not look like a clock that is wrong.
        unknowns=Unknowns(date_header=False),
    )
    with Sandbox(backend) as sandbox:
        yield Account(backend, sandbox.url)


def batch_config(root: Path | str, encoding: dict[str, str], **more: object) -> dict[str, object]:
    """Settings for batch files below `root`."""
    root = root if isinstance(root, str) else root.as_uri()
    return {"batch_config": {"encoding": encoding, "storage": {"root": root}, **more}}


def records(messages: list[JSON]) -> list[JSON]:
    """The records, in their order."""
    return [message["record"] for message in messages if message["type"] == "RECORD"]


def timeless(part: Any) -> Any:  # noqa: ANN401 - any part of a message
    """Messages without the moments of the run itself, which differ from run to run."""
    if isinstance(part, list):
        return [timeless(item) for item in part]
    if isinstance(part, dict):
        return {
            name: timeless(value)
            for name, value in part.items()
            if name not in {"time_extracted", "requested_at", "at", "settled_until"}
        }
    return part


def comparable(record: Mapping[str, object]) -> JSON:
    """A record in terms that do not depend on the form it came in: moments and numbers by value."""
    return {name: _value(name, value) for name, value in record.items()}


def _value(name: str, value: object) -> object:
    if value is not None and name in {"created_at", "sent_at", "exported_at", "from_ts", "to_ts"}:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    if value is not None and name == "cost_value":
        return Decimal(str(value))
    return value
