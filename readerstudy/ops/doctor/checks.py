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


def linux_only() -> Found:
    """E001, E002: what the site relies on (fork, flock, rename, resource limits) was tried on Linux only."""
    if platform.system() != "Linux":
        yield Error(
            f"expected Linux on the server, got {platform.system()}",
            hint="Use a Linux machine, a virtual machine or the container of deploy/. Any browser will do.",
            id="readerstudy.E001",
        )
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Error(
            f"expected Python 3.11 to 3.13, got {platform.python_version()}",
            hint="make PYTHON=python3.12 …", id="readerstudy.E002",
        )  # fmt: skip


def network_file_system() -> Found:
    """E003, E004: SQLite and the embedded broker lose data where locks are not reliable."""
    for wanted, root, id_, advice in (
        (
            _on_sqlite(),
            settings.HOME,
            "readerstudy.E003",
            "the SQLite database; name a PostgreSQL in DATABASE_URL",
        ),
        (
            _embedded(),
            settings.BROKER_ROOT,
            "readerstudy.E004",
            "the embedded broker; name a broker in BROKER_URL",
        ),
    ):
        kind = file_system_of(root)
        if wanted and kind in NETWORK_FILE_SYSTEMS:
            yield Error(
                f"{root} lies on a network file system ({kind})",
                hint="File locks are not reliable there. Put READERSTUDY_HOME on a local disk: it holds "
                f"{advice}.", id=id_,
            )  # fmt: skip


def secrets_are_secret() -> Found:
    """E005 to E008: secrets that are short, that others may read, or that lie where pages are served from."""
    if len(settings.AUDIT_KEY) < 2 * SECRET_BYTES or len(set(settings.AUDIT_KEY)) < 5:
        yield Error(
            "AUDIT_KEY has less than 256 random bits",
            hint="Let 'manage.py setup' draw one. A site that has events keeps its key.", id="readerstudy.E005",
        )  # fmt: skip
    site_file = settings.HOME / SITE_FILE
    name = str(settings.DATABASES["default"]["NAME"])
    database = [Path(f"{name}{suffix}") for suffix in BESIDE] if _on_sqlite() else []
    for path in (settings.HOME, site_file, *database):
        wrong, told = (0o022, "written") if path == settings.HOME else (0o077, "read")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & wrong:
            yield Error(
                f"{path} can be {told} by other users",
                hint=f"chmod {'700' if path == settings.HOME else '600'} {path}", id="readerstudy.E006",
            )  # fmt: skip
    for root in (settings.STATIC_ROOT, *settings.STATICFILES_DIRS, settings.FRAMES_ROOT):
        for pattern in ("key.csv", "*.report.json", "MANIFEST.json", "*.sqlite3", SITE_FILE):
            for path in sorted(Path(root).rglob(pattern))[:1]:
                yield Error(
                    f"{path} lies in a folder whose files are served",
                    hint="Move sealed keys, backups and databases away; anyone who has downloaded this file may "
                    "be unblinded.",
                    id="readerstudy.E007",
                )
    if settings.SECRET_KEY == settings.AUDIT_KEY:
        yield Error("SECRET_KEY and AUDIT_KEY are the same", hint="Draw them again.", id="readerstudy.E008")


def reachable_only_as_meant() -> Found:
    """E009 to E011, W012: debug pages, host names, TLS and the proxy."""
    open_hosts = [host for host in settings.ALLOWED_HOSTS if not is_loopback(host)]
    if settings.DEBUG and open_hosts:
        yield Error(
            f"DEBUG is on and the site answers to {', '.join(open_hosts)}",
            hint="DEBUG=no: error pages show stored values.", id="readerstudy.E009",
        )  # fmt: skip
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS accepts every host name", hint="Name the site's host names.", id="readerstudy.E010"
        )
    if open_hosts and not settings.TLS:
        yield Warning(
            f"the site answers to {', '.join(open_hosts)} without TLS",
            hint="TLS=yes behind a proxy with a certificate; without it passwords are sent unencrypted.",
            id="readerstudy.W011",
        )
    if settings.TLS and not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        yield Warning(
            "TLS=yes without BEHIND_PROXY=yes: every request is redirected to HTTPS for ever",
            hint="BEHIND_PROXY=yes, and let the proxy set X-Forwarded-Proto.", id="readerstudy.W012",
        )  # fmt: skip
    yield from addresses_come_from_proxies()


def addresses_come_from_proxies() -> Found:
    """E024, W025: a header that anybody may send, and a proxy whose address everybody has."""
    behind = bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None))
    if settings.FORWARDED_HOPS and not behind:
        yield Error(
            "FORWARDED_HOPS is set without a proxy: any client can choose its address with X-Forwarded-For",
            hint="FORWARDED_HOPS=0, or BEHIND_PROXY=yes with a proxy that replaces the header.", id="readerstudy.E024",
        )  # fmt: skip
    if behind and not settings.FORWARDED_HOPS:
        yield Warning(
            "all clients have the proxy's address: failed sign-ins by one delay new browsers that sign in under "
            "the same name",
            hint="FORWARDED_HOPS=1 with deploy/nginx, or the number of proxies that add to X-Forwarded-For.",
            id="readerstudy.W025",
        )


def parts_fit_together() -> Found:
    """W014, W016: a database, a broker and leases that do not go together."""
    if _on_sqlite() and not _embedded():
        yield Warning(
            "BROKER_URL names a server and DATABASE_URL does not",
            hint="Workers on other machines cannot reach a SQLite file: set DATABASE_URL.", id="readerstudy.W014",
        )  # fmt: skip
    if settings.LEASE_SECONDS < 10 and not settings.DEBUG:
        yield Warning(
            f"LEASE_SECONDS is {settings.LEASE_SECONDS}: after a short pause of a worker its unit goes to "
            "another worker",
            hint="60 or more, except in drills.", id="readerstudy.W016",
        )  # fmt: skip


def room_is_left() -> Found:
    """W017: a disk that is nearly full; saving answers would be refused."""
    for place in free_places():
        if place.low:
            yield Warning(
                f"{place.free / 2**30:.1f} GiB free where {place.name} lies, {settings.DISK_FREE_GB} are required",
                hint="'manage.py disk_use' shows what uses the space.", id="readerstudy.W017",
            )  # fmt: skip


def not_as_root() -> Found:
    """W018: a fault in a decoder would own the machine."""
    if os.geteuid() == 0:
        yield Warning(
            "the site runs as root", hint="Give it a user of its own (deploy/systemd).", id="readerstudy.W018"
        )


def second_factors_are_asked_for() -> Found:
    """W023: on a site that others reach, a password alone lets anyone who learns it in."""
    if settings.MFA_REQUIRED == "none" and settings.TLS:
        yield Warning(
            "nobody must have a second factor", id="readerstudy.W023",
            hint="MFA_REQUIRED=staff asks everybody but readers for one (an authenticator app or a passkey).",
        )  # fmt: skip


def sqlite_mode() -> Found:
    """I019: which journal mode was chosen, and why."""
    if _on_sqlite():
        mode = journal_mode()
        yield Info(
            f"SQLite: journal {mode.journal}, synchronous {mode.synchronous}",
            hint=mode.reason,
            id="readerstudy.I019",
        )


def postgresql_keeps_what_it_acknowledges(databases: Any) -> Found:
    """E020: a server that acknowledges before it has written. Django itself refuses one that is too old."""
    from django.db import connections

    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor != "postgresql":
            continue
        with connection.cursor() as cursor:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                cursor.execute(f"SHOW {name}")
                value = cursor.fetchone()[0]
                if value == "off":
                    yield Error(
                        f"PostgreSQL runs with {name} = off: answers that readers saw as saved could be lost",
                        hint=f"Set {name} = on and restart the server.", id="readerstudy.E020",
                    )  # fmt: skip


def at_the_root_of_a_host() -> Found:
    """E026: a site below a path of its host; the web process refuses to start for it too."""
    if path := os.environ.get("SCRIPT_NAME") or settings.FORCE_SCRIPT_NAME:
        yield Error(
            f"SCRIPT_NAME={path} puts the site below a path; its pages, scripts and cookies begin at /",
            hint="Give the site a host name of its own, such as study.example.org, and unset SCRIPT_NAME.",
            id="readerstudy.E026",
        )


ALWAYS: tuple[Callable[[], Found], ...] = (
    linux_only, network_file_system, parts_fit_together, at_the_root_of_a_host,
)  # fmt: skip
DEPLOYMENT: tuple[Callable[[], Found], ...] = (
    secrets_are_secret, reachable_only_as_meant, room_is_left, not_as_root, second_factors_are_asked_for,
    sqlite_mode,
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
