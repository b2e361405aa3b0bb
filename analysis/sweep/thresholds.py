"""Exact cuts through a set of weights: the m smallest keys, for many m, from one sorted copy.

A key is an unsigned integer below 2**31 that orders the weights of a method (for L1, the bits of the
magnitude, which rise with it). **Ties**: among equal keys the lowest flat index is cut first, in the order of the
layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Keys = NDArray[np.uint32]


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
    ordered = np.sort(np.concatenate(keys))
    if any(not 0 <= count <= len(ordered) for count in counts):
        raise ValueError(f"expected counts from 0 to {len(ordered)}, got {list(counts)}")
    # The first key that stays: equal ones are then searched for only where a tie lies across the cut.
    first = [int(ordered[count]) if count < len(ordered) else 2**31 - 1 for count in counts]
    below = [int(np.searchsorted(ordered, np.uint32(key))) for key in first]
    return [Cut(key, count - under) for key, count, under in zip(first, counts, below, strict=True)]


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
