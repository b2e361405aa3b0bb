"""Files and folders that are whole or absent, even after a power failure: written beside, synced, renamed.

Also the digests and the one form of JSON of such files.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(digests: Mapping[str, str]) -> str:
    """Return one digest over the names and digests of many files."""
    listing = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return sha256_bytes(listing.encode())


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Write JSON in one form (sorted keys, two spaces, a final line feed), so that equal content is equal
    bytes.
    """
    return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def text_of(path: Path) -> str:
    """Return the text of a file; blank where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def beside(path: Path) -> Path:
    """Return a fresh hidden name in the folder of `path`; a killed process may leave such a file or folder behind."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def clear_leftovers(folder: Path) -> None:
    """Delete what killed processes left of files. Nobody may be writing there."""
    for file in folder.glob(f".*.{'[0-9a-f]' * 32}.tmp"):
        file.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that a reader sees all of it or what was there before; the folder is made when absent.

    Parameters
    ----------
    mode: of the file, less what the process's umask takes away.
    """
    with (
        whole_file(path) as half,
        os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file,
    ):
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name for a new file, which is named `path` when the block ends and deleted when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = beside(path)
    try:
        yield half
        sync(half)
        publish(half, path)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def whole_folder(out: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """Yield a folder to fill, which is named `out` when the block ends and deleted when it fails.

    Parameters
    ----------
    out: must not exist, or be empty; its parents are made when absent.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    half = beside(out)
    half.mkdir(mode=0o700)
    try:
        yield half
        half.chmod(mode)
        for path in (*half.rglob("*"), half):
            sync(path)
        publish(half, out)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def publish(half: Path, path: Path) -> None:
    """Give a finished and synced file or folder its name, and make the rename last."""
    half.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Push a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
