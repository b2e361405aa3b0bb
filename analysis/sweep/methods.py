"""Pruning methods by name. A method orders the weights by keys and says whether cuts run globally or per
layer.

To add one that removes single weights: write a function from the layers' weights and a seed to keys (smaller
is removed earlier), and register it. Equal keys go in flat order (`analysis.sweep.thresholds`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.sweep.errors import SpecError
from analysis.sweep.thresholds import Cut, Kept, Keys, find_cuts, keep

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Method:
    """A way to choose weights: `keys` orders them, `scope` says over what the ratio is taken."""

    name: str
    keys: Callable[[Sequence[Weights], int], list[Keys]]
    scope: Literal["global", "layer"]


METHODS: dict[str, Method] = {}


def register(method: Method) -> Method:
    """Make a method known by its name."""
    METHODS[method.name] = method
    return method


def find_method(name: str) -> Method:
    """Return a registered method; raise SpecError with the known names otherwise."""
    if name not in METHODS:
        raise SpecError(f"[prune] method: expected one of {', '.join(sorted(METHODS))}, {name!r} came")
    return METHODS[name]


def removed_count(sparsity: float, n: int) -> int:
    """Return how many of n weights a ratio removes: round(k * n), halves to even, as torch does."""
    return round(sparsity * n)


class Masks:
    """The masks of one checkpoint at all ratios: keys are computed once, cuts found in one pass.

    Parameters
    ----------
    weights: float32 arrays of any shape, in layer order; finite.
    sparsities: ratios from 0 to below 1.
    seed: for methods that draw.
    """

    def __init__(
        self, method: Method, weights: Sequence[Weights], sparsities: Sequence[float], seed: int = 0
    ) -> None:
        self.shapes = [layer.shape for layer in weights]
        self.total = sum(layer.size for layer in weights)
        self._keys = method.keys(weights, seed)
        groups = [self._keys] if method.scope == "global" else [[layer] for layer in self._keys]
        self._groups = groups
        self._cuts: dict[str, list[Cut]] = {f"{k:.2f}": [] for k in sparsities}
        self._removed = dict.fromkeys(self._cuts, 0)
        for group in groups:
            size = sum(layer.size for layer in group)
            counts = [removed_count(k, size) for k in sparsities]
            for k, count, cut in zip(sparsities, counts, find_cuts(group, counts), strict=True):
                self._cuts[f"{k:.2f}"].append(cut)
                self._removed[f"{k:.2f}"] += count

    def removed(self, sparsity: float) -> int:
        """Return how many weights the ratio removes."""
        return self._removed[f"{sparsity:.2f}"]

    def keep(self, sparsity: float) -> list[Kept]:
        """Return one bool array per layer, in the layers' shapes: true where the weight stays."""
        cuts = self._cuts[f"{sparsity:.2f}"]
        kept = [layer for group, cut in zip(self._groups, cuts, strict=True) for layer in keep(group, cut)]
        return [layer.reshape(shape) for layer, shape in zip(kept, self.shapes, strict=True)]


def magnitude_keys(weights: Sequence[Weights], seed: int = 0) -> list[Keys]:
    """Return the bits of each magnitude; as unsigned integers they rise with the magnitude."""
    return [_bits(layer) & np.uint32(0x7FFFFFFF) for layer in weights]


def drawn_keys(weights: Sequence[Weights], seed: int) -> list[Keys]:
    """Draw a uniform key per weight, so that any ratio removes a simple random sample, nested over ratios."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << 32, layer.size, np.uint32) for layer in weights]


def _bits(layer: Weights) -> Keys:
    return np.ascontiguousarray(layer, np.float32).reshape(-1).view(np.uint32)


register(Method("global_l1", magnitude_keys, "global"))
register(Method("layer_l1", magnitude_keys, "layer"))
register(Method("random", drawn_keys, "global"))
