"""The default window of an image: which grey values are shown as black and as white.

The rule is a choice of the locked protocol and holds for the whole study:

- "dicom": the display that the file itself asks for (a DICOM window or VOI LUT; the full range for 8-bit
  PNG and JPEG, which are display-ready); where a file asks for none, the percentile window.
- "full": the whole range of the depth.
- "percentile": from the 0.5th to the 99.5th percentile of the pixels. It hides exposure faults, and so biases
  ratings of quality.
"""

from enum import StrEnum

import numpy as np

LOW_SHARE, HIGH_SHARE = 0.005, 0.995
WIDEST = 2**18
"""Limits further out than this are taken for an error of the header: four times the range of 16 bit."""


class WindowRule(StrEnum):
    """The study-wide choice of the default window."""

    DICOM = "dicom"
    FULL = "full"
    PERCENTILE = "percentile"


def choose_window(
    rule: WindowRule,
    stated: tuple[float, float] | None,
    pixels: np.ndarray,
    bits: int,
    used: np.ndarray | None,
) -> tuple[int, int]:
    """Return the default window as (low, high), low < high, in grey values of `pixels`.

    A stated window may reach outside 0 .. 2**bits - 1; one that misses that range altogether is not used.

    Parameters
    ----------
    rule: the study's rule.
    stated: the window of the file in grey values of `pixels`, or None where it states none.
    pixels: rows x columns, unsigned integers.
    bits: depth, 8 to 16.
    used: rows x columns of bool, False for padding that takes no part in percentiles; None for all.
    """
    full = (0, 2**bits - 1)
    if rule is WindowRule.FULL:
        return full
    usable = _usable(stated, full[1]) if rule is WindowRule.DICOM else None
    return usable or _percentile(pixels, used) or full


def _usable(stated: tuple[float, float] | None, top: int) -> tuple[int, int] | None:
    if stated is None or not np.isfinite(stated).all() or max(abs(limit) for limit in stated) > WIDEST:
        return None
    low, high = (round(limit) for limit in stated)
    return (low, high) if low < high and low < top and high > 0 else None


def _percentile(pixels: np.ndarray, used: np.ndarray | None) -> tuple[int, int] | None:
    values = pixels.reshape(-1) if used is None else pixels[used]
    if values.size == 0:
        return None
    cumulated = np.cumsum(np.bincount(values))
    low, high = (int(np.searchsorted(cumulated, share * values.size)) for share in (LOW_SHARE, HIGH_SHARE))
    return (low, high) if low < high else None
