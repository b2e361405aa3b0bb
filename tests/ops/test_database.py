"""WAL is used only where SQLite's WAL-reset bug is fixed."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from readerstudy.sqlite.base import keep_private
from readerstudy.stores import journal_mode, sqlite_database
from tests.servers.site import Site


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 52, 0), (3, 50, 7), (3, 44, 6), (3, 44, 9)])
def test_wal_on_fixed_releases(version: tuple[int, int, int]) -> None:
    assert journal_mode(version).journal == "WAL"


@pytest.mark.parametrize("version", [(3, 51, 2), (3, 50, 6), (3, 44, 5), (3, 45, 3), (3, 40, 1)])
def test_rollback_journal_elsewhere(version: tuple[int, int, int]) -> None:
    mode = journal_mode(version)
    assert (mode.journal, mode.synchronous) == ("DELETE", "FULL")
    assert ".".join(map(str, version)) in mode.reason


@pytest.mark.django_db
def test_the_running_database_has_these_settings() -> None:
    mode = journal_mode()
    with connection.cursor() as cursor:
        found = {}
        for name in ("journal_mode", "synchronous", "foreign_keys"):
            cursor.execute(f"PRAGMA {name}")
            found[name] = cursor.fetchone()[0]
    assert found == {"journal_mode": mode.journal.lower(), "synchronous": 2, "foreign_keys": 1}


def test_transactions_are_immediate(tmp_path: Path) -> None:
    options = sqlite_database(tmp_path / "db.sqlite3")["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] >= 20
    assert sqlite3.sqlite_version_info >= (3, 31)


WRITES = """
import os, sys
from pathlib import Path
os.umask(0)
import django
django.setup()
from django.db import connection, transaction
from readerstudy.audit.services import record
with connection.cursor() as cursor:
    cursor.execute("PRAGMA journal_mode=" + sys.argv[1])
with transaction.atomic():
    record(kind="a", actor=None)
    print(*sorted(f"{path.name} {path.stat().st_mode & 0o777:o}" for path in __import__("pathlib").Path(
        os.environ["READERSTUDY_HOME"]).glob("db.sqlite3*")), sep="\\n")
"""


@pytest.mark.parametrize(("journal", "beside"), [("DELETE", {"-journal"}), ("WAL", {"-wal", "-shm"})])
def test_database_files_are_for_their_owner_whatever_the_folder_and_the_umask(
    tmp_path: Path, journal: str, beside: set[str]
) -> None:
    """New ones are made so; those of 0.1.0 lose the rights of others when the database is next opened."""
    site = Site(tmp_path / "site")
    (tmp_path / "site").mkdir()
    (tmp_path / "site").chmod(0o777)
    site.run(
        "-c",
        "import os, sys; os.umask(0); sys.argv = ['manage.py', 'setup']\n"
        "from readerstudy.__main__ import main; sys.exit(main())",
    )
    for _ in range(2):
        said = dict(line.split() for line in site.run("-c", WRITES, journal).stdout.splitlines())
        assert {"db.sqlite3", "db.sqlite3.turn", *(f"db.sqlite3{name}" for name in beside)} <= said.keys()
        assert set(said.values()) == {"600"}
        for path in (tmp_path / "site").glob("db.sqlite3*"):
            path.chmod(0o666)


def test_a_new_connection_drops_no_lock_of_another(tmp_path: Path) -> None:
    """POSIX locks are the process's: closing any descriptor of the file would drop those of every connection."""
    path = tmp_path / "db.sqlite3"
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("CREATE TABLE t (a)")
    writing.execute("BEGIN IMMEDIATE")
    keep_private(path)
    code = (
        "import sqlite3, sys\n"
        "other = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
        "other.execute('BEGIN IMMEDIATE')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "database is locked" in done.stderr
    writing.execute("COMMIT")
    writing.close()
    assert path.stat().st_mode & 0o777 == 0o600
