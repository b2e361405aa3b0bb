"""Decode one untrusted image file to grey pixels. Runs in the confined child process, see `confined`.

DICOM, PNG and JPEG are told apart by content, never by name. The result is the displayable stored value:
unsigned, at the depth of the file, larger is brighter.
"""

import os
import stat
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from readerstudy.cases.greys import PNG_SIGNATURE
from readerstudy.cases.refusals import ImageRefusedError, Reason
from readerstudy.cases.window import WindowRule, choose_window

MAX_FILE_BYTES = 64 * 2**20
JPEG_SIGNATURE = b"\xff\xd8\xff"
_FOREIGN = (
    PNG_SIGNATURE,
    JPEG_SIGNATURE,
    b"PK",
    b"%PDF",
    b"\x1f\x8b",
    b"GIF8",
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"<",
)
"""What a DICOM preamble must not begin with. (TIFF, which DICOM allows there for slides, may stand.)"""


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image: pixels (rows x columns, uint8 at 8 bit, else uint16), depth, window, spacing in mm."""

    pixels: np.ndarray
    bits: int
    window: tuple[int, int]
    spacing: tuple[float, float] | None


def decode_image(file: BinaryIO, window_rule: WindowRule) -> DecodedImage:
    """Decode one image file.

    Parameters
    ----------
    file: a plain file opened for reading in binary; read from its start.
    window_rule: the study's rule for the default window.

    Raises
    ------
    ImageRefusedError: with the reason; no text of the file is part of it.
    """
    kind = image_format(file)
    if kind == "DICOM":
        from readerstudy.cases.dicom import read_dicom

        greys = read_dicom(file)
    else:
        from readerstudy.cases.raster import read_raster

        greys = read_raster(file)
    if greys.pixels.ndim != 2 or greys.pixels.size == 0:
        raise ImageRefusedError(Reason.CORRUPT)
    window = choose_window(window_rule, greys.stated, greys.pixels, greys.bits, greys.used)
    depth = np.uint8 if greys.bits == 8 else np.uint16
    return DecodedImage(greys.pixels.astype(depth, copy=False), greys.bits, window, greys.spacing)


def image_format(file: BinaryIO) -> str:
    """Return "DICOM", "PNG" or "JPEG" by the first bytes, after checking the size; rewind the file.

    Raises
    ------
    ImageRefusedError: not a plain file, empty, larger than 64 MB, of another format, or of two at once.
    """
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        raise ImageRefusedError(Reason.NOT_A_FILE)
    if facts.st_size == 0:
        raise ImageRefusedError(Reason.EMPTY)
    if facts.st_size > MAX_FILE_BYTES:
        raise ImageRefusedError(Reason.FILE_TOO_LARGE)
    file.seek(0)
    start = file.read(132)
    file.seek(0)
    if start[128:132] == b"DICM":
        if start.startswith(_FOREIGN):
            raise ImageRefusedError(Reason.TWO_FORMATS)
        return "DICOM"
    if start.startswith(PNG_SIGNATURE):
        return "PNG"
    if start.startswith(JPEG_SIGNATURE):
        return "JPEG"
    raise ImageRefusedError(Reason.UNKNOWN_FORMAT)
