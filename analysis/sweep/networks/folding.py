"""Fold batch norm into the convolution before it, over and over, for changing weights.

The network is traced once and its batch norms are taken out; then each set of (masked) weights is computed
with the norm's scale and shift multiplied in, on the device where the weights lie. Pruning acts on the weights before
folding, so a pruned weight stays exactly zero. A network that cannot be traced runs as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn


@dataclass(frozen=True)
class Folded:
    """A network without the batch norms that could be folded; `norms`: name and epsilon of each such convolution's."""

    network: nn.Module
    norms: Mapping[str, tuple[str, float]]

    def folded(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all weights of the network, by the names of its state dict, where `state` lies."""
        weights = {}
        for name in self.network.state_dict():
            layer, _, leaf = name.rpartition(".")
            value = state.get(name)
            if layer in self.norms and leaf in ("weight", "bias"):
                weights[name] = self._fold(layer, leaf, value, state)
            elif value is not None:
                weights[name] = value
        return weights

    def _fold(self, layer: str, leaf: str, value: Tensor | None, state: Mapping[str, Tensor]) -> Tensor:
        """Return w * s, or beta + (b - mean) * s, with s = gamma / sqrt(variance + eps) rounded once."""
        norm, eps = self.norms[layer]
        variance = state[f"{norm}.running_var"].double()
        scale = torch.rsqrt(variance + eps)
        shift = torch.zeros_like(scale)
        if f"{norm}.weight" in state:
            scale = scale * state[f"{norm}.weight"].double()
            shift = state[f"{norm}.bias"].double()
        if leaf == "weight":
            if value is None:
                raise KeyError(f"{layer}.weight")
            return value * scale.float().reshape(-1, *[1] * (value.ndim - 1))
        bias = 0.0 if value is None else value.double()
        return (shift + (bias - state[f"{norm}.running_mean"].double()) * scale).float()


def fold_norms(model: nn.Module) -> Folded:
    """Take the batch norms out of a model in evaluation mode; the model itself is changed and must not be
    used.
    """
    try:
        traced = fx.symbolic_trace(model.eval())
    except Exception:  # networks with data-dependent code raise many kinds; they run unfolded
        return Folded(model, {})
    modules = dict(traced.named_modules())
    calls = [str(node.target) for node in traced.graph.nodes if node.op == "call_module"]
    norms: dict[str, tuple[str, float]] = {}
    for node in list(traced.graph.nodes):
        layer = _convolution_before(node, modules, calls)
        if layer is None:
            continue
        norms[layer] = str(node.target), float(modules[str(node.target)].eps)
        _give_bias(modules[layer])
        node.replace_all_uses_with(node.args[0])
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return Folded(traced, norms)


def _convolution_before(node: fx.Node, modules: Mapping[str, nn.Module], calls: list[str]) -> str | None:
    """Return the name of the convolution whose only reader is this batch norm, if there is one."""
    if node.op != "call_module" or not isinstance(modules[str(node.target)], nn.BatchNorm2d):
        return None
    before = node.args[0]
    if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
        return None
    name = str(before.target)
    once = calls.count(name) == 1 and calls.count(str(node.target)) == 1
    return name if once and isinstance(modules[name], nn.Conv2d) else None


def _give_bias(layer: nn.Module) -> None:
    if layer.bias is None:
        layer.register_parameter("bias", nn.Parameter(torch.zeros(layer.out_channels)))
