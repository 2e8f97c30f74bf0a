"""Exit codes that a scheduler can act on: each kind of error has one; the documents say which."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.root import ROOT
from tap_mailjet_sms import exceptions
from tap_mailjet_sms.exceptions import ExitCode, TapMailjetSMSError
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.command import command, set_environment
from tests.support.program import TAP, environment, run_tap

#: The errors that end a run; `UnsoundFileError` is a second base of some.
ERRORS = {
    name: kind
    for name, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, TapMailjetSMSError)
    and name not in {"TapMailjetSMSError", "UnsoundFileError"}
}


def test_each_kind_of_error_has_a_code() -> None:
    """Also one that will be added; 70 is for what is none of ours."""
    without = [name for name, kind in ERRORS.items() if not hasattr(kind, "exit_code")]
    assert without == []
    assert ExitCode.BUG not in {kind.exit_code for kind in ERRORS.values()}


def test_the_tree_shows_the_codes() -> None:
    """That of `exceptions.py`, which is where one looks for them."""
    shown = re.findall(r"── (\w+Error) +(\d\d) ", exceptions.__doc__ or "")
    assert {name: int(code) for name, code in shown} == {
        name: kind.exit_code.value for name, kind in ERRORS.items()
    }
    assert len(shown) == len(ERRORS)


def test_the_documents_show_the_codes() -> None:
    """The table of docs/reliability.md names each class, and the README each number."""
    table = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]+\| (\d\d) \(([\w ]+)\) \|([^|]+)\|", table, re.MULTILINE)
    assert {f"{code} ({words})" for code, words, _ in rows} == {str(code) for code in ExitCode}
    told = {name: int(code) for code, _, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert told == {name: kind.exit_code.value for name, kind in ERRORS.items()}

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [code for code in ExitCode if f"`{code.value}`" not in readme] == []


def test_the_json_log_has_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's structured log has it as a field of the error, and of the last line."""
    logs = tmp_path / "logging.yml"
    logs.write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
                "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
                "root": {"level": "ERROR", "handlers": ["stderr"]},
            }
        )
    )
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(logs))

    run = run_tap("--config", "ENV", window_days=1)

    assert run.code == 78
    error, last = [json.loads(line) for line in run.log.splitlines()]
    assert error["message"].startswith("auth_token is missing")
    assert last["message"] == "Ended with exit code 78 (configuration)"
    assert error["extra"]["exit_code"] == last["extra"]["exit_code"] == 78


def test_a_bug_is_one(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Its kind and place are told, its text is not: a row may stand in it."""
    set_environment(monkeypatch)

    def fail(_: object) -> None:
        msg = "+33600000000"
        raise RuntimeError(msg)

    monkeypatch.setattr(TapMailjetSMS, "discover_streams", fail)

    ended = command(caplog, "--config", "ENV")

    assert ended.code == 70
    assert re.fullmatch(
        r"Unexpected RuntimeError in test_exit_codes\.py:\d+: this is a bug, please report it",
        ended.complaint,
    )


def test_too_many_open_files_are_no_bug(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever the system says so, be it in the middle of an import."""
    set_environment(monkeypatch)

    def fail(_: object) -> None:
        msg = "libarrow.so: cannot open shared object file: Too many open files"
        raise ImportError(msg)

    monkeypatch.setattr(TapMailjetSMS, "discover_streams", fail)

    ended = command(caplog, "--config", "ENV")

    assert ended.code == 74
    assert "raise the limit (ulimit -n), or lower max_concurrent_exports" in ended.complaint


@pytest.mark.parametrize(
    "variables", [{"TAP_MAILJET_SMS_LOGLEVEL": "verbose"}, {"SINGER_SDK_LOG_CONFIG": "/etc/hosts"}]
)
def test_a_log_that_cannot_be_is_told(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback: there is no log yet that could hide it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [*TAP, "--version"],
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 78
    error, last = done.stderr.splitlines()
    assert "The log cannot be set up: see the variables TAP_MAILJET_SMS_LOGLEVEL, " in error
    assert last.endswith("Ended with exit code 78 (configuration)")


def test_a_full_disk_behind_what_is_printed_is_no_bug() -> None:
    """`--discover > catalog.json`."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*TAP, "--discover"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=environment(),
        )  # fmt: skip

    assert done.returncode == 74
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("options", [["--nonsense"], ["--state", "no.json"], ["extra"]])
def test_a_wrong_command_line_is_one(options: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """As everywhere: 2, with the usage."""
    assert command(caplog, *options).code == 2
