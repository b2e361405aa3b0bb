"""Transactions take their turn at a lock beside the database before they ask SQLite for its write lock.

SQLite retries a taken lock after 1, 2, 5, 10 ... up to every 100 ms. Where many write a little each, the lock is then
free most of the time and yet nobody takes it: saves of 200 readers waited for seconds (docs/scaling.md). Anyone who
writes without this lock, as another program may, is waited for in SQLite's own way.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

SUFFIX = ".turn"
"""What the lock's file is called: the database's name and this."""

MODE = 0o600
"""Of the database and of what SQLite keeps beside it, in whatever folder they lie."""
BESIDE = ("", "-journal", "-wal", "-shm", SUFFIX)

EVERY = 0.002
"""Seconds from one attempt at the lock to the next."""


def keep_private(path: Path) -> None:
    """Make a database's file, where there is none, readable by its owner alone, and take others' rights to those there.

    Where that fails SQLite's own error follows, or the system check that looks at the rights of files. A file that is
    there is never opened: closing it would drop every lock that this process has on it by another connection
    (sqlite.org/howtocorrupt.html, section 2.2), and two processes would then write at once.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    for suffix in BESIDE:
        file = path.with_name(path.name + suffix)
        with suppress(OSError):
            if file.stat().st_mode & ~MODE & 0o777:
                file.chmod(MODE)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, whose transactions hold the file's lock from beginning to end.

    The lock belongs to the open file: it falls with the connection and with the process, however that ends.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Hold nothing yet."""
        super().__init__(*args, **kwargs)
        self._turn: int | None = None
        self._wait = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))

    @contextmanager
    def wait_at_most(self, seconds: float) -> Iterator[None]:
        """Wait no longer for the turn and for SQLite's own lock while the block runs."""
        usual, self._wait = self._wait, seconds
        with self.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={1000 * seconds:.0f}")
            try:
                yield
            finally:
                self._wait = usual
                cursor.execute(f"PRAGMA busy_timeout={1000 * usual:.0f}")

    def get_new_connection(self, conn_params: Any) -> Any:
        """Open the database with a file that its owner alone can read; SQLite gives its other files the same mode."""
        if not self.is_in_memory_db():
            keep_private(Path(self.settings_dict["NAME"]))
        return super().get_new_connection(conn_params)

    def _start_transaction_under_autocommit(self) -> None:
        """Wait for the turn, then begin.

        Raises
        ------
        OperationalError: others had it for all of the connection's `timeout`.
        """
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs leave it out
        except BaseException:
            self._give_turn()
            raise

    def _commit(self) -> None:
        """Commit; if that fails, Django rolls back, which ends the turn."""
        super()._commit()  # type: ignore[misc]
        self._give_turn()

    def _rollback(self) -> None:
        """Roll back."""
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _close(self) -> None:
        """Close the connection."""
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _take_turn(self) -> None:
        name = self.settings_dict["NAME"]
        if self._turn is not None or self.is_in_memory_db():
            return
        file = os.open(f"{name}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(file)
                    raise OperationalError("database is locked: others had the turn to write") from None
                time.sleep(EVERY)
            else:
                self._turn = file
                return

    def _give_turn(self) -> None:
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None
