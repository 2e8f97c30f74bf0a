"""The real Meltano on the project's own `meltano.yml`.

Meltano lives in an environment of its own, since its dependencies are not the tap's. The
environments of Meltano and of its plugins are kept in `.tools/`, so that only the first run
installs anything; all else that Meltano writes (database, state, logs, catalogs) goes to a
folder that the caller throws away.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.environments import TOOLS, environment, locked
from pipeline.processes import CommandError, run_checked, running
from pipeline.root import ROOT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PLUGINS = TOOLS / "meltano-plugins"
TAP = "tap-mailjet-sms"
TARGET = "target-postgres"
PINS = ROOT / "requirements" / "meltano.txt"
PLUGIN_PINS = ROOT / "requirements" / "plugins.txt"
# What the installed environments are made from. Not meltano.yml: Meltano itself installs a plugin
# again whose `pip_url` there has changed.
SOURCES = (PINS, PLUGIN_PINS, ROOT / "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Meltano:
    """The project's `meltano.yml`, or another, with a database, state and run folder of its own."""

    home: Path
    project: Path = ROOT

    @classmethod
    def prepare(cls, home: Path, project: Path = ROOT) -> Meltano:
        """Lay out a throw-away home that shares only the plugins' environments."""
        home.mkdir(parents=True)
        for kind in ("extractors", "loaders"):
            (home / kind).symlink_to(PLUGINS / kind, target_is_directory=True)
        return cls(home, project)

    def run(
        self, *arguments: str, settings: Mapping[str, str], show: Callable[[str], None]
    ) -> None:
        """Run `meltano` with these arguments, every line of its output handed to `show`.

        Args:
            arguments: the command line after `meltano`.
            settings: settings of the tap and the target, as environment variables.
            show: called with each line.

        Raises:
            CommandError: the exit code is not 0.
        """
        with self.running(*arguments, settings=settings) as process:
            if process.stdout is not None:
                for line in process.stdout:
                    show(line.rstrip())
            if process.wait():
                msg = f"`meltano {' '.join(arguments)}` ended with exit code {process.returncode}"
                raise CommandError(msg)

    @contextmanager
    def running(
        self, *arguments: str, settings: Mapping[str, str], program: Path | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run `meltano` while the block lasts; it and its plugins are a process group.

        Args:
            arguments: the command line after `meltano`.
            settings: settings of the tap and the target, as environment variables.
            program: what to run instead of `meltano`, which it finds on the path.
        """
        meltano = _executable()
        path = f"{meltano.parent}{os.pathsep}{os.environ['PATH']}"
        shown = {"MELTANO_CLI_LOG_FORMAT": "plain"} | ({"PATH": path} if program else {})
        variables = {**self.environment(), **shown, **settings}
        command: list[str | Path] = [program or meltano, *arguments]
        with running(command, cwd=self.project, env=variables) as process:
            yield process

    def environment(self) -> dict[str, str]:
        """The variables that `meltano` needs, of whoever runs it."""
        return _variables(self.home)


def install(show: Callable[[str], None]) -> None:
    """Install Meltano, the tap and the target, unless that was done from the same files before.

    Raises:
        CommandError: If one cannot be installed.
    """
    made_from = hashlib.sha256(b"\0".join(path.read_bytes() for path in SOURCES)).hexdigest()
    made_from += f" {sys.version}"
    stamp = PLUGINS / "made-from"
    with locked(TOOLS / "meltano.lock"):
        if stamp.is_file() and stamp.read_text() == made_from:
            return
        shutil.rmtree(PLUGINS, ignore_errors=True)
        show("Meltano")
        meltano = _executable()
        show(f"its plugins {TAP} and {TARGET}")
        command = (meltano, "install", "--force", TAP, TARGET)
        run_checked(command, cwd=ROOT, env=_variables(PLUGINS))
        stamp.write_text(made_from)


def _executable() -> Path:
    return environment("meltano") / "meltano"


def _variables(home: Path) -> dict[str, str]:
    """The caller's environment without what would steer Meltano, its plugins or their Python."""
    steering = ("MELTANO_", "PYTHON", "TAP_MAILJET_SMS_", "TARGET_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return kept | {
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "MELTANO_CLI_LOG_FORMAT": "uncolored",
        "MELTANO_DATABASE_URI": f"sqlite:///{home}/meltano.db",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_SYS_DIR_ROOT": str(home),
        "NO_COLOR": "1",
        # Its log of each run, which goes to the home folder otherwise.
        "XDG_STATE_HOME": str(home / "state"),
        # The plugins' dependencies as they were tested, not the newest of the day.
        # Relative, as uv takes a space for the end of a path.
        "UV_CONSTRAINT": str(PLUGIN_PINS.relative_to(ROOT)),
    }
