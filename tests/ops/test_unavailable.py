"""Which errors pass by themselves; and a real lock, a real full disk and a database that may only be read."""

import errno
import json
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection
from django.test import Client, RequestFactory

from readerstudy.accounts.models import OpenSession, User
from readerstudy.audit.models import Event
from readerstudy.cases.storage import StorageError
from readerstudy.ops.serve import readiness
from readerstudy.ops.serve.unavailable import passes, server_error
from tests.accounts.test_sign_in import sign_in
from tests.servers.site import Site
from tests.stock import PASSWORD


def caused(error: Exception, cause: BaseException) -> Exception:
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def of_sqlite(path: Path, *statements: str) -> sqlite3.Error:
    """Return what SQLite itself says to the last of these statements."""
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for statement in statements:
            database.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        database.close()
    raise AssertionError("nothing was refused")


def test_what_sqlite_says_of_locks_and_room_passes_and_what_is_broken_does_not(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    locked = of_sqlite(path, "INSERT INTO t VALUES (1)")
    holder.execute("ROLLBACK")
    fill = "INSERT INTO t SELECT randomblob(9000) FROM (VALUES (1), (2), (3))"
    full = of_sqlite(path, "PRAGMA max_page_count = 3", fill)
    readonly = of_sqlite(path, "PRAGMA query_only = ON", "INSERT INTO t VALUES (1)")
    absent = of_sqlite(path, "SELECT * FROM nothing")
    (tmp_path / "broken").write_bytes(b"no database at all, but long enough to be one" * 100)
    broken = of_sqlite(tmp_path / "broken", "SELECT * FROM t")
    said = {
        name: str(error) for name, error in {"locked": locked, "full": full, "readonly": readonly}.items()
    }
    assert said == {
        "locked": "database is locked",
        "full": "database or disk is full",
        "readonly": "attempt to write a readonly database",
    }
    for error in (locked, full, readonly):
        assert passes(caused(OperationalError(str(error)), error))
    for error in (absent, broken):
        assert not passes(caused(OperationalError(str(error)), error))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "no space"), True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError(errno.ENOENT, "no file"), False),
        (OSError(errno.EACCES, "no right"), False),
        (caused(StorageError("a frame"), OSError(errno.ENOSPC, "no space")), True),
        (StorageError("a frame"), False),
        (ValueError("x"), False),
        (IntegrityError("twice"), False),
        (ProgrammingError("no table"), False),
        (OperationalError("database is locked: others had the turn to write"), True),
        (caused(OperationalError("x"), psycopg.errors.DiskFull()), True),
        (caused(OperationalError("x"), psycopg.errors.LockNotAvailable()), True),
        (caused(OperationalError("x"), psycopg.errors.DeadlockDetected()), True),
        (caused(OperationalError("x"), psycopg.errors.AdminShutdown()), True),
        (caused(OperationalError("x"), psycopg.OperationalError("connection refused")), True),
        (caused(ProgrammingError("x"), psycopg.errors.ReadOnlySqlTransaction()), True),
        (caused(ProgrammingError("x"), psycopg.errors.UndefinedTable()), False),
    ],
)
def test_what_passes_by_itself(error: Exception, expected: bool) -> None:
    assert passes(error) is expected


@pytest.mark.parametrize(("error", "status"), [(OSError(errno.ENOSPC, "x"), 503), (ValueError("x"), 500)])
def test_only_what_passes_is_answered_so(error: Exception, status: int) -> None:
    request = RequestFactory().get("/")
    request.resolver_match = None
    try:
        raise error
    except type(error):
        assert sys.exc_info()[1] is error
        answer = server_error(request)
    assert (answer.status_code, answer.get("Retry-After")) == (status, "10" if status == 503 else None)


@contextmanager
def locked() -> Iterator[None]:
    """Hold the write lock by another connection, as another program may."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with connection.wait_at_most(0.1):
            yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def no_byte_more() -> Iterator[None]:
    """Let the kernel refuse every byte that this process writes to a file."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@contextmanager
def only_to_read() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = OFF")


UNDER_FAULTS = """
import json, django
django.setup()
from django.test.utils import setup_test_environment
setup_test_environment()
from tests.ops.test_unavailable import under_faults
print(json.dumps(under_faults()))
"""


def under_faults() -> dict[str, dict[str, int | bool]]:
    """Ask pages of a site while its database is locked, takes no byte more, or may only be read."""
    readiness.PATIENCE_S, readiness.FRESH_S = 0.1, -1
    alice = User.objects.create_user("alice@example.org", PASSWORD, name="Alice")
    inside = Client(raise_request_exception=False)
    assert sign_in(inside, alice.email).status_code == 302
    events, sessions = Event.objects.count(), OpenSession.objects.count()
    told: dict[str, dict[str, int | bool]] = {}
    for fault in (locked, no_byte_more, only_to_read):
        stranger = Client(raise_request_exception=False)
        with fault():
            told[fault.__name__] = {
                "sign in": sign_in(stranger, alice.email).status_code,
                "wrong": sign_in(stranger, alice.email, "wrong").status_code,
                "sign out": inside.post("/accounts/sign-out/").status_code,
                "profile": inside.post("/accounts/me/profile/", {"name": "Another"}).status_code,
                "ready": inside.get("/readyz/").status_code,
                "lives": inside.get("/healthz/").status_code,
            }
        told[fault.__name__] |= {
            "nothing changed": (
                User.objects.get(pk=alice.pk).name,
                Event.objects.count(),
                OpenSession.objects.count(),
            )
            == ("Alice", events, sessions),
            "afterwards ready": inside.get("/readyz/").status_code,
            "still signed in": inside.get("/").status_code,
        }
    return told


def test_sign_in_sign_out_and_readiness_under_real_faults(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", {"LOG_LEVEL": "CRITICAL"})
    site.manage("setup")
    told = json.loads(site.run("-c", UNDER_FAULTS).stdout.splitlines()[-1])
    calm = {
        "sign in": 503, "wrong": 503, "sign out": 503, "profile": 503, "ready": 503, "lives": 200,
        "nothing changed": True, "afterwards ready": 200, "still signed in": 200,
    }  # fmt: skip
    assert told == dict.fromkeys(("locked", "no_byte_more", "only_to_read"), calm)
