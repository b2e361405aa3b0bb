"""OpenVINO on a CPU: fp32, or bf16 where the processor multiplies in it. An optional engine."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.engines.backend import Network, Step, in_batches
from analysis.sweep.engines.onnx_file import OnnxFile
from analysis.sweep.spec import InferSpec

_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVino:
    """See `Backend`; each set of weights is compiled again."""

    def __init__(self, network: Network, infer: InferSpec) -> None:
        self._file = OnnxFile(network)
        self._network, self._infer = network, infer
        self._core = openvino.Core()
        self._compiled: Any = None

    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Compile the model with these weights."""
        model = self._core.read_model(io.BytesIO(self._file.with_weights(weights)))
        choices = {
            "INFERENCE_PRECISION_HINT": _HINTS[self._infer.precision],
            "INFERENCE_NUM_THREADS": self._infer.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._compiled = self._core.compile_model(model, "CPU", choices)

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step | None = None) -> NDArray[np.float32]:
        """Predict all images, a batch at a time."""
        return in_batches(self._network, pixels, self._infer.batch_size, self._logits, step)

    def _logits(self, batch: Tensor) -> Tensor:
        return torch.from_numpy(np.array(self._compiled(batch.contiguous().numpy())[0]))
