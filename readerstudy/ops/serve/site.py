"""Make a site ready: its folders, its database, its first admin."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from readerstudy.accounts.models import User
from readerstudy.accounts.services import add_person
from readerstudy.audit.epochs import begin_first_epoch
from readerstudy.refusals import RefusedError


class SiteError(RefusedError):
    """The site cannot be set up or served as asked."""


def prepare_site() -> str:
    """Make the site's folders, readable by its user only, and bring the database up to date; begin the audit anchor.

    Returns what there is to say of the anchor: nothing where all is well.

    Raises
    ------
    SiteError: the database was migrated by a newer version than this one.
    """
    for message in schema_is_known(["default"]):
        raise SiteError(f"{message.msg}. {message.hint}")
    for name in ("RUNS_ROOT", "FRAMES_ROOT", "EXPORTS_ROOT", "BROKER_ROOT", "STATIC_ROOT"):
        getattr(settings, name).mkdir(parents=True, exist_ok=True, mode=0o700)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)  # nothing to do where CACHE_URL names a server
    try:
        return begin_first_epoch()
    except OSError as error:
        raise SiteError(f"{settings.AUDIT_ANCHOR}: the audit anchor cannot be written: {error}") from error


def first_admin(*, email: str, name: str) -> tuple[User, str] | None:
    """Make the first superuser with a random password; None when there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    return add_person(email=email, name=name, actor=None, superuser=True)


def check_address(host: str, *, tls: bool, insecure: bool) -> None:
    """Refuse to serve passwords and radiographs in clear text to a network.

    Raises
    ------
    SiteError: the address is not a loopback one, TLS is off, and --insecure was not given.
    """
    if not (is_loopback(host) or tls or insecure):
        raise SiteError(
            f"{host} can be reached from the network and TLS is off: passwords and images would be sent unencrypted. "
            "Put a proxy with TLS in front and set TLS=yes (docs/install.md), or pass --insecure on a closed network"
        )


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody listens on: its old pages would answer at the address that is printed.

    Raises
    ------
    SiteError: the port is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as error:
            raise SiteError(
                f"port {port} cannot be used ({error.strerror}); choose another with --port"
            ) from error


def is_loopback(host: str) -> bool:
    """Say whether an address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def schema_is_known(databases: Any) -> Iterator[CheckMessage]:
    """E022: a database that newer code has migrated; older code could write rows that the newer one cannot read."""
    for alias in databases or []:
        loader = MigrationLoader(connections[alias])
        known = set(loader.disk_migrations)
        unknown = sorted(
            f"{app}.{name}"
            for app, name in loader.applied_migrations
            if (app, name) not in known and app in loader.migrated_apps
        )
        if unknown:
            yield Error(
                f"the database is from a newer version: {', '.join(unknown)} is not part of this one",
                hint="Run the newer version again, or restore the backup that was made before the upgrade.",
                id="readerstudy.E022",
            )
