"""Import torchvision without torch's compiler, which it pulls in for one function of its detection networks.

`torchvision.ops.roi_align` (0.28) imports `torch._dynamo.utils` for `is_compile_supported`; that import is a third of
the start of a process that predicts (0.9 of 2.5 s of processor time) and nothing here calls the function. While
torchvision is imported a stand-in answers for that module: the function loads the compiler when it is called, and
whatever else is asked of it loads the compiler at once. Where the compiler is loaded already nothing is done.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

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
