"""How many bytes each study, each sweep and the rest of the site take, what is free there, and on what file system."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from readerstudy.cases.models import Frame
from readerstudy.ops.backup.folder import PARTS, Keep, unlisted
from readerstudy.study.models import Study

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "fuse.sshfs",
     "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "ncpfs"}
)  # fmt: skip
MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Place:
    """A folder, the bytes free in its file system, and whether that is less than wanted."""

    name: str
    free: int
    low: bool

    @property
    def told(self) -> str:
        """What there is and what should be, in words."""
        wanted = settings.DISK_FREE_GB
        return f"{self.free / 2**30:.1f} GiB free where {self.name} lies, {wanted} are required"


def disk_use() -> list[tuple[str, str, int]]:
    """Add up frames by their rows (wherever they lie), everything else by its files: kind, name and bytes of each."""
    stored = Frame.objects.values("study").annotate(size=Sum("length"))
    frames = {row["study"]: int(row["size"]) for row in stored}
    rows = [("frames", study.slug, frames.get(study.key, 0)) for study in Study.objects.order_by("slug")]
    for part in (part for part in PARTS if part.name != "frames" and part.root.exists()):
        paths = sorted(part.root.glob("*")) if part.keep is Keep.SAVED and part.root.is_dir() else [part.root]
        rows += [(part.name, path.name, size_of(path)) for path in paths]
    rows += [("other", path.name, size_of(path)) for path in unlisted()]
    return rows


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


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds a path (or will hold it); empty where nobody says.

    Source: proc(5), mountinfo: field 5 is the mount point, the field after the dash the type.
    """
    place = path.resolve()  # as far as it is there
    longest, found = -1, ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5:
            continue
        point = fields[4].encode().decode("unicode_escape")  # spaces are written as \040
        if place.is_relative_to(point) and len(point) >= longest:
            longest, found = len(point), after.split()[0]
    return found
