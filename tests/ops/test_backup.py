"""A backup of a site that is being written to comes back whole, and a damaged one is refused."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from readerstudy.environment import BASE
from tests.servers.site import Site

WRITER = """
import time
import django
django.setup()
from readerstudy.audit.services import record
n = 0
while True:
    record(kind="drill.written", actor=None, values={"n": n})
    print(n, flush=True)
    n += 1
    time.sleep(0.01)  # SQLite's lock knows no queue: a writer without any pause would starve all others
"""
COUNT = """
import json, django
django.setup()
from readerstudy.audit.models import Event
from readerstudy.cases.models import Frame
from readerstudy.study.models import Study
written = [e.values["n"] for e in Event.objects.filter(kind="drill.written").order_by("sequence")]
print(json.dumps([Study.objects.count(), Frame.objects.count(), written]))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers("postgresql"))])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    made = Site(tmp_path / "site")
    if request.param == "postgresql":
        made.environment["DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    made.manage("setup")
    made.stock()
    return made


def new_site(old: Site, home: Path, request: pytest.FixtureRequest) -> Site:
    """An empty site with the secrets of the old one, as an operator keeps them apart."""
    home.mkdir(mode=0o700)
    shutil.copy(old.home / "site.env", home / "site.env")
    site = Site(home)
    if old.environment["DATABASE_URL"]:
        from tests.servers.postgresql import new_database

        site.environment["DATABASE_URL"] = new_database(request.getfixturevalue("postgresql_server"))
    return site


def written_while(site: Site, *command: str) -> tuple[int, int]:
    """Run a command while another process writes; return what was acknowledged before it and after it."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=BASE, env=site.environment, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        try:
            for _ in range(5):
                before = int(writer.stdout.readline())
            site.manage(*command)
            time.sleep(0.3)
        finally:
            writer.kill()
        after = [int(line) for line in writer.stdout.read().split()][-1]
    return before, after


def test_backup_of_a_site_under_writes_comes_back_whole(
    site: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    out = tmp_path / "backup"
    before, after = written_while(site, "backup", "--out", str(out))
    assert "are as they were written" in site.manage("restore", str(out), "--verify-only").stdout
    manifest = json.loads((out / "MANIFEST.json").read_text())
    assert sum(name.startswith("frames/") for name in manifest["files"]) == 10
    secrets = (site.home / "site.env").read_text()
    audit_key = next(line.partition("=")[2] for line in secrets.splitlines() if line.startswith("AUDIT_KEY"))
    assert not any(audit_key.encode() in path.read_bytes() for path in out.rglob("*") if path.is_file())

    other = new_site(site, tmp_path / "other", request)
    assert "every audit chain holds" in other.manage("restore", str(out)).stdout
    said = other.manage("verify_audit").stdout
    assert "a backup was put back (of " in said
    assert "every chain holds" in said
    studies, frames, written = json.loads(other.run("-c", COUNT).stdout)
    assert (studies, frames) == (1, 10)
    assert written == list(range(len(written)))  # nothing lost in the middle, nothing doubled
    assert before < len(written) <= after + 2
    assert "10 frames are as they were written" in other.manage("verify_storage").stdout
    refused = other.manage("restore", str(out), check=False)
    assert refused.returncode != 0
    assert "expected an empty" in refused.stderr
    what_is_put_back_by_hand_is_not_green(site, other, out, tmp_path)
    a_restore_beside_a_newer_anchor_wants_a_reason(site, out, tmp_path, request)
    damaged_backups_are_refused(other, out)
    another_audit_key_is_noticed(site, out, tmp_path, request)


def what_is_put_back_by_hand_is_not_green(site: Site, other: Site, out: Path, tmp_path: Path) -> None:
    """An older database beside its anchor, and both as the backup holds them, without `restore`."""
    by_hand = Site(tmp_path / "by hand", {"DATABASE_URL": site.environment["DATABASE_URL"]})
    shutil.copytree(site.home, by_hand.home)
    shutil.copy(out / "audit-anchor.jsonl", by_hand.home / "audit-anchor.jsonl")
    assert "only restore may put it in place" in by_hand.manage("verify_audit", check=False).stderr
    if site.environment["DATABASE_URL"]:
        return
    shutil.copy(site.home / "audit-anchor.jsonl", by_hand.home / "audit-anchor.jsonl")
    assert "every chain holds" in by_hand.manage("verify_audit").stdout
    shutil.copy(out / "database.sqlite3", by_hand.home / "db.sqlite3")
    assert "the database has lost it" in by_hand.manage("verify_audit", check=False).stderr


def a_restore_beside_a_newer_anchor_wants_a_reason(
    site: Site, out: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The disk of the database was lost, that of the anchor was not: it tells what the backup lacks."""
    again = new_site(site, tmp_path / "again", request)
    kept = tmp_path / "another disk" / "anchor.jsonl"
    kept.parent.mkdir()
    shutil.copy(site.home / "audit-anchor.jsonl", kept)
    again.environment["AUDIT_ANCHOR"] = str(kept)
    refused = again.manage("restore", str(out), check=False)
    assert refused.returncode != 0
    assert "say why it is put back, with --reason" in refused.stderr
    assert sorted(path.name for path in again.home.iterdir()) == ["site.env"]  # nothing was put there
    assert (
        "every audit chain holds" in again.manage("restore", str(out), "--reason", "a disk\nwas lost").stdout
    )
    said = again.manage("verify_audit").stdout
    assert "because a disk was lost; given up, since the database does not have them: events site " in said
    assert kept.read_bytes().startswith((site.home / "audit-anchor.jsonl").read_bytes())


def test_the_trail_of_a_site_in_use_holds(site: Site) -> None:
    """Events that come while it is looked at are no fault, and neither is a process that is killed between two."""
    written_while(site, "verify_audit")
    with_writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER], cwd=BASE, env=site.environment, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for writer in with_writers:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
    for writer in with_writers:
        writer.kill()
        writer.communicate()
    assert "every chain holds" in site.manage("verify_audit").stdout


def damaged_backups_are_refused(site: Site, out: Path) -> None:
    frame = next(out.rglob("frames/*/*"))
    content = frame.read_bytes()
    frame.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "differs from its digest" in site.manage("restore", str(out), "--verify-only", check=False).stderr
    frame.unlink()
    assert "is missing" in site.manage("restore", str(out), "--verify-only", check=False).stderr
    frame.write_bytes(content)
    (out / "more").write_text("x")
    assert "not in the manifest" in site.manage("restore", str(out), "--verify-only", check=False).stderr
    (out / "more").unlink()


def another_audit_key_is_noticed(
    site: Site, out: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    stranger = new_site(site, tmp_path / "stranger", request)
    stranger.environment["AUDIT_KEY"] = "ab" * 32
    said = stranger.manage("restore", str(out), check=False)
    assert said.returncode != 0
    assert "is AUDIT_KEY that of the site" in said.stderr


def test_what_stands_in_the_write_ahead_log_only_is_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain copy of the file would hold none of it; the machine that runs this may use no such log itself."""
    from django.conf import settings

    from readerstudy.ops import database_copy

    live = tmp_path / "live.sqlite3"
    (tmp_path / "out").mkdir()
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", live)
    with closing(sqlite3.connect(live, isolation_level=None)) as site:
        assert site.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        site.execute("PRAGMA wal_autocheckpoint=0")
        site.execute("CREATE TABLE audit_chain (study, sequence, digest)")
        site.execute("INSERT INTO audit_chain VALUES (NULL, 7, 'd')")
        copy, heads = database_copy._copy_sqlite(tmp_path / "out" / "copy.sqlite3")
        assert heads == {"site": [7, "d"]}
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as alone:
            assert alone.execute("SELECT sequence FROM audit_chain").fetchall() == [(7,)]
            assert alone.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["copy.sqlite3"]


def test_backup_refuses_a_folder_that_is_there_or_served(tmp_path: Path) -> None:
    from django.conf import settings

    from readerstudy.ops.backup import BackupError, back_up

    with pytest.raises(BackupError, match="expected a new folder"):
        back_up(out=tmp_path)
    with pytest.raises(BackupError, match="files are served"):
        back_up(out=settings.STATIC_ROOT / "backup")
    assert not os.path.exists(settings.STATIC_ROOT / "backup")
