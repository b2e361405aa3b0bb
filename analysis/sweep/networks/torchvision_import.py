"""Import torchvision without torch's compiler, and beside a torch that its compiled library does not fit.

The compiler is pulled in for one function of torchvision's detection networks.
`torchvision.ops.roi_align` (0.28) imports `torch._dynamo.utils` for `is_compile_supported`; that import is a third of
the start of a process that predicts (0.9 of 2.5 s of processor time) and nothing here calls the function. While
torchvision is imported a stand-in answers for that module: the function loads the compiler when it is called, and
whatever else is asked of it loads the compiler at once. Where the compiler is loaded already nothing is done.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo.utils"
LATE = "is_compile_supported"


class StandIn(ModuleType):
    """Answers for the compiler's module until something else than the one function is needed."""

    def __getattr__(self, name: str) -> Any:
        """Return the late function, or load the module and return what it has."""
        if name.startswith("__"):
            raise AttributeError(name)
        return _late if name == LATE else getattr(_loaded(), name)


@contextmanager
def no_compiler_yet() -> Iterator[None]:
    """Let the stand-in answer; afterwards the real module is imported as ever."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    stand_in = StandIn(NAME)
    sys.modules[NAME] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(NAME) is stand_in:
            del sys.modules[NAME]


def _loaded() -> ModuleType:
    if isinstance(sys.modules.get(NAME), StandIn):
        del sys.modules[NAME]
    return importlib.import_module(NAME)


def _late(*arguments: Any) -> Any:
    return getattr(_loaded(), LATE)(*arguments)


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
