"""One image file to one square of bytes, by the picture that readers get too (`analysis.picture`).

8-bit PNG and JPEG keep their values. Colour becomes grey by ITU-R 601-2 weights, or red, green and blue of sRGB where
that is asked for (the caller is told which files had colour). A 16-bit PNG keeps the upper 8 of the bits that it uses,
as OpenCV does where it uses all. DICOM: the window of two percentiles, padding left out, stretched to 0..255.

The published study resized with OpenCV and without antialiasing. OpenCV works in fixed point with 11-bit weights; the
same arithmetic here keeps the pixels equal where OpenCV is not installed (the tests compare with OpenCV).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.durable import sha256_bytes
from analysis.picture import ImageRefusedError, Percentiles, levels, network_rendering, read_picture
from analysis.picture.colour import srgb
from analysis.picture.custody import stored_digest
from analysis.picture.presentation import Presentation
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Pixels:
    """A decoded image: uint8 size x size, x 3 where colour was asked for and found; whether the file held colour, and
    the file's SHA-256.

    `stored`: the digest of the stored values (`analysis.picture.custody`).
    """

    square: NDArray[np.uint8]
    coloured: bool
    sha256: str
    stored: str


def read_pixels(path: Path, preprocess: PreprocessSpec) -> Pixels:
    """Decode and resize one image.

    Raises
    ------
    DataError: no such file, or a file that is not a readable PNG, JPEG or single-frame DICOM.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected an image, got the error '{error.strerror}'") from error
    try:
        picture = read_picture(content)
        colours = srgb(picture) if picture.coloured and preprocess.colour == "rgb" else None
    except ImageRefusedError as error:
        raise DataError(f"{path}: expected a readable image (PNG, JPEG or DICOM): {error}") from error
    if colours is None:
        square, stored = _square(_grey_of(picture, path, preprocess), preprocess), picture.stored
    else:
        planes = [_square(plane, preprocess) for plane in np.moveaxis(colours, 2, 0)]
        square, stored = np.stack(planes, axis=2), colours
    return Pixels(square, picture.coloured, sha256_bytes(content), stored_digest(stored))


def _grey_of(picture: Presentation, path: Path, preprocess: PreprocessSpec) -> Grey:
    rendering = network_rendering(picture, Percentiles(*preprocess.window))
    if rendering.flat:
        raise DataError(f"{path}: expected an image with contrast, got one value throughout")
    return levels(rendering)


def fitted(grey: Grey, fit: str, crop: float) -> Grey:
    """Return the image as it is (`squash`), in the middle of a black square (`letterbox`), or the square in its middle
    whose side is the share `crop` of its shorter side.
    """
    rows, columns = grey.shape
    if fit == "squash":
        return grey
    side = max(rows, columns) if fit == "letterbox" else max(1, round(crop * min(rows, columns)))
    top, left = abs(rows - side) // 2, abs(columns - side) // 2
    if fit == "crop":
        return grey[top : top + side, left : left + side]
    square = np.zeros((side, side), np.uint8)
    square[top : top + rows, left : left + columns] = grey
    return square


def _square(grey: Grey, preprocess: PreprocessSpec) -> Grey:
    grey = fitted(grey, preprocess.fit, preprocess.crop)
    if not preprocess.antialias:
        return resize_linear(grey, preprocess.size)
    side = (preprocess.size, preprocess.size)
    return np.asarray(Image.fromarray(grey).resize(side, Image.Resampling.BILINEAR))


_ONE = 2048
"""OpenCV's fixed-point unit, 2**11."""


Places = NDArray[np.intp]


Weights = NDArray[np.int32]


def resize_linear(image: Grey, size: int) -> Grey:
    """Resize rows x columns of uint8 to size x size, the aspect not kept, no antialiasing."""
    x0, x1, a0, a1 = _axis(image.shape[1], size, clamp=True)
    y0, y1, b0, b1 = _axis(image.shape[0], size, clamp=False)
    upper, lower = (rows[:, x0] * a0 + rows[:, x1] * a1 for rows in (image[y0], image[y1]))
    total = (b0[:, None] * (upper >> 4) >> 16) + (b1[:, None] * (lower >> 4) >> 16)
    return np.asarray(np.clip((total + 2) >> 2, 0, 255).astype(np.uint8))


def _axis(n_in: int, n_out: int, *, clamp: bool) -> tuple[Places, Places, Weights, Weights]:
    """Return for each output place the two source places and their weights.

    Beyond the edge OpenCV puts the whole weight on the edge pixel along a row (`clamp`), but keeps both
    weights, each on the edge row, along a column; the two round differently.
    """
    centre = ((np.arange(n_out) + 0.5) * (1.0 / (n_out / n_in)) - 0.5).astype(np.float32)
    left = np.floor(centre).astype(np.intp)
    share = (centre - left).astype(np.float32)
    if clamp:
        share[(left < 0) | (left >= n_in - 1)] = 0
    w1 = np.rint(share * np.float32(_ONE)).astype(np.int32)
    w0 = np.rint((np.float32(1) - share) * np.float32(_ONE)).astype(np.int32)
    return np.clip(left, 0, n_in - 1), np.clip(left + 1, 0, n_in - 1), w0, w1
