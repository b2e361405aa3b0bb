"""The smallest magnitudes of each layer go, the same share everywhere."""

from analysis.sweep.methods.global_l1 import magnitude_keys
from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import register

register(
    MaskMethod(
        "layer_l1", "share of each layer's weights removed, smallest magnitude first", magnitude_keys, "layer"
    )
)
