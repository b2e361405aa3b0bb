"""Decode one untrusted image file to grey pixels. Runs in the confined child process, see `confined`.

The picture is that of `analysis.picture`, which the networks were given too.
"""

import os
import stat
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from analysis.picture import (
    PERCENTILES,
    ImageRefusedError,
    Percentiles,
    Reason,
    Rendering,
    Rule,
    levels,
    network_rendering,
    picture_format,
    read_picture,
    render,
)
from analysis.picture.reading import START_BYTES
from readerstudy.cases.window import WindowRule

MAX_FILE_BYTES = 64 * 2**20
RULES: dict[WindowRule, Rule] = {
    WindowRule.DICOM: "file", WindowRule.FULL: "full", WindowRule.PERCENTILE: PERCENTILES,
}  # fmt: skip


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image: pixels (rows x columns, uint8 at 8 bit, else uint16), depth, window, curve, spacing in mm.

    curve: the grey level of each value (uint8, 2**bits). window: the values between which a straight line comes
    nearest to it. apart: whether the networks were given another tone; None where that is not known.
    """

    pixels: np.ndarray
    bits: int
    window: tuple[float, float]
    curve: np.ndarray
    spacing: tuple[float, float] | None
    apart: bool | None = None


def decode_image(
    file: BinaryIO, window_rule: WindowRule, networks: Percentiles | None = None
) -> DecodedImage:
    """Decode one image file.

    Parameters
    ----------
    file: a plain file opened for reading in binary; read from its start.
    window_rule: the study's rule for the default window.
    networks: the percentiles between which the networks were given DICOM pictures, to compare with.

    Raises
    ------
    ImageRefusedError: with the reason; no text of the file is part of it.
    """
    image_format(file)
    picture = read_picture(file.read())
    if picture.coloured:
        raise ImageRefusedError(Reason.COLOUR)
    shown = render(picture, RULES[window_rule])
    apart = None if networks is None else _apart(shown, network_rendering(picture, networks))
    return DecodedImage(shown.pixels, shown.bits, shown.window, shown.shades, picture.spacing, apart)


def _apart(one: Rendering, other: Rendering) -> bool:
    """Tell whether a pixel differs by more than the one grey level that rounding may make."""
    first, second = levels(one).reshape(-1), levels(other).reshape(-1)
    steps = range(0, first.size, 2**20)  # a copy of all pixels in a wider type would take its memory
    return any(
        int(np.abs(first[at : at + 2**20].astype(np.int16) - second[at : at + 2**20]).max()) > 1
        for at in steps
    )


def image_format(file: BinaryIO) -> str:
    """Return "DICOM", "PNG" or "JPEG" by the first bytes, after checking the size; rewind the file.

    Raises
    ------
    ImageRefusedError: not a plain file, empty, larger than 64 MB, of another format, or of two at once.
    """
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        raise ImageRefusedError(Reason.NOT_A_FILE)
    if facts.st_size > MAX_FILE_BYTES:
        raise ImageRefusedError(Reason.FILE_TOO_LARGE)
    file.seek(0)
    start = file.read(START_BYTES)
    file.seek(0)
    return picture_format(start)
