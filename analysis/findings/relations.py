"""What goes with being forgotten differently: co-occurrence, and distance in frequency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.findings.forgettability import Curves
from analysis.findings.mantel import mantel
from analysis.findings.pairs import co_occurrence, curve_dissimilarity, frequency_difference
from analysis.findings.precision import Floats

Row = dict[str, Any]

ROOT = 0.25
"""Power of the IoU inside the published correlations; Pearson's r changes with it, ranks do not."""

FREQUENCY, IOU = "log_frequency_difference", "iou"


def relation_rows(
    curves: Curves, names: Sequence[str], labels: npt.NDArray[np.generic],
    positives: Mapping[str, int | None], *, seed: int, draws: int = 9999,
) -> list[Row]:  # fmt: skip
    """Correlate FCD with co-occurrence and with the difference in log frequency, over pairs of classes.

    Variant `true`: FCD mse, IoU from positive counts of the test split, frequency in training. Variant
    `reference`, as the published code: FCD euclidean, IoU and frequency from column sums of the test split's
    co-occurrence matrix, IoU to the power 1/4.

    Parameters
    ----------
    curves, names, labels, positives: see `analysis.findings.pairs.pair_rows`.
    seed, draws: of the permutations.

    Returns
    -------
    variant, fcd (mse, euclidean), with (iou, log_frequency_difference), then the columns of `mantel`.
    """
    columns = np.array([list(names).index(name) for name in curves.classes], dtype=int)
    trained = np.array([float(positives.get(name) or 0) for name in curves.classes])
    every = np.ones(len(columns), dtype=bool)
    iou = co_occurrence(labels).iou[np.ix_(columns, columns)]
    published = co_occurrence(labels, "reference")
    rows = []
    for variant, fcd, beside, table, keep in (
        ("true", "mse", IOU, iou, every),
        ("true", "mse", FREQUENCY, _apart(trained), trained > 0),
        ("reference", "euclidean", IOU, published.iou[np.ix_(columns, columns)] ** ROOT, every),
        ("reference", "euclidean", FREQUENCY, _apart(published.frequency[columns]), every),
    ):
        distance = curve_dissimilarity(curves.median, "mse" if fcd == "mse" else "euclidean")
        kept = np.ix_(keep, keep)
        for method in ("pearson", "spearman"):
            found = mantel(distance[kept], table[kept], method=method, seed=seed, draws=draws)
            if not keep.all():
                left = f"{int((~keep).sum())} classes without training positives are left out"
                found["note"] = f"{found['note']}; {left}" if found["note"] else left
            rows.append({"variant": variant, "fcd": fcd, "with": beside} | found)
    return rows


def _apart(frequency: Floats) -> Floats:
    # A class of frequency 0 has no logarithm; it is left out afterwards, so any number will do in its place.
    return frequency_difference(np.where(frequency > 0, frequency, 1.0))
