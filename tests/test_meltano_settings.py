"""The real Meltano, with `select` set and two plugins that inherit from the tap's.

Meltano's own variables begin like the tap's (`TAP_MAILJET_SMS__SELECT`, `…__US_AUTH_TOKEN`): none
of them may be taken for a misspelt setting, not even where the tap reads the environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mailjet_sandbox import Backend, Messages, Sandbox
from pipeline import meltano
from pipeline.root import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Project:
    """A Meltano project of its own, whose plugins run the tap of this environment."""

    folder: Path
    sandbox: Sandbox

    @classmethod
    def prepare(cls, folder: Path, sandbox: Sandbox) -> Project:
        """Write `meltano.yml`: plugins with an executable and no `pip_url` need no installation."""
        own = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        (tap,) = own["plugins"]["extractors"]
        del tap["pip_url"]
        tap["executable"] = str(Path(sys.executable).with_name("tap-mailjet-sms"))
        tap["select"] = ["sms_messages.*", "!sms_messages.sender"]
        inherited = [
            {"name": f"{tap['name']}--{account}", "inherit_from": tap["name"]}
            for account in ("us", "eu")
        ]
        project = {
            "project_id": "two-accounts",
            "send_anonymous_usage_stats": False,
            "plugins": {"extractors": [tap, *inherited]},
        }
        (folder / "meltano.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
        return cls(folder, sandbox)

    def invoke(self, *arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run `meltano invoke`, with settings of the two accounts in the environment."""
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3 * HOUR))
        accounts = {
            "TAP_MAILJET_SMS_API_URL": self.sandbox.url,
            "TAP_MAILJET_SMS_START_DATE": start,
            "TAP_MAILJET_SMS__US_AUTH_TOKEN": self.sandbox.backend.token,
            "TAP_MAILJET_SMS__EU_AUTH_TOKEN": "the token of another account",
        }
        return subprocess.run(
            [meltano._executable(), "invoke", *arguments],
            cwd=self.folder,
            env=meltano._variables(self.folder / ".meltano") | accounts | settings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two accounts, one of which is the sandbox's."""
    meltano.install(print)
    since = int(time.time()) - 24 * HOUR
    with Sandbox(Backend(data=Messages(since=since, per_hour=20), clock=time.time)) as sandbox:
        yield Project.prepare(tmp_path_factory.mktemp("accounts"), sandbox)


def test_each_inherited_plugin_has_its_own_settings(project: Project) -> None:
    """The one reads its account, without what is not selected; the other's token is refused."""
    us = project.invoke("tap-mailjet-sms--us", settings={})
    eu = project.invoke("tap-mailjet-sms--eu", "--test", settings={})

    assert us.returncode == 0, us.stderr
    messages = [json.loads(line) for line in us.stdout.splitlines()]
    found = [message["record"] for message in messages if message["type"] == "RECORD"]
    assert len(found) > 20
    assert not any("sender" in record for record in found)
    assert "not a setting of this tap" not in us.stderr
    assert eu.returncode == 77  # `meltano run` ends with 1 instead
    assert "Ended with exit code 77 (not authorised)" in eu.stderr


def test_a_plan_through_meltano(project: Project) -> None:
    """Options of the tap are handed on, and nothing but the plan comes out."""
    asked = len(project.sandbox.backend.journal)
    done = project.invoke("tap-mailjet-sms--us", "--plan", "--json", settings={})

    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["exports_to_ask_for"] == 1
    assert plan["messages"] >= 50
    journal = project.sandbox.backend.journal[asked:]
    assert [line.operation for line in journal] == ["count", "count"]


def test_names_of_meltano_are_no_misspelt_settings(project: Project) -> None:
    """But a slip is: with ENV it is refused, and where Meltano reads the environment warned of."""
    arguments = ("tap-mailjet-sms--us", "--config", "ENV", "--test")
    good = project.invoke(*arguments, settings={})

    assert good.returncode == 0, good.stderr
    assert "The token is good" in good.stderr
    assert "not a setting of this tap" not in good.stderr
    for reader, code in ((arguments, 78), (("tap-mailjet-sms--us", "--test"), 0)):
        slip = project.invoke(*reader, settings={"TAP_MAILJET_SMS_LOOKBACK_DAY": "9"})
        assert "did you mean TAP_MAILJET_SMS_LOOKBACK_DAYS?" in slip.stderr
        assert slip.returncode == code


def test_objects_of_a_project_are_no_misspelt_settings(project: Project) -> None:
    """Meltano makes a variable of each of their entries."""
    path = project.folder / "meltano.yml"
    before = path.read_text(encoding="utf-8")
    meltano_yml = yaml.safe_load(before)
    meltano_yml["plugins"]["extractors"][0]["config"] = {
        "column_map": {"ID": "message_id", "To": "recipient", "Preis": "cost_value"},
        "faker_config": {"seed": 1},
        "stream_map_config": {"hash_seed": "x"},
    }
    path.write_text(yaml.safe_dump(meltano_yml), encoding="utf-8")
    plain = project.invoke("tap-mailjet-sms--us", "--test", settings={})
    by_env = project.invoke("tap-mailjet-sms--us", "--config", "ENV", "--test", settings={})
    path.write_text(before, encoding="utf-8")

    for done in (plain, by_env):
        assert done.returncode == 0, done.stderr
        assert "not a setting of this tap" not in done.stderr


@pytest.mark.parametrize("date", ["2026-13-01", "01/02/2026", "last monday"])
def test_a_date_comes_as_it_was_written(project: Project, date: str) -> None:
    """Meltano makes another one of it where the setting's kind is a date: the year's 13th month."""
    done = project.invoke(
        "tap-mailjet-sms--us", "--test", settings={"TAP_MAILJET_SMS_START_DATE": date}
    )

    assert "start_date is not a date or date-time in ISO 8601" in done.stderr
    assert "Ended with exit code 78 (configuration)" in done.stderr
