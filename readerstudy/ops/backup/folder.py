"""What a site's folder holds, and what becomes of each part: the one list, for backup, restore, disk use and doctor.

What the list does not name is saved with the rest. So a new cache or staging folder must be put into it, and a test
fails on a folder that is not.
"""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from readerstudy.ops.backup.database_copy import COPIES
from readerstudy.ops.backup.manifest import MANIFEST


class Keep(StrEnum):
    """What a backup does with a part, in words."""

    SAVED = "saved"
    COPIED = "saved, by a copy made for it"
    CACHE = "left out: a cache, made again by itself"
    STAGING = "left out: what is under way, and locks"
    SEALED = "never: keep it apart"


@dataclass(frozen=True)
class Part:
    """One file or folder: its name in the site's folder and in a backup, and the setting that may put it elsewhere.

    `hidden`: whether names that begin with a dot are staging (a file is written under one and renamed) and caches.
    """

    name: str
    keep: Keep
    holds: str
    setting: str = ""
    hidden: bool = True

    @property
    def root(self) -> Path:
        """Where it lies on this host."""
        place = getattr(settings, self.setting) if self.setting else settings.HOME / self.name
        return Path(os.path.abspath(place))


with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as _file:
    PARTS = tuple(
        Part(row["name"], Keep[row["keep"]], row["holds"], row["setting"], bool(row["hidden"]))
        for row in csv.DictReader(_file)
    )
OTHER = "site"
"""In a backup, the folder of what the list does not name."""


@dataclass
class Contents:
    """The files of a site's folder as a backup names them, and what is not among them: its name, and why."""

    files: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def unlisted() -> list[Path]:
    """Return what lies directly in the site's folder and is in no part of the list."""
    home, known = Path(os.path.abspath(settings.HOME)), {part.root for part in PARTS}
    return [path for path in sorted(home.iterdir()) if path not in known] if home.is_dir() else []


def contents() -> Contents:
    """Go through all that is saved file by file; frames are saved by their rows and are not among them."""
    found = Contents()
    for part in PARTS:
        if part.keep is Keep.SAVED and part.name != "frames":
            _walk(part.root, part.name, found, hidden=part.hidden)
        elif part.keep is Keep.SEALED and part.root.exists():
            found.left_out[part.name] = part.keep.value
    _walk(Path(os.path.abspath(settings.HOME)), OTHER, found, hidden=False)
    return found


def targets() -> Mapping[str, Path]:
    """Return where the first parts of names in a backup lead on this site."""
    return {OTHER: settings.HOME, **{part.name: part.root for part in PARTS if part.keep is Keep.SAVED}}


def _walk(root: Path, name: str, found: Contents, *, hidden: bool) -> None:
    if root.is_file():
        found.files[name] = root
    for path, inside in _inside(root, name, hidden):
        if path.is_file():
            found.files[inside] = path
        elif path.is_symlink():
            found.left_out[inside] = f"a link to {os.readlink(path)}"
        elif path.is_dir():
            found.left_out[inside] = "a backup"
        else:
            found.left_out[inside] = "neither a file nor a folder"


def _inside(root: Path, name: str, hidden: bool) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder, and in their place folders that are not gone into, each with its name."""
    others = {part.root for part in PARTS} | ({settings.IMAGE_CACHE} if settings.IMAGE_CACHE else set())
    for place, folders, files in os.walk(root):
        here, into = Path(place), []
        for each in sorted([*folders, *files]):
            path = here / each
            if path in others or (hidden and each.startswith(".")):
                continue
            if each in folders and not path.is_symlink() and not _is_backup(path):
                into.append(each)
            else:
                yield path, f"{name}/{path.relative_to(root).as_posix()}"
        folders[:] = into


def _is_backup(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and any((folder / name).is_file() for name in COPIES)
