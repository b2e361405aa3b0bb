"""Files and folders that are whole or absent, also after the power fails: made beside, pushed to the disk, renamed."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that a reader sees all of it or what was there before; the folder is made when absent.

    Parameters
    ----------
    mode: of the file, less what the process's umask takes away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        _sync(half)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    _sync(path.parent)


@contextmanager
def whole_folder(out: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """Yield a folder to fill, which is named `out` when the block ends and deleted when it fails.

    Parameters
    ----------
    out: must not exist, or be empty; its parents are made when absent.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield half
        half.chmod(mode)
        for path in (*half.rglob("*"), half):
            _sync(path)
        half.rename(out)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    _sync(out.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
