"""What becomes of `column_map` on its way through the real Meltano."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mailjet_sandbox import Backend, Build, Layout, Messages, Sandbox, Unknowns
from pipeline.meltano import TAP, Meltano, install
from pipeline.root import ROOT
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.simulation.schedule import start_date

if TYPE_CHECKING:
    from pathlib import Path

NOW = int(time.time())
HOUR = 3600
VARIABLE = "TAP_MAILJET_SMS_COLUMN_MAP"


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install(print)


def project(folder: Path, column_map: dict[str, str | None] | None = None) -> Meltano:
    """A project like this one, with a `column_map` in its file."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (tap,) = (one for one in document["plugins"]["extractors"] if one["name"] == TAP)
    if column_map is not None:
        tap["config"] = {**tap.get("config", {}), "column_map": column_map}
    (folder / "project").mkdir()
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    (folder / "project" / "meltano.yml").write_text(text, encoding="utf-8")
    return Meltano.prepare(folder / "home", folder / "project")


def understood(meltano: Meltano, **environment: str) -> dict[str, str | None]:
    """The setting as the tap has it."""
    lines: list[str] = []
    settings = {"TAP_MAILJET_SMS_AUTH_TOKEN": "t", **environment}
    meltano.run("invoke", "--dump=config", TAP, settings=settings, show=lines.append)
    config, _ = json.JSONDecoder().raw_decode("\n".join(lines[lines.index("{") :]))
    return dict(TapMailjetSMS(config=config).settings.rules.column_map)


def test_names_with_dots_come_through_meltanos_file(tmp_path: Path) -> None:
    """Meltano makes objects of them; other names come as they are, null too."""
    column_map = {
        "Prix.Valeur": "cost_value",
        "Date.d'envoi.UTC": "sent_at",
        "Prix (EUR)": "extra",
        "An": "recipient",
        "Cost": None,
    }
    assert understood(project(tmp_path, column_map)) == column_map


def test_what_meltano_drops_works_without_the_dots(tmp_path: Path) -> None:
    """A name with dots in an environment variable, and one with null anywhere: as documented.

    If Meltano should come to keep them, the README can say so.
    """
    dotted = {"Prix.Valeur": "cost_value", "PrixTotal": "sms_count", "CostValue": None}
    meltano = project(tmp_path, {"Cost.Currency": None})
    assert understood(meltano, **{VARIABLE: json.dumps(dotted)}) == {
        "PrixTotal": "sms_count",
        "CostValue": None,
    }


@pytest.mark.parametrize("by_file", [True, False])
def test_a_renamed_column_is_read_through_meltano(tmp_path: Path, *, by_file: bool) -> None:
    """From the file with its dot, from the environment without."""
    backend = Backend(
        data=Messages(since=NOW - 24 * HOUR, per_hour=4),
        clock=lambda: NOW,
        layout=Layout(renamed=(("Cost", "Prix.Valeur"),)),
        build=Build(seconds=0),
        unknowns=Unknowns(date_header=False),
    )
    lines: list[str] = []
    meltano = project(tmp_path, {"Prix.Valeur": "cost_value"} if by_file else None)
    with Sandbox(backend) as sandbox:
        settings = {
            "TAP_MAILJET_SMS_API_URL": sandbox.url,
            "TAP_MAILJET_SMS_AUTH_TOKEN": backend.token,
            "TAP_MAILJET_SMS_START_DATE": start_date(NOW - 5 * HOUR),
            **({} if by_file else {VARIABLE: '{"PrixValeur": "cost_value"}'}),
        }
        meltano.run("invoke", TAP, settings=settings, show=lines.append)
    messages = [json.loads(line) for line in lines if line.startswith('{"type":"RECORD"')]
    assert messages
    assert all(message["record"]["cost_value"] is not None for message in messages)
    assert not any("cost_value" in line for line in lines if "WARNING" in line.upper())
