"""Average precision of every seed, condition and class as one array, from the tidy metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import frames
from analysis.conditions import DENSE, Condition, in_order
from analysis.errors import RefusedError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Precision:
    """Average precision (AP) of a run.

    `ap` is float64, seeds x conditions x classes, from 0 to 1, NaN for a class without positives. `conditions` are
    names, the reference first, `seeds` ascend, `classes` are in the order asked for.
    """

    seeds: tuple[int, ...]
    conditions: tuple[str, ...]
    classes: tuple[str, ...]
    ap: Floats

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """Which classes have an AP in every seed and condition, and an AP above 0 in the reference."""
        known = np.isfinite(self.ap).all(axis=(0, 1)) & (self.ap[:, 0] > 0).all(axis=0)
        return np.asarray(known, dtype=np.bool_)

    @property
    def mean_ap(self) -> Floats:
        """Mean AP over the measured classes (mAP), seeds x conditions."""
        means: Floats = self.ap[:, :, self.measured].mean(axis=2)
        return means

    @property
    def levels(self) -> tuple[float | None, ...]:
        """Share of removed weights of each condition, None where it has none."""
        return tuple(Condition.of(name).level for name in self.conditions)

    @property
    def ordered(self) -> bool:
        """Whether a condition beside the reference has a share, so that a curve can be drawn against it."""
        return any(level is not None for level in self.levels[1:])

    def of(self, conditions: Sequence[str]) -> "Precision":
        """Return the reference and some conditions only."""
        kept = [k for k, name in enumerate(self.conditions) if k == 0 or name in conditions]
        return replace(self, conditions=tuple(self.conditions[k] for k in kept), ap=self.ap[:, kept])

    def on_axis(self) -> "Precision":
        """Return the conditions of a curve: those with a share where there are such, else all."""
        pairs = zip(self.conditions, self.levels, strict=True)
        return self.of([name for name, level in pairs if level is not None or not self.ordered])


def read_precision(metrics: pd.DataFrame, classes: Sequence[str], reference: str = "") -> Precision:
    """Arrange the AP column of frames.METRICS by seed, condition and class.

    Parameters
    ----------
    metrics: also without the column `condition`, as in a RUN folder of format 1.
    reference: a condition; blank: dense, or where it is not there the first one.

    Raises
    ------
    FindingsError: no rows of the reference or of another condition, a combination of seed, condition and class
        that is absent, a class that `classes` does not name, or no class with an AP.
    FrameError: a cell that frames.METRICS does not allow.
    """
    given, metrics = metrics, frames.check_table(frames.with_conditions(metrics), frames.METRICS)
    strangers = sorted(set(metrics["class"]) - set(classes))
    if strangers:
        raise FindingsError(f"metrics.csv: expected classes of classes.csv only, got {', '.join(strangers)}")
    conditions = in_order(frames.conditions_of(given), reference)
    shares = all(Condition.of(name).level is not None for name in conditions)
    if len(conditions) < 2 or (shares and not reference and conditions[0] != DENSE):
        raise FindingsError("metrics.csv: expected rows of sparsity 0 and of at least one above it")
    if reference and conditions[0] != reference:
        raise FindingsError(f"metrics.csv: expected rows of the reference {reference!r}, got none")
    seeds = sorted({int(seed) for seed in metrics["seed"]})
    keyed = metrics.set_index(["seed", "condition", "class"])
    wanted = pd.MultiIndex.from_product([seeds, conditions, list(classes)])
    absent = wanted[~wanted.isin(keyed.index)]
    if len(absent):
        raise FindingsError(
            f"metrics.csv: expected a row for every seed, condition and class, {len(absent)} are absent; the first: "
            "seed {}, condition {}, class {!r}. Finish the sweep first".format(*absent[0])
        )
    ap = pd.to_numeric(keyed["ap"].reindex(wanted)).to_numpy(dtype=np.float64)
    shape = (len(seeds), len(conditions), len(classes))
    found = Precision(tuple(seeds), conditions, tuple(classes), ap.reshape(shape))
    if not found.measured.any():
        raise FindingsError("metrics.csv: expected at least one class with an average precision, got none")
    return found


class FindingsError(RefusedError):
    """Findings cannot be computed: the message says what was expected, what was found and what to do."""
