"""The real Meltano on the project's own `meltano.yml`.

Meltano lives in an environment of its own, since its dependencies are not the tap's. The
environments of Meltano and of its plugins are kept in `.tools/`, so that only the first run
installs anything; all else that Meltano writes (database, state, logs, catalogs) goes to a
folder that the caller throws away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.processes import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
ENVIRONMENT = TOOLS / "meltano"
PLUGINS = TOOLS / "meltano-plugins"
TAP = "tap-mailjet-sms"
TARGET = "target-postgres"
PINS = ROOT / "requirements" / "meltano.txt"
PLUGIN_PINS = ROOT / "requirements" / "plugins.txt"
# What the installed environments are made from. Not meltano.yml: Meltano itself installs a plugin
# again whose `pip_url` there has changed.
SOURCES = (PINS, PLUGIN_PINS, ROOT / "pyproject.toml")


class MeltanoError(RuntimeError):
    """Meltano could not be installed, or a run failed."""


@dataclass(frozen=True, slots=True)
class Meltano:
    """The project's `meltano.yml` with a database, state and run folder of its own."""

    home: Path

    @classmethod
    def prepare(cls, home: Path) -> Meltano:
        """Lay out a throw-away home that shares only the plugins' environments."""
        home.mkdir(parents=True)
        for kind in ("extractors", "loaders"):
            (home / kind).symlink_to(PLUGINS / kind, target_is_directory=True)
        return cls(home)

    def run(
        self, *arguments: str, settings: Mapping[str, str], show: Callable[[str], None]
    ) -> None:
        """Run `meltano` with these arguments, every line of its output handed to `show`.

        Args:
            arguments: the command line after `meltano`.
            settings: settings of the tap and the target, as environment variables.
            show: called with each line.

        Raises:
            MeltanoError: the exit code is not 0.
        """
        shown = {"MELTANO_CLI_LOG_FORMAT": "plain"}
        environment = {**_environment(self.home), **shown, **settings}
        with running([_executable(), *arguments], cwd=ROOT, env=environment) as process:
            if process.stdout is not None:
                for line in process.stdout:
                    show(line.rstrip())
            if process.wait():
                msg = f"`meltano {' '.join(arguments)}` ended with exit code {process.returncode}"
                raise MeltanoError(msg)


def install(show: Callable[[str], None]) -> None:
    """Install Meltano, the tap and the target, unless that was done from the same files before."""
    TOOLS.mkdir(exist_ok=True)
    made_from = hashlib.sha256(b"\0".join(path.read_bytes() for path in SOURCES)).hexdigest()
    made_from += f" {sys.version}"
    stamp = PLUGINS / "made-from"
    with _locked(TOOLS / "meltano.lock"):
        if stamp.is_file() and stamp.read_text() == made_from:
            return
        for folder in (ENVIRONMENT, PLUGINS):
            shutil.rmtree(folder, ignore_errors=True)
        show("Meltano")
        _uv("venv", "--python", sys.executable, str(ENVIRONMENT))
        python = str(ENVIRONMENT / "bin" / "python")
        _uv("pip", "sync", "--python", python, "--require-hashes", str(PINS))
        show(f"its plugins {TAP} and {TARGET}")
        _checked([_executable(), "install", "--force", TAP, TARGET], _environment(PLUGINS))
        stamp.write_text(made_from)


def _executable() -> str:
    return str(ENVIRONMENT / "bin" / "meltano")


def _environment(home: Path) -> dict[str, str]:
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
        # The plugins' dependencies as they were tested, not the newest of the day.
        # Relative, as uv takes a space for the end of a path.
        "UV_CONSTRAINT": str(PLUGIN_PINS.relative_to(ROOT)),
    }


def _uv(*arguments: str) -> None:
    """Run uv: the one that runs us, else the one of `make`, else any on the path."""
    local = TOOLS / "uv" / "bin" / "uv"
    uv = os.environ.get("UV") or (str(local) if local.is_file() else shutil.which("uv"))
    if uv is None:
        msg = "uv is missing: run `make install`, or install uv"
        raise MeltanoError(msg)
    _checked([uv, *arguments], dict(os.environ))


def _checked(command: list[str], environment: dict[str, str]) -> None:
    """Run a command in the project's folder; its output is shown only if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        msg = f"`{' '.join(command)}` failed:\n{done.stdout}"
        raise MeltanoError(msg)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process: two test runs must not install at once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
