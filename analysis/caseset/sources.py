"""Where the images to be read lie: a name of the sweep to a file, in the same or in another format."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from analysis.caseset.errors import CaseSetError
from analysis.identity import NameClashError, find_files


def find_images(names: Iterable[str], folder: Path, *, among: Iterable[str] | None = None) -> dict[str, Path]:
    """Map each image name to its file in a folder, by the rules of `analysis.identity.find_files`.

    A sweep may have seen `p10/s50/abc.jpg` while the reading copy is `files/p10/s50/abc.dcm`, or `reading/abc.dcm`:
    then the last part joins them, if no other image and no other file has it. What could be several is refused, not
    guessed.

    Parameters
    ----------
    names: the images to find.
    folder: where their files lie.
    among: all images of the run, any of which could lay claim to a file; by default those to find.

    Raises
    ------
    CaseSetError: an absolute or climbing name, a name without a file, names and files that do not fit one to one.
    """
    if not folder.is_dir():
        raise CaseSetError(f"{folder}: expected a folder of images, found none")
    wanted = list(names)
    for row, name in enumerate(wanted, start=1):
        _check_name(name, row)
    try:
        found = find_files(wanted, folder, among=None if among is None else list(among), anywhere=True)
    except NameClashError as error:
        raise CaseSetError(f"{folder}: {error}") from error
    for row, name in enumerate(wanted, start=1):
        if name not in found:
            raise CaseSetError(
                f"selection, row {row}: expected one image file for {name!r} in {folder} "
                "(by its path, or by its name without extension), got none"
            )
    return {name: found[name] for name in wanted}


def _check_name(name: str, row: int) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise CaseSetError(f"selection, row {row}: expected a name inside the image folder, got {name!r}")
