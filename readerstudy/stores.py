"""Where the site stores its data: database, shared cache, and frames and runs in an S3-compatible store.

The database is PostgreSQL by address, or one SQLite file in the mode that is safe here; the reason is given. Nothing
here imports Django.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dj_database_url

from readerstudy.environment import SettingError

Version = tuple[int, int, int]

WAL_FIXED: Version = (3, 51, 3)
"""SQLite 3.7.0 to 3.51.2 can corrupt a database when a WAL file is reset; this release fixed it."""

WAL_BACKPORTS: tuple[Version, ...] = ((3, 50, 7), (3, 44, 6))
"""Maintenance releases with the same fix."""
SERVERS = ("postgres://", "postgresql://")
TABLE = "shared_cache"


@dataclass(frozen=True)
class JournalMode:
    """A journal mode, the synchronous level that keeps every acknowledged write, and the reason."""

    journal: str
    synchronous: str
    reason: str


def journal_mode(version: Version = sqlite3.sqlite_version_info) -> JournalMode:
    """Choose WAL only where its reset bug is fixed, else the rollback journal; both sync fully.

    Source: sqlite.org/wal.html, "The WAL-reset bug".
    """
    text = ".".join(map(str, version))
    is_fixed = version >= WAL_FIXED or any(version[:2] == fix[:2] and version >= fix for fix in WAL_BACKPORTS)
    bug = "fix for the WAL-reset bug" if is_fixed else "WAL-reset bug (fixed in 3.51.3, 3.50.7, 3.44.6)"
    return JournalMode("WAL" if is_fixed else "DELETE", "FULL", f"SQLite {text} has the {bug}")


def database(url: str, sqlite_file: Path) -> dict[str, Any]:
    """Return Django's DATABASES entry: the PostgreSQL server at `url`, or the SQLite file when it is empty.

    Raises
    ------
    SettingError: an address of another kind of server, or one that cannot be read.
    """
    if not url:
        return sqlite_database(sqlite_file)
    expected = "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/NAME, or nothing for SQLite"
    if not url.startswith(SERVERS):
        raise SettingError(f"{expected}; got an address beginning with {url.partition(':')[0]!r}")
    try:
        # An address holds a password, so nothing of it goes into the message.
        entry = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except ValueError:
        raise SettingError(f"{expected}; it could not be read (special characters must be %-coded)") from None
    if not entry["NAME"]:
        raise SettingError(f"{expected}; the address names no database")
    return {**entry, "ATOMIC_REQUESTS": False}


def sqlite_database(path: Path) -> dict[str, Any]:
    """Return Django's DATABASES entry for one SQLite file.

    IMMEDIATE transactions take the write lock at once: Django's default upgrades a read lock later and then
    fails with "database is locked" under load.
    """
    mode = journal_mode()
    return {
        "ENGINE": "readerstudy.sqlite",
        "NAME": path,
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 60,  # opening one costs more than a request's queries
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                f"PRAGMA journal_mode={mode.journal};PRAGMA synchronous={mode.synchronous};"
                "PRAGMA foreign_keys=ON;PRAGMA mmap_size=0;"
            ),
        },
        "TEST": {"NAME": path.with_name("test.sqlite3")},
    }


def cache(url: str) -> dict[str, Any]:
    """Return Django's CACHES entry: the Redis server at `url`, or a table of the database when it is empty.

    It pushes out what it has no room for, so nothing may lie in it that must stay: no counts of attempts.

    Raises
    ------
    SettingError: an address of another kind.
    """
    if not url:
        return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": TABLE}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError(
            "CACHE_URL: expected redis://:PASSWORD@HOST:PORT/NUMBER, or nothing for a table of the database; "
            f"got an address beginning with {url.partition(':')[0]!r}"
        )
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "readerstudy",
    }


def folder(url: str, default: Path) -> Path:
    """Return the folder that an address names when it is an absolute path, else the default."""
    return Path(url) if url.startswith("/") else default


def storages(*, frames: str, runs: str, **access: str) -> dict[str, Any]:
    """Return Django's STORAGES with an entry `frames` and `runs` for each address that is no folder.

    `access`: endpoint_url, access_key, secret_key and region_name of the store; an empty text leaves the choice to the
    client's own configuration.

    Raises
    ------
    SettingError: an address other than an absolute path, s3://BUCKET or s3://BUCKET/PREFIX.
    """
    found: dict[str, Any] = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    for name, url in (("frames", frames), ("runs", runs)):
        if url and not url.startswith("/"):
            found[name] = {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": _options(name, url, access),
            }
    return found


def _options(name: str, url: str, access: dict[str, str]) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise SettingError(
            f"{name.upper()}_URL: expected s3://BUCKET/PREFIX, an absolute path, or nothing, got {url!r}"
        )
    return {
        "bucket_name": bucket,
        "location": prefix.strip("/"),
        **{key: value or None for key, value in access.items()},
        "addressing_style": "path" if access["endpoint_url"] else "auto",
        "signature_version": "s3v4",
        "file_overwrite": True,
        "default_acl": None,
    }
