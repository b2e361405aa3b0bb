"""Copy the database at one instant while others write: SQLite's backup API, or pg_dump in one snapshot."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, transaction

from readerstudy.audit.agreement import Heads
from readerstudy.durable import sync, whole_file
from readerstudy.ops.backup.manifest import BackupError

COPIES = SQLITE_COPY, POSTGRESQL_COPY = "database.sqlite3", "database.pgdump"


HEADS = "SELECT study, sequence, digest FROM audit_chain"


def copy_database(folder: Path) -> tuple[Path, Heads]:
    """Write the copy into a folder and check it; return its file and the chain heads that it holds.

    Raises
    ------
    BackupError: a copy that does not hold, or no pg_dump.
    """
    on_sqlite = connection.vendor == "sqlite"
    target = folder / (SQLITE_COPY if on_sqlite else POSTGRESQL_COPY)
    target.touch(0o600, exist_ok=False)
    heads = _copy_sqlite(target) if on_sqlite else _dump(target)
    sync(target)
    return target, heads


def check_room(copy: Path) -> None:
    """Look whether a copy can be put where the site's database belongs.

    Raises
    ------
    BackupError: it is not empty, or the copy is of another kind of database.
    """
    wanted = SQLITE_COPY if connection.vendor == "sqlite" else POSTGRESQL_COPY
    if copy.name != wanted:
        raise BackupError(
            f"expected {wanted}, since DATABASE_URL names a {connection.vendor} database, got {copy.name}: "
            "a backup goes back into the kind of database that it came from"
        )
    if connection.vendor == "sqlite":
        target = Path(settings.DATABASES["default"]["NAME"])
        if target.exists():
            raise BackupError(f"{target}: expected no database there; restore into a new site folder")
        return
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    if tables:
        raise BackupError(
            f"expected an empty database, got {len(tables)} tables; make a new one and name it in DATABASE_URL"
        )


def restore_database(copy: Path) -> None:
    """Put a copy where the site's database belongs.

    Raises
    ------
    BackupError: that place is not empty, or the copy is of another kind of database.
    """
    check_room(copy)
    connections.close_all()
    if connection.vendor == "sqlite":
        with whole_file(Path(settings.DATABASES["default"]["NAME"]), mode=0o600) as scratch:
            shutil.copyfile(copy, scratch)
        return
    _run([
        _program("pg_restore"), "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
        f"--dbname={settings.DATABASES['default']['NAME']}", str(copy),
    ])  # fmt: skip


def _copy_sqlite(target: Path) -> Heads:
    source = settings.DATABASES["default"]["NAME"]
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=20)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy, pages=-1)  # in one step: readers wait no longer than for one answer
            # The copy needs no log beside it, whatever mode the site runs in.
            copy.execute("PRAGMA journal_mode=DELETE")
            fault = copy.execute("PRAGMA integrity_check").fetchone()[0]
            heads = named_heads(copy.execute(HEADS).fetchall())
    except sqlite3.Error as error:
        fault, heads = str(error), {}
    if fault != "ok":
        raise BackupError(
            f"the copy of the database is not intact ({fault}); try again, then look at the disk"
        )
    return heads


def _dump(target: Path) -> Heads:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        cursor.execute(HEADS)
        heads = named_heads(cursor.fetchall())  # of the very instant that pg_dump sees
        command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges"]
        _run([*command, f"--snapshot={snapshot}", f"--file={target}"])
    return heads


def named_heads(rows: Iterable[tuple[Any, ...]]) -> Heads:
    """Return chain heads as a manifest holds them, from rows of study, sequence, digest."""
    return {
        "site" if study is None else str(UUID(str(study))): [sequence, digest]
        for study, sequence, digest in rows
    }


def _run(command: list[str]) -> None:
    """Run one of PostgreSQL's programs; a server's password in the arguments could be seen by others."""
    entry: dict[str, Any] = settings.DATABASES["default"]
    named = {name: entry.get(name) for name in ("HOST", "PORT", "USER", "PASSWORD")}
    ssl = {name: value for name, value in entry.get("OPTIONS", {}).items() if name.startswith("ssl")}
    said = {**named, "DATABASE": entry.get("NAME"), **ssl}
    environment = {**os.environ, **{f"PG{name.upper()}": str(value) for name, value in said.items() if value}}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        # The last line only: a longer text of the program could hold values of rows.
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
        raise BackupError(f"{Path(command[0]).name} failed: {last}")


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    program = str(found[0]) if found else shutil.which(name)
    if program is None:
        raise BackupError(
            f"{name} is not installed here: apt install postgresql-client, in the server's version or newer"
        )
    return program
