"""What the doctor says of the site: is there one, does its database answer, what a person should do next."""

from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from analysis.services.fleet import fleet
from readerstudy.audit.anchor import identity
from readerstudy.audit.models import Event
from readerstudy.environment import PLACEHOLDERS, SITE_FILE
from readerstudy.ops.backup.folder import unlisted
from readerstudy.ops.doctor.checks import secrets_are_secret
from readerstudy.ops.doctor.disk import free_places
from readerstudy.ops.doctor.examination import Finding
from readerstudy.ops.serve.site import schema_is_known
from readerstudy.study.models import Study

BACKUP_DAYS = 7
"""A backup older than this is told as a note."""


def examine_site() -> list[Finding]:
    """Look at the site's folder, secrets, room, database, migrations, studies, last backup and workers.

    A part without which the next ones cannot be asked ends the list. Nothing is made or changed.
    """
    if PLACEHOLDERS["AUDIT_KEY"] == settings.AUDIT_KEY:
        text = f"none in {settings.HOME} yet: 'make setup' makes one, 'make demo' a demonstration beside it"
        return [Finding("note", "site", text)]
    from_file = (settings.HOME / SITE_FILE).exists()
    found = [Finding("good", "site", f"{settings.HOME}{'' if from_file else ', its secrets by variables'}")]
    found += [*_secrets(), *_room()]
    reached = _database()
    found.append(reached)
    if reached.grade == "warning":
        return found
    migrated = list(_migrations())
    found += migrated
    if any(each.grade == "warning" for each in migrated):
        return found
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (_anchor, _folder, _studies, _backup, _workers)
    return found + [finding for part in parts for finding in part()]


def _secrets() -> Iterator[Finding]:
    wrong = [Finding("warning", "secrets", f"{each.msg}. {each.hint}") for each in secrets_are_secret()]
    yield from wrong or [
        Finding("good", "secrets", "SECRET_KEY and AUDIT_KEY are there, and for this user alone")
    ]


def _room() -> Iterator[Finding]:
    for place in free_places():
        text = (
            f"{place.free / 2**30:.0f} GiB free where {place.name} lies, {settings.DISK_FREE_GB} are required"
        )
        advice = "; 'manage.py disk_use' shows what uses the space" if place.low else ""
        yield Finding("warning" if place.low else "good", "disk space of the site", text + advice)


def _database() -> Finding:
    subject, vendor = "database", connection.vendor
    name = str(connection.settings_dict["NAME"])
    in_a_file = vendor == "sqlite" and not connection.is_in_memory_db()  # type: ignore[attr-defined]
    if in_a_file and not Path(name).exists():  # connecting would make an empty one
        return Finding(
            "warning", subject, f"{name} is missing: 'manage.py setup' makes it, or restore a backup"
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding("warning", subject, f"{vendor} does not answer: {why}. Look at DATABASE_URL")
    return Finding("good", subject, f"{vendor} answers")


def _migrations() -> Iterator[Finding]:
    for newer in schema_is_known(["default"]):
        yield Finding("warning", "migrations", f"{newer.msg}. {newer.hint}")
        return
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        yield Finding(
            "warning", "migrations", f"{missing} to apply: back up, then 'manage.py setup' applies them"
        )
    else:
        yield Finding("good", "migrations", "all applied")


def _anchor() -> Iterator[Finding]:
    if identity(settings.AUDIT_ANCHOR) is None:
        text = f"{settings.AUDIT_ANCHOR} is missing or holds no epoch: 'manage.py verify_audit' says what it means"
        yield Finding("warning", "audit anchor", text)
    else:
        yield Finding("good", "audit anchor", "there; 'manage.py verify_audit' compares it with the database")


def _folder() -> Iterator[Finding]:
    names = [path.name for path in unlisted()]
    if names:
        yield Finding(
            "note", "site's folder", f"also holds {', '.join(names)}, which backups save with the rest"
        )
    else:
        yield Finding("good", "site's folder", "contains nothing that this version does not know")


def _studies() -> Iterator[Finding]:
    phases = list(Study.objects.values_list("phase", flat=True))
    counted = ", ".join(f"{phases.count(phase)} {phase}" for phase in dict.fromkeys(phases))
    yield Finding("good", "studies", counted or "none yet: sign in and press 'New study'")


def _backup() -> Iterator[Finding]:
    last = Event.objects.filter(study=None, kind="site.backed_up").order_by("-sequence").first()
    if last is None:
        yield Finding(
            "note", "backup", "no backup was ever started from here: 'manage.py backup --out FOLDER'"
        )
        return
    days = (timezone.now() - last.at).days
    ago = {0: "within a day", 1: "a day ago"}.get(days, f"{days} days ago")
    text = f"last begun {last.at:%Y-%m-%d}, {ago}"
    yield Finding("note" if days > BACKUP_DAYS else "good", "backup", text)


def _workers() -> Iterator[Finding]:
    """Tell from the ledger: a worker without work leaves no trace there."""
    now = fleet()
    waits = now.waiting + now.held
    units = "1 unit waits" if waits == 1 else f"{waits} units wait"
    at_work = [worker for worker in now.workers if worker.hand is None or not worker.hand.late]
    if at_work:
        yield Finding("good", "workers", f"{len(at_work)} seen in the last hour")
    elif waits:
        text = f"{units} and no worker was seen for an hour: 'manage.py serve' runs one"
        yield Finding("warning", "workers", text)
    else:
        yield Finding("note", "workers", "no work is waiting, so it is unknown whether a worker is running")
