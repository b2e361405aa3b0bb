"""The engine of a GPU: one recorded graph with static input and static weights serves all sparsities and
seeds.

The images lie on the device and are cut, normalised and predicted there; weights are copied into the recorded
network in place. Three kinds differ in the network alone: `graph` runs torch's kernels as they are, `fused`
joins convolution, sum and rectifier in one kernel of cuDNN, `compiled` lets torch's compiler join what lies
between the convolutions. On a CPU the same code runs without a recorded graph, which is how it is tested
there.
"""

import gc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.sweep.engines.backend import Eager, Maker, Network, Step, normalisation_table, normalised
from analysis.sweep.engines.fusion import fuse
from analysis.sweep.networks.architectures import channels_last
from analysis.sweep.spec import InferSpec

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
WARM_UPS = 3
AHEAD = 4
"""Batches that the processor may run ahead of the device, so that progress and a cancel are in time."""

Prepare = Callable[[nn.Module], Any]


class Static:
    """See `Backend`.

    Parameters
    ----------
    prepare: turns the module into what is recorded; its weights stay where they are.

    Attributes
    ----------
    uploaded: how many images were copied to the device batch by batch, because they did not lie there.
    """

    def __init__(self, network: Network, infer: InferSpec, prepare: Prepare) -> None:
        torch.backends.cuda.matmul.allow_tf32 = infer.precision == "tf32"
        torch.backends.cudnn.allow_tf32 = infer.precision == "tf32"
        # Whatever this process did before: a training, say, leaves other choices behind. No search for the fastest
        # kernel: it can choose otherwise in the next process, and a resumed run would not be equal byte by byte.
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        self._device, dtype = torch.device(infer.device), DTYPES[infer.precision]
        self._network = network
        self._table = normalisation_table(network.mean, network.deviation).to(self._device, dtype)
        module = network.module.to(self._device, dtype).eval().requires_grad_(False)
        self._weights = channels_last(module).state_dict()
        self._forward = prepare(module)
        shape = (infer.batch_size, network.size, network.size)
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
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step | None = None) -> NDArray[np.float32]:
        """Predict all images; the last batch is filled up with what the one before left, and cut."""
        replay = self._replay = self._replay or self._record()
        size, total = len(self._input), len(pixels)
        scores = torch.empty(total, self._output.shape[1], device=self._device)
        for start in range(0, total, size):
            batch = self._placed(pixels[start : start + size])
            self._input[: len(batch)].copy_(batch)
            replay()
            scores[start : start + size].copy_(self._output[: len(batch)])
            if step:
                if start // size % AHEAD == 0:
                    self._settle()
                step(min(start + size, total), total)
        predicted: NDArray[np.float32] = scores.cpu().numpy()
        return predicted

    def _placed(self, batch: NDArray[np.uint8] | Tensor) -> Tensor:
        if isinstance(batch, Tensor) and batch.device.type == self._device.type:
            return batch
        self.uploaded += len(batch)
        here = batch if isinstance(batch, Tensor) else torch.from_numpy(np.array(batch))
        return here.to(self._device)

    def _once(self) -> None:
        logits = self._forward(normalised(self._input, self._table))
        self._output.copy_(self._network.scores_of(logits))

    def _record(self) -> Callable[[], None]:
        """Record one batch; on a CPU there is nothing to record."""
        if self._device.type != "cuda":
            return self._once
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self._once()
        torch.cuda.current_stream().wait_stream(aside)
        gc.collect()  # no network that is gone may be freed while the device records; newer torch leaves it to us
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._once()
        return graph.replay

    def _settle(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.current_stream().synchronize()


def _as_it_is(module: nn.Module) -> nn.Module:
    return module


def _compiled(module: nn.Module) -> Any:
    return torch.compile(module, dynamic=False)


def _kind(prepare: Prepare) -> Maker:
    return lambda network, infer: Static(network, infer, prepare)


MAKERS: Mapping[str, Maker] = {
    "torch": Eager,
    "graph": _kind(_as_it_is),
    "fused": _kind(fuse),
    "compiled": _kind(_compiled),
}
"""What makes each engine."""
