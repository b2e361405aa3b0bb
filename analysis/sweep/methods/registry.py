"""What every compression method offers, and the register of them.

Nothing of this folder imports torch before a checkpoint is compressed, so that a page can list the methods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.sweep.errors import SpecError, UnitError
from analysis.sweep.registry import Registry

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

    @property
    def levels(self) -> tuple[float, ...]:
        """The only levels there are; empty where any share from 0 to below 1 is one."""

    def compress(self, weights: Sequence[Weights], levels: Sequence[float], seed: int = 0) -> Compressed:
        """Look at all weights once and make every level ready.

        `weights`: float32, finite, in layer order, the head last; `seed`: for methods that draw.
        """


State = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class StateMethod:
    """A method that changes more than single weights: biases, batch norms, all that a state dict holds.

    Parameters
    ----------
    rewrite: from the state dict of a checkpoint (float32, on the CPU), a level above 0 and a seed to another with the
        same names and shapes. It leaves what it is given as it is.
    levels: as of a `Method`.
    """

    name: str
    meaning: str
    rewrite: Callable[[State, float, int], State]
    levels: tuple[float, ...] = ()


AS_TRAINED = StateMethod(
    "", "the networks as they are in their checkpoints", lambda state, level, seed: state
)


class Rewritten:
    """One checkpoint whose state dict a method changes (see `Compressed`); the last level is kept.

    `names`: of the weights that may be compressed.
    """

    def __init__(self, method: StateMethod, state: State, names: Sequence[str], seed: int) -> None:
        self.total = sum(state[name].numel() for name in names)
        self._method, self._pristine, self._names, self._seed = method, state, names, seed
        self._last: tuple[float, State] = (0.0, state)

    def state(self, level: float) -> State:
        """Return the state dict of a level; raise UnitError for one of another network."""
        if level != self._last[0]:
            given = self._pristine
            made = self._method.rewrite(given, level, self._seed) if level else given
            other = [name for name in given if name not in made or made[name].shape != given[name].shape]
            if other or len(made) != len(given):
                raise UnitError(
                    f"method {self._method.name}: expected a state dict of the same names and shapes, got another "
                    f"({other[0] if other else 'names too many'})"
                )
            self._last = (level, made)
        return self._last[1]

    def weights(self, level: float, layers: Sequence["Tensor"]) -> list["Tensor"]:
        """Return the weights of a level, where the checkpoint lies."""
        return [self.state(level)[name] for name in self._names]

    def removed(self, level: float) -> int:
        """Return how many weights are zero at a level."""
        state = self.state(level)
        return sum(int((state[name] == 0).sum()) for name in self._names)


METHODS: Registry[Method | StateMethod] = Registry("[prune] method")
register = METHODS.register


def refuse_levels(method: Method | StateMethod, levels: Sequence[float], key: str) -> None:
    """Raise SpecError where a method lacks one of the levels that a specification gives at `key`."""
    if other := [level for level in levels if method.levels and level not in (0.0, *method.levels)]:
        there = " and ".join(f"{level:g}" for level in (0.0, *method.levels))
        raise SpecError(f"{key}: expected a level of {method.name} ({there}), got {other[0]:g}")


def drawing_seed(prune_seed: int, checkpoint_seed: int) -> int:
    """Return one seed for each pair, so that the members of an ensemble lose different weights."""
    return int(np.random.SeedSequence([prune_seed, checkpoint_seed]).generate_state(1, np.uint64)[0])
