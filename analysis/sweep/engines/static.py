"""The engine of a GPU: one recorded graph with static input and static weights serves all sparsities and
seeds.

The images lie on the device and are cut, normalised and predicted there; weights are copied into the recorded
network in place. Three kinds differ in the network alone: `graph` runs torch's kernels as they are, `fused`
joins convolution, sum and rectifier in one kernel of cuDNN, `compiled` lets torch's compiler join what lies
between the convolutions. On a CPU the same code runs without a recorded graph, which is how it is tested
there.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.sweep.device import Pace, fix_kernels, own_stream, recorded, waits
from analysis.sweep.engines.backend import Eager, Maker, Network, Step, normalisation_table, normalised
from analysis.sweep.engines.fusion import fuse
from analysis.sweep.networks.architectures import channels_last
from analysis.sweep.spec import InferSpec

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
WARM_UPS = 3


class Static:
    """See `Backend`.

    Parameters
    ----------
    prepare: turns the module into what is recorded; its weights stay where they are.

    Attributes
    ----------
    uploaded: how many images were copied to the device batch by batch, because they were not there.
    """

    def __init__(self, network: Network, infer: InferSpec, prepare: Callable[[nn.Module], Any]) -> None:
        fix_kernels(tf32=infer.precision == "tf32")
        self._device, dtype = torch.device(infer.device), DTYPES[infer.precision]
        self._network = network
        self._table = normalisation_table(network.mean, network.deviation).to(self._device, dtype)
        module = network.module.to(self._device, dtype).eval().requires_grad_(False)
        self._weights = channels_last(module).state_dict()
        self._forward = prepare(module)
        shape = (infer.batch_size, *network.shape)
        self._input = torch.zeros(shape, dtype=torch.uint8, device=self._device)
        self._output = torch.zeros(infer.batch_size, network.classes, device=self._device)
        self._replay: Callable[[], None] | None = None
        self.uploaded = 0

    @torch.no_grad()
    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Copy the weights into the recorded network."""
        for name, target in self._weights.items():
            if name in weights:
                target.copy_(weights[name])

    @torch.no_grad()
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step = lambda *_: None) -> NDArray[np.float32]:
        """Predict all images; the last batch is filled up with what the one before left, and cut."""
        replay = self._replay = self._replay or self._record()
        size, total, pace = len(self._input), len(pixels), Pace(self._device)
        scores = torch.empty(total, self._output.shape[1], device=self._device)
        for start in range(0, total, size):
            batch = self._placed(pixels[start : start + size])
            self._input[: len(batch)].copy_(batch)
            replay()
            scores[start : start + size].copy_(self._output[: len(batch)])
            pace.keep()
            step(min(start + size, total), total)
        return np.asarray(scores.cpu().numpy(), np.float32)

    def _placed(self, batch: NDArray[np.uint8] | Tensor) -> Tensor:
        if isinstance(batch, Tensor) and batch.device.type == self._device.type:
            return batch
        self.uploaded += len(batch)
        placed = torch.from_numpy(np.array(batch))
        on_gpu = self._device.type == "cuda"
        return (placed.pin_memory() if on_gpu else placed).to(self._device, non_blocking=True)

    def _once(self) -> None:
        logits = self._forward(normalised(self._input, self._table))
        self._output.copy_(self._network.scores_of(logits))

    def _record(self) -> Callable[[], None]:
        with own_stream(self._device):
            for _ in range(WARM_UPS - 1 if self._device.type == "cuda" else 0):
                self._once()
            if waits(self._once, self._device):
                return self._once
            return recorded(self._once, self._device) or self._once


MAKERS: Mapping[str, Maker] = {
    "torch": Eager,
    "graph": partial(Static, prepare=lambda module: module),
    "fused": partial(Static, prepare=fuse),
    "compiled": partial(Static, prepare=partial(torch.compile, dynamic=False)),
}
"""What makes each engine."""
