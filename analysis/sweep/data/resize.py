"""Bilinear resize of grey bytes, equal to OpenCV's INTER_LINEAR bit by bit.

The published study resized with OpenCV and without antialiasing. OpenCV works in fixed point with 11-bit
weights; the same arithmetic here keeps the pixels equal where OpenCV is not installed (the tests compare with
OpenCV).
"""

import numpy as np
from numpy.typing import NDArray

_ONE = 2048
"""OpenCV's fixed-point unit, 2**11."""

Grey = NDArray[np.uint8]
Places = NDArray[np.intp]
Weights = NDArray[np.int32]


def resize_linear(image: Grey, size: int) -> Grey:
    """Resize rows x columns of uint8 to size x size, the aspect not kept, no antialiasing."""
    x0, x1, a0, a1 = _axis(image.shape[1], size, clamp=True)
    y0, y1, b0, b1 = _axis(image.shape[0], size, clamp=False)
    upper, lower = (_across(image[rows], x0, x1, a0, a1) for rows in (y0, y1))
    total = (b0[:, None] * (upper >> 4) >> 16) + (b1[:, None] * (lower >> 4) >> 16)
    resized: Grey = np.clip((total + 2) >> 2, 0, 255).astype(np.uint8)
    return resized


def _across(rows: Grey, x0: Places, x1: Places, a0: Weights, a1: Weights) -> Weights:
    across: Weights = rows[:, x0] * a0 + rows[:, x1] * a1
    return across


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
