"""How many bytes each study, each sweep and every other part of the site takes, and what is free where they lie."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from readerstudy.cases.models import Frame
from readerstudy.ops.backup.folder import PARTS, Keep, unlisted
from readerstudy.study.models import Study


@dataclass(frozen=True)
class Row:
    """Bytes of one thing."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Place:
    """A folder, the bytes free in its file system, and whether that is less than wanted."""

    name: str
    free: int
    low: bool


@dataclass(frozen=True)
class DiskUse:
    """What is taken and what is free."""

    rows: list[Row]
    places: list[Place]
    wanted_gb: int


def disk_use() -> DiskUse:
    """Add up frames by their rows (wherever they lie), everything else by its files."""
    stored = Frame.objects.values("study").annotate(size=Sum("length"))
    frames = {row["study"]: int(row["size"]) for row in stored}
    rows = [Row("frames", study.slug, frames.get(study.key, 0)) for study in Study.objects.order_by("slug")]
    for part in (part for part in PARTS if part.name != "frames" and part.root.exists()):
        paths = sorted(part.root.glob("*")) if part.keep is Keep.SAVED and part.root.is_dir() else [part.root]
        rows += [Row(part.name, path.name, size_of(path)) for path in paths]
    rows += [Row("other", path.name, size_of(path)) for path in unlisted()]
    return DiskUse(rows, free_places(), settings.DISK_FREE_GB)


def free_places() -> list[Place]:
    """Look at each file system that the site writes to, once."""
    seen: dict[int, Place] = {}
    for root in (settings.HOME, *(part.root for part in PARTS if part.keep is Keep.SAVED)):
        path = next(place for place in (root, *root.parents) if place.exists())
        free = shutil.disk_usage(path).free
        seen.setdefault(path.stat().st_dev, Place(root.name, free, free < settings.DISK_FREE_GB * 2**30))
    return list(seen.values())


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())
