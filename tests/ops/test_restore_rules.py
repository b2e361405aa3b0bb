"""What a restore puts where, and what it refuses: rule by rule, from one backup of a used site."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from analysis.models import DataSet, Ensemble, Run
from readerstudy.audit.services import record
from readerstudy.cases.models import Frame
from readerstudy.ops.backup import database_copy
from readerstudy.ops.backup import restore as restoring
from readerstudy.ops.backup.backing_up import back_up
from readerstudy.ops.backup.manifest import MANIFEST, BackupError
from readerstudy.ops.backup.relocation import relocate
from readerstudy.ops.backup.restore import restore
from tests.ops.conftest import names
from tests.ops.site_here import said, site_here
from tests.servers.site import Site

pytestmark = pytest.mark.usefixtures("_unblocked")


def used_before(place: Path, name: str) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(b"mine")


@pytest.mark.parametrize(
    "name",
    ["frames/s/f", "runs/r/x", "exports/x", "case-sets/x", "data/x", "ensembles/x", "notes/of the admin.txt"],
)
def test_a_site_that_holds_something_is_left_as_it_is(whole: Path, empty: Path, name: str) -> None:
    used_before(empty, name)
    with pytest.raises(BackupError, match="restore into a new READERSTUDY_HOME"):
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
    with pytest.raises(BackupError, match="exports: expected an empty folder"):
        restore(folder=tmp_path / "b")
    shutil.rmtree(empty / "exports")
    assert "no files were restored" in said(["restore", str(tmp_path / "b")])


def test_a_database_that_is_there_stays(whole: Path, empty: Path) -> None:
    (empty / "db.sqlite3").write_bytes(b"mine")
    with pytest.raises(BackupError, match="expected no database there"):
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
    with pytest.raises(BackupError, match="goes back into the kind of database that it came from"):
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
    """No file of a folder has such a name, so that a full backup lists none: this is the second lock."""
    with pytest.raises(BackupError, match="expected files of"):
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
    assert "every chain is intact" in said(["verify_audit"])
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
        with pytest.raises(CommandError, match="give the reason with --reason"):
            said(["restore", str(out)])
        assert names(empty) == ["site.env"]  # nothing was put there
        assert "every audit chain is intact" in said(["restore", str(out), "--reason", "a disk\nwas lost"])
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
    with pytest.raises(CommandError, match=f"2 of {len(rest) + 2} frames are missing or damaged"):
        call_command("verify_storage", stdout=StringIO(), stderr=err)
    lines = err.getvalue().splitlines()
    for line, frame in zip(lines, (first, second), strict=True):
        assert line.startswith(f"study {frame.study}: frame {frame.storage_name}")


def test_a_database_that_is_put_back_is_its_owners_from_the_first(whole: Path, empty: Path) -> None:
    """A connection would take the rights of others away, and may be long in coming."""
    database_copy.restore_database(whole / "database.sqlite3")
    assert (empty / "db.sqlite3").stat().st_mode & 0o777 == 0o600
    assert names(empty) == ["db.sqlite3", "site.env"]


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
