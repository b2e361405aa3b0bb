"""The list of a backup's files: name, bytes, SHA-256. docs/formats.md shows one."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "MANIFEST.json"


class ManifestError(Exception):
    """A backup is not whole: which file, what was expected, what came."""


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


def write_manifest(path: Path, facts: Mapping[str, Any], entries: Iterable[Entry]) -> None:
    """Write the manifest last, synced: a backup without one is none."""
    files = {entry.name: {"bytes": entry.size, "sha256": entry.sha256} for entry in entries}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({**facts, "files": files}, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def verify(folder: Path) -> dict[str, Any]:
    """Check every file of a backup against the manifest; return the manifest.

    Raises
    ------
    ManifestError: no manifest, another format, or a file that is missing, too many, or not as it was written.
    """
    try:
        said: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {str(name): (int(row["bytes"]), str(row["sha256"])) for name, row in said["files"].items()}
        whole = said["database"] in files and isinstance(said["at"], str) and isinstance(said["chains"], dict)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise ManifestError(
            f"{folder / MANIFEST}: expected the list of a backup's files; it is none"
        ) from error
    if said.get("format") != FORMAT:
        raise ManifestError(f"{folder / MANIFEST}: expected format {FORMAT}, {said.get('format')!r} came")
    if not whole:
        raise ManifestError(
            f"{folder / MANIFEST}: expected its date, the ends of the audit chains, and a database among its files"
        )
    there = _plain_files(folder) - {MANIFEST}
    for name in sorted(there ^ set(files)):
        fault = "is missing" if name in files else "is not in the manifest"
        raise ManifestError(f"{folder}: the file {name} {fault}; this backup is not whole, take another")
    for name, (size, sha256) in sorted(files.items()):
        found = digest_of(folder, folder / name)
        if (found.size, found.sha256) != (size, sha256):
            raise ManifestError(f"{folder}: the file {name} differs from its digest; take another backup")
    return said


def _plain_files(folder: Path) -> set[str]:
    """Return the files of a backup by name. A link could lead anywhere, and a pipe is read for ever."""
    found = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ManifestError(f"{folder}: expected plain files, {name} is none; take another backup")
        if path.is_file():
            found.add(name)
    return found
