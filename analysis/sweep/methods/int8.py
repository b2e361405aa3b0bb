"""Post-training quantisation of the weights to 8 bits: symmetric, one scale per output channel.

A weight w of a channel with largest magnitude m becomes round(127 w / m) * m / 127, halves to even
(Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3). Activations
stay in floating point and no data are needed; calibrated ones would be another network than the one studied.
Folding a batch norm multiplies whole channels and so commutes with it.

**Levels**: 0 and 0.75, the share of the weights' 32 bits that is saved. So curves, exemplars and files need
no other axis than for pruning.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.sweep.methods.registry import Weights, register

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 127


class Int8:
    """The method (see `Method`)."""

    name = "int8"
    meaning = "share of the weights' bits saved: 0 or 0.75 (8 of 32 bits, one scale per output channel)"
    levels = (0.75,)

    def compress(self, weights: Sequence[Weights], levels: Sequence[float], seed: int = 0) -> "Quantised":
        """Count what becomes zero; the rest is done where the weights lie."""
        return Quantised(weights)


class Quantised:
    """One checkpoint whose weights can be rounded to 8 bits (see `Compressed`)."""

    def __init__(self, weights: Sequence[Weights]) -> None:
        import torch

        self.total = sum(layer.size for layer in weights)
        rounded = (quantised(torch.from_numpy(np.ascontiguousarray(layer))) for layer in weights)
        self._zeros = sum(int((layer == 0).sum()) for layer in rounded)

    def removed(self, level: float) -> int:
        """Return how many weights round to zero, those included that were zero before."""
        return self._zeros if level else 0

    def weights(self, level: float, layers: Sequence["Tensor"]) -> list["Tensor"]:
        """Return the layers rounded to 255 values per channel, as float32."""
        return [quantised(layer) for layer in layers] if level else list(layers)


def quantised(layer: "Tensor") -> "Tensor":
    """Round each output channel (first axis) to multiples of its largest magnitude over 127."""
    import torch

    shape = [-1] + [1] * (layer.ndim - 1)
    scale = (layer.abs().reshape(len(layer), -1).amax(1) / STEPS).reshape(shape)
    steps = torch.round(layer / torch.where(scale > 0, scale, 1.0)).clamp(-STEPS, STEPS)
    return steps * scale


register(Int8())
