"""Put a backup back into an empty site, after checking every digest; then begin an epoch of the audit trail."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command

from readerstudy.audit import anchor
from readerstudy.audit.agreement import Known, anchor_faults, held
from readerstudy.audit.epochs import begin_epoch, heads_of_all
from readerstudy.audit.services import AuditError, faults
from readerstudy.cases.storage import frame_objects
from readerstudy.ops.backup.database_copy import check_room, restore_database
from readerstudy.ops.backup.folder import OTHER, PARTS, targets
from readerstudy.ops.backup.manifest import BackupError, copied, verify
from readerstudy.ops.backup.relocation import relocate

Progress = Callable[[int, int], None]
ALWAYS_EMPTY = ("frames", "runs", "exports")


@dataclass(frozen=True)
class Restored:
    """What was restored: files beside the database, rows whose places moved, and where the audit trail is broken."""

    at: str
    files: int
    moved: int
    faults: list[str]


def restore(
    *, folder: Path, files: Path | None = None, reason: str = "", progress: Progress = lambda *_: None
) -> Restored:
    """Verify a backup, put files and database into this site, check the result, and begin an epoch.

    Files first, the database last: a restore that was interrupted leaves a site without a database, which
    serves nothing and can be emptied and tried again.

    Parameters
    ----------
    files: a full backup to take the files from, where `folder` is of the database alone.
    reason: why; see `_ask_for_a_reason`.

    Raises
    ------
    BackupError: a backup is not whole, the site holds something, or there is no reason where one is wanted.
    """
    manifest = verify(folder)
    source, listed = (files, verify(files)) if files else (folder, manifest)
    places = _places(source, listed)
    _refuse_used_site(places)
    _ask_for_a_reason(manifest, reason)
    check_room(folder / manifest["database"])
    for done, (name, place) in enumerate(places.items(), 1):
        _put_file(source, name, place)
        progress(done, len(places))
    restore_database(folder / manifest["database"])
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    moved = relocate(manifest.get("places", {}), listed.get("places", {}))
    return Restored(str(manifest["at"]), len(places), moved, _begin_epoch(folder, manifest, reason))


def _begin_epoch(folder: Path, manifest: dict[str, Any], reason: str) -> list[str]:
    """Begin an epoch; instead return every place where the trail does not hold or ends otherwise than it did."""
    found = list(map(str, faults()))
    heads, told = heads_of_all(), manifest["chains"]
    found += [
        f"chain {name}: it ends differently from when the backup was taken"
        for name in sorted({*heads, *told})
        if heads.get(name) != told.get(name)
    ]
    carried = manifest.get("anchor")
    mine = anchor.ends(settings.AUDIT_ANCHOR)
    if not mine and carried:
        anchor.put_back(folder / carried, settings.AUDIT_ANCHOR)
    beside = held(settings.AUDIT_ANCHOR, Known.read())
    found += [
        f"event {line.sequence} of chain {line.chain}: the anchor has a different event"
        for line in beside.lost
        if line.sequence <= heads.get(line.chain, [0])[0]
    ]
    if not mine:
        found += [
            f"chain {name}: the backup's anchor lacks events {a} to {b}"
            for name, (a, b) in beside.missing.items()
        ]
    if found:
        return found
    try:
        begin_epoch(
            cause="restore", reason=reason or f"the backup of {manifest['at']} was put back",
            backup=str(manifest["at"]), old_heads={name: list(head) for name, head in mine.items()},
        )  # fmt: skip
    except AuditError as error:
        return [str(error)]
    return [f"event {each.sequence}: {each.reason}" for each in anchor_faults()]


def _ask_for_a_reason(manifest: dict[str, Any], reason: str) -> None:
    """Want a reason where this host's anchor tells of another end than the backup, or the backup carries no anchor."""
    if reason.strip():
        return
    chains = manifest["chains"]
    later = [
        f"{name} ends at {sequence} here and at {chains.get(name, [0])[0]} in the backup"
        for name, (sequence, digest) in sorted(anchor.ends(settings.AUDIT_ANCHOR).items())
        if chains.get(name) != [sequence, digest]
    ]
    if later:
        raise BackupError(
            f"the audit anchor {settings.AUDIT_ANCHOR} differs from the backup: {'; '.join(later[:5])}. "
            "This restore discards everything recorded after the backup; give the reason with --reason"
        )
    if manifest["format"] > 1 and manifest.get("anchor") is None:
        raise BackupError(
            "the backup has no audit anchor, because the site had none that could be read; give the reason for "
            "restoring it with --reason"
        )


def _places(folder: Path, manifest: dict[str, Any]) -> dict[str, Path]:
    """Return where each file goes, before any is put there."""
    apart = {manifest["database"], manifest.get("anchor")}
    roots, reserved = targets(), {part.root for part in PARTS}
    found = {}
    for name in sorted(set(manifest["files"]) - apart):
        kind, _, rest = name.partition("/")
        place = roots[kind] / rest if kind in roots else None
        inside = ".." not in Path(name).parts and Path(name).as_posix() == name
        taken = kind == OTHER and place is not None and reserved & {place, *place.parents}
        if place is None or not inside or taken:
            raise BackupError(f"{folder}: expected files of {', '.join(sorted(roots))}, got {name}")
        found[name] = place
    return found


def _refuse_used_site(places: dict[str, Path]) -> None:
    roots = targets()
    parts = {name.partition("/")[0] for name in places} - {OTHER} | set(ALWAYS_EMPTY)
    for root in (roots[part] for part in sorted(parts)):
        if root.is_file() or (root.is_dir() and any(root.iterdir())):
            raise BackupError(f"{root}: expected an empty folder; restore into a new READERSTUDY_HOME")
    for place in places.values():
        if place.exists():
            raise BackupError(f"{place}: expected no such file; restore into a new READERSTUDY_HOME")


def _put_file(folder: Path, name: str, place: Path) -> None:
    objects = frame_objects() if name.startswith("frames/") else None
    if objects is not None:
        try:
            objects.publish(UUID(place.parent.name), [folder / name])
        except ValueError:
            raise BackupError(f"{folder}: expected the folder of a study, got {name}") from None
        return
    copied(folder / name, place.parent, place.name)
