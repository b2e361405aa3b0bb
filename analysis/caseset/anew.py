"""Writing an image again: what of a source file goes into the blind half, and what the leak report measures of it."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from analysis.caseset.errors import CaseSetError
from analysis.durable import sha256_bytes
from analysis.picture import ImageRefusedError, Presentation, read_picture, write_neutral
from analysis.picture.refusals import Reason, Refusal

MAXIMUM_BYTES = 64 * 2**20
"""Largest image file that is read here and by the site: 64 MiB."""


@dataclass(frozen=True)
class Anew:
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


def write_anew(path: Path) -> Anew:
    """Decode an image file and write its stored values in the neutral format (`analysis.picture.neutral`).

    Raises
    ------
    CaseSetError: unreadable, empty, larger than 64 MiB before or after, refused by `read_picture`, or with colour.
    """
    data = _read(path)
    try:
        picture = read_picture(data)
        made = write_neutral(picture)
    except ImageRefusedError as error:
        raise CaseSetError(f"{path}: {error.refusal}") from error
    if len(made) > MAXIMUM_BYTES:
        raise CaseSetError(
            f"{path}: expected at most {MAXIMUM_BYTES} bytes after re-encoding, got {len(made)}"
        )
    rows, columns = picture.stored.shape
    return Anew(
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
    if picture.syntax:
        return f"DICOM {picture.syntax}{' inverted' if picture.inverted else ''}"
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        tables = sorted(getattr(image, "quantization", {}).items())
        told = f", tables {hashlib.sha256(repr(tables).encode()).hexdigest()[:8]}" if tables else ""
        return f"{image.format} {image.mode}{told}"
