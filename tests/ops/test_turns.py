"""Transactions on SQLite take turns, and a process that dies gives its turn back."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections, transaction
from django.db.utils import OperationalError

from readerstudy.sqlite.base import SUFFIX, DatabaseWrapper
from readerstudy.stores import sqlite_database

pytestmark = pytest.mark.django_db(transaction=True)  # the connections here are to files of their own

HOLDS = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("holds", flush=True)
time.sleep(60)
"""


def connected(path: Path, timeout: float = 20.0) -> DatabaseWrapper:
    settings = sqlite_database(path)
    given = {
        **settings, "OPTIONS": {**settings["OPTIONS"], "timeout": timeout},
        "AUTOCOMMIT": True, "TIME_ZONE": None, "CONN_HEALTH_CHECKS": False,
    }  # fmt: skip
    return DatabaseWrapper(given, alias="turns")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "db.sqlite3") as made:
        made.execute("CREATE TABLE t (a)")
    return tmp_path / "db.sqlite3"


@pytest.fixture
def other(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the turn."""
    command = [sys.executable, "-c", HOLDS, f"{path}{SUFFIX}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def add(connection: DatabaseWrapper, count: int = 1) -> None:
    for _ in range(count):
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM t")
            before = cursor.fetchone()[0]
            cursor.execute("INSERT INTO t VALUES (%s)", [before])
        connection.commit()
        connection.set_autocommit(True)


def stored(path: Path) -> list[int]:
    with sqlite3.connect(path) as found:
        return [row[0] for row in found.execute("SELECT a FROM t ORDER BY rowid")]


def test_many_threads_write_one_after_the_other(path: Path) -> None:
    def work() -> None:
        connection = connected(path)
        add(connection, 25)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(path) == list(range(200))


def test_a_killed_holder_gives_the_turn_back(path: Path, other: "subprocess.Popen[str]") -> None:
    connection = connected(path)
    killer = threading.Timer(0.5, other.kill)
    killer.start()
    began = time.monotonic()
    add(connection)
    assert 0.4 < time.monotonic() - began < 15
    connection.close()
    assert stored(path) == [0]


def test_a_turn_that_never_comes_is_told_as_a_locked_database(
    path: Path, other: "subprocess.Popen[str]"
) -> None:
    connection = connected(path, timeout=0.3)
    with pytest.raises(OperationalError, match="locked"):
        add(connection)
    assert stored(path) == []
    other.kill()
    other.wait()
    add(connection)
    connection.close()
    assert stored(path) == [0]


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_the_end_of_a_transaction_is_the_end_of_the_turn(path: Path, end: str) -> None:
    first, second = connected(path), connected(path, timeout=1.0)
    first.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with pytest.raises(OperationalError, match="locked"):
        add(second)
    getattr(first, end)()
    add(second)
    assert stored(path) == [0]
    second.close()
    first.close()


def test_a_writer_that_takes_no_turn_is_waited_for(path: Path) -> None:
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO t VALUES (-1)")
    release = threading.Timer(0.4, lambda: raw.execute("COMMIT"))
    release.start()
    connection = connected(path)
    add(connection)
    connection.close()
    release.join()
    raw.close()
    assert stored(path) == [-1, 1]


def test_the_site_writes_by_turns() -> None:
    connection = connections["default"]
    assert isinstance(connection, DatabaseWrapper)
    with transaction.atomic():
        held = connection._turn
        assert held is not None
        os.fstat(held)
    assert connection._turn is None
