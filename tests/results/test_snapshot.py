"""Long reads hold nothing: while a snapshot is being read, others save."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils.connection import ConnectionDoesNotExist

from readerstudy.results.export import export_files
from readerstudy.results.snapshot import snapshot
from readerstudy.study.models import Study
from tests.guards import drop_guards
from tests.stock import Stock

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.django_db


def test_snapshot_has_what_is_there_and_nothing_later(stock: Stock) -> None:
    drop_guards()  # a locked title cannot be changed
    with snapshot() as alias:
        Study.objects.filter(pk=stock.study.pk).update(title="changed later")
        study = Study.objects.using(alias).get(pk=stock.study.pk)
        if connection.vendor == "sqlite":
            assert study.title != "changed later"
            assert [reader.study.title for reader in study.readers.all()] == [study.title] * 2
        assert study.readers.count() == 2
    stock.study.refresh_from_db()
    assert stock.study.title == "changed later"


def test_alias_goes_also_when_the_reading_fails(stock: Stock) -> None:
    seen = []
    with pytest.raises(ZeroDivisionError), snapshot() as alias:  # noqa: PT012
        seen.append(alias)
        1 / 0  # noqa: B018
    if connection.vendor == "sqlite":
        with pytest.raises(ConnectionDoesNotExist):
            connections[seen[0]]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_open_cursor_on_a_snapshot_lets_others_commit(tmp_path: Path, mode: str) -> None:
    """With a rollback journal a cursor on the live file makes the commit fail, which shows that the test can."""
    script = """
import sqlite3, sys
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}}, USE_TZ=True)
django.setup()
from django.db import connections
from readerstudy.results.snapshot import snapshot
def commits():
    other = sqlite3.connect(sys.argv[1], timeout=0.2)
    try:
        other.execute("INSERT INTO t VALUES (0)")
        other.commit()
        return True
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
with snapshot() as alias:
    cursor = connections[alias].cursor()
    cursor.execute("SELECT x FROM t")
    cursor.fetchone()
    print("snapshot", commits())
live = connections["default"].cursor()
live.execute("SELECT x FROM t")
live.fetchone()
print("live", commits())
"""
    path = tmp_path / "db.sqlite3"
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA journal_mode = {mode}")
    base.execute("CREATE TABLE t (x)")
    base.executemany("INSERT INTO t VALUES (?)", [(k,) for k in range(5000)])
    base.commit()
    base.close()
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["snapshot True", f"live {mode == 'WAL'}"]


def test_an_export_reads_answers_and_events_from_a_snapshot(opened: Stock) -> None:
    live: list[str] = []

    def spy(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        live.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(spy):
        files = dict(export_files(opened.study))
    assert files["ratings.csv"].count(b"\n") == 1 + 2 * 10
    assert files["audit.csv"].count(b"\n") > 20
    assert live  # the spy hears what is asked of the live database
    if connection.vendor == "sqlite":  # elsewhere the snapshot is a transaction of the database itself
        assert [sql for sql in live if "study_rating" in sql or "audit_event" in sql] == []
