"""What ties the image that a network evaluated to the one that a reader is shown: its stored values, or its structure.

The digest is over the stored values at full depth, upright, with their shape and type, before any modality or VOI
transform: the same pixels have one digest whatever file they are in, and no header changes it. Where the reading copy
has other pixels (a full-size DICOM file for a run on 8-bit copies), the structure is compared instead.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.picture.presentation import weighed

DEFINITION = 1
"""Version of what `stored_digest` is over; another definition gets another number."""


def stored_digest(stored: NDArray[np.integer]) -> str:
    """Return the SHA-256 of stored values, 64 hexadecimal digits.

    Definition 1: over the ASCII line `stored 1 TYPE ROWS COLUMNS[ CHANNELS]` and a line feed, then the values row by
    row, little-endian. TYPE is u or i and the bytes of a value, such as u2.

    Parameters
    ----------
    stored: as in `Presentation`, rows x columns (x 3).
    """
    kind = f"{stored.dtype.kind}{stored.dtype.itemsize}"
    head = " ".join(["stored", str(DEFINITION), kind, *map(str, stored.shape)])
    values = np.ascontiguousarray(stored, dtype=f"<{kind}")
    return hashlib.sha256(f"{head}\n".encode("ascii") + values.tobytes()).hexdigest()


def fine_structure(picture: NDArray[np.uint8], side: int, wide: int) -> NDArray[np.float64]:
    """Compute the fine structure of a picture, which no monotone change of tone alters.

    What all chest radiographs share (bright middle, dark lungs) is taken away: the mean over `wide` blocks each way.

    Parameters
    ----------
    picture: uint8, rows x columns; of colour (x 3) the luminance is taken.
    side: blocks each way; at most as many as the picture has pixels are taken.
    wide: blocks, odd.

    Returns
    -------
    float64, blocks x blocks numbers of mean 0 and length 1; all 0 for a picture without structure.
    """
    grey = picture if picture.ndim == 2 else weighed(picture)
    side = min(side, *grey.shape)
    whole = Image.fromarray(grey.astype(np.float32))
    blocks = np.asarray(whole.resize((side, side), Image.Resampling.BOX), dtype=np.float64)
    # Ranks forget brightness, contrast and window.
    ranks = np.argsort(np.argsort(blocks, axis=None, kind="stable"), kind="stable").reshape(blocks.shape)
    fine = ranks - _blurred(ranks.astype(np.float64), wide)
    fine -= fine.mean()
    length = float(np.linalg.norm(fine))
    if np.ptp(blocks) == 0 or length == 0:
        return np.zeros(side * side)
    return (fine / length).ravel()


PALE = 8.0
"""Grey levels: differences between colours that are smaller than this say little of a picture."""


def tint(picture: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """Compute where a picture has which colour, apart from its brightness.

    Parameters
    ----------
    picture: uint8, rows x columns x 3. side: as of `fine_structure`.

    Returns
    -------
    float64 of length 1: red less green and blue less green of each block, and one number that outweighs what is pale.
    The products of two pictures' numbers add up to 1 for the same colours, and to little where one has none.
    """
    side = min(side, *picture.shape[:2])
    values = picture.astype(np.float32)
    blocks = [
        Image.fromarray(values[..., place] - values[..., 1]).resize((side, side), Image.Resampling.BOX)
        for place in (0, 2)
    ]
    found = np.append(np.asarray(blocks, dtype=np.float64), PALE * np.sqrt(2) * side)
    return np.asarray(found / np.linalg.norm(found))


def _blurred(table: NDArray[np.float64], wide: int) -> NDArray[np.float64]:
    margin = wide // 2
    padded = np.pad(table, margin, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (wide, wide))
    return np.asarray(windows.mean(axis=(2, 3)))
