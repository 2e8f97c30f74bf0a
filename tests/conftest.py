"""What all tests share: an environment without settings, and patience on busy machines."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

# A busy machine is no bug: how long an example takes is not what these tests are about.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

#: Schedulers to install and loads of minutes: `make orchestrators`.
collect_ignore = [] if os.environ.get("ORCHESTRATORS") else ["orchestrators"]
# DuckDB 1.2, the last one that its target loses no row with, has wheels up to Python 3.13.
if sys.version_info >= (3, 14):
    collect_ignore.append("test_duckdb.py")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a tap of their own set up."""
    for name in os.environ:
        if name.startswith("TAP_MAILJET_SMS_"):
            monkeypatch.delenv(name)
