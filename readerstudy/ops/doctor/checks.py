"""System checks for what goes wrong when a site is deployed: what is checked is here, what is said in messages.toml.

`manage.py check --deploy --database default` runs all of them, every other command the ones that are cheap and
always right.
"""

import os
import platform
import stat
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connections

from readerstudy.environment import SITE_FILE
from readerstudy.ops.doctor.disk import NETWORK_FILE_SYSTEMS, file_system_of, free_places
from readerstudy.ops.serve.site import is_loopback, schema_is_known
from readerstudy.sqlite.base import BESIDE
from readerstudy.stores import journal_mode

SECRET_BYTES = 32
MESSAGES = tomllib.loads((files("readerstudy.ops.doctor") / "messages.toml").read_text("utf-8"))
RANKS: Mapping[str, Callable[..., CheckMessage]] = {"E": Error, "W": Warning, "I": Info}
Found = Iterator[CheckMessage]


def _on_sqlite() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


def _embedded() -> bool:
    return str(settings.CELERY_BROKER_URL).startswith("atomicfs")


def _behind_proxy() -> bool:
    return bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None))


def _open_hosts() -> str:
    return ", ".join(host for host in settings.ALLOWED_HOSTS if not is_loopback(host))


CONDITIONS: Mapping[str, Callable[[], Any]] = {
    # What the site relies on (fork, flock, rename, resource limits) was tried on Linux only.
    "E001": lambda: platform.system() != "Linux" and platform.system(),
    "E002": lambda: not (3, 11) <= sys.version_info[:2] <= (3, 13) and platform.python_version(),
    "E005": lambda: len(settings.AUDIT_KEY) < 2 * SECRET_BYTES or len(set(settings.AUDIT_KEY)) < 5,
    "E008": lambda: settings.SECRET_KEY == settings.AUDIT_KEY,
    "E009": lambda: settings.DEBUG and _open_hosts(),
    "E010": lambda: "*" in settings.ALLOWED_HOSTS,
    "W011": lambda: not settings.TLS and _open_hosts(),
    "W012": lambda: settings.TLS and not _behind_proxy(),
    "W014": lambda: _on_sqlite() and not _embedded(),
    "W016": lambda: not settings.DEBUG and settings.LEASE_SECONDS < 10 and settings.LEASE_SECONDS,
    "W018": lambda: os.geteuid() == 0,  # a fault in a decoder would own the machine
    "I019": lambda: _on_sqlite() and journal_mode(),
    # On a site that others reach, a password alone lets anyone who learns it in.
    "W023": lambda: settings.MFA_REQUIRED == "none" and settings.TLS,
    "E024": lambda: settings.FORWARDED_HOPS and not _behind_proxy(),
    "W025": lambda: _behind_proxy() and not settings.FORWARDED_HOPS,
    "E026": lambda: os.environ.get("SCRIPT_NAME") or settings.FORCE_SCRIPT_NAME,
}
"""Whether there is something to say, and what was found."""
ALWAYS = ("E001", "E002", "W014", "W016", "E026")
DEPLOYMENT = ("E009", "E010", "W011", "W012", "E024", "W025", "W018", "W023", "I019")


def told(id: str, found: Any, **facts: Any) -> CheckMessage:
    """Return a message of the rank that the letter of its id says."""
    says, advice = (MESSAGES[id][part].format(found=found, **facts) for part in ("says", "do"))
    return RANKS[id[0]](says, hint=advice, id=f"readerstudy.{id}")


def met(ids: Iterable[str]) -> Found:
    """Yield the messages of the conditions that are met."""
    for id_ in ids:
        if found := CONDITIONS[id_]():
            yield told(id_, found)


def network_file_system() -> Found:
    """SQLite and the embedded broker lose data where locks are not reliable."""
    for id_, wanted, place in (
        ("E003", _on_sqlite(), settings.HOME),
        ("E004", _embedded(), settings.BROKER_ROOT),
    ):
        kind = file_system_of(place)
        if wanted and kind in NETWORK_FILE_SYSTEMS:
            yield told(id_, kind, place=place)


def secrets_are_secret() -> Found:
    """Secrets that are short, that others may read, or that lie where pages are served from."""
    yield from met(("E005", "E008"))
    name = str(settings.DATABASES["default"]["NAME"])
    database = [Path(f"{name}{suffix}") for suffix in BESIDE] if _on_sqlite() else []
    for path in (settings.HOME, settings.HOME / SITE_FILE, *database):
        wrong, how, mode = (0o022, "written", 700) if path == settings.HOME else (0o077, "read", 600)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & wrong:
            yield told("E006", path, how=how, mode=mode)
    for root in (settings.STATIC_ROOT, *settings.STATICFILES_DIRS, settings.FRAMES_ROOT):
        for pattern in ("key.csv", "*.report.json", "MANIFEST.json", "*.sqlite3", SITE_FILE):
            for path in sorted(Path(root).rglob(pattern))[:1]:
                yield told("E007", path)


def postgresql_keeps_what_it_acknowledges(databases: Any) -> Found:
    """A server that acknowledges before it has written. Django itself refuses one that is too old."""
    for connection in (connections[alias] for alias in databases or []):
        names = ("fsync", "synchronous_commit", "full_page_writes")
        for name in names if connection.vendor == "postgresql" else ():
            with connection.cursor() as cursor:
                cursor.execute(f"SHOW {name}")
                if cursor.fetchone()[0] == "off":
                    yield told("E020", name)


@register(Tags.compatibility)
def always(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at what is always wrong."""
    return [*met(ALWAYS), *network_file_system()]


@register(Tags.security, deploy=True)
def at_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at what is wrong for a site that others use: a disk that is nearly full would refuse to save answers."""
    low = [told("W017", place.told) for place in free_places() if place.low]
    return [*secrets_are_secret(), *met(DEPLOYMENT), *low]


@register(Tags.database)
def of_databases(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Ask the database how it keeps what it acknowledges, and whether this version may write to it."""
    return [*postgresql_keeps_what_it_acknowledges(databases), *schema_is_known(databases)]
