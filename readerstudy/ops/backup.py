"""Copy a running site: the database at one instant, then every file that its rows name, each with a digest.

Frames and exports are written once under a final name, so copying them after the database gives a whole. The
secrets stay out: the key of the audit trail must not lie beside the trail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.models import Frame
from readerstudy.cases.selectors import stored_bytes
from readerstudy.ops.database_copy import CopyError, copy_database
from readerstudy.ops.manifest import FORMAT, MANIFEST, Entry, digest_of, write_manifest

Progress = Callable[[int, int], None]
CACHE_FOLDER, SCORES = ".image-cache", ".npy"


class BackupError(Exception):
    """The site cannot be copied as asked: what was expected, what came, what to do."""


@dataclass(frozen=True)
class Backup:
    """A finished backup: its folder, its files and bytes, and the seconds the database took."""

    folder: Path
    files: int
    size: int
    database_seconds: float


def back_up(
    *, out: Path, actor: User | None = None, database_only: bool = False, with_predictions: bool = False,
    progress: Progress | None = None,
) -> Backup:  # fmt: skip
    """Write a backup into a new folder; it has its name only when it is whole.

    Raises
    ------
    BackupError: the folder exists, lies where pages are served from, or a file is gone or damaged.
    """
    out = out.absolute()
    _refuse(out)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    try:
        made = _write(partial, actor, database_only, with_predictions, progress)
        partial.rename(out)
    except CopyError as error:
        raise BackupError(str(error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(out, *made)


def _write(
    folder: Path, actor: User | None, database_only: bool, with_predictions: bool, progress: Progress | None
) -> tuple[int, int, float]:
    record(kind="site.backed_up", actor=actor, values={"database_only": database_only})
    began = datetime.now(UTC)
    database, heads = copy_database(folder)
    seconds = (datetime.now(UTC) - began).total_seconds()
    entries = [digest_of(folder, database)]
    if not database_only:
        entries += _copy_files(folder, with_predictions, progress)
    facts: dict[str, Any] = {
        "format": FORMAT, "kind": "site backup", "at": began.isoformat(timespec="seconds"),
        "vendor": connection.vendor, "database": database.name, "database_only": database_only,
        "with_predictions": with_predictions, "chains": heads,
    }  # fmt: skip
    write_manifest(folder / MANIFEST, facts, entries)
    return len(entries), sum(entry.size for entry in entries), seconds


def _copy_files(folder: Path, with_predictions: bool, progress: Progress | None) -> Iterator[Entry]:
    frames = list(Frame.objects.order_by("pk").values_list("study", "storage_name", "sha256"))
    runs = list(_run_files(with_predictions))
    exports = [path for path in sorted(settings.EXPORTS_ROOT.rglob("*")) if path.is_file()]
    total = len(frames) + len(runs) + len(exports)
    done = 0
    for study, name, sha256 in frames:
        target = folder / "frames" / str(study) / name
        _write_new(target, stored_bytes(study, name, sha256))
        yield digest_of(folder, target)
        done += 1
        if progress is not None:
            progress(done, total)
    for root, paths in ((settings.RUNS_ROOT, runs), (settings.EXPORTS_ROOT, exports)):
        for path in paths:
            target = (
                folder
                / {settings.RUNS_ROOT: "runs", settings.EXPORTS_ROOT: "exports"}[root]
                / path.relative_to(root)
            )
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(path, target)
            yield digest_of(folder, target)
            done += 1
            if progress is not None:
                progress(done, total)


def _run_files(with_predictions: bool) -> Iterator[Path]:
    """Yield the files of runs: not the decoded images, and score files only when asked; both can be made again."""
    for path in sorted(settings.RUNS_ROOT.rglob("*")):
        inside = path.relative_to(settings.RUNS_ROOT).parts
        hidden = any(part.startswith(".") for part in inside)
        if path.is_file() and not hidden and (with_predictions or path.suffix != SCORES):
            yield path


def _write_new(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse(out: Path) -> None:
    if out.exists():
        raise BackupError(f"{out}: expected a new folder, it exists; name another")
    for root in (settings.STATIC_ROOT, settings.FRAMES_ROOT, *settings.STATICFILES_DIRS):
        if out.is_relative_to(Path(root).absolute()):
            raise BackupError(
                f"{out}: expected a folder away from {root}, whose files are served; name another"
            )
