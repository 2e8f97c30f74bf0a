"""What tests of broken connections share."""

from __future__ import annotations

import pytest

from tests.support.on_socket import OnSocket


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> OnSocket:
    """An account on a socket, and short waits between attempts."""
    return OnSocket(monkeypatch)
