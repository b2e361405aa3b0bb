"""Source images: where each named file is, and what of it is rewritten into the blind half."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from analysis.caseset.errors import CaseSetError, ColouredError
from analysis.durable import sha256_bytes
from analysis.identity import NameClashError, find_files
from analysis.picture import ImageRefusedError, Presentation, read_picture, write_neutral
from analysis.picture.colour import write_colour
from analysis.picture.refusals import Reason, Refusal


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


MAXIMUM_BYTES = 64 * 2**20
"""Largest image file that is read here and by the site: 64 MiB."""


@dataclass(frozen=True)
class Reencoded:
    """A re-encoded image (`data`), and of its source: format, depth, size in pixels, coding, bytes, SHA-256.

    burned_in: see `analysis.picture.Presentation`.
    """

    data: bytes
    format: str
    rows: int
    columns: int
    bits: int
    encoding: str
    source_bytes: int
    source_sha256: str
    burned_in: bool


def reencode(path: Path, *, colour: bool = False) -> Reencoded:
    """Decode an image file and write its stored values in the neutral format (`analysis.picture.neutral`).

    `colour`: write red, green and blue (`analysis.picture.colour`) instead.

    Raises
    ------
    ColouredError: it has colour where none is asked for.
    CaseSetError: unreadable, empty, larger than 64 MiB before or after, refused by `read_picture` or `write_colour`.
    """
    data = _read(path)
    try:
        picture = read_picture(data)
        if picture.coloured and not colour:
            raise ColouredError(f"{path}: {Refusal(Reason.COLOUR)}")
        made = write_colour(picture) if colour else write_neutral(picture)
    except ImageRefusedError as error:
        raise CaseSetError(f"{path}: {error.refusal}") from error
    if len(made) > MAXIMUM_BYTES:
        raise CaseSetError(
            f"{path}: expected at most {MAXIMUM_BYTES} bytes after re-encoding, got {len(made)}"
        )
    rows, columns = picture.stored.shape[:2]
    return Reencoded(
        data=made, format=picture.source, rows=rows, columns=columns, bits=picture.bits,
        encoding=_encoding(data, picture), source_bytes=len(data), source_sha256=sha256_bytes(data),
        burned_in=picture.burned_in,
    )  # fmt: skip


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise CaseSetError(f"{path}: expected a readable image ({error.strerror})") from error
    if len(data) > MAXIMUM_BYTES:
        raise CaseSetError(f"{path}: {Refusal(Reason.FILE_TOO_LARGE)}")
    return data


def _encoding(data: bytes, picture: Presentation) -> str:
    """Name how the source is coded: what compression leaves in the pixels could still tell the arms."""
    colour = " colour" if picture.coloured else ""
    if picture.syntax:
        return f"DICOM {picture.syntax}{' inverted' if picture.inverted else ''}{colour}"
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        tables = sorted(getattr(image, "quantization", {}).items())
        told = f", tables {hashlib.sha256(repr(tables).encode()).hexdigest()[:8]}" if tables else ""
        return f"{image.format} {image.mode}{told}{colour}"
