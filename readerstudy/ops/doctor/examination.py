"""What this machine and the site have and lack, in sentences a newcomer can act on."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from analysis.services.fleet import QUEUES, at_work, unheard
from readerstudy.audit.anchor import identity
from readerstudy.audit.models import Event
from readerstudy.environment import BASE, PLACEHOLDERS, SITE_FILE
from readerstudy.ops.backup.folder import unlisted
from readerstudy.ops.doctor.checks import MESSAGES, secrets_are_secret
from readerstudy.ops.doctor.disk import free_places
from readerstudy.ops.serve.site import schema_is_known
from readerstudy.stores import journal_mode
from readerstudy.study.models import Study

Grade = Literal["good", "note", "warning"]

CUDA_DRIVERS = {"12.6": "560.28", "12.8": "570.26", "12.9": "575.51", "13.0": "580.65"}
"""The oldest Linux driver for each CUDA release (NVIDIA's CUDA release notes, table of driver versions)."""

BACKUP_DAYS = 7
"""A backup older than this is told as a note."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    grade: Grade
    subject: str
    text: str


def _judged(subject: str, fault: str, good: str, grade: Grade = "warning") -> Finding:
    """Return what is wrong with a subject, or that it is good."""
    return Finding(grade, subject, fault) if fault else Finding("good", subject, good)


def examine() -> list[Finding]:
    """Look at Python, torch and CUDA, SQLite, the browser, the optional parts, the disk."""
    return [*_python(), *_torch(), *_tools()]


def _python() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield Finding("note", "user", "root; a site is better served by a user of its own")
    version = platform.python_version()
    wrong = not (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield _judged("Python", f"{version}: use 3.11, 3.12 or 3.13" if wrong else "", version)


def _torch() -> Iterator[Finding]:
    """Ask in another process: this one stays without torch, as the web process does."""
    code = (
        "import json, torch; ok = torch.cuda.is_available(); "
        "name = torch.cuda.get_device_name(0) if ok else ''; "
        "print(json.dumps([torch.__version__, torch.version.cuda, ok, name]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = _run(command)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["?"])[-1]
        yield Finding("warning", "torch", f"cannot be imported: {why}")
        return
    version, cuda, works, name = json.loads(done.stdout.strip().splitlines()[-1])
    yield Finding("good", "torch", f"{version}, built for {'CUDA ' + cuda if cuda else 'the CPU only'}")
    yield _cuda(cuda, works, name, nvidia_device())


def _cuda(cuda: str | None, works: bool, name: str, device: bool) -> Finding:
    if works or not device:
        grade, case = ("good", "works") if works else ("note", "none")
    else:
        grade, case = "warning", "cpu_only" if cuda is None else "driver"
    wanted = CUDA_DRIVERS.get(cuda or "", "a current one")
    found = (driver_version() or "none found") if case == "driver" else ""
    text = MESSAGES["gpu"][case].format(name=name, cuda=cuda, wanted=wanted, found=found)
    return Finding(cast(Grade, grade), "GPU", text)


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
    done = _run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return next(iter(done.stdout.split()), None) if done.returncode == 0 else None


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _tools() -> Iterator[Finding]:
    mode = journal_mode()
    yield Finding("good", "SQLite", f"journal {mode.journal}, synchronous {mode.synchronous}: {mode.reason}")
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    none = "none; browser tests are skipped (apt install chromium)"
    yield _judged("browser for tests", "" if browser else none, browser, "note")
    # Of all that the program can use, this alone may be missing.
    there = importlib.util.find_spec("timm") is not None
    version = importlib.metadata.version("timm") if there else "not installed"
    yield Finding("good" if there else "note", "timm", f"{version}: more architectures by name")
    free = shutil.disk_usage(BASE).free / 2**30
    yield Finding("good" if free > 10 else "warning", "disk", f"{free:.0f} GiB free where the project lies")


def examine_site() -> Iterator[Finding]:
    """Look at the site's folder, secrets, room, database, migrations, studies, last backup and workers.

    A part without which the next ones cannot be asked ends the list. Nothing is made or changed.
    """
    if PLACEHOLDERS["AUDIT_KEY"] == settings.AUDIT_KEY:
        text = f"none in {settings.HOME} yet: 'make setup' makes one, 'make demo' a demonstration beside it"
        yield Finding("note", "site", text)
        return
    from_file = (settings.HOME / SITE_FILE).exists()
    yield Finding("good", "site", f"{settings.HOME}{'' if from_file else ', its secrets by variables'}")
    yield from _secrets()
    yield from _room()
    for needed in (_database, _migrations):
        found = needed()
        yield found
        if found.grade == "warning":
            return
    for part in (_anchor, _folder, _studies, _backup, _workers):
        yield from part()


def _secrets() -> Iterator[Finding]:
    wrong = [Finding("warning", "secrets", f"{each.msg}. {each.hint}") for each in secrets_are_secret()]
    good = Finding("good", "secrets", "SECRET_KEY and AUDIT_KEY are there, and for this user alone")
    yield from wrong or [good]


def _room() -> Iterator[Finding]:
    for place in free_places():
        advice = f"{place.told}; 'manage.py disk_use' shows what uses the space"
        yield _judged("disk space", advice if place.low else "", place.told)


def _database() -> Finding:
    vendor, name = connection.vendor, str(connection.settings_dict["NAME"])
    in_a_file = vendor == "sqlite" and not connection.is_in_memory_db()  # type: ignore[attr-defined]
    fault = ""
    if in_a_file and not Path(name).exists():  # connecting would make an empty one
        fault = f"{name} is missing: 'manage.py setup' makes it, or restore a backup"
    else:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            fault = f"{vendor} does not answer: {why}. Look at DATABASE_URL"
    return _judged("database", fault, f"{vendor} answers")


def _migrations() -> Finding:
    for newer in schema_is_known(["default"]):
        return Finding("warning", "migrations", f"{newer.msg}. {newer.hint}")
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    fault = f"{missing} to apply: back up, then 'manage.py setup' applies them" if missing else ""
    return _judged("migrations", fault, "all applied")


def _anchor() -> Iterator[Finding]:
    path = settings.AUDIT_ANCHOR
    fault = f"{path} is missing or holds no epoch: 'manage.py verify_audit' says what it means"
    good = "there; 'manage.py verify_audit' compares it with the database"
    yield _judged("audit anchor", "" if identity(path) else fault, good)


def _folder() -> Iterator[Finding]:
    names = ", ".join(path.name for path in unlisted())
    others = f"also holds {names}, which backups save with the rest" if names else ""
    yield _judged("site's folder", others, "contains nothing that this version does not know", "note")


def _studies() -> Iterator[Finding]:
    phases = list(Study.objects.values_list("phase", flat=True))
    counted = ", ".join(f"{phases.count(phase)} {phase}" for phase in dict.fromkeys(phases))
    yield Finding("good", "studies", counted or "none yet: sign in and press 'New study'")


def _backup() -> Iterator[Finding]:
    last = Event.objects.filter(study=None, kind="site.backed_up").order_by("-sequence").first()
    if last is None:
        text = "no backup was ever started from here: 'manage.py backup --out FOLDER'"
        yield Finding("note", "backup", text)
        return
    days = (timezone.now() - last.at).days
    ago = {0: "within a day", 1: "a day ago"}.get(days, f"{days} days ago")
    yield Finding("note" if days > BACKUP_DAYS else "good", "backup", f"last begun {last.at:%Y-%m-%d}, {ago}")


def _workers() -> Iterator[Finding]:
    """Tell from the ledger, and from what workers say they listen to: one of an older version says nothing."""
    busy, waits = at_work()
    deaf = unheard()
    fault = ""
    if deaf and (busy or len(deaf) < len(QUEUES)):
        waiting = ", ".join(f"{name} ({QUEUES[name]})" for name in deaf)
        fault = (
            f"none listens to {waiting}: start workers of this version, as deploy/ does (-Q {','.join(deaf)})"
        )
    elif waits and deaf:
        units = "1 unit waits" if waits == 1 else f"{waits} units wait"
        fault = f"{units} and no worker runs: 'manage.py serve' runs one"
    elif deaf:
        yield Finding("note", "workers", "none runs, and no work is waiting")
        return
    yield _judged("workers", fault, f"each queue has one; {busy} seen at work in the last hour")
