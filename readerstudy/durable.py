"""Files that are whole or absent, even after a power failure: written beside, synced, renamed.

The web project's own, as `analysis.durable` is the analysis's: what readers are served by imports nothing of it.
"""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int = 0o666, changed: int | None = None) -> None:
    """Write a file so that a reader sees all of it or what was there before.

    Parameters
    ----------
    mode: of the file, less what the process's umask takes away.
    changed: its time of access and change, in nanoseconds since 1970; by default the time of writing.
    """
    with whole_file(path, mode=mode) as half:
        half.write_bytes(data)
        if changed is not None:
            os.utime(half, ns=(changed, changed))


@contextmanager
def whole_file(path: Path, *, mode: int = 0o666, new: bool = False) -> Iterator[Path]:
    """Yield an empty file to fill, which is named `path` when the block ends and deleted when it fails.

    Raises
    ------
    FileExistsError: a `new` file has been there by the time that this one was to get its name.
    """
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        half.touch(mode, exist_ok=False)
        yield half
        sync(half)
        if new:
            os.link(half, path)
            sync(path.parent)
        else:
            publish(half, path)
    finally:
        half.unlink(missing_ok=True)


def publish(half: Path, path: Path) -> None:
    """Give a finished and synced file or folder its name, and make the rename last."""
    half.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Push a file, or the names in a folder, to the disk; some shared file systems cannot do the latter."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)
