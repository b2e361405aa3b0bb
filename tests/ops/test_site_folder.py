"""All of a site's folder is in one list; what is saved comes back on another host, and every check holds there."""

import ast
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, get_commands

from readerstudy.environment import BASE
from readerstudy.ops.backup.folder import PARTS, Keep, unlisted
from tests.ops.conftest import PLANTED, STAGING
from tests.ops.site_here import do, said, site_here
from tests.servers.site import Site
from tests.upgrade.making import DONE, HALF, LEFT, site_at

APART = {"site.env", "sealed", "broker", "static", "small", "audit-anchor.jsonl"}
"""What must not come back as it was: secrets, caches, staging, and the anchor, which goes on."""
READ_ON = """
import json, sys, django
django.setup()
from readerstudy.accounts.models import User
from readerstudy.study.models import Study
from tests.upgrade import people
bob, leave = User.objects.get(email="bob@example.org"), int(sys.argv[1])
saved = people.read(bob, "half", leave=leave)
left = Study.objects.get(slug="half").readers.get(person=bob).assignments.filter(revision=0).count()
print(json.dumps({"saved": saved, "left": left}))
"""


@dataclass(frozen=True)
class Pair:
    """A used site, its backup, what the backup said, and what was restored from it elsewhere."""

    site: Site
    backup: Path
    said: str
    restored: Site


@pytest.fixture(scope="module")
def pair(used_site: Site, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Pair:
    root = tmp_path_factory.mktemp("pair")
    with django_db_blocker.unblock():
        with site_here(used_site.home):
            told = said(["backup", "--out", str(root / "backup")])
        other = another_host(used_site, root / "another host" / "home")
        with site_here(other.home):
            back = said(["restore", str(root / "backup"), "--reason", "the old host burnt down"])
    assert "every audit chain is intact" in back
    assert "rows of the ledger now name the places of this site" in back
    return Pair(used_site, root / "backup", told, other)


def another_host(site: Site, home: Path) -> Site:
    """A new folder on another host, with the secrets of the site, as an operator keeps them apart."""
    other = site_at(home)
    other.environment |= {"WORKER_HOST": "another", "ALLOWED_HOSTS": "another.example.org,testserver"}
    home.mkdir(parents=True, mode=0o700)
    shutil.copy(site.home / "site.env", home / "site.env")
    return other


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


def test_a_used_site_holds_nothing_that_the_list_does_not_name(used_site: Site, settings: Any) -> None:
    names = {part.name for part in PARTS}
    for place in (
        used_site.home,
        *(place for place in (BASE / "var").glob("*") if (place / "site.env").exists()),
    ):
        settings.HOME = place
        found = {path.name for path in place.iterdir()} - {Path(name).parts[0] for name in PLANTED}
        assert found - names == set(), "put it into readerstudy/ops/backup/folder.py"
    (used_site.home / "new-cache").mkdir()
    settings.HOME = used_site.home
    assert "new-cache" in {path.name for path in unlisted()}
    (used_site.home / "new-cache").rmdir()


def named_in(text: str) -> set[str]:
    """Return the names directly in a site's folder that a source file speaks of."""
    return set(re.findall(r"(?:\bHOME\)?|self\.home) / \"([^\"/]+)", text))


def test_no_source_names_a_place_in_the_site_that_the_list_does_not() -> None:
    found: set[str] = set()
    for path in (BASE / "readerstudy").rglob("*.py"):
        found |= named_in(path.read_text(encoding="utf-8"))
    assert {"runs", "small", "case-sets"} <= found
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
    # Keys that nobody has saved yet lie outside the site's folder, and so in no backup; uploads are data.
    roots = set(re.findall(r"^([A-Z_]+_ROOT) =", text, re.MULTILINE))
    assert roots - in_list == {"HANDOVERS_ROOT", "UPLOADS_ROOT"}


def test_everything_comes_back(pair: Pair) -> None:
    before, after = files(pair.site.home), files(pair.restored.home)
    plans = {name for name in before if name.endswith("plan.json")}
    assert plans
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= plans
    assert PLANTED.keys() <= after.keys()
    assert [name for name in STAGING if (pair.restored.home / name).exists()] == []
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


def every_check(site: Site, sealed: Path) -> str:
    """Run every check that there is on a site; a new command `verify_...` must be given its arguments here."""
    sets = site.home / "case-sets"
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
    return said(*([name, *given] for name in sorted(commands) for given in arguments[name]))


@pytest.mark.usefixtures("_unblocked")
def test_every_check_that_there_is_holds_on_the_new_host(pair: Pair) -> None:
    with site_here(pair.restored.home):
        told = every_check(pair.restored, pair.site.home / "sealed")
    assert "a backup was put back (of " in told
    assert "because the old host burnt down" in told


@pytest.mark.usefixtures("_unblocked")
def test_a_database_of_today_goes_back_with_the_files_of_last_night(pair: Pair, tmp_path: Path) -> None:
    """Readers went on since: their answers come back with the files of the last full backup, and are read on."""
    live = another_host(pair.site, tmp_path / "live")
    with site_here(live.home):
        said(["restore", str(pair.backup), "--reason", "a site in use"])
    assert json.loads(live.run("-c", READ_ON, "2").stdout) == {"saved": LEFT - 2, "left": 2}
    with site_here(live.home):
        said(["backup", "--database-only", "--out", str(tmp_path / "minute")])
    assert {path.name for path in (tmp_path / "minute").iterdir()} == {
        "MANIFEST.json", "audit-anchor.jsonl", "database.sqlite3",
    }  # fmt: skip
    other = another_host(pair.site, tmp_path / "new")
    with site_here(other.home):
        with pytest.raises(CommandError, match="expected the list of a backup's files"):
            said(["restore", str(tmp_path / "minute"), "--files", str(tmp_path / "none")])
        told = said(["restore", str(tmp_path / "minute"), "--files", str(pair.backup)])
        assert "verify_storage lists the files that are missing" in told
        checked = every_check(other, pair.site.home / "sealed")
    assert "a site in use" in checked
    assert files(other.home).keys() == files(pair.restored.home).keys()
    assert names_of(other.home, live.home) == names_of(other.home, pair.site.home) == []
    assert json.loads(other.run("-c", READ_ON, "0").stdout) == {
        "saved": 2,
        "left": 0,
    }  # pages and frames are served


def names_of(home: Path, place: Path) -> list[str]:
    """Return what in a site's database and the plans of its runs names another place."""
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        lines = [line for line in database.iterdump() if str(place) in line]
    return lines + [str(path) for path in home.glob("runs/*/plan.json") if str(place) in path.read_text()]


def test_nothing_names_the_old_place_any_more(pair: Pair) -> None:
    """The run that is finished, the ensemble and the data set are found where they lie now."""
    assert names_of(pair.restored.home, pair.site.home) == []
    runs = sorted(path.name for path in (pair.restored.home / "runs").iterdir())
    said = do(pair.restored, [["run_sweep", str(pair.restored.home / "data" / "sweep.toml")]])
    assert f": {pair.restored.home / 'runs'}/" in said
    assert (
        sorted(path.name for path in (pair.restored.home / "runs").iterdir()) == runs
    )  # it is known, and finished


@pytest.mark.usefixtures("_unblocked")
def test_keys_and_secrets_in_the_sites_folder_are_refused_by_name(used_site: Site, tmp_path: Path) -> None:
    sealed = used_site.home / "sealed"
    planted = {
        "case-sets/half/notes.txt": sealed / f"{HALF}-key.csv",
        "exports/x": sealed / f"{HALF}-key.report.json",
        "site.env.bak": used_site.home / "site.env",
        "folder/inside.env": used_site.home / "site.env",
    }
    with planted_in(used_site.home, planted), pytest.raises(CommandError) as refused:
        said(["backup", "--out", str(tmp_path / "backup")])
    for name in planted:
        assert name in str(refused.value)
    assert "move keys to the person who keeps them" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    many = {f"folder/{number:02}": sealed / f"{HALF}-key.csv" for number in range(12)}
    with (
        planted_in(used_site.home, many),
        pytest.raises(CommandError, match="folder/09 and 2 more: move keys"),
    ):
        said(["backup", "--out", str(tmp_path / "backup")])


@contextmanager
def planted_in(home: Path, planted: Mapping[str, Path]) -> Iterator[None]:
    """Be the site, with copies of files in it."""
    (home / "folder").mkdir()
    for name, source in planted.items():
        shutil.copy(source, home / name)
    try:
        with site_here(home):
            yield
    finally:
        for name in planted:
            (home / name).unlink()
        (home / "folder").rmdir()
