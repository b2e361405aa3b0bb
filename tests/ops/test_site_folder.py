"""All of a site's folder is in one list; what is saved comes back on another host, and every check holds there."""

import ast
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from readerstudy.environment import BASE
from readerstudy.ops.folder import PARTS, Keep, unlisted
from tests.servers.site import Site
from tests.upgrade.making import DONE, HALF, site_at
from tests.upgrade.stored import unpack

APART = {"site.env", "sealed", "broker", "static", "small", "audit-anchor.jsonl"}
"""What must not come back as it was: secrets, caches, staging, and the anchor, which goes on."""
PLANTED = {
    "ensembles/toy/seed-0/chkpt.pt": b"weights",
    "data/.kept/labels.csv": b"id\n",
    "notes/of the admin.txt": b"an unknown folder",
    "unknown.txt": b"an unknown file",
}
STAGING = {
    "runs/.image-cache/big.npy": b"decoded",
    "exports/.results.json.x1": b"half",
    "case-sets/.new.tmp/a": b"half",
}


@dataclass(frozen=True)
class Pair:
    """A used site, its backup, and what was restored from it elsewhere."""

    site: Site
    backup: Path
    said: str
    restored: Site


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with a finished run, an imported one, case sets, keys, studies; it has been served and read."""
    root = tmp_path_factory.mktemp("used")
    unpack("0.1.0", root)
    site = site_at(root / "site")
    site.manage("setup")
    site.manage("collectstatic", "--no-input")
    site.run("-c", "import django; django.setup(); from analysis.tasks import ring; ring()")
    return site


@pytest.fixture(scope="module")
def pair(used: Site, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    root = tmp_path_factory.mktemp("pair")
    for name, content in (PLANTED | STAGING).items():
        (used.home / name).parent.mkdir(parents=True, exist_ok=True)
        (used.home / name).write_bytes(content)
    (used.home / "data" / "elsewhere").symlink_to("/usr")
    os.mkfifo(used.home / "notes" / "pipe")
    said = used.manage("backup", "--out", str(root / "backup")).stdout
    other = site_at(root / "another host" / "home")
    other.environment |= {"WORKER_HOST": "another", "ALLOWED_HOSTS": "another.example.org"}
    other.home.mkdir(parents=True, mode=0o700)
    shutil.copy(used.home / "site.env", other.home / "site.env")
    told = other.manage("restore", str(root / "backup"), "--reason", "the old host burnt down").stdout
    assert "every audit chain holds" in told
    return Pair(used, root / "backup", said, other)


COMMANDS = """
import json, sys, django
django.setup()
from django.core.management import call_command
for command in json.loads(sys.argv[1]):
    call_command(*command)
"""


def do(site: Site, commands: list[list[str]]) -> str:
    """Run commands one after the other in one process, each of which must end well; return what they said."""
    return site.run("-c", COMMANDS, json.dumps(commands)).stdout


def files(home: Path) -> dict[str, bytes]:
    """Return the files that must come back, found without the list that is being tested."""
    return {
        name: path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
        and (name := path.relative_to(home).as_posix()).split("/")[0] not in APART
        and not name.startswith("db.sqlite3")
        and name not in STAGING
    }


def test_a_used_site_holds_nothing_that_the_list_does_not_name(used: Site, settings: Any) -> None:
    names = {part.name for part in PARTS}
    for place in (used.home, *(place for place in (BASE / "var").glob("*") if (place / "site.env").exists())):
        settings.HOME = place
        found = {path.name for path in place.iterdir()} - {Path(name).parts[0] for name in PLANTED}
        assert found - names == set(), "put it into readerstudy/ops/folder.py"
    (used.home / "new-cache").mkdir()
    settings.HOME = used.home
    assert "new-cache" in {path.name for path in unlisted()}
    (used.home / "new-cache").rmdir()


def named_in(text: str) -> set[str]:
    """Return the names directly in a site's folder that a source file speaks of."""
    return set(re.findall(r"(?:\bHOME\)?|self\.home) / \"([^\"/]+)", text))


def test_no_source_names_a_place_in_the_site_that_the_list_does_not() -> None:
    found: set[str] = set()
    for path in (BASE / "readerstudy").rglob("*.py"):
        found |= named_in(path.read_text(encoding="utf-8"))
    assert {"runs", "small", "phantoms", "case-sets"} <= found
    assert found - {part.name for part in PARTS} == set()
    assert named_in('PLACE = Path(settings.HOME) / "thumbnails" / "x"') == {"thumbnails"}


def test_every_setting_that_is_a_folder_of_the_site_is_in_the_list() -> None:
    text = (BASE / "readerstudy" / "settings.py").read_text(encoding="utf-8")
    named = {
        node.targets[0].id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and "HOME /" in ast.unparse(node)
    }  # fmt: skip
    assert {"FRAMES_ROOT", "CASE_SETS", "AUDIT_ANCHOR"} <= named
    in_list = {part.setting for part in PARTS}
    assert named - in_list == {"DATABASES", "DATA_ROOTS"}
    assert set(re.findall(r"^([A-Z_]+_ROOT) =", text, re.MULTILINE)) - in_list == set()


def test_everything_comes_back(pair: Pair) -> None:
    before, after = files(pair.site.home), files(pair.restored.home)
    plans = {name for name in before if name.endswith("plan.json")}
    assert plans
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= plans
    assert PLANTED.keys() <= after.keys()
    assert not STAGING.keys() & after.keys()
    assert any(name.endswith(".npy") and "predictions" in name for name in after)
    assert not (pair.restored.home / "sealed").exists()
    open_to_others = [path for path in pair.restored.home.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == [pair.restored.home / "site.env"]  # as it was put there before


def test_what_is_not_in_it_is_said(pair: Pair) -> None:
    kept = json.loads((pair.backup / "MANIFEST.json").read_text())["left_out"]
    assert kept["site.env"] == kept["sealed"] == Keep.SEALED.value
    assert kept["data/elsewhere"] == "a link to /usr"
    assert kept["site/notes/pipe"] == "neither a file nor a folder"
    for name, why in kept.items():
        assert f"not in it: {name} ({why})" in pair.said


def test_every_check_that_there_is_holds_on_the_new_host(pair: Pair) -> None:
    """A new command `verify_...` must be given its arguments here."""
    sets, sealed = pair.restored.home / "case-sets", pair.site.home / "sealed"
    arguments: dict[str, list[list[str]]] = {
        "verify_audit": [[]],
        "verify_storage": [[]],
        "verify_orders": [[DONE]],
        "verify_case_set": [
            [str(sets / name), "--key", str(sealed / f"{name}-key.csv")] for name in (DONE, HALF)
        ],
    }
    commands = {name for name in get_commands() if name.startswith("verify_")}
    assert commands == arguments.keys()
    said = do(pair.restored, [[name, *given] for name in sorted(commands) for given in arguments[name]])
    assert "a backup was put back (of " in said
    assert "because the old host burnt down" in said


def test_nothing_names_the_old_place_any_more(pair: Pair) -> None:
    """The run that is finished, the ensemble and the data set are found where they lie now."""
    with closing(sqlite3.connect(pair.restored.home / "db.sqlite3")) as database:
        lines = [line for line in database.iterdump() if str(pair.site.home) in line]
    assert lines == []
    plans = list(pair.restored.home.glob("runs/*/plan.json"))
    assert str(pair.site.home) not in "".join(path.read_text() for path in plans)
    runs = sorted(path.name for path in (pair.restored.home / "runs").iterdir())
    said = do(pair.restored, [["run_sweep", str(pair.restored.home / "data" / "sweep.toml")]])
    assert f": {pair.restored.home / 'runs'}/" in said
    assert (
        sorted(path.name for path in (pair.restored.home / "runs").iterdir()) == runs
    )  # it is known, and finished


def test_keys_and_secrets_in_the_sites_folder_are_refused_by_name(used: Site, tmp_path: Path) -> None:
    sealed = used.home / "sealed"
    planted = {
        "case-sets/half/notes.txt": sealed / f"{HALF}-key.csv",
        "exports/x": sealed / f"{HALF}-key.report.json",
        "site.env.bak": used.home / "site.env",
        "folder/inside.env": used.home / "site.env",
    }
    for name, source in planted.items():
        (used.home / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, used.home / name)
    try:
        said = used.manage("backup", "--out", str(tmp_path / "backup"), check=False)
    finally:
        for name in planted:
            (used.home / name).unlink()
        (used.home / "folder").rmdir()
    assert said.returncode != 0
    for name in planted:
        assert name in said.stderr
    assert "move keys to whoever keeps them" in said.stderr
    assert list(tmp_path.iterdir()) == []
