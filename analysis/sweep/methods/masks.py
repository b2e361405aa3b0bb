"""Methods that remove weights: keys order them, cuts at all levels are found in one pass, masks follow from
cuts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.sweep.methods.registry import Weights
from analysis.sweep.thresholds import Cut, Keys, find_cuts, keep

if TYPE_CHECKING:
    from torch import Tensor

Pieces = Callable[[Sequence[Weights]], list[int]]


def single_weights(weights: Sequence[Weights]) -> list[int]:
    """Let weights go one by one."""
    return [1] * len(weights)


@dataclass(frozen=True)
class MaskMethod:
    """A method that sets weights to zero.

    Parameters
    ----------
    keys: from the weights and a seed to one flat uint32 array per layer, below 2**31; smaller goes first, and
        among equal keys the lowest flat index, in the order of the layers.
    scope: whether a ratio is taken of all weights together or of each layer.
    pieces: per layer how many neighbouring weights go together, 0 for a layer that stays whole; other than 1
        only where the scope is the layer.
    levels: the only ratios, where not any is one.
    """

    name: str
    meaning: str
    keys: Callable[[Sequence[Weights], int], list[Keys]]
    scope: Literal["global", "layer"]
    pieces: Pieces = single_weights
    levels: tuple[float, ...] = ()

    def compress(self, weights: Sequence[Weights], levels: Sequence[float], seed: int = 0) -> "Masks":
        """Compute the keys and find the cuts of all ratios."""
        return Masks(self, weights, levels, seed)


class Masks:
    """The masks of one checkpoint at all ratios (see `Compressed`).

    Parameters
    ----------
    weights: float32 arrays of any shape, in layer order; finite.
    sparsities: ratios from 0 to below 1.
    """

    def __init__(
        self, method: MaskMethod, weights: Sequence[Weights], sparsities: Sequence[float], seed: int = 0
    ) -> None:
        import torch

        self.total = sum(layer.size for layer in weights)
        keys = method.keys(weights, seed)
        everything = range(len(keys))
        self._groups = [list(everything)] if method.scope == "global" else [[place] for place in everything]
        self._cuts: dict[str, list[Cut]] = {_name(k): [] for k in sparsities}
        self._removed = dict.fromkeys(self._cuts, 0)
        pieces = method.pieces(weights)
        for group in self._groups:
            size, piece = sum(keys[place].size for place in group), pieces[group[0]]
            # Halves to even, as torch does.
            counts = [piece * round(k * (size // piece)) if piece else 0 for k in sparsities]
            cuts = find_cuts([keys[place] for place in group], counts)
            for k, count, cut in zip(sparsities, counts, cuts, strict=True):
                self._cuts[_name(k)].append(cut)
                self._removed[_name(k)] += count
        self._keys = [
            torch.from_numpy(layer.view(np.int32)).view(wanted.shape)
            for layer, wanted in zip(keys, weights, strict=True)
        ]

    def removed(self, sparsity: float) -> int:
        """Return how many weights the ratio removes."""
        return self._removed[_name(sparsity)]

    def keep(self, sparsity: float) -> list["Tensor"]:
        """Return one bool tensor per layer, in the layers' shapes: true where the weight stays."""
        kept: list[Tensor] = []
        for group, cut in zip(self._groups, self._cuts[_name(sparsity)], strict=True):
            kept += keep([self._keys[place] for place in group], cut)
        return kept

    def weights(self, level: float, layers: Sequence["Tensor"]) -> list["Tensor"]:
        """Return the layers with zeros where the ratio removes; the keys move to the layers' device once."""
        import torch

        if self.removed(level) == 0:
            return list(layers)
        if self._keys[0].device != layers[0].device:
            self._keys = [key.to(layers[0].device) for key in self._keys]
        pairs = zip(layers, self.keep(level), strict=True)
        return [torch.where(stays, layer, 0.0) for layer, stays in pairs]


def _name(sparsity: float) -> str:
    return f"{sparsity:.2f}"
