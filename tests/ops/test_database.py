"""WAL is used only where SQLite's WAL-reset bug is mended."""

import sqlite3
from pathlib import Path

import pytest
from django.db import connection

from readerstudy.database import journal_mode, sqlite_database


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 52, 0), (3, 50, 7), (3, 44, 6), (3, 44, 9)])
def test_wal_on_mended_releases(version: tuple[int, int, int]) -> None:
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
