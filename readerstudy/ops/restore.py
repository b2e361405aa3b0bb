"""Put a backup back into an empty site, after checking every digest; then check the audit trail."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command

from readerstudy.audit.models import Chain
from readerstudy.audit.services import faults
from readerstudy.cases.objects import frame_objects
from readerstudy.ops.database_copy import CopyError, named_heads, restore_database
from readerstudy.ops.manifest import ManifestError, verify

Progress = Callable[[int, int], None]


class RestoreError(Exception):
    """A backup cannot be put back: what was expected, what came, what to do."""


@dataclass(frozen=True)
class Restored:
    """What came back: files, and every place where the audit trail does not hold."""

    at: str
    files: int
    faults: list[str]


def verify_backup(folder: Path) -> dict[str, Any]:
    """Check a backup's files; return its manifest.

    Raises
    ------
    RestoreError: it is not whole.
    """
    try:
        return verify(folder)
    except ManifestError as error:
        raise RestoreError(str(error)) from error


def restore(*, folder: Path, progress: Progress | None = None) -> Restored:
    """Verify a backup, put files and database into this site, and check what came back.

    Files first, the database last: a restore that was interrupted leaves a site without a database, which
    serves nothing and can be emptied and tried again.

    Raises
    ------
    RestoreError: the backup is not whole, or the site holds something.
    """
    manifest = verify_backup(folder)
    _refuse_used_site()
    names = sorted(set(manifest["files"]) - {manifest["database"]})
    for done, name in enumerate(names, 1):
        _put_file(folder, name)
        if progress is not None:
            progress(done, len(names))
    try:
        restore_database(folder / manifest["database"])
    except CopyError as error:
        raise RestoreError(str(error)) from error
    found = _after(manifest)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    return Restored(str(manifest["at"]), len(names) + 1, found)


def _after(manifest: dict[str, Any]) -> list[str]:
    """Return every place where the audit trail does not hold, or does not end as the manifest says."""
    found = [
        f"chain {fault.study or 'of the site'}, event {fault.sequence}: {fault.reason}" for fault in faults()
    ]
    heads = named_heads(Chain.objects.values_list("study", "sequence", "digest"))
    for name in sorted({*heads, *manifest["chains"]}):
        if heads.get(name) != manifest["chains"].get(name):
            found.append(f"chain {name}: it does not end as it did when the backup was taken")
    return found


def _refuse_used_site() -> None:
    for root in (settings.FRAMES_ROOT, settings.RUNS_ROOT, settings.EXPORTS_ROOT):
        if root.is_dir() and any(root.iterdir()):
            raise RestoreError(f"{root}: expected an empty folder; restore into a new READERSTUDY_HOME")


def _put_file(folder: Path, name: str) -> None:
    kind, _, rest = name.partition("/")
    roots = {"frames": settings.FRAMES_ROOT, "runs": settings.RUNS_ROOT, "exports": settings.EXPORTS_ROOT}
    if kind not in roots or ".." in Path(rest).parts or not rest:
        raise RestoreError(f"{folder}: expected a file of frames, runs or exports, {name} came")
    objects = frame_objects() if kind == "frames" else None
    if objects is not None:
        study = UUID(Path(rest).parent.name)
        objects.publish(study, [folder / name])
        return
    target = roots[kind] / rest
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(folder / name, target)
    target.chmod(0o600)
