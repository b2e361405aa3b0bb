"""System checks for what goes wrong when a site is deployed; each has an id and says what to do.

`manage.py check --deploy --database default` runs all of them, every other command the ones that are cheap and
always right.
"""

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
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
Found = Iterator[CheckMessage]


def _on_sqlite() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


def _embedded() -> bool:
    return str(settings.CELERY_BROKER_URL).startswith("atomicfs")


def _told(id: str, msg: str, hint: str) -> CheckMessage:
    """Return a message of the rank that the letter of its id says."""
    rank: Callable[..., CheckMessage] = {"E": Error, "W": Warning, "I": Info}[id.partition(".")[2][0]]
    return rank(msg, hint=hint, id=id)


def linux_only() -> Found:
    """E001, E002: what the site relies on (fork, flock, rename, resource limits) was tried on Linux only."""
    if platform.system() != "Linux":
        yield _told(
            "readerstudy.E001", f"expected Linux on the server, got {platform.system()}",
            "Use a Linux machine, a virtual machine or the container of deploy/. Any browser will do.",
        )  # fmt: skip
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        told = f"expected Python 3.11 to 3.13, got {platform.python_version()}"
        yield _told("readerstudy.E002", told, "make PYTHON=python3.12 …")


def network_file_system() -> Found:
    """E003, E004: SQLite and the embedded broker lose data where locks are not reliable."""
    for id_, wanted, root, holds in (
        ("readerstudy.E003", _on_sqlite(), settings.HOME, "the SQLite database; name a PostgreSQL in DATABASE_URL"),
        ("readerstudy.E004", _embedded(), settings.BROKER_ROOT, "the embedded broker; name a broker in BROKER_URL"),
    ):  # fmt: skip
        kind = file_system_of(root)
        if wanted and kind in NETWORK_FILE_SYSTEMS:
            yield _told(
                id_, f"{root} lies on a network file system ({kind})",
                f"File locks are not reliable there. Put READERSTUDY_HOME on a local disk: it holds {holds}.",
            )  # fmt: skip


def secrets_are_secret() -> Found:
    """E005 to E008: secrets that are short, that others may read, or that lie where pages are served from."""
    if len(settings.AUDIT_KEY) < 2 * SECRET_BYTES or len(set(settings.AUDIT_KEY)) < 5:
        hint = "Let 'manage.py setup' draw one. A site that has events keeps its key."
        yield _told("readerstudy.E005", "AUDIT_KEY has less than 256 random bits", hint)
    site_file = settings.HOME / SITE_FILE
    name = str(settings.DATABASES["default"]["NAME"])
    database = [Path(f"{name}{suffix}") for suffix in BESIDE] if _on_sqlite() else []
    for path in (settings.HOME, site_file, *database):
        wrong, how, mode = (0o022, "written", 700) if path == settings.HOME else (0o077, "read", 600)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & wrong:
            yield _told("readerstudy.E006", f"{path} can be {how} by other users", f"chmod {mode} {path}")
    for root in (settings.STATIC_ROOT, *settings.STATICFILES_DIRS, settings.FRAMES_ROOT):
        for pattern in ("key.csv", "*.report.json", "MANIFEST.json", "*.sqlite3", SITE_FILE):
            for path in sorted(Path(root).rglob(pattern))[:1]:
                yield _told(
                    "readerstudy.E007", f"{path} lies in a folder whose files are served",
                    "Move sealed keys, backups and databases away; who has downloaded this file may be unblinded.",
                )  # fmt: skip
    if settings.SECRET_KEY == settings.AUDIT_KEY:
        yield _told("readerstudy.E008", "SECRET_KEY and AUDIT_KEY are the same", "Draw them again.")


def reachable_only_as_meant() -> Found:
    """E009 to E011, W012: debug pages, host names, TLS and the proxy."""
    open_hosts = [host for host in settings.ALLOWED_HOSTS if not is_loopback(host)]
    answers = f"the site answers to {', '.join(open_hosts)}"
    if settings.DEBUG and open_hosts:
        yield _told(
            "readerstudy.E009", f"DEBUG is on and {answers}", "DEBUG=no: error pages show stored values."
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield _told(
            "readerstudy.E010", "ALLOWED_HOSTS accepts every host name", "Name the site's host names."
        )
    if open_hosts and not settings.TLS:
        hint = "TLS=yes behind a proxy with a certificate; without it passwords are sent unencrypted."
        yield _told("readerstudy.W011", f"{answers} without TLS", hint)
    if settings.TLS and not _behind_proxy():
        yield _told(
            "readerstudy.W012", "TLS=yes without BEHIND_PROXY=yes: every request is redirected to HTTPS for ever",
            "BEHIND_PROXY=yes, and let the proxy set X-Forwarded-Proto.",
        )  # fmt: skip


def addresses_come_from_proxies() -> Found:
    """E024, W025: a header that anybody may send, and a proxy whose address everybody has."""
    if settings.FORWARDED_HOPS and not _behind_proxy():
        yield _told(
            "readerstudy.E024",
            "FORWARDED_HOPS is set without a proxy: any client can choose its address with X-Forwarded-For",
            "FORWARDED_HOPS=0, or BEHIND_PROXY=yes with a proxy that replaces the header.",
        )
    if _behind_proxy() and not settings.FORWARDED_HOPS:
        yield _told(
            "readerstudy.W025",
            "all clients have the proxy's address: failed sign-ins by one delay new browsers that sign in under "
            "the same name",
            "FORWARDED_HOPS=1 with deploy/nginx, or the number of proxies that add to X-Forwarded-For.",
        )


def _behind_proxy() -> bool:
    return bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None))


def parts_fit_together() -> Found:
    """W014, W016: a database, a broker and leases that do not go together."""
    if _on_sqlite() and not _embedded():
        hint = "Workers on other machines cannot reach a SQLite file: set DATABASE_URL."
        yield _told("readerstudy.W014", "BROKER_URL names a server and DATABASE_URL does not", hint)
    if settings.LEASE_SECONDS < 10 and not settings.DEBUG:
        yield _told(
            "readerstudy.W016",
            f"LEASE_SECONDS is {settings.LEASE_SECONDS}: after a short pause of a worker its unit goes to another one",
            "60 or more, except in drills.",
        )  # fmt: skip


def room_is_left() -> Found:
    """W017: a disk that is nearly full; saving answers would be refused."""
    for place in free_places():
        if place.low:
            yield _told("readerstudy.W017", place.told, "'manage.py disk_use' shows what uses the space.")


def not_as_root() -> Found:
    """W018: a fault in a decoder would own the machine."""
    if os.geteuid() == 0:
        yield _told(
            "readerstudy.W018", "the site runs as root", "Give it a user of its own (deploy/systemd)."
        )


def second_factors_are_asked_for() -> Found:
    """W023: on a site that others reach, a password alone lets anyone who learns it in."""
    if settings.MFA_REQUIRED == "none" and settings.TLS:
        hint = "MFA_REQUIRED=staff asks everybody but readers for one (an authenticator app or a passkey)."
        yield _told("readerstudy.W023", "nobody must have a second factor", hint)


def sqlite_mode() -> Found:
    """I019: which journal mode was chosen, and why."""
    if _on_sqlite():
        mode = journal_mode()
        told = f"SQLite: journal {mode.journal}, synchronous {mode.synchronous}"
        yield _told("readerstudy.I019", told, mode.reason)


def postgresql_keeps_what_it_acknowledges(databases: Any) -> Found:
    """E020: a server that acknowledges before it has written. Django itself refuses one that is too old."""
    for connection in (connections[alias] for alias in databases or []):
        for name in (
            ("fsync", "synchronous_commit", "full_page_writes") if connection.vendor == "postgresql" else ()
        ):
            with connection.cursor() as cursor:
                cursor.execute(f"SHOW {name}")
                value = cursor.fetchone()[0]
            if value == "off":
                yield _told(
                    "readerstudy.E020",
                    f"PostgreSQL runs with {name} = off: answers that readers saw as saved could be lost",
                    f"Set {name} = on and restart the server.",
                )


def at_the_root_of_a_host() -> Found:
    """E026: a site below a path of its host; the web process refuses to start for it too."""
    if path := os.environ.get("SCRIPT_NAME") or settings.FORCE_SCRIPT_NAME:
        yield _told(
            "readerstudy.E026",
            f"SCRIPT_NAME={path} puts the site below a path; its pages, scripts and cookies begin at /",
            "Give the site a host name of its own, such as study.example.org, and unset SCRIPT_NAME.",
        )


ALWAYS: tuple[Callable[[], Found], ...] = (
    linux_only, network_file_system, parts_fit_together, at_the_root_of_a_host,
)  # fmt: skip
DEPLOYMENT: tuple[Callable[[], Found], ...] = (
    secrets_are_secret, reachable_only_as_meant, addresses_come_from_proxies, room_is_left, not_as_root,
    second_factors_are_asked_for, sqlite_mode,
)  # fmt: skip


@register(Tags.compatibility)
def always(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at what is always wrong."""
    return [message for check in ALWAYS for message in check()]


@register(Tags.security, deploy=True)
def at_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at what is wrong for a site that others use."""
    return [message for check in DEPLOYMENT for message in check()]


@register(Tags.database)
def of_databases(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Ask the database how it keeps what it acknowledges, and whether this version may write to it."""
    return [*postgresql_keeps_what_it_acknowledges(databases), *schema_is_known(databases)]
