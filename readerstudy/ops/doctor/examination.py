"""What this machine and the site have and lack, in sentences a newcomer can act on."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from analysis.services.fleet import fleet
from readerstudy.audit.anchor import identity
from readerstudy.audit.models import Event
from readerstudy.environment import BASE, PLACEHOLDERS, SITE_FILE
from readerstudy.ops.backup.folder import unlisted
from readerstudy.ops.doctor.checks import secrets_are_secret
from readerstudy.ops.doctor.disk import free_places
from readerstudy.ops.serve.site import schema_is_known
from readerstudy.stores import journal_mode
from readerstudy.study.models import Study

Grade = Literal["good", "note", "warning"]

CUDA_DRIVERS = {"12.6": "560.28", "12.8": "570.26", "12.9": "575.51", "13.0": "580.65"}
"""The oldest Linux driver for each CUDA release (NVIDIA's CUDA release notes, table of driver versions)."""

OPTIONAL = {
    "timm": "more architectures by name",
    "onnxruntime": "a faster engine on CPUs",
    "psycopg": "PostgreSQL",
    "redis": "Redis as the broker",
}
BACKUP_DAYS = 7
"""A backup older than this is told as a note."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    grade: Grade
    subject: str
    text: str


def examine() -> list[Finding]:
    """Look at Python, torch and CUDA, SQLite, the browser, the optional parts, the disk."""
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _torch, _sqlite, _tools, _optional, _disk)
    return [finding for part in parts for finding in part()]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    if os.geteuid() == 0:
        yield Finding("note", "user", "root; a site is better served by a user of its own")
    yield Finding(
        "good" if good else "warning", "Python", version + ("" if good else ": use 3.11, 3.12 or 3.13")
    )


def _torch() -> Iterator[Finding]:
    """Ask in another process: this one stays without torch, as the web process does."""
    code = (
        "import json, torch; ok = torch.cuda.is_available(); "
        "name = torch.cuda.get_device_name(0) if ok else ''; "
        "print(json.dumps([torch.__version__, torch.version.cuda, ok, name]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        yield Finding(
            "warning", "torch", "cannot be imported: " + (done.stderr.strip().splitlines() or ["?"])[-1]
        )
        return
    version, cuda, works, name = json.loads(done.stdout.strip().splitlines()[-1])
    yield Finding("good", "torch", f"{version}, built for {'CUDA ' + cuda if cuda else 'the CPU only'}")
    yield _cuda(cuda, works, name, nvidia_device())


def _cuda(cuda: str | None, works: bool, name: str, device: bool) -> Finding:
    if works:
        return Finding("good", "GPU", f"{name} works with CUDA {cuda}")
    if not device:
        return Finding("note", "GPU", "no NVIDIA device; sweeps run on the CPU")
    if cuda is None:
        return Finding(
            "warning", "GPU",
            "AN NVIDIA DEVICE IS HERE BUT THIS TORCH IS BUILT FOR THE CPU ONLY. Install the CUDA build: "
            "pip install --force-reinstall torch==2.13.0 without an index of CPU builds (docs/install.md)",
        )  # fmt: skip
    driver = CUDA_DRIVERS.get(cuda, "a current one")
    return Finding(
        "warning", "GPU",
        f"AN NVIDIA DEVICE IS HERE BUT CUDA {cuda} DOES NOT WORK. It needs the driver {driver} or newer; "
        f"'nvidia-smi' says which is installed: {driver_version() or 'none found'}",
    )  # fmt: skip


def nvidia_device() -> bool:
    """Say whether the machine has an NVIDIA device, with or without a working driver."""
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return True
    vendors = Path("/sys/bus/pci/devices").glob("*/vendor")
    classes = (path for path in vendors if path.read_text().strip() == "0x10de")
    return any(path.with_name("class").read_text().startswith("0x03") for path in classes)


def driver_version() -> str | None:
    """Return the installed NVIDIA driver's version, or None."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else None


def _sqlite() -> Iterator[Finding]:
    mode = journal_mode()
    yield Finding("good", "SQLite", f"journal {mode.journal}, synchronous {mode.synchronous}: {mode.reason}")


def _tools() -> Iterator[Finding]:
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if browser:
        yield Finding("good", "browser for tests", browser)
    else:
        yield Finding("note", "browser for tests", "none; browser tests are skipped (apt install chromium)")


def _optional() -> Iterator[Finding]:
    for name, purpose in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding("note", name, f"not installed: {purpose}")
        else:
            yield Finding("good", name, f"{importlib.metadata.version(name)}: {purpose}")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(BASE).free / 2**30
    yield Finding("good" if free > 10 else "warning", "disk", f"{free:.0f} GiB free where the project lies")


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
        yield Finding("warning" if place.low else "good", "disk space", text + advice)


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
