"""Copy a running site: the database at one instant, then every file of its folder, each with a digest.

Files are written once under a final name, so copying them after the database gives a whole site. The secrets stay out:
the key of the audit trail must not be beside the trail, and a sealed key not beside the answers.
"""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import Storage
from django.db import connection

from analysis.caseset.sealed import HEAD, is_sealed
from analysis.services import mirror
from readerstudy.audit import anchor
from readerstudy.audit.services import record
from readerstudy.cases.models import Frame
from readerstudy.cases.selectors import stored_bytes
from readerstudy.durable import publish
from readerstudy.ops.backup import manifest
from readerstudy.ops.backup.database_copy import copy_database
from readerstudy.ops.backup.folder import Contents, contents, targets
from readerstudy.ops.backup.relocation import outside

Progress = Callable[[int, int], None]
ANCHOR = "audit-anchor.jsonl"
SHOWN = 10


@dataclass(frozen=True)
class Backup:
    """A finished backup: its folder, its files and bytes, the seconds for the database, what it lacks and why."""

    folder: Path
    files: int
    size: int
    database_seconds: float
    left_out: dict[str, str]


def back_up(*, out: Path, database_only: bool = False, progress: Progress = lambda *_: None) -> Backup:
    """Write a backup into a new folder; it has its name only when it is whole.

    Raises
    ------
    BackupError: the folder exists or is in the site's, a sealed key is there, or a file is gone or damaged.
    """
    out = out.absolute()
    _refuse(out)
    found = Contents() if database_only else contents()
    _refuse_sealed(found)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    try:
        made = _write(partial, found, database_only, progress)
        publish(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(out, *made, found.left_out)


def _write(folder: Path, found: Contents, database_only: bool, progress: Progress) -> tuple[int, int, float]:
    record("site.backed_up", None, values={"database_only": database_only})
    began = datetime.now(UTC)
    database, heads = copy_database(folder)
    seconds = (datetime.now(UTC) - began).total_seconds()
    anchored = anchor.copy_until(settings.AUDIT_ANCHOR, folder / ANCHOR, heads)
    copies = [database, folder / ANCHOR] if anchored else [database]
    entries = [manifest.digest_of(folder, copy) for copy in copies]
    if not anchored:
        found.left_out["the audit anchor"] = "missing or without an epoch: run verify_audit for details"
    if not database_only:
        entries += _copy_files(folder, found, progress)
        found.left_out |= outside()
    facts: dict[str, Any] = {
        "format": manifest.FORMAT, "kind": "site backup", "at": began.isoformat(timespec="seconds"),
        "vendor": connection.vendor, "database": database.name, "database_only": database_only,
        "anchor": ANCHOR if anchored else None, "chains": heads, "left_out": found.left_out,
        "places": {name: str(root) for name, root in targets().items()},
    }  # fmt: skip
    manifest.write_manifest(folder / manifest.MANIFEST, facts, entries)
    return len(entries), sum(entry.size for entry in entries), seconds


def _copy_files(folder: Path, found: Contents, progress: Progress) -> Iterator[manifest.Entry]:
    frames = list(Frame.objects.order_by("pk").values_list("study", "storage_name", "sha256"))
    stored = list(_stored_runs())
    total = len(frames) + len(stored) + len(found.files)
    for done, each in enumerate(_entries(folder, found, frames, stored), 1):
        if each is not None:
            yield each
        progress(done, total)


def _entries(
    folder: Path, found: Contents, frames: list[tuple[Any, str, str]], stored: list[tuple[Storage, str]]
) -> Iterator[manifest.Entry | None]:
    """Copy one file after the other; one that a sweep or a training has removed by now is left out, and named."""
    for study, name, sha256 in frames:
        frame: IO[bytes] = io.BytesIO(stored_bytes(study, name, sha256))
        yield manifest.written(frame, folder, f"frames/{study}/{name}")
    for storage, name in stored:
        with storage.open(name) as stream:
            yield manifest.written(stream, folder, f"runs/{name}")
    for name, path in found.files.items():
        if (folder / name).exists():  # the store's copy of a run's file is the one that all hosts see
            yield None
            continue
        try:
            yield manifest.copied(path, folder, name)
        except FileNotFoundError:
            found.left_out[name] = "removed while the backup was running"
            yield None


def _stored_runs(folder: str = "") -> Iterator[tuple[Storage, str]]:
    """Yield the files of runs in the store that RUNS_URL names, if it names one."""
    storage = mirror.store()
    if storage is not None:
        folders, files = storage.listdir(folder)
        yield from ((storage, f"{folder}{name}") for name in sorted(files))
        for name in sorted(folders):
            yield from _stored_runs(f"{folder}{name}/")


def _refuse_sealed(found: Contents) -> None:
    """Refuse a site whose folder holds what would unblind it, or its secrets, under whatever name."""
    wrong = [name for name, path in found.files.items() if _is_secret(path)]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise manifest.BackupError(
            f"expected no sealed key, no sealed report and no secrets among the site's files, found "
            f"{', '.join(wrong[:SHOWN])}{more}: move keys to the person who keeps them, away from this machine, "
            "and keep secrets out of backups (only site.env may hold them here), then back up again"
        )


def _is_secret(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return settings.AUDIT_KEY.encode() in file.read(HEAD) or is_sealed(path)
    except FileNotFoundError:
        return False


def _refuse(out: Path) -> None:
    if out.exists():
        raise manifest.BackupError(f"{out}: expected a new folder, it already exists; give another")
    served = settings.STATIC_ROOT, settings.FRAMES_ROOT, *settings.STATICFILES_DIRS
    for roots, why in ((served, "whose files are served"), (targets().values(), "which is what is saved")):
        for root in roots:
            if out.is_relative_to(Path(root).absolute()):
                raise manifest.BackupError(f"{out}: expected a folder outside of {root}, {why}; name another")
