"""The way into a Meltano project of one's own, with the real Meltano."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml

from mailjet_sandbox import Backend, Build, Messages, Sandbox, Unknowns
from pipeline.environments import environment
from pipeline.meltano import TAP, TARGET, Meltano, install
from pipeline.postgres import postgres, sqlalchemy_url
from pipeline.processes import CommandError
from pipeline.root import ROOT
from tests.simulation.schedule import start_date
from tests.support.blocks import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = int(time.time())
HOUR = 3600
START, END = NOW - 30 * HOUR, NOW - 6 * HOUR
ACCOUNTS = ("shop-fr", "shop-us")


@dataclass(frozen=True, slots=True)
class Ground:
    """A warehouse, and a local Mailjet for each of two accounts."""

    folder: Path
    uri: str
    mailjets: dict[str, Sandbox]

    def project(self, name: str) -> Meltano:
        """Make an empty Meltano project; it shares only the environments of the plugins."""
        home = self.folder / name
        Meltano.prepare(home / "meltano").run(
            "init", "--no-usage-stats", str(home / "project"), settings={}, show=print
        )
        return Meltano(home / "meltano", home / "project")

    def settings(self) -> dict[str, str]:
        """What both accounts have in common, as environment variables."""
        return {
            "TAP_MAILJET_SMS_START_DATE": start_date(START),
            "TAP_MAILJET_SMS_END_DATE": start_date(END),
            "TAP_MAILJET_SMS_WINDOW_DAYS": "0.5",
            "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url(self.uri),
        }

    def truth(self, account: str) -> set[str]:
        """The ids of an account's messages."""
        messages = self.mailjets[account].backend.truth(START, END)
        return {message.message_id for message in messages}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Install what is needed, then start everything on fresh folders."""
    install(print)
    with ExitStack() as stack:
        mailjets = {
            account: stack.enter_context(
                Sandbox(
                    Backend(
                        data=Messages(since=START - HOUR, per_hour=20, seed=seed),
                        clock=lambda: NOW,
                        token=f"token-of-{account}",
                        build=Build(seconds=0),
                        # Its clock stands still, which would look like a wrong one.
                        unknowns=Unknowns(date_header=False),
                    )
                )
            )
            for seed, account in enumerate(ACCOUNTS)
        }
        uri = stack.enter_context(postgres())
        yield Ground(tmp_path_factory.mktemp("own"), uri, mailjets)


def add(meltano: Meltano, **changes: object) -> None:
    """Add the tap by its address, and the target as our own project has it."""
    meltano.run(
        "add", "--no-install", f"--from-ref={ROOT / 'plugin.yml'}", TAP, settings={}, show=print
    )
    path = meltano.project / "meltano.yml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    own = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    loaders = [loader for loader in own["plugins"]["loaders"] if loader["name"] == TARGET]
    project["plugins"] |= {"loaders": loaders}
    project["plugins"]["extractors"] += changes.get("extractors", [])
    path.write_text(yaml.safe_dump(project), encoding="utf-8")


def test_the_tap_is_added_by_its_address(ground: Ground) -> None:
    """From an empty folder to rows: `meltano add --from-ref`, a token, a warehouse, `run`."""
    meltano = ground.project("one")
    add(meltano)
    account, *_ = ACCOUNTS
    mailjet = ground.mailjets[account]
    settings = ground.settings() | {
        "TAP_MAILJET_SMS_API_URL": mailjet.url,
        "TAP_MAILJET_SMS_AUTH_TOKEN": mailjet.backend.token,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "one",
    }
    # The tap of this tree is installed already. (Meltano 4.4 does not heed MELTANO_AUTO_INSTALL.)
    meltano.run("run", "--no-install", TAP, TARGET, settings=settings, show=print)

    with psycopg.connect(ground.uri) as warehouse:
        found = warehouse.execute("SELECT message_id FROM one.sms_messages").fetchall()
        columns = warehouse.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'one'"
        ).fetchall()
    assert len(found) > 400
    assert {row[0] for row in found} == ground.truth(account)
    assert ("account",) not in columns


def test_two_accounts_of_one_project_fill_one_table(ground: Ground) -> None:
    """Each has its plugin, its token, its state and its name in the column `account`."""
    meltano = ground.project("two")
    names = [f"{TAP}--{account}" for account in ACCOUNTS]
    inherited = [
        {"name": name, "inherit_from": TAP, "config": {"account": account}}
        for name, account in zip(names, ACCOUNTS, strict=True)
    ]
    add(meltano, extractors=inherited)
    settings = ground.settings() | {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "two"}
    for name, account in zip(names, ACCOUNTS, strict=True):
        prefix = name.upper().replace("-", "_")
        settings[f"{prefix}_API_URL"] = ground.mailjets[account].url
        settings[f"{prefix}_AUTH_TOKEN"] = ground.mailjets[account].backend.token
    blocks = [block for name in names for block in (name, TARGET)]
    meltano.run("run", "--no-install", *blocks, settings=settings, show=print)

    with psycopg.connect(ground.uri) as warehouse:
        found = warehouse.execute("SELECT account, message_id FROM two.sms_messages").fetchall()
    assert sorted(found) == sorted(
        (account, message) for account in ACCOUNTS for message in ground.truth(account)
    )
    states: list[str] = []
    meltano.run("state", "list", settings={}, show=states.append)
    for name in names:
        assert any(f"dev:{name}-to-{TARGET}" in line for line in states), states


def test_an_account_that_names_its_own_token_takes_no_other(ground: Ground) -> None:
    """One that inherits the token of the plugin above would load its messages as its own."""
    meltano = ground.project("tokens")
    add(meltano, extractors=[inheriting(account) for account in ACCOUNTS])
    french, american = ACCOUNTS
    settings = ground.settings() | {
        "TAP_MAILJET_SMS_API_URL": ground.mailjets[french].url,
        "TAP_MAILJET_SMS_AUTH_TOKEN": ground.mailjets[french].backend.token,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "tokens",
        token_variable(french): ground.mailjets[french].backend.token,
    }
    run = ("run", "--no-install")
    meltano.run(*run, f"{TAP}--{french}", TARGET, settings=settings, show=print)
    lines: list[str] = []
    with pytest.raises(CommandError, match="exit code"):
        meltano.run(*run, f"{TAP}--{american}", TARGET, settings=settings, show=lines.append)

    assert any("auth_token is missing" in line for line in lines), lines
    with psycopg.connect(ground.uri) as warehouse:
        accounts = warehouse.execute("SELECT DISTINCT account FROM tokens.sms_messages").fetchall()
    assert accounts == [(french,)]


def test_an_account_that_was_loaded_before_is_not_read_again(ground: Ground) -> None:
    """From one account to two: its state is copied, and its rows are named."""
    account, *_ = ACCOUNTS
    mailjet = ground.mailjets[account]
    meltano = ground.project("grown")
    add(meltano, extractors=[inheriting(account)])
    settings = ground.settings() | {
        "TAP_MAILJET_SMS_API_URL": mailjet.url,
        "TAP_MAILJET_SMS_LOOKBACK_DAYS": "0",
        "TAP_MAILJET_SMS_END_DATE": start_date(END - 6 * HOUR),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "grown",
        token_variable(account): mailjet.backend.token,
    }
    first = settings | {"TAP_MAILJET_SMS_AUTH_TOKEN": mailjet.backend.token}
    meltano.run("run", "--no-install", TAP, TARGET, settings=first, show=print)
    commands = [
        block.text.replace("\\\n", "")
        .replace("prod:", "dev:")
        .replace("--fr-to", f"--{account}-to")
        .split()
        for block in blocks_of(ROOT / "docs" / "your-project.md")
        if "state copy" in block.text
    ]
    ((_, _, *copy),) = commands  # without the program and its environment
    meltano.run(*copy, settings={}, show=print)
    asked = len(mailjet.backend.journal)
    later = settings | {"TAP_MAILJET_SMS_END_DATE": start_date(END)}
    meltano.run("run", "--no-install", f"{TAP}--{account}", TARGET, settings=later, show=print)

    begins = [line.from_ts for line in mailjet.backend.journal[asked:] if line.from_ts]
    assert min(begins) >= END - 6 * HOUR - 1
    (update,) = (
        block.text.replace("mailjet.", "grown.")
        for block in blocks_of(ROOT / "docs" / "your-project.md")
        if block.language == "sql"
    )
    with psycopg.connect(ground.uri) as warehouse:
        warehouse.execute(update)
        found = warehouse.execute("SELECT account, message_id FROM grown.sms_messages").fetchall()
    assert sorted(found) == sorted((account, message) for message in ground.truth(account))


def inheriting(account: str) -> dict[str, object]:
    """A plugin of an account, as the documents show it."""
    own = {"account": account, "auth_token": f"${token_variable(account)}"}
    return {"name": f"{TAP}--{account}", "inherit_from": TAP, "config": own}


def token_variable(account: str) -> str:
    """The variable with the token of an account."""
    return f"MAILJET_TOKEN_{account.upper().replace('-', '_')}"


def test_what_a_loader_lacks_can_be_told_before_a_run(ground: Ground) -> None:
    """`meltano invoke` of the loader alone, without input: no export is asked for."""
    meltano = ground.project("three")
    add(meltano)
    good = ground.settings()
    lacking = {name: value for name, value in good.items() if not name.startswith("TARGET_")}
    lines: list[str] = []

    meltano.run("invoke", "--no-install", TARGET, settings=good, show=print)
    with pytest.raises(CommandError, match="exit code"):
        meltano.run("invoke", "--no-install", TARGET, settings=lacking, show=lines.append)
    assert any("host" in line and "sqlalchemy_url" in line for line in lines), lines


#: Stands before the real Meltano: the plugins are installed already, and the hub is out of reach.
STAND_IN = """\
#!/bin/sh
case "$*" in
    "add target-postgres") set -- add --from-ref={loader} target-postgres ;;
    job*) exec {meltano} "$@" ;;
esac
for word; do
    shift; set -- "$@" "$word"
    case "$word" in add | run | invoke) set -- "$@" --no-install ;; esac
done
exec {meltano} "$@"
"""
#: Adds the plugins of a block to meltano.yml, as somebody does who reads the page.
ADD_PLUGINS = """\
import sys, yaml
project, block = (yaml.safe_load(open(path)) for path in sys.argv[1:])
own = project["plugins"]["extractors"]
own += block["plugins"]["extractors"][len(own):]
yaml.safe_dump(project, open(sys.argv[1], "w"))
"""


def script_of(page: Path, given: dict[str, str]) -> str:
    """The blocks of a page as one script; `given` is what the reader puts where it has gaps."""
    lines = ["set -eu -o pipefail"]
    for block in blocks_of(page):
        text = block.text
        for gap, value in given.items():
            text = re.sub(gap, value, text)
        lines.append(f"echo 'now {block}'")
        if block.language == "ini":
            lines += ["cat > .env <<'END'", text, "END"]
        elif block.language == "sql":
            continue  # `test_an_account_that_was_loaded_before_is_not_read_again` has it
        elif block.language == "yaml":
            lines += ["cat > ../block.yml <<'END'", text, "END"]
            lines.append(f"{sys.executable} ../add_plugins.py meltano.yml ../block.yml")
        else:
            lines.append(text)
    return "\n".join(lines)


def test_the_commands_of_the_page_work(ground: Ground, tmp_path: Path) -> None:
    """All of it in one shell, as it stands, from the empty folder to two accounts."""
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"][
        "loaders"
    ]
    (loader,) = [loader for loader in loaders if loader["name"] == TARGET]
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "loader.yml").write_text(yaml.safe_dump(loader), encoding="utf-8")
    (tmp_path / "add_plugins.py").write_text(ADD_PLUGINS, encoding="utf-8")
    stand_in = STAND_IN.format(
        loader=tmp_path / "loader.yml", meltano=environment("meltano") / "meltano"
    )
    for name, text in {"meltano": stand_in, "uv": "#!/bin/sh\n"}.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    tokens = {name: ground.mailjets[name].backend.token for name in ACCOUNTS}
    script = script_of(
        ROOT / "docs" / "your-project.md",
        {
            "<address of plugin.yml>": str(ROOT / "plugin.yml"),
            "TOKEN_FR=…": f"TOKEN_FR={tokens['shop-fr']}",
            "TOKEN_US=…": f"TOKEN_US={tokens['shop-us']}",
            "AUTH_TOKEN=…": f"AUTH_TOKEN={tokens['shop-fr']}",
            r"postgresql\+psycopg://\S+": sqlalchemy_url(ground.uri),
        },
    )
    urls = {name: ground.mailjets[name].url for name in ACCOUNTS}
    settings = {name: value for name, value in ground.settings().items() if "TARGET" not in name}
    settings |= {
        "TAP_MAILJET_SMS_API_URL": urls["shop-fr"],
        "TAP_MAILJET_SMS__FR_API_URL": urls["shop-fr"],
        "TAP_MAILJET_SMS__US_API_URL": urls["shop-us"],
        "PATH": os.pathsep.join(
            [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        ),
    }
    meltano = Meltano.prepare(tmp_path / "home")
    lines: list[str] = []
    shell = Path("/usr/bin/env")
    with Meltano(meltano.home, tmp_path).running(
        "bash", "-c", script, settings=settings, program=shell
    ) as process:
        assert process.stdout is not None
        lines += process.stdout
        assert process.wait() == 0, "".join(lines)[-3000:]

    with psycopg.connect(ground.uri) as warehouse:
        found = warehouse.execute("SELECT account, message_id FROM mailjet.sms_messages").fetchall()
    assert sorted(found) == sorted(
        (account, message) for account in ACCOUNTS for message in ground.truth(account)
    )
