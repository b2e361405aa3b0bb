"""The list of a backup's files: name, bytes, SHA-256. docs/formats.md shows one."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from readerstudy.durable import write_whole
from readerstudy.refusals import RefusedError

FORMAT = 2
READ = (1, FORMAT)
"""0.1.0 wrote format 1: frames, runs without scores and exports; no anchor, and not where things lay."""
MANIFEST = "MANIFEST.json"
PIECE = 2**20


class BackupError(RefusedError):
    """A site cannot be copied or put back as asked: what was expected, what was found, what to do."""


@dataclass(frozen=True)
class Entry:
    """One file of a backup: its path inside it, its length in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


def digest_of(folder: Path, path: Path) -> Entry:
    """Read a file of a backup and return its entry."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(path.relative_to(folder).as_posix(), path.stat().st_size, sha256)


def copied(source: Path, folder: Path, name: str) -> Entry:
    """Copy a file into a folder, with the time of its last change, synced; return its entry.

    Raises
    ------
    OSError: it is there already, or the disk does not take it.
    """
    with source.open("rb") as file:
        return written(file, folder, name, changed=os.fstat(file.fileno()).st_mtime_ns)


def written(stream: IO[bytes], folder: Path, name: str, changed: int | None = None) -> Entry:
    """Write what a stream gives into a new file, a piece at a time, synced; return its entry."""
    path, total, size = folder / name, hashlib.sha256(), 0
    private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := stream.read(PIECE):
            file.write(piece)
            total.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    if changed is not None:
        os.utime(path, ns=(changed, changed))
    return Entry(name, size, total.hexdigest())


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def write_manifest(path: Path, facts: Mapping[str, Any], entries: Iterable[Entry]) -> None:
    """Write the manifest last, synced: a backup without one is none."""
    files = {entry.name: {"bytes": entry.size, "sha256": entry.sha256} for entry in entries}
    text = json.dumps({**facts, "files": files}, indent=2, sort_keys=True) + "\n"
    write_whole(path, text.encode(), mode=0o600)


def verify(folder: Path) -> dict[str, Any]:
    """Check every file of a backup against the manifest; return the manifest.

    Raises
    ------
    BackupError: no manifest, another format, or a file that is missing, too many, or not as it was written.
    """
    listed = folder / MANIFEST
    try:
        said: dict[str, Any] = json.loads(listed.read_text(encoding="utf-8"))
        files = {str(name): (int(row["bytes"]), str(row["sha256"])) for name, row in said["files"].items()}
        whole = _is_whole(said, files)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise BackupError(f"{listed}: expected the list of a backup's files, found something else") from error
    if said.get("format") not in READ:
        known = " or ".join(map(str, READ))
        raise BackupError(f"{listed}: expected format {known}, got {said.get('format')!r}")
    if not whole:
        raise BackupError(
            f"{listed}: expected its date, the ends of the audit chains, places, database and anchor among them"
        )
    there = _plain_files(folder) - {MANIFEST}
    for name in sorted(there ^ set(files)):
        fault = "is missing" if name in files else "is not in the manifest"
        raise BackupError(f"{folder}: the file {name} {fault}; this backup is incomplete, use another")
    for name, (size, sha256) in sorted(files.items()):
        found = digest_of(folder, folder / name)
        if (found.size, found.sha256) != (size, sha256):
            raise BackupError(f"{folder}: the file {name} differs from its digest; use another backup")
    return said


def _is_whole(said: dict[str, Any], files: dict[str, Any]) -> bool:
    heads, places = said["chains"].values(), said.get("places", {}).values()
    return (
        said["database"] in files
        and said.get("anchor") in {None, *files}
        and isinstance(said["at"], str)
        and all(isinstance(place, str) for place in places)
        and all(isinstance(sequence, int) and isinstance(digest, str) for sequence, digest in heads)
    )


def _plain_files(folder: Path) -> set[str]:
    """Return the files of a backup by name. A link could lead anywhere, and a pipe is read for ever."""
    found = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BackupError(f"{folder}: expected plain files, {name} is none; use another backup")
        if path.is_file():
            found.add(name)
    return found
