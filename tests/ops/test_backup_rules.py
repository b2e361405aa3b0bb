"""What a backup takes, leaves and refuses, and what a restore refuses: rule by rule, on copies of one used site."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from analysis.models import DataSet, Ensemble, Run
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.cases.models import Frame
from readerstudy.ops import backup as saving
from readerstudy.ops import database_copy
from readerstudy.ops import restore as restoring
from readerstudy.ops.backup import BackupError, back_up
from readerstudy.ops.database_copy import CopyError
from readerstudy.ops.folder import Contents, contents
from readerstudy.ops.manifest import MANIFEST, copied
from readerstudy.ops.relocation import outside, relocate
from readerstudy.ops.restore import RestoreError, restore
from tests.ops.site_here import said, site_here
from tests.servers.site import Site

pytestmark = pytest.mark.usefixtures("_unblocked")


def copy_of(site: Site, home: Path) -> None:
    """Copy the used site without most of its images, pipes and all."""
    subprocess.run(["cp", "-a", str(site.home), str(home)], check=True)
    for large in ("static", "small", "data/phantoms"):
        shutil.rmtree(home / large)


@pytest.fixture
def home(used_site: Site, tmp_path: Path) -> Iterator[Path]:
    """Be a copy of the used site; what lies elsewhere in its ledger lies in the first one."""
    place = tmp_path / "home"
    copy_of(used_site, place)
    with site_here(place):
        yield place


@pytest.fixture(scope="module")
def whole(used_site: Site, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A backup of a copy of the used site; a test that changes it takes a copy."""
    root = tmp_path_factory.mktemp("whole")
    copy_of(used_site, root / "home")
    with django_db_blocker.unblock(), site_here(root / "home"):
        return back_up(out=root / "backup").folder


@pytest.fixture
def empty(used_site: Site, tmp_path: Path) -> Iterator[Path]:
    """Be a new site with the secrets of the used one."""
    place = tmp_path / "empty"
    place.mkdir(mode=0o700)
    shutil.copy(used_site.home / "site.env", place / "site.env")
    with site_here(place):
        yield place


def left_out(backup: Path) -> dict[str, str]:
    return dict(json.loads((backup / MANIFEST).read_text())["left_out"])


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_part_inside_another_is_saved_once(tmp_path: Path, settings: Any) -> None:
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
    with without_secrets(tmp_path):
        settings.RUNS_ROOT, settings.IMAGE_CACHE = tmp_path / "data" / "runs", tmp_path / "data" / "decoded"
        found = contents()
    assert sorted(found.files) == ["data/a.csv", "runs/r/scores.npy"]  # frames by their rows, keys never
    assert found.left_out == {"sealed": "never: keep it apart", "site.env": "never: keep it apart"}


def without_secrets(home: Path) -> AbstractContextManager[None]:
    """Be a site that holds nothing, a database neither."""
    (home / "site.env").write_text("")
    return site_here(home)


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
    assert "not in it: the audit anchor (missing or without an epoch: verify_audit says more)" in told
    assert not (tmp_path / "b" / "audit-anchor.jsonl").exists()
    with pytest.raises(RestoreError, match="carries no audit anchor"):
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
    assert made.left_out["site/unknown.txt"] == "removed while the backup was made"
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


def used_before(place: Path, name: str) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(b"mine")


@pytest.mark.parametrize(
    "name",
    ["frames/s/f", "runs/r/x", "exports/x", "case-sets/x", "data/x", "ensembles/x", "notes/of the admin.txt"],
)
def test_a_site_that_holds_something_is_left_as_it_is(whole: Path, empty: Path, name: str) -> None:
    used_before(empty, name)
    with pytest.raises(RestoreError, match="restore into a new READERSTUDY_HOME"):
        restore(folder=whole)
    assert [
        str(path.relative_to(empty))
        for path in empty.rglob("*")
        if path.is_file() and path.name != "site.env"
    ] == [name]


def test_files_and_runs_must_be_absent_even_for_a_database_alone(
    home: Path, tmp_path: Path, empty: Path
) -> None:
    with site_here(home):
        back_up(out=tmp_path / "b", database_only=True)
    used_before(empty, "exports/x")
    with pytest.raises(RestoreError, match="exports: expected an empty folder"):
        restore(folder=tmp_path / "b")
    shutil.rmtree(empty / "exports")
    assert "no files came back" in said(["restore", str(tmp_path / "b")])


def test_a_database_that_is_there_stays(whole: Path, empty: Path) -> None:
    (empty / "db.sqlite3").write_bytes(b"mine")
    with pytest.raises(RestoreError, match="expected no database there"):
        restore(folder=whole)
    assert (empty / "db.sqlite3").read_bytes() == b"mine"
    assert names(empty) == ["db.sqlite3", "site.env"]  # no file either


def test_an_interrupted_restore_leaves_no_database(
    whole: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nothing is served; the folder can be emptied and the restore tried again."""
    real = restoring._put_file

    def fails_late(folder: Path, name: str, place: Path) -> None:
        if name.startswith("site/"):
            raise OSError("no room")
        real(folder, name, place)

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_put_file", fails_late)
        with pytest.raises(OSError, match="no room"):
            restore(folder=whole)
    assert (empty / "frames").is_dir()
    assert not (empty / "db.sqlite3").exists()


def test_a_dump_of_postgresql_is_not_put_into_sqlite(whole: Path, empty: Path, tmp_path: Path) -> None:
    other = tmp_path / "b"
    shutil.copytree(whole, other)
    (other / "database.sqlite3").rename(other / "database.pgdump")
    text = (other / MANIFEST).read_text().replace("database.sqlite3", "database.pgdump")
    (other / MANIFEST).write_text(text)
    with pytest.raises(RestoreError, match="goes back into the kind of database that it came from"):
        restore(folder=other)
    assert names(empty) == ["site.env"]


def test_what_a_restore_puts_there_is_its_owners(whole: Path, empty: Path) -> None:
    steps: list[tuple[int, int]] = []
    done = restore(folder=whole, progress=lambda *step: steps.append(step))
    assert done.faults == []
    assert done.files == steps[-1][0] == steps[-1][1] == len(steps)
    for path in empty.rglob("*"):
        if path.name != "site.env":
            assert path.stat().st_mode & 0o077 == 0, path
    assert not list(empty.glob(".db*"))


def test_a_backup_of_an_older_version_comes_up_to_date(used_site: Site, empty: Path) -> None:
    restore(folder=used_site.home.parent / "beside" / "backup")
    call_command("migrate", check_unapplied=True, stdout=StringIO())
    assert "a backup was put back" in said(["verify_audit"])


def test_a_site_that_counted_in_redis_comes_back_without_it(home: Path, tmp_path: Path, empty: Path) -> None:
    """The table of the cache is made where the database that was saved has none."""
    table = settings.CACHES["default"]["LOCATION"]
    with site_here(home):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {table}")
        out = back_up(out=tmp_path / "b", database_only=True).folder
    restore(folder=out)
    assert table in connection.introspection.table_names()


@pytest.mark.parametrize("name", ["runs/../../x", "runs//etc/x", "./runs/x", "runs/./x", "../x", "/etc/x"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """No file of a folder has such a name, so that a whole backup lists none: this is the second lock."""
    with pytest.raises(RestoreError, match="expected files of"):
        restoring._places(tmp_path, {"database": "database.sqlite3", "files": {name: {}}})


def one_bit_is_another(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "one bit": (one_bit_is_another, "differs from its digest"),
    "a byte more": (lambda file: file.write_bytes(file.read_bytes() + b"x"), "differs from its digest"),
    "gone": (lambda file: file.unlink(), "is missing"),
    "one more": (lambda file: (file.parent / "more").write_bytes(b""), "more is not in the manifest"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_backup_is_refused_before_anything_is_put_there(
    whole: Path, empty: Path, tmp_path: Path, name: str
) -> None:
    damaged = shutil.copytree(whole, tmp_path / "damaged")
    change, words = DAMAGE[name]
    change(next(damaged.glob("frames/*/*")))
    for command in (["restore", str(damaged), "--verify-only"], ["restore", str(damaged)],
                    ["restore", str(whole), "--files", str(damaged)]):  # fmt: skip
        with pytest.raises(CommandError, match=words):
            said(command)
    assert names(empty) == ["site.env"]
    assert "are as they were written" in said(["restore", str(whole), "--verify-only"])
    assert names(empty) == ["site.env"]


def test_another_audit_key_is_noticed(whole: Path, empty: Path) -> None:
    with (
        site_here(empty, AUDIT_KEY="ab" * 32),
        pytest.raises(CommandError, match="is AUDIT_KEY that of the site"),
    ):
        said(["restore", str(whole)])


def test_what_is_put_back_by_hand_is_not_green(home: Path, tmp_path: Path) -> None:
    """An older database beside its anchor, and both as the backup holds them, without `restore`."""
    out = back_up(out=tmp_path / "b").folder
    record(kind="drill.written", actor=None)
    assert "every chain holds" in said(["verify_audit"])
    shutil.copy(out / "audit-anchor.jsonl", home / "copy.jsonl")
    with override_settings(AUDIT_ANCHOR=home / "copy.jsonl"):
        assert "only restore may put it in place" in trail_faults()
    connection.close()
    shutil.copy(out / "database.sqlite3", home / "db.sqlite3")
    assert "the database has lost it" in trail_faults()
    with override_settings(AUDIT_ANCHOR=home / "copy.jsonl"):
        assert "only restore may put it in place" in trail_faults()


def trail_faults() -> str:
    err = StringIO()
    with pytest.raises(CommandError, match="faults in the audit trail"):
        call_command("verify_audit", stdout=StringIO(), stderr=err)
    return err.getvalue()


def test_a_restore_beside_a_newer_anchor_wants_a_reason(home: Path, tmp_path: Path, empty: Path) -> None:
    """The disk of the database was lost, that of the anchor was not: it tells what the backup lacks."""
    kept = tmp_path / "another disk" / "anchor.jsonl"
    kept.parent.mkdir()
    with site_here(home):
        out = back_up(out=tmp_path / "b").folder
        last = record(kind="drill.written", actor=None)
        shutil.copy(home / "audit-anchor.jsonl", kept)
    with site_here(empty, AUDIT_ANCHOR=kept):
        with pytest.raises(CommandError, match="say why it is put back, with --reason"):
            said(["restore", str(out)])
        assert names(empty) == ["site.env"]  # nothing was put there
        assert "every audit chain holds" in said(["restore", str(out), "--reason", "a disk\nwas lost"])
        told = said(["verify_audit"])
    assert (
        "because a disk was lost; given up, since the database does not have them: events site "
        f"{last.sequence} to {last.sequence}" in told
    )
    assert kept.read_bytes().startswith((home / "audit-anchor.jsonl").read_bytes())


def test_each_frame_that_is_gone_or_damaged_is_named(home: Path) -> None:
    first, second, *rest = Frame.objects.order_by("pk")
    one_bit_is_another(home / "frames" / str(first.study) / first.storage_name)
    (home / "frames" / str(second.study) / second.storage_name).unlink()
    err = StringIO()
    with pytest.raises(CommandError, match=f"2 of {len(rest) + 2} frames are gone or damaged"):
        call_command("verify_storage", stdout=StringIO(), stderr=err)
    lines = err.getvalue().splitlines()
    for line, frame in zip(lines, (first, second), strict=True):
        assert line.startswith(f"study {frame.study}: frame {frame.storage_name}")


def test_a_database_that_is_put_back_is_its_owners_from_the_first(whole: Path, empty: Path) -> None:
    """A connection would take the rights of others away, and may be long in coming."""
    database_copy.restore_database(whole / "database.sqlite3")
    assert (empty / "db.sqlite3").stat().st_mode & 0o777 == 0o600
    assert names(empty) == ["db.sqlite3", "site.env"]


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


def test_rows_and_plans_move_by_whole_names_the_inner_part_first(home: Path, settings: Any) -> None:
    settings.ENSEMBLES_ROOT = home / "nets here"
    data_set = DataSet.objects.create(
        slug="d",
        classes=[],
        section={"images": "/old/data/i", "more": [{"x": "/old/data"}], "n": 3, "near": "/old/database"},
    )
    nets = Ensemble.objects.create(
        slug="e", data_set=data_set, architecture="r", checkpoints="/old/data/nets/x"
    )
    run = Run.objects.create(
        run_id="r",
        name="r",
        folder="/old/runs/r",
        spec={},
        full_spec={"out": "/older/runs/r"},
        synthetic=True,
    )
    plan = home / "runs" / "r" / "plan.json"
    plan.parent.mkdir()
    plan.write_text(json.dumps({"images": ["/older/runs/r/x"], "text": "see /old/runs"}))
    (home / "runs" / "q").mkdir()
    (home / "runs" / "q" / "plan.json").write_text("no plan")
    changed = relocate(
        {"data": "/old/data", "ensembles": "/old/data/nets", "runs": "/old/runs", "gone": "/old"},
        {"runs": "/older/runs"},
    )
    assert changed == 3
    for row in (data_set, nets, run):
        row.refresh_from_db()
    data = str(home / "data")
    assert data_set.section == {"images": f"{data}/i", "more": [{"x": data}], "n": 3, "near": "/old/database"}
    assert nets.checkpoints == str(home / "nets here" / "x")
    assert (run.folder, run.full_spec) == (str(home / "runs" / "r"), {"out": str(home / "runs" / "r")})
    assert json.loads(plan.read_text()) == {
        "images": [str(home / "runs" / "r" / "x")],
        "text": "see /old/runs",
    }
    assert plan.stat().st_mode & 0o777 == 0o600
    assert (home / "runs" / "q" / "plan.json").read_text() == "no plan"
    before = plan.stat().st_ino
    assert relocate({"runs": str(home / "runs")}) == 0
    assert plan.stat().st_ino == before


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
    with pytest.raises(CopyError, match=r"the copy of the database does not hold \("):
        database_copy.copy_database(tmp_path / "out")


def test_a_backup_of_a_damaged_database_says_so_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    overwritten(home, "cases_frame", 0)
    with pytest.raises(CommandError, match="the copy of the database does not hold"):
        said(["backup", "--out", str(tmp_path / "bad"), "--database-only"])
    assert names(tmp_path) == ["home"]
