"""Join convolution, sum and rectifier: one kernel writes what three would write and read again.

cuDNN has kernels for relu(conv(x) + bias) and relu(conv(x) + bias + z); torch offers them as
`cudnn_convolution_relu` and `cudnn_convolution_add_relu`. On a CPU oneDNN has them too, which torch's compiler
uses as `mkldnn::_convolution_pointwise`; elsewhere the joined layer computes the same with plain functions.
"""

import operator
from collections.abc import Mapping

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Argument
from torch.nn import functional

_ADD = (operator.add, operator.iadd, torch.add)
_RELU = (functional.relu, torch.relu)

ONEDNN: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
"""Whether this torch has oneDNN's joined convolutions for a CPU; they are no public interface of torch."""


class JoinedConv(nn.Module):
    """relu(conv(x) + bias [+ z]) with the weights of a convolution, under their names.

    `overwrites`: nobody reads z afterwards, so the result may take its place, which saves a pass over memory.
    """

    def __init__(self, conv: nn.Conv2d, overwrites: bool = False) -> None:
        super().__init__()
        self.overwrites = overwrites
        self.weight, self.bias = conv.weight, conv.bias
        self.stride, self.padding = list(conv.stride), [int(side) for side in conv.padding]
        self.dilation, self.groups = list(conv.dilation), conv.groups

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """Compute the joined layer."""
        places = (self.stride, self.padding, self.dilation, self.groups)
        if not x.is_cuda:
            return self._by_onednn(x, z) if ONEDNN else self._one_by_one(x, z)
        if z is None:
            return torch.cudnn_convolution_relu(x, self.weight, self.bias, *places)
        return torch.cudnn_convolution_add_relu(x, self.weight, z, 1.0, self.bias, *places)

    def _by_onednn(self, x: Tensor, z: Tensor | None) -> Tensor:
        joined = torch.ops.mkldnn._convolution_pointwise
        rest = (self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups)
        y: Tensor
        if z is None:
            y = joined(x, *rest, "relu", [], "")
        elif self.overwrites:
            y = torch.ops.mkldnn._convolution_pointwise_.binary(z, x, *rest, "add", 1.0, "relu", [], "")
        else:
            y = joined.binary(x, z, *rest, "add", 1.0, "relu", [], "")
        return y

    def _one_by_one(self, x: Tensor, z: Tensor | None) -> Tensor:
        plain = functional.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )
        return functional.relu(plain if z is None else plain + z)


def fuse(module: nn.Module) -> nn.Module:
    """Join what can be joined in a traced module; another module stays as it is."""
    if not isinstance(module, fx.GraphModule):
        return module
    modules = dict(module.named_modules())
    calls = [str(node.target) for node in module.graph.nodes if node.op == "call_module"]
    for node in list(module.graph.nodes):
        if not _is_relu(node, modules):
            continue
        before = node.args[0]
        if _is_conv(before, modules, calls):
            _join(module, node, before, None)
        elif isinstance(before, fx.Node) and before.target in _ADD and len(before.users) == 1:
            _join_sum(module, node, before, modules, calls)
    module.graph.lint()
    module.recompile()
    return module


def _join_sum(
    module: fx.GraphModule, relu: fx.Node, added: fx.Node, modules: Mapping[str, nn.Module], calls: list[str]
) -> None:
    """Join relu(a + b) where a summand is a convolution."""
    if len(added.args) != 2 or not all(isinstance(part, fx.Node) for part in added.args):
        return
    one, two = added.args
    for conv, other in ((one, two), (two, one)):
        if _is_conv(conv, modules, calls):
            _join(module, relu, conv, other, added)
            return


def _join(
    module: fx.GraphModule, relu: fx.Node, conv: Argument, z: Argument, added: fx.Node | None = None
) -> None:
    """Put the joined layer in the place of the rectifier, where all that it needs is there."""
    assert isinstance(conv, fx.Node)
    name = str(conv.target)
    parent, _, leaf = name.rpartition(".")
    joined_conv = JoinedConv(module.get_submodule(name), _is_last_reader(module, relu, added, z))  # type: ignore[arg-type]
    setattr(module.get_submodule(parent), leaf, joined_conv)
    with module.graph.inserting_before(relu):
        arguments = (conv.args[0],) if z is None else (conv.args[0], z)
        joined = module.graph.call_module(name, arguments)
    relu.replace_all_uses_with(joined)
    for gone in (relu, added, conv):
        if gone is not None:
            module.graph.erase_node(gone)


def _is_last_reader(module: fx.GraphModule, relu: fx.Node, added: fx.Node | None, z: Argument) -> bool:
    """Say whether z is a convolution's own result, and only convolutions before this place read it too.

    Another reader could hand on a view of it, which must not change.
    """
    if not isinstance(z, fx.Node):
        return False
    before = list(module.graph.nodes)
    before = before[: before.index(relu)]
    others = [user for user in z.users if user is not added]
    return all(_makes_its_own(node, module) for node in (z, *others)) and all(o in before for o in others)


def _makes_its_own(node: fx.Node, module: fx.GraphModule) -> bool:
    """Say whether a node is a convolution, joined or not: its result is new memory."""
    if node.op != "call_module":
        return False
    return isinstance(module.get_submodule(str(node.target)), nn.Conv2d | JoinedConv)


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.ReLU)
    return node.op == "call_function" and node.target in _RELU


def _is_conv(node: object, modules: Mapping[str, nn.Module], calls: list[str]) -> bool:
    """Say whether a node is a convolution that only one node reads, with plain zero padding."""
    if not isinstance(node, fx.Node) or node.op != "call_module" or len(node.users) != 1:
        return False
    name = str(node.target)
    conv = modules[name]
    plain = type(conv) is nn.Conv2d and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    return plain and calls.count(name) == 1
