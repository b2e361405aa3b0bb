"""What every engine offers, how a network is loaded into it, and the plainest one: torch on a CPU as it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.sweep.networks.architectures import channels_last
from analysis.sweep.spec import DEVIATION, MEAN, InferSpec

Step = Callable[[int, int], None]
"""Called with (done, total) images after each batch; raising in it stops the work."""


@dataclass(frozen=True)
class Network:
    """A network whose batch norms are folded away, in evaluation mode, float32, on the CPU.

    `classes`: outputs; `shape`: of an image, size x size, in colour x 3; `mean`, `deviation`: of its channels;
    `output`: what turns logits into scores.
    """

    module: nn.Module
    classes: int
    shape: tuple[int, ...]
    mean: Sequence[float] = MEAN
    deviation: Sequence[float] = DEVIATION
    output: str = "sigmoid"

    def scores_of(self, logits: Tensor) -> Tensor:
        """Turn logits into float32 scores from 0 to 1: each class by itself, or (softmax) one of all."""
        return torch.softmax(logits.float(), 1) if self.output == "softmax" else torch.sigmoid(logits.float())


class Backend(Protocol):
    """One engine with one network in it."""

    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Take all weights of the network, float32, by the names of its state dict."""

    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step = lambda *_: None) -> NDArray[np.float32]:
        """Predict: uint8, images x size x size (in colour x 3), to scores, float32, images x classes."""


Maker = Callable[[Network, InferSpec], Backend]


def normalisation_table(mean: Sequence[float] = MEAN, deviation: Sequence[float] = DEVIATION) -> Tensor:
    """Return (x / 255 - mean) / deviation for each byte x: float32, 256 x 3, bit-equal to torchvision's
    transforms.
    """
    bytes_ = torch.arange(256, dtype=torch.float32) / 255
    return (bytes_[:, None] - torch.tensor(mean)) / torch.tensor(deviation)


def normalised(pixels: Tensor, table: Tensor) -> Tensor:
    """Turn bytes (n x rows x columns, in colour x 3, uint8) into a channels-last batch n x 3 x rows x columns."""
    if pixels.ndim == 4:
        return table.gather(0, pixels.reshape(-1, 3).long()).reshape(pixels.shape).permute(0, 3, 1, 2)
    return torch.nn.functional.embedding(pixels.int(), table).permute(0, 3, 1, 2)


class Eager:
    """See `Backend`; weights are written into the network in place."""

    def __init__(self, network: Network, infer: InferSpec) -> None:
        self._module = channels_last(network.module).eval()
        self._network, self._infer = network, infer
        self._table = normalisation_table(network.mean, network.deviation)

    @torch.inference_mode()
    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Copy the weights into the network."""
        for name, target in self._module.state_dict().items():
            if name in weights:
                target.copy_(weights[name])

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step = lambda *_: None) -> NDArray[np.float32]:
        """Predict all images, a batch at a time."""
        scores, size = [], self._infer.batch_size
        with torch.autocast("cpu", torch.bfloat16, enabled=self._infer.precision == "bf16"):
            for start in range(0, len(pixels), size):
                part = pixels[start : start + size]
                seen = part if isinstance(part, Tensor) else torch.from_numpy(np.array(part))
                scores.append(self._network.scores_of(self._module(normalised(seen, self._table))))
                step(min(start + size, len(pixels)), len(pixels))
        return np.asarray(torch.cat(scores).numpy(), np.float32)
