"""Which file system a path lies on, from /proc/self/mountinfo."""

from pathlib import Path

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "fuse.sshfs",
     "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "ncpfs"}
)  # fmt: skip
MOUNTS = Path("/proc/self/mountinfo")


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds a path (or will hold it); empty where nobody says.

    Source: proc(5), mountinfo: field 5 is the mount point, the field after the dash the type.
    """
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    place = place.resolve()
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
