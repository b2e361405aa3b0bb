"""Decode one untrusted image file to pixels, and bring all images of a study to one depth.

Decoding runs in the confined child process, see `confined`. The picture is that of `analysis.picture`, which the
networks were given too. A page that shows a window, or a length, would show them otherwise for an 8-bit than for a
12-bit file, and in millimetres for one source but not for another; so one depth, and one knowledge of spacing, hold
for all frames of a study, and neither tells where a case comes from. For the same reason a case set is grey or in
colour as a whole: a picture without colour in a set in colour keeps its three channels.
"""

import os
import stat
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from analysis import picture as pictures
from analysis.picture.reading import PNG_SIGNATURE, START_BYTES
from readerstudy.cases.window import WindowRule

MAX_FILE_BYTES = 64 * 2**20
RULES: dict[WindowRule, pictures.Rule] = {
    WindowRule.DICOM: "file", WindowRule.FULL: "full", WindowRule.PERCENTILE: pictures.PERCENTILES,
}  # fmt: skip


EIGHT_BIT_RGB = b"\x08\x02"
"""Depth and type of colour as the header of a PNG states them, in its bytes 24 and 25."""


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image: pixels (rows x columns, uint8 at 8 bit, else uint16), depth, window, curve, spacing in mm.

    In colour pixels are rows x columns x 3 of uint8, and window and curve hold for each channel.
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
    file: BinaryIO,
    window_rule: WindowRule,
    networks: pictures.Percentiles | None = None,
    colour: bool = False,
) -> DecodedImage:
    """Decode one image file.

    Parameters
    ----------
    file: a plain file opened for reading in binary; read from its start.
    window_rule: the study's rule for the default window.
    networks: the percentiles between which the networks were given DICOM pictures, to compare with.
    colour: the case set is in colour, so that this must be an 8-bit RGB PNG.

    Raises
    ------
    ImageRefusedError: with the reason; no text of the file is part of it.
    """
    image_format(file)
    data = file.read()
    picture = pictures.read_picture(data)
    shape = picture.stored.shape
    if colour:
        if not data.startswith(PNG_SIGNATURE) or data[24:26] != EIGHT_BIT_RGB or picture.profile:
            raise pictures.ImageRefusedError(pictures.Reason.NOT_RGB)
        shape = (*shape[:2], 3)
        stored = picture.stored if picture.coloured else np.repeat(picture.stored, 3, axis=1)
        # Side by side the channels are one grey picture of three times the width: one tone for all of them.
        picture = replace(picture, stored=stored.reshape(shape[0], -1))
    elif picture.coloured:
        raise pictures.ImageRefusedError(pictures.Reason.COLOUR)
    shown = pictures.render(picture, RULES[window_rule])
    apart = None if networks is None else _apart(shown, pictures.network_rendering(picture, networks))
    pixels = shown.pixels.reshape(shape)
    return DecodedImage(pixels, shown.bits, shown.window, shown.shades, picture.spacing, apart)


def _apart(one: pictures.Rendering, other: pictures.Rendering) -> bool:
    """Tell whether a pixel differs by more than the one grey level that rounding may make."""
    first, second = pictures.levels(one).reshape(-1), pictures.levels(other).reshape(-1)
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
        raise pictures.ImageRefusedError(pictures.Reason.NOT_A_FILE)
    if facts.st_size > MAX_FILE_BYTES:
        raise pictures.ImageRefusedError(pictures.Reason.FILE_TOO_LARGE)
    file.seek(0)
    start = file.read(START_BYTES)
    file.seek(0)
    return pictures.picture_format(start)


def at_depth(image: DecodedImage, bits: int) -> DecodedImage:
    """Bring an image to a greater depth: its full range becomes the full range, no two values become one.

    v' = floor(v (2**bits - 1) / (2**image.bits - 1) + 1/2). From 8 to 16 bit that is exact (257 v); otherwise a value
    moves by less than half a step of the new depth. The window's limits move alike, unrounded. The curve keeps its
    level at every value that can occur, and runs straight in between.

    Raises
    ------
    ValueError: the image is deeper than that.
    """
    if image.bits == bits:
        return image
    if image.bits > bits:
        raise ValueError(f"expected a depth of at least {image.bits} bit, got {bits}")
    old, new = 2**image.bits - 1, 2**bits - 1
    moved = ((np.arange(old + 1, dtype=np.uint64) * (2 * new) + old) // (2 * old)).astype(np.uint16)
    curve = np.floor(np.interp(np.arange(new + 1), moved, image.curve) + 0.5).astype(np.uint8)
    low, high = (limit * new / old for limit in image.window)
    return replace(image, pixels=moved[image.pixels], bits=bits, window=(low, high), curve=curve)
