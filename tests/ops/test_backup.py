"""A backup of a site that is being written to comes back whole, and a damaged one is refused."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from readerstudy.environment import BASE
from tests.ops.site_here import do
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


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site with the stock study."""
    made = Site(tmp_path_factory.mktemp("stocked") / "site")
    made.manage("setup")
    made.stock()
    return made.home


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers("postgresql"))])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    made = Site(tmp_path / "site")
    if request.param == "postgresql":
        made.environment["DATABASE_URL"] = request.getfixturevalue("postgresql_url")
        made.manage("setup")
        made.stock()
    else:
        shutil.copytree(request.getfixturevalue("stocked"), made.home)
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
    assert "every audit chain is intact" in other.manage("restore", str(out)).stdout
    said = do(other, [["verify_audit"], ["verify_storage"]])
    assert "a backup was put back (of " in said
    assert "every chain is intact" in said
    assert "10 frames are as they were written" in said
    studies, frames, written = json.loads(other.run("-c", COUNT).stdout)
    assert (studies, frames) == (1, 10)
    assert written == list(range(len(written)))  # nothing lost in the middle, nothing doubled
    assert before < len(written) <= after + 2
    refused = other.manage("restore", str(out), check=False)
    assert refused.returncode != 0
    assert "expected an empty" in refused.stderr
    if site.environment["DATABASE_URL"]:
        shutil.rmtree(other.home / "frames")
        refused = other.manage("restore", str(out), "--reason", "again", check=False)
        assert re.search("expected an empty database, got [0-9]+ tables", refused.stderr)


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
    assert "every chain is intact" in site.manage("verify_audit").stdout


def test_what_stands_in_the_write_ahead_log_only_is_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain copy of the file would hold none of it; the machine that runs this may use no such log itself."""
    from django.conf import settings

    from readerstudy.ops.backup import database_copy

    live = tmp_path / "live.sqlite3"
    (tmp_path / "out").mkdir()
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", live)
    with closing(sqlite3.connect(live, isolation_level=None)) as site:
        assert site.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        site.execute("PRAGMA wal_autocheckpoint=0")
        site.execute("CREATE TABLE audit_chain (study, sequence, digest)")
        site.execute("INSERT INTO audit_chain VALUES (NULL, 7, 'd')")
        copy = tmp_path / "out" / "copy.sqlite3"
        heads = database_copy._copy_sqlite(copy)
        assert heads == {"site": [7, "d"]}
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as alone:
            assert alone.execute("SELECT sequence FROM audit_chain").fetchall() == [(7,)]
        assert copy.read_bytes()[18:20] == b"\1\1"  # of the file format: no such log beside it
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["copy.sqlite3"]


def test_backup_refuses_a_folder_that_is_there_or_served(tmp_path: Path) -> None:
    from django.conf import settings

    from readerstudy.ops.backup.backing_up import back_up
    from readerstudy.ops.backup.manifest import BackupError

    with pytest.raises(BackupError, match="expected a new folder"):
        back_up(out=tmp_path)
    with pytest.raises(BackupError, match="files are served"):
        back_up(out=settings.STATIC_ROOT / "backup")
    assert not os.path.exists(settings.STATIC_ROOT / "backup")
