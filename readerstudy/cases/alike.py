"""One depth and one knowledge of spacing for all images of a study, so that neither tells where a case comes from.

A page that shows a window, or a length, would show them otherwise for an 8-bit than for a 12-bit file, and in
millimetres for one source but not for another. What is said of a frame is therefore said of all frames of a study.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from readerstudy.cases.decoder import DecodedImage


def study_depth(bits: Sequence[int]) -> int:
    """Return the depth of a study: that of its deepest image, 8 to 16 bit."""
    return max(bits, default=8)


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


def all_or_none(
    spacings: Sequence[tuple[float, float] | None],
) -> list[tuple[float, float] | None]:
    """Return the spacings if every image has one, else None for each."""
    return list(spacings) if all(spacing is not None for spacing in spacings) else [None] * len(spacings)
