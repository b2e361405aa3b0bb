"""A fixed copy of the database, so that a long read keeps nobody from saving."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import DEFAULT_DB_ALIAS, connections, transaction


@contextmanager
def snapshot() -> Iterator[str]:
    """Yield the alias of a database to read from: `Model.objects.using(alias)`.

    On SQLite it is a copy in memory, made in a few milliseconds: an open cursor on the live file would make
    others' commits fail in the rollback-journal mode. (Serialised, because the backup interface waits for ever
    when the same connection has a transaction open.) On PostgreSQL it is the database
    itself in a repeatable, read-only transaction; readers never block writers there.
    """
    live = connections[DEFAULT_DB_ALIAS]
    if live.vendor == "sqlite":
        with _copy_in_memory() as alias:
            yield alias
        return
    nested = live.in_atomic_block
    with transaction.atomic():
        if not nested:  # inside a transaction it would come too late
            with live.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield DEFAULT_DB_ALIAS


@contextmanager
def _copy_in_memory() -> Iterator[str]:
    alias = f"snapshot-{uuid4().hex}"
    live = connections[DEFAULT_DB_ALIAS]
    copy = live.copy(alias)
    copy.settings_dict["NAME"] = ":memory:"
    connections[alias] = copy  # of this thread alone; the settings do not change
    try:
        copy.ensure_connection()
        live.ensure_connection()
        copy.connection.deserialize(_rollback_journal(live.connection.serialize()))
        yield alias
    finally:
        if copy.connection is not None:
            copy.connection.close()  # Django's own close() spares databases in memory
            copy.connection = None
        del connections[alias]


def _rollback_journal(database: bytes) -> bytes:
    """Mark a serialised database as not using a write-ahead log, which one in memory cannot have.

    Bytes 18 and 19 of the file are its write and read version: 1 rollback journal, 2 write-ahead log
    (sqlite.org/fileformat.html, section 1.3.3).
    """
    return database[:18] + b"\x01\x01" + database[20:]
