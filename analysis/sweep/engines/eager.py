"""torch on a CPU as it is: channels last, inference mode; bf16 by autocast."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.engines.backend import Network, Step, in_batches
from analysis.sweep.networks.architectures import channels_last
from analysis.sweep.spec import InferSpec


class Eager:
    """See `Backend`; weights are written into the network in place."""

    def __init__(self, network: Network, infer: InferSpec) -> None:
        self._module = channels_last(network.module).eval()
        self._infer = infer

    @torch.inference_mode()
    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Copy the weights into the network."""
        for name, target in self._module.state_dict().items():
            if name in weights:
                target.copy_(weights[name])

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step | None = None) -> NDArray[np.float32]:
        """Predict all images, a batch at a time."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._infer.precision == "bf16"):
            return in_batches(pixels, self._infer.batch_size, self._module, step)
