"""Structured pruning: remove whole output channels, in each layer those of smallest L2 norm.

As torch's `ln_structured(n=2, dim=0)`: exactly round(k * channels) of them, biases and batch norms stay. The
head (the last layer) keeps all its rows, since each is the score of a class.
"""

from collections.abc import Sequence

import numpy as np

from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import Weights, register
from analysis.sweep.thresholds import Keys


def norm_keys(weights: Sequence[Weights], seed: int = 0) -> list[Keys]:
    """Give every weight of a channel the bits of the channel's L2 norm, which rise with it."""
    keys = []
    for layer in weights:
        rows = layer.reshape(len(layer), -1)
        norms = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1)).astype(np.float32)
        keys.append(np.repeat(norms.view(np.uint32), rows.shape[1]))
    return keys


def channel_sizes(weights: Sequence[Weights]) -> list[int]:
    """Let the weights of an output channel go together; the head stays."""
    return [layer[0].size for layer in weights[:-1]] + [0]


register(
    MaskMethod(
        "channel_l2",
        "share of each layer's output channels removed, smallest L2 norm first; the head stays",
        norm_keys,
        "layer",
        channel_sizes,
    )
)
