"""Import torchvision beside a torch that its compiled library does not fit, and without torch's compiler."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_kept: list[torch.library.Library] = []
"""A library takes its definitions with it when it is collected, so it is kept."""


class _OnUse(ModuleType):
    """Stands for a module of torch's compiler until somebody asks for more than this one function."""

    def is_compile_supported(self, device: str) -> bool:
        """Ask the compiler; torchvision calls this only where a detection network runs."""
        return bool(self.__getattr__("is_compile_supported")(device))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `inspect` asks it of every module that is loaded
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def torchvision_models() -> ModuleType:
    """Import `torchvision.models`; where its compiled library does not load, define what it lacks.

    PyPI's torchvision is built for CUDA. Beside a CPU-only torch its library cannot load, so the operators
    `torchvision::nms` and `torchvision::qnms` do not exist, and `import torchvision` fails when it attaches shape
    rules to them. The two schemas, without any implementation, are enough for models, transforms, fx, compile and
    export; `torchvision.ops.nms` and `torchvision.io` stay unusable and nothing here uses them. With a torchvision
    that fits, nothing is defined.

    torchvision takes one function from torch's compiler, for detection networks, and the compiler is more than a
    second of imports: that function waits for its first use.
    """
    compiler = _OnUse("torch._dynamo.utils")
    sys.modules.setdefault(compiler.__name__, compiler)
    try:
        try:
            return import_module("torchvision.models")
        except RuntimeError:
            library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            for schema in SCHEMAS:
                library.define(schema)  # type: ignore[no-untyped-call]
            _kept.append(library)
            return import_module("torchvision.models")
    finally:
        if sys.modules.get(compiler.__name__) is compiler:
            del sys.modules[compiler.__name__]
