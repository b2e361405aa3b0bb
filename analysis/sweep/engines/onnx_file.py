"""A network as an ONNX file in memory, whose weights can be changed by the names of the state dict.

torch's own exporter is used, the one that writes from a trace and needs no further package. It joins equal
weights under one name, so each is filled with a number of its own first; what the engines run is written later.
"""

import io
import warnings
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from torch import Tensor

from analysis.sweep.engines.backend import Network
from analysis.sweep.errors import SweepError

INPUT, OUTPUT = "images", "logits"
OPSET = 17


class OnnxFile:
    """A network as ONNX, for any number of images per call.

    Raises
    ------
    SweepError: the exporter cannot express this network, or joins weights.
    """

    def __init__(self, network: Network) -> None:
        names = _mark_weights(network)
        self._model = onnx.load_from_string(_exported(network))
        self._places = {weight.name: weight for weight in self._model.graph.initializer}
        lost = [name for name in names if name not in self._places]
        if lost:
            raise SweepError(f"expected every weight in the ONNX file, '{lost[0]}' is missing")

    def with_weights(self, weights: Mapping[str, Tensor]) -> bytes:
        """Return the file with these weights, float32, in place of those of the same name."""
        for name, weight in weights.items():
            if name in self._places:
                self._places[name].raw_data = np.ascontiguousarray(weight.numpy(), "<f4").tobytes()
        content: bytes = self._model.SerializeToString()
        return content


def _mark_weights(network: Network) -> list[str]:
    """Give each weight a number of its own; return the names."""
    weights = {n: w for n, w in network.module.state_dict().items() if w.is_floating_point()}
    with torch.no_grad():
        for place, weight in enumerate(weights.values()):
            weight.fill_(0.5 + place / len(weights))
    return list(weights)


def _exported(network: Network) -> bytes:
    stream = io.BytesIO()
    example = torch.zeros(2, 3, network.size, network.size)
    axes = {INPUT: {0: "images"}, OUTPUT: {0: "images"}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter announces its own replacement
            torch.onnx.export(
                network.module.eval(), (example,), stream,  # type: ignore[arg-type]
                dynamo=False, opset_version=OPSET,
                input_names=[INPUT], output_names=[OUTPUT], dynamic_axes=axes, do_constant_folding=False,
            )  # fmt: skip
    except Exception as error:  # the exporter raises many kinds for what it cannot express
        raise SweepError(f"expected a network that ONNX can hold, got the error '{error}'") from error
    return stream.getvalue()
