"""Everything a user can name is named in the documentation: commands, settings, columns, make targets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from analysis.frames import TABLES
from analysis.selection import CRITERIA
from analysis.stats import Results
from analysis.sweep.layouts import LAYOUTS
from analysis.sweep.methods import METHODS
from readerstudy.environment import read_site_file
from tests.docs.drawn import ROOT, documents

OWN_APPS = ("analysis", "readerstudy.")
COMMANDS = sorted(name for name, app in get_commands().items() if app.startswith(OWN_APPS))


def read_settings() -> dict[str, str | None]:
    """Return every setting that the code reads, with its default as it would be written; None without one."""
    found: dict[str, str | None] = {}
    for name in ("settings.py", "environment.py"):
        tree = ast.parse((ROOT / "readerstudy" / name).read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if not (isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "environment"):
                continue
            if not (call.args and isinstance(call.args[0], ast.Constant)):
                continue
            given = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "default")]
            found[call.args[0].value] = _written(call.func.attr, given)
    return found


def _written(kind: str, given: list[ast.expr]) -> str | None:
    if not given:
        return "" if kind == "words" else None
    if not isinstance(given[0], ast.Constant):
        return ast.unparse(given[0])
    value = given[0].value
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


DEFAULTS = read_settings()
SETTINGS = sorted(DEFAULTS)
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def words() -> str:
    """Return the text of every document."""
    return "\n".join(path.read_text(encoding="utf-8") for path in documents())


def test_the_lists_hold_something() -> None:
    assert {"setup", "run_sweep", "open_key", "verify_audit"} <= set(COMMANDS)
    assert {"READERSTUDY_HOME", "SECRET_KEY", "TLS", "LEASE_SECONDS", "BROKER_URL"} <= set(SETTINGS)
    assert len(SETTINGS) >= 13


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_in_the_docs(words: str, command: str) -> None:
    assert re.search(rf"\b{command}\b", words)


OF_DJANGO = {action.dest for action in BaseCommand().create_parser("manage.py", "none")._actions}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_says_what_it_is(command: str) -> None:
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    own = [action for action in parser._actions if action.dest not in OF_DJANGO]
    silent = [action.option_strings or action.dest for action in own if not action.help]
    assert silent == []
    assert parser.format_help()


def test_no_command_is_named_that_does_not_exist(words: str) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)\b", words))
    assert named - set(get_commands()) == set()


@pytest.mark.parametrize("setting", SETTINGS)
def test_setting_is_explained_and_in_the_example(setting: str) -> None:
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{setting}` \|", table, re.MULTILINE)
    assert re.search(rf"^{setting}=", EXAMPLE, re.MULTILINE)


def test_example_names_no_setting_that_is_not_read() -> None:
    assert sorted(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)) == SETTINGS


@pytest.mark.parametrize("setting", sorted(set(SETTINGS) - {"READERSTUDY_HOME"}))
def test_default_is_the_documented_one(tmp_path: Path, setting: str) -> None:
    (tmp_path / "site.env").write_text(EXAMPLE, encoding="utf-8")
    default = DEFAULTS[setting]
    assert read_site_file(tmp_path)[setting] == (default or "")
    shown = "none" if default is None else f"`{default}`" if default else "empty"
    assert f"| `{setting}` | {shown} |" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_column_is_in_the_docs(words: str, table: object) -> None:
    missing = [column.name for column in table.columns if f"| `{column.name}` | {column.kind} |" not in words]
    assert missing == []


def test_choices_are_in_the_docs(words: str) -> None:
    named = set(CODE.findall(words))
    assert {*METHODS, *CRITERIA, *LAYOUTS} - named == set()
    assert {name for name in Results.__dataclass_fields__ if f'"{name}"' not in words} == set()


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def named_targets() -> Iterator[tuple[str, str]]:
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for line in [
            *(line for block in FENCE.findall(text) for line in block.splitlines()),
            *CODE.findall(text),
        ]:
            for found in re.finditer(r"(?:^|[;&]\s*)make ([a-z][a-z-]*)", line.strip()):
                yield path.name, found[1]


def test_every_make_command_in_the_docs_is_a_target() -> None:
    named = list(named_targets())
    assert {("README.md", "demo"), ("README.md", "test")} <= set(named)
    assert [(place, target) for place, target in named if target not in make_targets()] == []


def test_readme_begins_with_the_prerequisites() -> None:
    first = "\n".join(README.splitlines()[:3])
    assert "apt install git make python3-venv" in first
    assert "3.11" in first
    assert "3.13" in first


def test_every_folder_of_the_project_is_on_the_map() -> None:
    listed = set(re.findall(r"^\| `([a-z.]+)/` \|", README, re.MULTILINE))
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert there - {"shared", "staticfiles", "dist", "__pycache__"} - listed == set()
    assert {name for name in listed if not (ROOT / name).exists()} <= {"var"}
