"""Near-duplicate images: the same exposure stored twice, in another size, window, brightness or compression.

Files of one exposure differ byte by byte, so what is compared is the fine structure of the picture at 128 x 128
blocks: what all chest radiographs share (bright middle, dark lungs) is taken away first. A copy that was shifted,
cropped or turned is not found.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analysis.picture.custody import fine_structure
from analysis.picture.presentation import weighed
from analysis.selection.criteria import SelectionError

SIDE = 128
WIDE = 9
"""Blocks, odd: the mean over a square of this side is what all radiographs share."""

ALIKE = 0.9
"""Correlation of two fingerprints from which images are near-duplicates.

Measured on 150 phantoms, which share one anatomy and are more alike than patients: different images correlate up to
0.71; copies in JPEG quality 60, 30 % brighter, with 40 % less contrast or of half the size correlate 0.93 to 1.00.
"""


def fingerprint(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Compute the fingerprint of an image: its fine structure in 128 x 128 blocks.

    Parameters
    ----------
    picture: uint8, square, its side a multiple of 128; of colour (x 3) the luminance is compared.

    Returns
    -------
    float64, 16,384 numbers of mean 0 and length 1; all 0 for an image without structure.
    """
    side = picture.shape[0]
    if picture.shape[:2] != (side, side) or side % SIDE or not side:
        raise SelectionError(f"expected a square image, its side a multiple of {SIDE}, got {picture.shape}")
    return fine_structure(picture, SIDE, WIDE)


def near_duplicates(names: Sequence[str], prints: npt.NDArray[np.float64]) -> list[tuple[str, str, float]]:
    """List the pairs of images that are near-duplicates.

    Parameters
    ----------
    names: unique (images).
    prints: fingerprints, images x 16,384.

    Returns
    -------
    (name, name, correlation) of each pair, the most alike first.
    """
    if len(names) != len(prints):
        raise SelectionError(f"expected a fingerprint for each of {len(names)} images, got {len(prints)}")
    likeness = prints @ prints.T
    one, other = np.nonzero(np.triu(likeness >= ALIKE, 1))
    found = [
        (names[a], names[b], float(likeness[a, b])) for a, b in zip(one.tolist(), other.tolist(), strict=True)
    ]
    return sorted(found, key=lambda pair: (-pair[2], pair[:2]))


def glance_features(picture: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Compute what a glance tells: mean and SD of the grey values, mean absolute difference of neighbours.

    Of colour also how far the mean of red, and of blue, lies above that of green.

    Parameters
    ----------
    picture: uint8, rows x columns (x 3).
    """
    values = (picture if picture.ndim == 2 else weighed(picture)).astype(np.float64)
    steps = [np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)]
    found = {"brightness": values.mean(), "contrast": values.std(), "sharpness": np.mean(steps)}
    if picture.ndim == 3:
        red, green, blue = picture.mean(axis=(0, 1))
        found |= {"red": red - green, "blue": blue - green}
    return {name: float(value) for name, value in found.items()}
