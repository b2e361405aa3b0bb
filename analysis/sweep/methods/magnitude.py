"""Remove the smallest magnitudes: of the whole network, as published, or the same share of each layer."""

from collections.abc import Sequence

import numpy as np

from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import Weights, register
from analysis.sweep.thresholds import Keys


def magnitude_keys(weights: Sequence[Weights], seed: int = 0) -> list[Keys]:
    """Return the bits of each magnitude; as unsigned integers they rise with the magnitude."""
    flat = (np.ascontiguousarray(layer, np.float32).reshape(-1) for layer in weights)
    return [layer.view(np.uint32) & np.uint32(0x7FFFFFFF) for layer in flat]


register(
    MaskMethod(
        "global_l1", "share of all weights removed, smallest magnitude first", magnitude_keys, "global"
    )
)


register(
    MaskMethod(
        "layer_l1", "share of each layer's weights removed, smallest magnitude first", magnitude_keys, "layer"
    )
)
