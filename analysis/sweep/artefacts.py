"""Files that are whole or absent: written under another name in the same folder, synced, renamed."""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def temporary_beside(path: Path) -> Path:
    """Return a fresh hidden name in the folder of `path`; a killed process may leave such a file behind."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def clear_temporaries(folder: Path, of: str = "*") -> int:
    """Delete what killed processes left of files named `of`; return how many. Nobody may be writing there."""
    left = list(folder.glob(f".{of}.{'[0-9a-f]' * 32}.tmp"))
    for file in left:
        file.unlink(missing_ok=True)
    return len(left)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or none; the folder is made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished and synced file its name, and make the rename last."""
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Write JSON in one form (sorted keys, two spaces, a final line feed), so that equal content is equal
    bytes.
    """
    return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
