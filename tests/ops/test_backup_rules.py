"""What a backup takes, leaves and refuses: rule by rule, on copies of one used site."""

import json
import shutil
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError
from django.db import connection

from analysis.models import DataSet, Ensemble, Run
from readerstudy.audit.models import Event
from readerstudy.cases.models import Frame
from readerstudy.ops.backup import backing_up as saving
from readerstudy.ops.backup import database_copy
from readerstudy.ops.backup.backing_up import back_up
from readerstudy.ops.backup.folder import Contents, contents
from readerstudy.ops.backup.manifest import MANIFEST, BackupError, copied
from readerstudy.ops.backup.relocation import outside, relocate
from readerstudy.ops.backup.restore import restore
from tests.ops.conftest import copy_of, names
from tests.ops.site_here import said, site_here
from tests.servers.site import Site

pytestmark = pytest.mark.usefixtures("_unblocked")


def left_out(backup: Path) -> dict[str, str]:
    return dict(json.loads((backup / MANIFEST).read_text())["left_out"])


def test_a_part_inside_another_is_saved_once(tmp_path: Path) -> None:
    """Settings may put a part, or the cache of decoded images, into the folder of another."""
    for name in (
        "data/runs/r/scores.npy",
        "data/decoded/big.npy",
        "data/a.csv",
        "frames/s/f",
        "sealed/key.csv",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    inside = {"RUNS_ROOT": tmp_path / "data" / "runs", "IMAGE_CACHE": tmp_path / "data" / "decoded"}
    with without_secrets(tmp_path, **inside):
        found = contents()
    assert sorted(found.files) == ["data/a.csv", "runs/r/scores.npy"]  # frames by their rows, keys never
    assert found.left_out == {"sealed": "never: keep it apart", "site.env": "never: keep it apart"}


def without_secrets(home: Path, **given: Any) -> AbstractContextManager[None]:
    """Be a site that holds nothing, a database neither."""
    (home / "site.env").write_text("")
    return site_here(home, **given)


def test_a_backup_that_lies_in_the_site_is_left_out_by_name(tmp_path: Path) -> None:
    """Else every backup would hold all those before it. A folder with a manifest of its own may be anything."""
    for name in (
        "notes/old/MANIFEST.json",
        "notes/old/database.sqlite3",
        "notes/old/runs/r",
        "notes/set/MANIFEST.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with without_secrets(tmp_path):
        found = contents()
    assert list(found.files) == ["site/notes/set/MANIFEST.json"]
    assert found.left_out["site/notes/old"] == "a backup"


def test_who_made_a_backup_is_recorded_before_it_is_made(home: Path, tmp_path: Path) -> None:
    back_up(out=tmp_path / "a")
    back_up(out=tmp_path / "b", database_only=True)
    events = Event.objects.filter(kind="site.backed_up").order_by("sequence")
    assert [event.values["database_only"] for event in events][-2:] == [False, True]
    with closing(sqlite3.connect(tmp_path / "b" / "database.sqlite3")) as database:
        assert database.execute("SELECT max(sequence) FROM audit_event WHERE study IS NULL").fetchone() == (
            events.last().sequence,
        )


def test_a_backup_has_its_name_only_when_it_is_whole_and_is_its_owners(home: Path, tmp_path: Path) -> None:
    row = Frame.objects.order_by("pk").last()
    frame = home / "frames" / str(row.study) / row.storage_name
    content = frame.read_bytes()
    frame.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "out" / ".b.partial").mkdir(parents=True)  # what a killed one left
    with pytest.raises(CommandError, match=r"damaged|digest"):
        said(["backup", "--out", str(tmp_path / "out" / "b")])
    assert names(tmp_path / "out") == []
    frame.write_bytes(content)
    made = back_up(out=tmp_path / "out" / "b")
    assert names(tmp_path / "out") == ["b"]
    for path in (made.folder, *made.folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    kept = made.folder / "data" / "sweep.toml"
    assert kept.stat().st_mtime_ns == (home / "data" / "sweep.toml").stat().st_mtime_ns
    assert made.files == len(json.loads((made.folder / MANIFEST).read_text())["files"])
    assert (
        made.size
        == sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file())
        - (made.folder / MANIFEST).stat().st_size
    )


def test_a_site_without_an_anchor_is_saved_and_its_backup_says_so(
    home: Path, tmp_path: Path, empty: Path
) -> None:
    with site_here(home):
        (home / "audit-anchor.jsonl").unlink()
        told = said(["backup", "--out", str(tmp_path / "b")])
    assert "not in it: the audit anchor (missing or without an epoch: run verify_audit for details)" in told
    assert not (tmp_path / "b" / "audit-anchor.jsonl").exists()
    with pytest.raises(BackupError, match="has no audit anchor"):
        restore(folder=tmp_path / "b")
    assert names(empty) == ["site.env"]
    restore(folder=tmp_path / "b", reason="the anchor had been deleted")
    assert "because the anchor had been deleted" in said(["verify_audit"])


def test_what_lies_outside_of_the_site_is_named(home: Path, tmp_path: Path, used_site: Site) -> None:
    DataSet.objects.update(section={"images": str(home / "data")})
    relocate({"data": str(used_site.home / "data"), "runs": str(used_site.home / "runs")})
    assert outside() == {}
    Run.objects.create(run_id="far", name="x", folder="/elsewhere/far", spec={}, synthetic=True)
    data_set = DataSet.objects.create(slug="chests", section={"images": "/elsewhere/images"}, classes=[])
    Ensemble.objects.create(slug="nets2", data_set=data_set, architecture="r", checkpoints="/elsewhere/nets")
    DataSet.objects.create(slug="unnamed", section={}, classes=[])
    lie = {"run far": "far", "data set chests": "images", "ensemble nets2": "nets"}
    told = {name: f"lies outside the site's folder, at /elsewhere/{place}" for name, place in lie.items()}
    assert outside() == told
    back_up(out=tmp_path / "b")
    assert told.items() <= left_out(tmp_path / "b").items()
    back_up(out=tmp_path / "c", database_only=True)
    assert left_out(tmp_path / "c") == {}


def test_a_file_that_goes_meanwhile_is_named(home: Path, tmp_path: Path) -> None:
    """A sweep renames and removes files while the backup runs; the first file that is copied takes others away."""

    def progress(done: int, total: int) -> None:
        (home / "unknown.txt").unlink(missing_ok=True)
        assert not (tmp_path / "b").exists()  # it has its name when all is there

    made = back_up(out=tmp_path / "b", progress=progress)
    assert made.left_out["site/unknown.txt"] == "removed while the backup was running"
    assert "site/unknown.txt" not in json.loads((made.folder / MANIFEST).read_text())["files"]


def test_a_file_that_goes_before_it_is_looked_into_holds_no_key(tmp_path: Path) -> None:
    saving._refuse_sealed(Contents({"runs/x": tmp_path / "gone"}))


@pytest.mark.parametrize("place", ["runs/b", "data/deep/b", "b", "frames/b", "static/b", "case-sets/b"])
def test_a_backup_is_never_put_into_the_site(home: Path, place: str) -> None:
    with pytest.raises(BackupError, match=r"expected a folder (outside of|away from)"):
        back_up(out=home / place)
    assert not (home / place).exists()


def test_a_backup_is_never_put_among_the_scripts(home: Path, settings: Any) -> None:
    place = Path(settings.STATICFILES_DIRS[0]) / "b"
    with pytest.raises(BackupError, match="files are served"):
        back_up(out=place)
    assert not place.exists()


def test_frames_and_runs_of_a_store_are_in_the_backup_and_go_back_there(
    used_site: Site, tmp_path: Path, settings: Any
) -> None:
    """Any of Django's stores serves; tests/servers/test_nginx.py has frames in an S3 one."""
    home, new = tmp_path / "home", tmp_path / "new"
    copy_of(used_site, home)
    (run,) = {path.parents[1] for path in (home / "runs").glob("*/predictions/*.npy")} - {
        home / "runs" / "imported"
    }
    for place, store in ((home / "frames", "frames"), (run, f"runs/{run.name}")):
        shutil.copytree(place, tmp_path / "store" / store)
    shutil.rmtree(home / "frames")
    (run / "metrics.csv").write_text("of this host, and older")
    with site_here(home, STORAGES=stores(settings, tmp_path / "store")):
        back_up(out=tmp_path / "b")
    assert (tmp_path / "b" / "runs" / run.name / "metrics.csv").read_bytes() == (
        tmp_path / "store" / "runs" / run.name / "metrics.csv"
    ).read_bytes()
    new.mkdir()
    shutil.copy(used_site.home / "site.env", new / "site.env")
    with site_here(new, STORAGES=stores(settings, tmp_path / "other store")):
        restore(folder=tmp_path / "b")
        assert "frames are as they were written" in said(["verify_storage"])
        assert storages["frames"].listdir("")[0]
    assert not (new / "frames").exists()


def stores(settings: Any, place: Path) -> dict[str, Any]:
    """Frames and runs in a store that is no folder of the site."""
    kind = "django.core.files.storage.FileSystemStorage"
    own = {name: {"BACKEND": kind, "OPTIONS": {"location": str(place / name)}} for name in ("frames", "runs")}
    for name in own:
        (place / name).mkdir(parents=True, exist_ok=True)
    return {**settings.STORAGES, **own}


def test_a_copied_file_keeps_its_time_and_never_replaces_one(tmp_path: Path) -> None:
    source, there = tmp_path / "a", tmp_path / "out" / "deep" / "b"
    source.write_bytes(b"x" * 3_000_000)
    copied(source, tmp_path / "out", "deep/b")
    assert there.read_bytes() == source.read_bytes()
    assert there.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert (there.stat().st_mode & 0o777, there.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    source.write_bytes(b"y")
    with pytest.raises(FileExistsError):
        copied(source, tmp_path / "out", "deep/b")
    assert there.stat().st_size == 3_000_000


def overwritten(home: Path, table: str, offset: int) -> None:
    """Overwrite some bytes of a table's first page, as a failing disk does."""
    connection.close()
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with (home / "db.sqlite3").open("r+b") as file:
        file.seek((page - 1) * size + offset)
        file.write(b"\xff" * 64)


@pytest.mark.parametrize(("table", "offset"), [("cases_frame", 0), ("cases_frame", 8), ("audit_chain", 0)])
def test_a_copy_of_a_damaged_database_is_none(home: Path, tmp_path: Path, table: str, offset: int) -> None:
    """What is copied is looked through: a backup that cannot be opened would be noticed when it is needed."""
    overwritten(home, table, offset)
    (tmp_path / "out").mkdir()
    with pytest.raises(BackupError, match=r"the copy of the database is not intact \("):
        database_copy.copy_database(tmp_path / "out")


def test_a_backup_of_a_damaged_database_says_so_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    overwritten(home, "cases_frame", 0)
    with pytest.raises(CommandError, match="the copy of the database is not intact"):
        said(["backup", "--out", str(tmp_path / "bad"), "--database-only"])
    assert names(tmp_path) == ["home"]
