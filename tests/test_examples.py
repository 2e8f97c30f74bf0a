"""What `examples/`, the Dockerfile and the workflows say is what their programs take."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.environments import environment
from pipeline.root import ROOT

EXAMPLES = ROOT / "examples"
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), *EXAMPLES.glob("github/*")]
STARTERS = [
    path for path in sorted(EXAMPLES.glob("*/*")) if path.is_file() and path.suffix != ".timer"
]
CRON = EXAMPLES / "cron" / "mailjet-sms.cron"


def accepts(*command: str | Path) -> None:
    """A program ends with 0, or its words are shown."""
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.parent.name)
def test_every_example_is_for_production_and_installs_nothing(path: Path) -> None:
    """Else it would go on from the state of `dev`, or change the plugins while they run."""
    text = path.read_text(encoding="utf-8")
    if "kubernetes" not in str(path):  # whose image says it
        assert "--environment=prod" in text
    assert "--no-install" in text
    assert "graceful-meltano" in text


def test_the_dockerfile_is_sound() -> None:
    """Hadolint has nothing to say, and no layer holds what has no hash."""
    accepts(environment("linters") / "hadolint", ROOT / "Dockerfile")
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for command in re.findall(r"pip (?:install|sync)[^\n]*", text):
        assert "--require-hashes" in command
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert "MELTANO_ENVIRONMENT=prod" in text


def test_the_cron_job_of_kubernetes_is_one() -> None:
    """Each key is known; nothing may write but where Meltano must."""
    path = EXAMPLES / "kubernetes" / "cronjob.yaml"
    accepts(environment("linters") / "kubernetes-validate", "--strict", "--quiet", path)
    job = yaml.safe_load(path.read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert mounts == ["/tmp", "/project/.meltano/run", "/project/.meltano/logs"]  # noqa: S108


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one_and_is_safe(path: Path) -> None:
    """By its schema, and by zizmor: pinned actions, no rights that it does not use."""
    schema = ("--builtin-schema", "vendor.github-workflows")
    accepts(environment("linters") / "check-jsonschema", *schema, path)
    zizmor = Path(sys.executable).with_name("zizmor")
    accepts(zizmor, "--offline", "--quiet", "--persona", "pedantic", path)
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    for job in workflow["jobs"].values():
        for step in job.get("steps", []):  # or it is another workflow
            if "run" in step:
                accepts("bash", "-n", "-c", step["run"])


def test_the_line_for_cron_is_one() -> None:
    """Minute to weekday, a user, and a command that a shell takes; no `%`, which cron would cut."""
    *_, line = CRON.read_text(encoding="utf-8").splitlines()
    minute, *rest, user, command = line.split(maxsplit=6)
    assert 0 < int(minute) < 60
    assert rest == ["*"] * 4
    assert user == "meltano"
    assert "%" not in command
    accepts("bash", "-n", "-c", command)


def test_the_units_of_systemd_are_such(tmp_path: Path) -> None:
    """By systemd itself where it is; the timer starts the service, which is ended gently."""
    folder = EXAMPLES / "systemd"
    service = (folder / "mailjet-sms.service").read_text(encoding="utf-8")
    program = "/usr/local/bin/graceful-meltano"
    assert f"ExecStart={program} --environment=prod" in service
    assert "KillMode=mixed" in service
    # There is no such program here, nor need there be.
    (tmp_path / "mailjet-sms.service").write_text(service.replace(program, sys.executable))
    shutil.copy(folder / "mailjet-sms.timer", tmp_path)
    if shutil.which("systemd-analyze"):
        units = [str(path) for path in sorted(tmp_path.iterdir())]
        accepts("systemd-analyze", "verify", "--man=no", *units)
