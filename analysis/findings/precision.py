"""Average precision of every seed, sparsity and class as one array, from the tidy metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import frames

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Precision:
    """Average precision (AP) of a run.

    `ap` is float64, seeds x sparsities x classes, from 0 to 1, NaN for a class without positives. `sparsities`
    ascend from 0, `seeds` ascend, `classes` are in the order asked for.
    """

    seeds: tuple[int, ...]
    sparsities: tuple[float, ...]
    classes: tuple[str, ...]
    ap: Floats

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """Which classes have an AP in every seed and sparsity, and a dense AP above 0."""
        known = np.isfinite(self.ap).all(axis=(0, 1)) & (self.ap[:, 0] > 0).all(axis=0)
        return np.asarray(known, dtype=np.bool_)

    @property
    def mean_ap(self) -> Floats:
        """Mean AP over the measured classes (mAP), seeds x sparsities."""
        means: Floats = self.ap[:, :, self.measured].mean(axis=2)
        return means


def read_precision(metrics: pd.DataFrame, classes: Sequence[str]) -> Precision:
    """Arrange the AP column of frames.METRICS by seed, sparsity and class.

    Raises
    ------
    FindingsError: no dense (sparsity 0) or no pruned rows, a combination of seed, sparsity and class that is
        absent, a class that `classes` does not name, or no class with an AP.
    FrameError: a cell that frames.METRICS does not allow.
    """
    frames.check_table(metrics, frames.METRICS)
    strangers = sorted(set(metrics["class"]) - set(classes))
    if strangers:
        raise FindingsError(f"metrics.csv: expected classes of classes.csv only, got {', '.join(strangers)}")
    percents = [round(100 * float(value)) for value in metrics["sparsity"]]
    sparsities = sorted(set(percents))
    if not sparsities or sparsities[0] != 0 or len(sparsities) < 2:
        raise FindingsError("metrics.csv: expected rows of sparsity 0 and of at least one above it")
    seeds = sorted({int(seed) for seed in metrics["seed"]})
    keyed = metrics.assign(percent=percents).set_index(["seed", "percent", "class"])
    _check_complete(set(keyed.index), seeds, sparsities, classes)
    wanted = pd.MultiIndex.from_product([seeds, sparsities, list(classes)])
    ap = pd.to_numeric(keyed["ap"].reindex(wanted)).to_numpy(dtype=np.float64)
    shape = (len(seeds), len(sparsities), len(classes))
    found = Precision(tuple(seeds), tuple(p / 100 for p in sparsities), tuple(classes), ap.reshape(shape))
    if not found.measured.any():
        raise FindingsError("metrics.csv: expected at least one class with an average precision, got none")
    return found


def _check_complete(
    keys: set[Any], seeds: Sequence[int], sparsities: Sequence[int], classes: Sequence[str]
) -> None:
    absent = [key for key in product(seeds, sparsities, classes) if key not in keys]
    if absent:
        seed, percent, name = absent[0]
        raise FindingsError(
            f"metrics.csv: expected a row for every seed, sparsity and class, {len(absent)} are absent; the first: "
            f"seed {seed}, sparsity {percent / 100:.2f}, class {name!r}. Finish the sweep first"
        )


class FindingsError(ValueError):
    """Findings cannot be computed: the message says what was expected, what was found and what to do."""
