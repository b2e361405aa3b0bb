"""Exact cuts through a set of weights: the m smallest keys, for many m, from one histogram.

A key is an unsigned integer below 2**31 that orders the weights of a method (for L1, the bits of the
magnitude, which rise with it). One pass counts the upper 16 bits; a second counts the lower 16 bits of only
those bins that hold a cut. **Ties**: among equal keys the lowest flat index is cut first, in the order of the layers.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Keys = NDArray[np.uint32]
Floats = NDArray[np.float32]


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
        raise ValueError(f"expected counts from 0 to {total}, got {list(counts)}")
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


def keep(keys: Sequence["Tensor"], cut: Cut) -> list["Tensor"]:
    """Return for each layer which weights stay: bool, in the layers' shapes and on their device.

    `keys`: the keys as int32 (they are below 2**31).
    """
    kept, equal = [], cut.equal
    for layer in keys:
        stays = layer >= cut.key
        if equal:
            going = (layer.reshape(-1) == cut.key).nonzero()[:equal]
            stays.view(-1)[going] = False
            equal -= len(going)
        kept.append(stays)
    return kept


def write_pruned(
    keys: Sequence[Keys], cut: Cut, weights: Sequence[Floats], out: Sequence[Floats], threads: int = 1
) -> None:
    """Fill `out` with the weights that stay and with zeros elsewhere: what `keep` says, in one pass, on a CPU.

    All arrays are flat, one per layer, of equal lengths; `threads`: as many layers are written at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        equals = list(
            pool.map(lambda layer: _write_above(*layer, cut.key), zip(keys, weights, out, strict=True))
        )
    left = cut.equal
    for layer, target, equal in zip(keys, out, equals, strict=True):
        if left and equal:
            left -= _drop_first_equal(layer, target, cut.key, left)


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
def _write_above(keys: Keys, weights: Floats, out: Floats, cut: int) -> int:
    """Copy the weights whose key reaches the cut, write zeros elsewhere; return how many keys equal it."""
    bound, equal = np.uint32(cut), 0
    for i in range(keys.size):
        out[i] = weights[i] if keys[i] >= bound else np.float32(0)
        equal += keys[i] == bound
    return equal


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _drop_first_equal(keys: Keys, out: Floats, cut: int, count: int) -> int:
    """Set the first `count` weights whose key is the cut to zero; return how many there were."""
    bound, dropped = np.uint32(cut), 0
    for i in range(keys.size):
        if keys[i] == bound:
            out[i] = 0
            dropped += 1
            if dropped == count:
                break
    return dropped
