"""2:4 sparsity: remove the two smallest magnitudes of each four neighbouring weights, as sparse tensor cores need.

Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks" (arXiv 2104.08378), section 3 and 4: neighbours lie along
the input channels, for each place of a convolution's window. A layer whose input channels are no multiple of four stays
whole: the first convolution, and those with a channel per group.
"""

from collections.abc import Sequence

import numpy as np

from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import Weights, register
from analysis.sweep.thresholds import Keys

GOING, OF = 2, 4


def neighbour_keys(weights: Sequence[Weights], seed: int = 0) -> list[Keys]:
    """Return 0 for weights that go and 1 for those that stay; of equal magnitudes the first goes."""
    keys = []
    for layer in weights:
        found = np.ones(layer.shape, np.uint32)
        if layer.shape[1] % OF == 0:
            last = np.moveaxis(np.abs(layer), 1, -1)
            order = np.argsort(last.reshape(-1, OF), axis=1, kind="stable")
            stays = np.ones(order.shape, np.uint32)
            np.put_along_axis(stays, order[:, :GOING], 0, axis=1)
            found = np.moveaxis(stays.reshape(last.shape), -1, 1)
        keys.append(np.ascontiguousarray(found).reshape(-1))
    return keys


def fitting_layers(weights: Sequence[Weights]) -> list[int]:
    """Let single weights go where the input channels are a multiple of four, and none elsewhere."""
    return [1 if layer.shape[1] % OF == 0 else 0 for layer in weights]


register(
    MaskMethod(
        "2:4",
        "the two smallest of each four neighbouring weights go, at the level 0.5 only",
        neighbour_keys,
        "layer",
        fitting_layers,
        (GOING / OF,),
    )
)
