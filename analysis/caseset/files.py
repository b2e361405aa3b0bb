"""Files of the handover: constant modes and times, private files, folders that appear whole."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from analysis.durable import sync

CASES_FILE = "cases.csv"
PROVENANCE_FILE = "provenance.json"
IMAGES_FOLDER = "images"

FILE_TIME = 946_684_800
"""Access and modification time of all in a blind half: 2000-01-01 UTC, so that none tells anything."""

FOLDER_MODE = 0o750
FILE_MODE = 0o640
SEALED_MODE = 0o600


def image_stems(cases: Iterable[str]) -> list[str]:
    """Name images, without their ending, from the case of each: `case`, then `case-2` and so on."""
    held: Counter[str] = Counter()
    stems = []
    for case in cases:
        held[case] += 1
        stems.append(case if held[case] == 1 else f"{case}-{held[case]}")
    return stems


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Write a frame as CSV: UTF-8, line feeds, no index."""
    return str(frame.to_csv(index=False, lineterminator="\n")).encode()


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Create a file with a mode that no umask changes, and push it to the disk.

    Raises
    ------
    FileExistsError: the file is there.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SEALED_MODE)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def settle(folder: Path) -> None:
    """Give a folder and all in it the constant modes and times, and push the folders to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
        os.utime(path, (FILE_TIME, FILE_TIME))
        if path.is_dir():
            sync(path)
    folder.chmod(FOLDER_MODE)
    sync(folder)
    os.utime(folder, (FILE_TIME, FILE_TIME))
