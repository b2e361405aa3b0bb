"""Uploads of images and label files, file by file, into the site's data area, until they are a data set.

An upload is a box (`analysis.services.boxes`) in `UPLOADS_ROOT`, a folder below the data roots: what has arrived is
kept for a week for the rest to follow. No address and no log holds a file's name. Once they are a data set, the files
are in a folder of its name.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import transaction

from analysis.caseset.sources import MAXIMUM_BYTES
from analysis.durable import publish, write_whole
from analysis.identity import path_key
from analysis.models import DataSet
from analysis.services import boxes
from analysis.services.data_sets import InputError, register_data_set
from analysis.services.places import within
from analysis.signals import tell

KEPT = timedelta(days=7)
MOST_FILES = 250_000
"""The published data sets have up to 225,000 images."""
TABLES = (".csv", ".txt", ".gz")
IMAGES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
LONGEST, DEEPEST = 120, 8
FILES, NAMES = "files", "names.txt"


def root() -> Path:
    """Return the folder of uploads.

    Raises
    ------
    InputError: it is no folder below the data roots.
    """
    if not within(settings.UPLOADS_ROOT, settings.DATA_ROOTS):
        raise InputError(
            "expected UPLOADS_ROOT below one of DATA_ROOTS; ask the person who runs the server to change the setting"
        )
    return Path(settings.UPLOADS_ROOT)


def begin(files: Sequence[tuple[str, int]], actor_id: int) -> Path:
    """Begin an upload of files, each a name (with its folders, by forward slashes) and its size in bytes.

    Raises
    ------
    InputError: no file, too many, one that is too large or has a name that cannot be kept, names that are one; less
        space than all of them need and `DISK_FREE_GB` beside; a folder that cannot be written.
    """
    top = root()
    if not 0 < len(files) <= MOST_FILES:
        raise InputError(f"expected 1 to {MOST_FILES} files, got {len(files)}; leave some out")
    for name, size in files:
        _check(name, size)
    folders = {path_key(str(above)) for name, _ in files for above in PurePosixPath(name).parents}
    keys = {path_key(name) for name, _ in files}
    if len(keys) < len(files) or keys & folders:
        raise InputError(
            "expected every file and folder with a name of its own, got two that differ in spelling alone"
        )
    try:
        top.mkdir(parents=True, exist_ok=True)
        free = max(0, shutil.disk_usage(top).free - settings.DISK_FREE_GB * 2**30) >> 20
        told = {"files": len(files), "mebibytes": sum(size for _, size in files) >> 20}
        if told["mebibytes"] > free:
            raise InputError(
                f"expected at most {free} MiB, the space that is left; got {told['mebibytes']} MiB"
            )
        with transaction.atomic():
            folder = boxes.begin(top, actor_id, told)
            write_whole(
                folder / NAMES, "".join(f"{size} {name}\n" for name, size in files).encode(), mode=0o600
            )
            (folder / FILES).mkdir()
            tell("data_set.uploaded", "", actor_id, **told)
    except OSError as error:
        raise InputError(f"expected UPLOADS_ROOT to be writable by the site ({error.strerror})") from error
    return folder


def _check(name: str, size: int) -> None:
    parts = name.split("/")
    if len(parts) > DEEPEST or not all(
        part.isprintable() and part == part.strip() and part[:1] not in ("", ".", "~") and "\\" not in part
        and len(part.encode()) <= LONGEST for part in parts
    ):  # fmt: skip
        raise InputError(
            f"expected names of at most {DEEPEST} parts of up to {LONGEST} bytes, which begin with no dot, got "
            f"{name[:200]!r}; rename or leave out this file"
        )
    ending, wanted = PurePosixPath(name).suffix.lower(), ", ".join((*IMAGES, *TABLES))
    # Archives often name a DICOM file without an ending, or by its UID, which ends in digits.
    if ending not in (*TABLES, *IMAGES) and not re.fullmatch(r"(\.\d+)?", ending):
        raise InputError(
            f"expected an image or table ({wanted}; DICOM also without an ending), got {name!r}; leave it out"
        )
    if not 0 < size <= MAXIMUM_BYTES:
        raise InputError(
            f"expected files of 1 to {MAXIMUM_BYTES} bytes, got {name!r} with {size}; leave it out"
        )


def names_of(folder: Path) -> list[tuple[str, int, bool]]:
    """Return name, size in bytes and whether it has arrived of each file, in the order in which they were told."""
    told = [line.split(" ", 1) for line in (folder / NAMES).read_text(encoding="utf-8").splitlines()]
    return [(name, int(size), (folder / FILES / name).is_file()) for size, name in told]


def receive(folder: Path, number: int, data: bytes) -> None:
    """Keep the file of a number; one that has arrived stays as it is.

    Raises
    ------
    InputError: no such file, or not of the size that was told.
    """
    with (folder / NAMES).open(encoding="utf-8") as lines:
        size, _, name = next(islice(lines, number, None), "").rstrip("\n").partition(" ")
    if not name or len(data) != int(size):
        raise InputError(
            "expected a file of this upload as it was when it began; choose the same files again"
        )
    if not (folder / FILES / name).exists():
        write_whole(folder / FILES / name, data, mode=0o640)
        os.utime(folder)


def as_sent(text: str) -> str:
    """Return a text in which the files of an upload have the names under which they were sent."""
    below = rf"(the data folder )?{re.escape(os.path.realpath(settings.UPLOADS_ROOT))}/[\w.-]+(/{FILES})?(/|(?![\w.]))"
    return re.sub(below, lambda found: "" if found[0].endswith("/") else "this upload", text)


def register(folder: Path, slug: str, section: Mapping[str, Any], actor_id: int) -> DataSet:
    """Make a data set of an upload: its files lie under the data set's name then.

    Raises
    ------
    InputError: files that have not arrived, a name that is taken; see `register_data_set`. The upload stays.
    """
    target = root() / slug
    if missing := sum(not there for _, _, there in names_of(folder)):
        raise InputError(f"expected all files, {missing} have not arrived; choose the same files again")
    if os.path.lexists(target):
        raise InputError(f"expected a new name, the folder of uploads already has {slug}", "slug")
    publish(folder / FILES, target)
    try:
        made = register_data_set(slug=slug, section=section, roots=[target], actor_id=actor_id)
    except BaseException:
        publish(target, folder / FILES)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return made


def expire() -> None:
    """Delete every upload to which nothing was added for a week."""
    boxes.expire(Path(settings.UPLOADS_ROOT), KEPT)
