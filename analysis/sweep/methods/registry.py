"""What every compression method offers, and the register of them.

Nothing of this folder imports torch before a checkpoint is compressed, so that a page can list the methods.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.sweep.errors import SpecError

if TYPE_CHECKING:
    from torch import Tensor

Weights = NDArray[np.float32]


class Compressed(Protocol):
    """One checkpoint, ready to be compressed to any of its levels.

    `total`: how many weights may be compressed (all Conv2d and Linear weights).
    """

    total: int

    def removed(self, level: float) -> int:
        """Return how many weights the level sets to zero."""

    def weights(self, level: float, layers: Sequence["Tensor"]) -> list["Tensor"]:
        """Return the compressed weights in the layers' shapes and on their device; `layers` stay as they
        are. What is returned holds until the next call, which may fill the same memory.

        `layers`: the pristine float32 weights, in layer order. Level 0 gives them back.
        """


class Method(Protocol):
    """A way to compress: its name, a sentence on what a level means, and how a checkpoint is made ready."""

    @property
    def name(self) -> str:
        """The name in a specification."""

    @property
    def meaning(self) -> str:
        """What a level means."""

    def check(self, levels: Sequence[float]) -> None:
        """Raise SpecError for levels that the method does not have."""

    def compress(self, weights: Sequence[Weights], levels: Sequence[float], seed: int = 0) -> Compressed:
        """Look at all weights once and make every level ready.

        `weights`: float32, finite, in layer order, the head last; `seed`: for methods that draw.
        """


METHODS: dict[str, Method] = {}


def register(method: Method) -> Method:
    """Make a method known by its name."""
    METHODS[method.name] = method
    return method


def find_method(name: str) -> Method:
    """Return a registered method; raise SpecError with the known names otherwise."""
    if name not in METHODS:
        raise SpecError(f"[prune] method: expected one of {', '.join(sorted(METHODS))}, got {name!r}")
    return METHODS[name]
