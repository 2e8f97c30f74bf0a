"""Write what the tap says about itself into README.md, docs/ and the files for Meltano.

Everything comes from `--about`, `--discover` and Mailjet's statuses as `schema.py` has them, so the
documents say what the code does. With `--check` nothing is written, and the exit code tells whether
something would have been.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import yaml

from pipeline.root import ROOT
from tap_mailjet_sms.schema import STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

README = ROOT / "README.md"
SETTINGS = ROOT / "docs" / "settings.md"
STREAM = ROOT / "docs" / "stream.md"
MELTANO = ROOT / "meltano.yml"
PLUGIN = ROOT / "plugin.yml"
ENV_EXAMPLE = ROOT / ".env.example"
PYPROJECT = ROOT / "pyproject.toml"
PREFIX = "TAP_MAILJET_SMS_"

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

# What every SDK tap has; docs/settings.md shows these apart from the tap's own.
SDK_SETTINGS = (
    "stream_maps",
    "stream_map_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "batch_config",
)
# JSON Schema's words for types, and what Meltano calls them.
KINDS = {
    "array": "array",
    "boolean": "boolean",
    "integer": "integer",
    # Not "decimal": Meltano 4 fails to write one that comes from the environment to the tap's
    # configuration ("Object of type Decimal is not JSON serializable"). The tap takes "0.5" too.
    "number": "string",
    "object": "object",
    "string": "string",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as `--about` describes it."""

    name: str
    type: str
    label: str
    description: str
    default: JSON
    options: tuple[str, ...]
    required: bool
    secret: bool
    is_date: bool

    @property
    def of_sdk(self) -> bool:
        """Tell whether every tap made with the SDK has it."""
        return self.name in SDK_SETTINGS

    @property
    def env(self) -> str:
        """Give the environment variable that sets it."""
        return PREFIX + self.name.upper()


def documents() -> dict[Path, str]:
    """Make all documents anew."""
    about = _ask("--about", "--format=json")
    schema = _object(about["settings"])
    settings = _settings(schema)
    catalog = _ask("--discover")
    (stream,) = [_object(entry) for entry in _list(catalog["streams"])]
    columns = _object(_object(stream["schema"])["properties"])
    definition = meltano_definition(settings, [str(c) for c in _list(about["capabilities"])])
    meltano = _generated_part(
        MELTANO.read_text(encoding="utf-8"), textwrap.indent(_yaml(definition), "    ")
    )
    return {
        README: _filled(
            README,
            settings=_list_of(setting.name for setting in settings if not setting.of_sdk),
            columns=_list_of(columns),
        ),
        SETTINGS: _filled(SETTINGS, settings=settings_table(settings)),
        STREAM: _filled(STREAM, columns=columns_table(columns), statuses=statuses_table()),
        MELTANO: meltano,
        PLUGIN: plugin(meltano, definition),
        ENV_EXAMPLE: env_example(settings),
    }


def settings_table(settings: list[Setting]) -> str:
    """Show the tap's own settings as a table, and name the SDK's."""
    lines = ["| Setting | Type | Default | Meaning |", "|---|---|---|---|"]
    for setting in settings:
        if setting.of_sdk:
            continue
        kind = "date-time" if setting.is_date else setting.type
        kind = " · ".join(f"`{option}`" for option in setting.options) or kind
        if setting.secret:
            kind += ", secret"
        default = "**required**" if setting.required else _code(setting.default)
        lines.append(f"| `{setting.name}` | {kind} | {default} | {_cell(setting.description)} |")
    names = ", ".join(f"`{setting.name}`" for setting in settings if setting.of_sdk)
    return "\n".join([*lines, "", f"The settings that every SDK tap has work too: {names}."])


def columns_table(columns: dict[str, JSON]) -> str:
    """Show the columns of the stream."""
    lines = ["| Column | Type | Meaning |", "|---|---|---|"]
    for name, entry in columns.items():
        column = _object(entry)
        kind = str(column.get("format") or _type(column))
        if "null" in _types(column):
            kind += ", null"
        lines.append(f"| `{name}` | {kind} | {_cell(str(column.get('description', '')))} |")
    return "\n".join(lines)


def statuses_table() -> str:
    """Show Mailjet's statuses."""
    lines = ["| `status_code` | `status_name` |", "|---|---|"]
    return "\n".join([*lines, *(f"| {code} | `{name}` |" for code, name in STATUS_NAMES.items())])


def meltano_definition(settings: list[Setting], capabilities: list[str]) -> dict[str, JSON]:
    """Describe the tap to Meltano, so that it needs no hub."""
    entries: list[JSON] = []
    for setting in settings:
        entry: dict[str, JSON] = {"name": setting.name}
        # Dates are text: of the kind "date_iso8601" Meltano takes month 13 for a day.
        entry["kind"] = KINDS[setting.type]
        if setting.options:
            entry["kind"] = "options"
            entry["options"] = [
                {"label": o.replace("_", " ").title(), "value": o} for o in setting.options
            ]
        if setting.secret:
            entry["sensitive"] = True
        if setting.default not in (None, {}, []):
            entry["value"] = setting.default
        entry["label"] = setting.label
        entry["description"] = setting.description
        entries.append(entry)
    required: list[JSON] = [setting.name for setting in settings if setting.required]
    return {
        "capabilities": list(capabilities),
        "settings_group_validation": [required],
        "settings": entries,
    }


def plugin(meltano: str, definition: dict[str, JSON]) -> str:
    """Describe the tap to somebody else's project: as in meltano.yml, but from the registry."""
    (own,) = yaml.safe_load(meltano)["plugins"]["extractors"]
    head = {name: own[name] for name in ("name", "namespace", "label", "description")}
    how = {"pip_url": own["name"], "executable": own["executable"]}
    lines = [
        "# For a Meltano project of your own: meltano add --from-ref <address of this file>",
        "# tap-mailjet-sms. For Meltano's hub, too. Made by `make docs`.",
    ]
    return "\n".join([*lines, _yaml(head | how | for_the_hub() | definition)])


def for_the_hub() -> dict[str, JSON]:
    """Say what Meltano's hub wants to know beside what a project needs.

    The keys and their values are those of the hub's JSON schemas (`plugin_definitions/` of the
    repository meltano/hub). The hub calls a variant by the owner of its repository, and serves
    the logo itself: `docs/pictures/logo.svg` goes there with the definition.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"]
    versions = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    return {
        "variant": repository.split("/")[-2],
        "repo": repository,
        "docs": project["urls"]["Documentation"],
        "domain_url": "https://www.mailjet.com/",
        "logo_url": "/assets/logos/extractors/mailjet-sms.svg",
        "keywords": ["meltano_sdk", *(word.lower() for word in project["keywords"])],
        "maintenance_status": "beta",
        # The hub's own judgement, which it has not made.
        "quality": "unknown",
        "supported_python_versions": list(versions),
        "prereq": "A token, made in the SMS dashboard of the Mailjet **master** account.",
    }


def _yaml(value: dict[str, JSON]) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=90, allow_unicode=True)


def env_example(settings: list[Setting]) -> str:
    """Show the tap's settings as environment variables, all but the required ones commented out."""
    lines = [
        "# Copy to .env, which git ignores; Meltano and the tap (with --config ENV) read it where",
        "# they run. What the environment has wins, a blank value is none. Made by `make docs`.",
        "",
    ]
    for setting in settings:
        lines += textwrap.wrap(setting.description, 98, initial_indent="# ", subsequent_indent="# ")
        value = "" if setting.default is None else _plain(setting.default)
        lines += [f"{'' if setting.required else '# '}{setting.env}={value}", ""]
    return "\n".join(lines)


def _settings(schema: dict[str, JSON]) -> list[Setting]:
    required = _list(schema.get("required", []))
    found = []
    for name, entry in _object(schema["properties"]).items():
        body = _object(entry)
        found.append(
            Setting(
                name=name,
                type=_type(body),
                label=str(body["title"]),
                description=str(body["description"]),
                default=body.get("default"),
                options=tuple(str(o) for o in _list(body.get("enum", [])) if o is not None),
                required=name in required,
                secret=bool(body.get("secret")),
                is_date=body.get("format") == "date-time",
            )
        )
    # Required ones first, then the tap's own before the SDK's, each as the code has them.
    return sorted(found, key=lambda setting: (not setting.required, setting.of_sdk))


def _types(body: dict[str, JSON]) -> list[str]:
    kinds = body["type"]
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else [str(kinds)]


def _type(body: dict[str, JSON]) -> str:
    return next(kind for kind in _types(body) if kind != "null")


def _plain(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _code(value: JSON) -> str:
    return "" if value is None else f"`{_plain(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _list_of(names: Iterable[str]) -> str:
    return " · ".join(f"`{name}`" for name in names)


def _filled(path: Path, **parts: str) -> str:
    """A document with each part anew that stands between two markers of its name."""
    text = path.read_text(encoding="utf-8")
    for name, body in parts.items():
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            sys.exit(f"{path.name} lacks the markers {begin} and {end}")
        text = f"{before}{begin}\n{body}\n{end}{after}"
    return text


def _generated_part(text: str, body: str) -> str:
    """Replace the generated part of meltano.yml."""
    pattern = r"( *# BEGIN generated[^\n]*\n).*?( *# END generated\n)"
    if not re.search(pattern, text, flags=re.DOTALL):
        sys.exit("meltano.yml lacks its lines BEGIN generated and END generated")
    return re.sub(pattern, lambda m: f"{m[1]}{body}{m[2]}", text, count=1, flags=re.DOTALL)


def _ask(*arguments: str) -> dict[str, JSON]:
    command = [sys.executable, "-m", "tap_mailjet_sms", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return _object(cast("JSON", json.loads(done.stdout)))


def _object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        msg = f"an object was expected, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        msg = f"a list was expected, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def main() -> int:
    """Write the documents that differ, or only name them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for path, text in documents().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale = True
        print(f"{path.name} {'is stale: run `make docs`' if check else 'written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
