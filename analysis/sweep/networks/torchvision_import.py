"""Import torchvision beside a torch that its compiled library does not fit."""

import importlib.util
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_kept: list[torch.library.Library] = []
"""A library takes its definitions with it when it is collected, so it is kept."""


def ensure_operators() -> bool:
    """Define the two operators if torchvision's own library cannot; return whether anything was defined.

    PyPI's torchvision is built for CUDA. Beside a CPU-only torch its library cannot load, so the operators
    `torchvision::nms` and `torchvision::qnms` do not exist, and `import torchvision` fails when it attaches shape
    rules to them. The two schemas, without any implementation, are enough for models, transforms, fx, compile and
    export; `torchvision.ops.nms` and `torchvision.io` stay unusable and nothing here uses them. With a torchvision
    that fits, nothing is defined.
    """
    if _exists("nms") or _loads():
        return False
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _kept.append(library)
    return True


def _exists(name: str) -> bool:
    return hasattr(torch.ops.torchvision, name)


def _loads() -> bool:
    """Load the compiled library as torchvision itself would, before torchvision is imported."""
    found = importlib.util.find_spec("torchvision")
    folders = found.submodule_search_locations if found else None
    for library in sorted(path for folder in folders or () for path in Path(folder).glob("_C*.so")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except (ImportError, OSError):
            continue
    return _exists("nms")
