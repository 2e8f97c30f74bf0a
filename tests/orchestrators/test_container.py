"""The steps of the Dockerfile by hand, below a folder in place of `/`; then a run as another user.

There is no Docker in it: what is tested is that the steps build what the last stage needs, that a
user without rights can run it, and that nothing is written but where the examples allow it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from pipeline.postgres import sqlalchemy_url
from pipeline.root import ROOT
from tests.support.pipeline import PROD_SCHEMA, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = 10001
#: What the examples let be written, beside HOME.
WRITABLE = ("project/.meltano/run", "project/.meltano/logs")


INTERPRETERS = (os.path.realpath(sys.executable), "/usr/bin/python3")
AS_USER = [
    *([] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env"]),
    *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
]


def can_run(interpreter: str) -> bool:
    """Whether the other user may run it; one below somebody's HOME is out of reach."""
    done = subprocess.run(
        [*AS_USER, "env", interpreter, "-c", ""], check=False, capture_output=True
    )
    return done.returncode == 0


@dataclass
class Image:
    """A folder in place of `/`, and what the Dockerfile has said so far."""

    root: Path
    variables: dict[str, str]
    folder: str = "/"
    kept: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        """The absolute paths of the image, as paths below the folder."""
        return re.sub(r"(?<![\w.])/(opt|project)\b", rf"{self.root}/\1", text)

    def build(self, dockerfile: str) -> None:
        """Do what each instruction says."""
        text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            name, rest = line.split(maxsplit=1)
            getattr(self, f"_{name.lower()}")(rest)

    def _from(self, rest: str) -> None:
        assert re.match(r"python:3\.\d+-slim", rest)

    def _arg(self, rest: str) -> None:
        name, _, value = rest.partition("=")
        self.variables[name] = value

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            for other in re.findall(r"\$\{?(\w+)\}?", value):
                value = re.sub(rf"\$\{{?{other}\b\}}?", self.variables[other], value)
            self.variables[name] = self.inside(value)

    def _workdir(self, rest: str) -> None:
        self.folder = self.inside(rest)
        Path(self.folder).mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        options = [word for word in rest.split() if word.startswith("--")]
        *sources, target = (word for word in rest.split() if not word.startswith("--"))
        if "--from=build" in options:
            self.kept += sources
            return
        for source in sources:
            path = ROOT / source
            to = Path(self.folder) / target
            if path.is_dir():
                shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                if target.endswith("/"):
                    to.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    def _run(self, rest: str) -> None:
        if rest.startswith("useradd"):
            return
        command = ["bash", "-euo", "pipefail", "-c", self.inside(rest)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout

    def _user(self, rest: str) -> None:
        assert int(rest) == USER

    def _stopsignal(self, rest: str) -> None:
        assert rest == "SIGTERM"

    def _entrypoint(self, rest: str) -> None:
        self.command = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.command += json.loads(rest)

    def drop_the_rest(self) -> None:
        """The last stage has only what it copied."""
        kept = {source.split("/")[1:][-1] for source in self.kept}
        for path in [*(self.root / "opt").iterdir(), self.root / "project"]:
            if path.name not in kept:
                shutil.rmtree(path)

    def files(self) -> dict[str, tuple[int, int]]:
        """Each file where nothing may be written, with its size and time."""
        found = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if not name.startswith(("tmp", "bin", *WRITABLE)):
                status = path.lstat()
                found[name] = status.st_size, status.st_mtime_ns
        return found


@pytest.fixture
def image() -> Iterator[Image]:
    """Built; its own user may read it."""
    root = Path(tempfile.mkdtemp(prefix="tap-mailjet-sms-image-"))
    try:
        root.chmod(0o755)
        programs = root / "bin"
        programs.mkdir()
        interpreter = next(path for path in INTERPRETERS if can_run(path))
        for name in ("python", "python3"):
            (programs / name).symlink_to(interpreter)
        foreign = ("MELTANO", "PYTHON", "TAP_", "TARGET_", "VIRTUAL_ENV")
        passed = {name: each for name, each in os.environ.items() if not name.startswith(foreign)}
        passed["PATH"] = f"{programs}:{passed['PATH']}"
        image = Image(root, passed)
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        # The cache of this machine saves a hundred downloads.
        image.build(dockerfile.replace("UV_NO_CACHE=1", "UV_OFFLINE=0"))
        image.drop_the_rest()
        yield image
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def within_reach(uri: str) -> Iterator[str]:
    """A port of this machine in place of the server's socket, which is its own user's."""
    (folder,) = re.findall(r"host=([^&]+)", uri)

    def hand_on(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{folder}/.s.PGSQL.5432")
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=hand_on, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        yield re.sub(r"@.*", f"@127.0.0.1:{port}/postgres", uri)
        listener.shutdown(socket.SHUT_RDWR)


def test_the_image_runs_as_another_user(image: Image, tmp_path: Path) -> None:
    """The table equals the truth, the state is in Postgres, and nothing else was written."""
    home = image.root / "tmp"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    for name in WRITABLE:
        (image.root / name).chmod(0o777)
    with (
        pipeline(tmp_path / "meltano", hours=24, per_hour=30) as load,
        within_reach(load.uri) as uri,
    ):
        kept = {name: image.variables[name] for name in image.variables if name not in os.environ}
        variables = kept | load.settings
        variables |= {
            "HOME": str(home),
            "PATH": image.variables["PATH"],
            "TMPDIR": str(home),
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(uri),
            "MELTANO_DATABASE_URI": sqlalchemy_url(uri),
        }
        before = image.files()
        assert len(before) > 1000
        done = subprocess.run(
            [*AS_USER, "env", f"PATH={variables['PATH']}", *image.command],
            cwd=image.folder,
            env=variables,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        assert load.rows(PROD_SCHEMA) == load.truth()
        assert image.files() == before
        with psycopg.connect(load.uri) as database:
            states = database.execute("SELECT state_id FROM state").fetchall()
        assert states == [("prod:tap-mailjet-sms-to-target-postgres",)]
