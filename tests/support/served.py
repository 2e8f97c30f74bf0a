"""An account on a socket where faults happen, and a client of it."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mailjet_sandbox import Backend, Build, Fault, Messages, Sandbox, Scenario
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = Window(NOW - timedelta(days=1), NOW - timedelta(hours=1))
LONG_AGO = NOW - timedelta(days=300)


@contextmanager
def mailjet(
    *faults: Fault, timeout: float = 5, account: type[Backend] = Backend
) -> Iterator[tuple[MailjetClient, Sandbox]]:
    """An account on a socket, with these faults, and a client of it."""
    backend = account(
        data=Messages(since=int(NOW.timestamp()) - 90_000),
        clock=NOW.timestamp,
        build=Build(seconds=0),
        scenario=Scenario(faults=faults),
    )
    with Sandbox(backend) as sandbox:
        client = MailjetClient(
            api_url=sandbox.url,
            auth_token=backend.token,
            request_timeout=timeout,
            now=lambda: NOW,
        )
        yield client, sandbox
        client.close()


def download(client: MailjetClient) -> tuple[bytes, bool]:
    """The file of an export, and whether the answer told its end."""
    job = client.request_export(WINDOW, not_before=LONG_AGO)
    file = io.BytesIO()
    tells_end = client.download(client.get_export(job), file)
    return file.getvalue(), tells_end
