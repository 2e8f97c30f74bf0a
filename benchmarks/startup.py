"""What a program takes until its first request."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def cpu_until_first_request(command: Callable[[str], Sequence[str | Path]]) -> float:
    """CPU seconds of a program until its first request arrives, which is never answered.

    Args:
        command: The program, for the root of an API.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v4"
        process = subprocess.Popen(
            command(address), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                return cpu_of(process.pid)
        finally:
            process.kill()
            process.wait()


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has taken so far, user and system (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
