"""Runs a program and says what it took: the processor, the clock, memory, and what it wrote."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PIECE = 1 << 20


class _Record(msgspec.Struct):
    """What every program must tell of a message, whatever it calls it."""

    message_id: str
    status_code: int
    cost_value: float
    sms_count: int


class _Message(msgspec.Struct):
    """A line on stdout: a Singer message, or one of Airbyte's."""

    type: str
    record: msgspec.Raw = msgspec.Raw(b"null")


class _AirbyteRecord(msgspec.Struct):
    """The same, by the names of the CSV."""

    message_id: str = msgspec.field(name="ID")
    status_code: int = msgspec.field(name="Status")
    cost_value: float = msgspec.field(name="Cost")
    sms_count: int = msgspec.field(name="SmsCount")


class _Data(msgspec.Struct):
    data: _AirbyteRecord


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took; `rows` and `checksum` are there if its output was read."""

    cpu: float
    wall: float
    peak_mib: float
    output_bytes: int
    rows: int | None = None
    checksum: str | None = None


class _Peak(threading.Thread):
    """Watches the peak memory of a process (Linux).

    What `wait4` tells cannot be less than this process had when it started the other one.
    """

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.mib = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self.start()

    def run(self) -> None:
        """Look now and then until the process has ended."""
        with suppress(FileNotFoundError, ProcessLookupError):
            while found := re.search(r"VmHWM:\s*(\d+) kB", self._status.read_text()):
                self.mib = int(found[1]) / 1024
                time.sleep(0.02)


def measure(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    check: bool = False,
    stdin: Path | None = None,
    stop: float = 0,
) -> Run:
    """Run a program to its end, its output going into a pipe.

    Args:
        command: The program.
        env: Variables beyond those of this process.
        check: Whether to read the output and add up its records, which slows the program's clock,
            though not its processor.
        stdin: A file for its standard input.
        stop: For so many seconds nothing is read, once output has begun to come.

    Raises:
        RuntimeError: If it fails.
    """
    with tempfile.TemporaryFile() as errors, open(stdin or os.devnull, "rb") as source:  # noqa: PTH123
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=os.environ | dict(env or {}),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        output = cast("BinaryIO", process.stdout)
        peak = _Peak(process.pid)
        rows, checksum, size = _add_up(output) if check else (None, None, _drain(output, stop))
        _, status, usage = os.wait4(process.pid, 0)
        peak.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        output.close()
        if process.returncode:
            errors.seek(0)
            msg = f"{command[0]} failed:\n{errors.read().decode()[-3000:]}"
            raise RuntimeError(msg)
    cpu = usage.ru_utime + usage.ru_stime
    return Run(cpu, wall, peak.mib, size, rows, checksum)


def _drain(output: BinaryIO, stop: float) -> int:
    size = 0
    buffer = bytearray(_PIECE)
    while read := output.readinto(buffer):  # type: ignore[attr-defined]
        size += read
        if stop and size > _PIECE:
            time.sleep(stop)
            stop = 0
    return size


def _add_up(output: BinaryIO) -> tuple[int, str, int]:
    """Add up the records, in whatever order and form they come."""
    message = msgspec.json.Decoder(_Message)
    singer = msgspec.json.Decoder(_Record)
    airbyte = msgspec.json.Decoder(_Data)
    rows = total = size = 0
    for line in output:
        size += len(line)
        if not line.startswith(b"{"):
            continue
        parsed = message.decode(line)
        if parsed.type != "RECORD":
            continue
        raw = bytes(parsed.record)
        record: _Record | _AirbyteRecord = (
            airbyte.decode(raw).data if b'"data"' in raw else singer.decode(raw)
        )
        text = (
            f"{record.message_id} {record.status_code} {record.sms_count} {record.cost_value:.4f}"
        )
        total += zlib.crc32(text.encode())
        rows += 1
    return rows, hashlib.sha256(str(total).encode()).hexdigest()[:12], size
