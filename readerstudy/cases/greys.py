"""What every decoder gives back, and the size that none may pass."""

from dataclasses import dataclass

import numpy as np

from readerstudy.cases.refusals import ImageRefusedError, Reason

MAX_PIXELS = 100_000_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Greys:
    """Grey values as a file gives them, before the window is chosen.

    pixels: rows x columns, unsigned, 0 .. 2**bits - 1, larger is brighter. bits: 8 to 16.
    stated: the window that the file asks for, in grey values, or None. spacing: (row, column) in mm, or None.
    used: rows x columns of bool, False for padding; None when all pixels are image.
    """

    pixels: np.ndarray
    bits: int
    stated: tuple[float, float] | None
    spacing: tuple[float, float] | None
    used: np.ndarray | None = None


def check_size(rows: int, columns: int) -> None:
    """Refuse more than 100 megapixels.

    Raises
    ------
    ImageRefusedError: too many pixels.
    """
    if rows * columns > MAX_PIXELS:
        raise ImageRefusedError(Reason.TOO_MANY_PIXELS)
