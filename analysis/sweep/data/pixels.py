"""One image file to one square of grey bytes, by the picture that readers get too (`analysis.picture`).

8-bit PNG and JPEG keep their values; colour becomes grey by ITU-R 601-2 weights (the caller is told which files had
colour). A 16-bit PNG keeps the upper 8 of the bits that it uses, as OpenCV does where it uses all. DICOM: the window of
two percentiles, padding left out, stretched to 0..255.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.durable import sha256_bytes
from analysis.picture import ImageRefusedError, Percentiles, levels, network_rendering, read_picture
from analysis.picture.custody import stored_digest
from analysis.sweep.data.resize import resize_linear
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Pixels:
    """A decoded image: `grey` uint8 size x size, whether the file held colour, and the file's SHA-256.

    `stored`: the digest of the stored values (`analysis.picture.custody`).
    """

    grey: Grey
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
    except ImageRefusedError as error:
        raise DataError(f"{path}: expected a readable image (PNG, JPEG or DICOM): {error}") from error
    rendering = network_rendering(picture, Percentiles(*preprocess.window))
    if rendering.flat:
        raise DataError(f"{path}: expected an image with contrast, got one value throughout")
    return Pixels(
        _square(levels(rendering), preprocess),
        picture.coloured,
        sha256_bytes(content),
        stored_digest(picture.stored),
    )


def _square(grey: Grey, preprocess: PreprocessSpec) -> Grey:
    if not preprocess.antialias:
        return resize_linear(grey, preprocess.size)
    side = (preprocess.size, preprocess.size)
    return np.asarray(Image.fromarray(grey).resize(side, Image.Resampling.BILINEAR))
