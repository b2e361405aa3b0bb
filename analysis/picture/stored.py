"""From words in a file to stored values: value bits, sign, padding pixels, one channel where all are equal.

DICOM lets bits outside those that are stored hold an overlay: by an attribute, or unannounced where an anonymiser
removed the attribute (PS3.5 8.1.1). They are cleared. A header that states fewer bits than the values have looks the
same at first, and clearing would ruin the picture: it is refused.
"""

from dataclasses import dataclass

import numpy as np

from analysis.picture.refusals import ImageRefusedError, Reason

GREY = ("MONOCHROME1", "MONOCHROME2")
OVERLAY_EDGES = 0.25
"""An overlay is lines and letters: its bits differ between fewer neighbours than this share."""


@dataclass(frozen=True)
class Layout:
    """How pixels are stored: allocated is 8 or 16, stored 1 to allocated, the lowest bit in use is `shift`.

    apart: colours lie in one plane after the other. swapped: bytes lie in big-endian words.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    allocated: int
    stored: int
    shift: int
    signed: bool
    apart: bool = False
    swapped: bool = False

    @property
    def grey(self) -> bool:
        """Whether the values are neither colours nor places in a palette."""
        return self.photometric in GREY

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array of pixels."""
        return (self.rows, self.columns) if self.samples == 1 else (self.rows, self.columns, 3)

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest value that can be stored."""
        lowest = -(2 ** (self.stored - 1)) if self.signed else 0
        return lowest, lowest + 2**self.stored - 1


def stored_values(
    words: np.ndarray, bits: int, layout: Layout, overlays: int, padding: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Take the stored values out of words.

    Parameters
    ----------
    words: rows x columns, of 8 or 16 bit, as they came.
    bits: how many low bits of a word hold the value; a codec that fills as many as are stored leaves no shift.
    overlays: mask of the bits in which the header says that overlays lie.
    padding: the ends of the range of padding, or its one value, as unsigned or signed numbers; empty: none.

    Returns
    -------
    The values, signed where they are; which pixels are no padding (None: all, or none at all); whether bits outside
    the values were cleared.

    Raises
    ------
    ImageRefusedError: bits are set outside those that the header says are stored, and they are no overlay.
    """
    kind = np.dtype(f"u{words.dtype.itemsize}")
    raw = words.view(kind)
    if words.dtype.kind == "i" and not layout.signed:  # a codec took them for signed
        raw = raw & kind.type(2**bits - 1)
    shift = 0 if bits == layout.stored else layout.shift
    cleared = shift > 0 and _below_is_overlay(raw, shift, overlays)
    raw, width = raw >> shift, 8 * kind.itemsize - shift
    if layout.stored == width or int(raw.max()) < 2**layout.stored:
        above = None
        values = raw
    else:
        above = raw >> layout.stored
        values = raw & kind.type(2**layout.stored - 1)
    if layout.signed:
        values = _signed(values, layout.stored)
        if above is not None:
            above[(values < 0) & (above == 2 ** (width - layout.stored) - 1)] = 0  # the sign, repeated
    padded = _within(values, padding, layout)
    if above is not None and above.any():
        whole = _signed(raw, width) if layout.signed else raw
        beyond = _within(whole, padding, layout) & (above != 0)
        values = np.where(beyond, np.clip(whole, *layout.ends), values).astype(values.dtype)
        above[beyond] = 0
        padded = padded | beyond
        cleared |= bool(above.any()) and _above_is_overlay(raw, above, layout.stored, overlays >> shift)
    return values, (~padded if padded.any() and not padded.all() else None), cleared


def _signed(values: np.ndarray, bits: int) -> np.ndarray:
    """Read the low bits of unsigned values as two's complement."""
    size = values.dtype.itemsize
    free = 8 * size - bits
    return (values << free).view(f"i{size}") >> free


def _within(values: np.ndarray, padding: tuple[int, ...], layout: Layout) -> np.ndarray:
    """Mark padding. Its attribute may be written as unsigned where pixels are signed, and the other way round."""
    if not padding:
        return np.zeros((1, 1), bool)
    half, span = 2 ** (layout.allocated - 1), 2**layout.allocated
    ends = [(end + half) % span - half if layout.signed else end % span for end in padding]
    return np.asarray((values >= min(ends)) & (values <= max(ends)))


def _below_is_overlay(raw: np.ndarray, shift: int, overlays: int) -> bool:
    """Tell whether anything lies below the lowest bit in use; refuse what the header does not say is an overlay."""
    below = raw & raw.dtype.type(2**shift - 1)
    if (below & raw.dtype.type(~overlays & (2**shift - 1))).any():
        raise ImageRefusedError(Reason.INVALID_TAG, "HighBit")
    return bool(below.any())


def _above_is_overlay(raw: np.ndarray, above: np.ndarray, stored: int, overlays: int) -> bool:
    """Refuse bits above the values that belong to the values; return True for those of an overlay."""
    told = (overlays >> stored) & (2 ** (8 * above.dtype.itemsize) - 1)
    if not (above & above.dtype.type(~told & (2 ** (8 * above.dtype.itemsize) - 1))).any():
        return True
    edges, places, torn, whole = 0, 0, 0, 0
    for axis in (0, 1):
        changed = np.diff(above.astype(np.int32), axis=axis) != 0
        edges, places = edges + int(changed.sum()), places + changed.size
        torn += int(
            np.abs(np.diff((raw & raw.dtype.type(2**stored - 1)).astype(np.int32), axis=axis))[changed].sum()
        )
        whole += int(np.abs(np.diff(raw.astype(np.int32), axis=axis))[changed].sum())
    if not 0 < edges < OVERLAY_EDGES * places or torn >= whole:
        raise ImageRefusedError(Reason.DEPTH_EXCEEDED)
    return True


def grey_if_equal(stored: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return the one channel of rows x columns x 3 where all three are equal in every pixel, and note it; else all."""
    if stored.ndim < 3 or (stored != stored[..., :1]).any():
        return stored
    notes.append("Red, green and blue are equal in every pixel: read as greyscale.")
    return np.ascontiguousarray(stored[..., 0])
