"""What is left of an image when everything but its pixels is gone."""

from dataclasses import dataclass
from typing import Literal

from analysis.caseset.errors import CaseSetError

Format = Literal["PNG", "JPEG", "DICOM"]
EXTENSIONS: dict[Format, str] = {"PNG": "png", "JPEG": "jpg", "DICOM": "dcm"}

MAXIMUM_BYTES = 64 * 2**20
"""Largest image file that is read: 64 MiB."""

MAXIMUM_PIXELS = 100_000_000
"""Largest image that is copied: 100 megapixels."""


@dataclass(frozen=True)
class Cleaned:
    """A sanitised image file and what its header tells: size in pixels, bits per sample, how it is coded."""

    data: bytes
    format: Format
    rows: int
    columns: int
    bits: int
    encoding: str


def check_size(rows: int, columns: int, where: str) -> None:
    """Refuse an image without pixels or with more than 100 million.

    Raises
    ------
    CaseSetError: such an image.
    """
    if not 0 < rows * columns <= MAXIMUM_PIXELS:
        raise CaseSetError(f"{where}: expected 1 to {MAXIMUM_PIXELS} pixels, {rows} x {columns} came")
