"""Remove weights at random over the whole network: what pruning does apart from its choice."""

from collections.abc import Sequence

import numpy as np

from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import Weights, register
from analysis.sweep.thresholds import Keys


def drawn_keys(weights: Sequence[Weights], seed: int) -> list[Keys]:
    """Draw a uniform key per weight, so that any ratio removes a simple random sample, nested over ratios."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << 31, layer.size, np.uint32) for layer in weights]


register(MaskMethod("random", "share of all weights removed, drawn at random", drawn_keys, "global"))
