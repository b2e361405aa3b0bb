"""ONNX Runtime on a CPU, fp32. A session is made for each set of weights, since it packs them for speed.

Its own way to replace weights by name was tried: the step that packs them ignores it.
"""

from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.engines.backend import Network, Step, in_batches
from analysis.sweep.engines.onnx_file import INPUT, OnnxFile
from analysis.sweep.spec import InferSpec

_ERRORS_ONLY = 3


class OnnxRuntime:
    """See `Backend`; each session is made from a file with its weights."""

    def __init__(self, network: Network, infer: InferSpec) -> None:
        self._file = OnnxFile(network)
        self._network, self._infer = network, infer
        self._session: onnxruntime.InferenceSession | None = None

    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Make a session with these weights."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._infer.threads
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others may need the cores
        self._session = None  # the old weights go before the new ones are packed
        self._session = onnxruntime.InferenceSession(
            self._file.with_weights(weights), options, ["CPUExecutionProvider"]
        )

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.uint8] | Tensor, step: Step | None = None) -> NDArray[np.float32]:
        """Predict all images, a batch at a time."""
        return in_batches(self._network, pixels, self._infer.batch_size, self._logits, step)

    def _logits(self, batch: Tensor) -> Tensor:
        if self._session is None:
            raise RuntimeError("write weights before predicting")
        return torch.from_numpy(self._session.run(None, {INPUT: batch.contiguous().numpy()})[0])
