"""Where the images to be read lie: a name of the sweep to a file, in the same or in another format."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from analysis.caseset.errors import CaseSetError

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")
"""Endings of image files that are looked for by stem."""


def find_images(names: Iterable[str], folder: Path) -> dict[str, Path]:
    """Map each image name to its file in a folder: by its path first, else by its stem anywhere below.

    A sweep may have seen `p10/s50/abc.jpg` while the reading copy is `files/p10/s50/abc.dcm`: the stem `abc`
    joins them. A stem that stands for several files is refused, not guessed.

    Raises
    ------
    CaseSetError: an absolute or climbing name, a name without a file, a stem with several files.
    """
    if not folder.is_dir():
        raise CaseSetError(f"{folder}: expected a folder of images, there is none")
    found: dict[str, Path] = {}
    stems: dict[str, list[Path]] | None = None
    for row, name in enumerate(names, start=1):
        _check_name(name, row)
        path = folder / name
        if not path.is_file():
            stems = _stems(folder) if stems is None else stems
            path = _by_stem(name, row, stems, folder)
        found[name] = path
    return found


def _check_name(name: str, row: int) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise CaseSetError(f"selection, row {row}: expected a name inside the image folder, {name!r} came")


def _stems(folder: Path) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            stems[path.stem].append(path)
    return stems


def _by_stem(name: str, row: int, stems: dict[str, list[Path]], folder: Path) -> Path:
    candidates = stems.get(PurePosixPath(name).stem, [])
    if len(candidates) != 1:
        came = "none" if not candidates else ", ".join(path.name for path in candidates[:3])
        raise CaseSetError(
            f"selection, row {row}: expected one image file for {name!r} in {folder} "
            f"(by its path, or by its stem with {', '.join(SUFFIXES)}); came: {came}"
        )
    return candidates[0]
