"""Exact cuts through a set of weights: the m smallest keys, for many m, from one histogram.

A key is an unsigned 32-bit integer that orders the weights of a method (for L1, the bits of the magnitude,
which rise with it). One pass counts the upper 16 bits; a second counts the lower 16 bits of only those bins
that hold a cut. **Ties**: among equal keys the lowest flat index is cut first, in the order of the layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Keys = NDArray[np.uint32]
Kept = NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """Remove every key below `key`, and of the keys equal to it the first `equal` in flat order."""

    key: int
    equal: int


def find_cuts(keys: Sequence[Keys], counts: Sequence[int]) -> list[Cut]:
    """Find the cut that removes exactly `count` keys, for each of the counts.

    Parameters
    ----------
    keys: flat arrays, one per layer.
    counts: each from 0 to the number of keys.

    Raises
    ------
    ValueError: a count outside that range.
    """
    total = sum(layer.size for layer in keys)
    if any(not 0 <= count <= total for count in counts):
        raise ValueError(f"expected counts from 0 to {total}, {list(counts)} came")
    upper = np.zeros(1 << 16, np.int64)
    for layer in keys:
        _count_upper(layer, upper)
    reached = np.cumsum(upper)
    bins = [int(np.searchsorted(reached, count)) if count else -1 for count in counts]
    lower = _lower_counts(keys, {b for b in bins if b >= 0})
    cuts = []
    for count, place in zip(counts, bins, strict=True):
        if place < 0:
            cuts.append(Cut(0, 0))
            continue
        left = count - (int(reached[place - 1]) if place else 0)
        within = np.cumsum(lower[place])
        low = int(np.searchsorted(within, left))
        cuts.append(Cut((place << 16) | low, left - (int(within[low - 1]) if low else 0)))
    return cuts


def keep(keys: Sequence[Keys], cut: Cut) -> list[Kept]:
    """Return for each layer which weights stay (flat, bool)."""
    kept, equal = [], cut.equal
    for layer in keys:
        stays = np.empty(layer.size, np.bool_)
        equal = int(_keep(layer, np.uint32(cut.key), equal, stays))
        kept.append(stays)
    return kept


def _lower_counts(keys: Sequence[Keys], bins: set[int]) -> dict[int, NDArray[np.int64]]:
    slots = np.full(1 << 16, -1, np.int64)
    order = sorted(bins)
    slots[order] = np.arange(len(order))
    counts = np.zeros((max(len(order), 1), 1 << 16), np.int64)
    for layer in keys:
        _count_lower(layer, slots, counts)
    return {place: counts[row] for row, place in enumerate(order)}


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_upper(keys: Keys, counts: NDArray[np.int64]) -> None:
    for key in keys:
        counts[key >> np.uint32(16)] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_lower(keys: Keys, slots: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    for key in keys:
        slot = slots[key >> np.uint32(16)]
        if slot >= 0:
            counts[slot, key & np.uint32(0xFFFF)] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _keep(keys: Keys, cut: np.uint32, equal: int, stays: Kept) -> int:
    """Fill `stays`; return how many equal keys are still to be removed in later layers."""
    left = equal
    for i in range(keys.size):
        stays[i] = keys[i] > cut
        if keys[i] == cut:
            if left > 0:
                left -= 1
            else:
                stays[i] = True
    return left
