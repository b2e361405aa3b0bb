"""F1 of yes/no decisions at a fixed score."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from analysis.metrics.ranking import NOT_FINITE, check_shapes, count_positives


def f1_at(
    labels: NDArray[np.generic], scores: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Compute F1 per run and class; a score at or above the threshold is a yes.

    Parameters
    ----------
    labels: 0/1, shape (images, classes).
    scores: finite, shape (..., images, classes).
    threshold: from 0 to 1.

    Returns
    -------
    float64, shape (..., classes), from 0 to 1: 2 TP / (2 TP + FP + FN). nan for a class without positives; 0
    for a class with positives of which none was found.

    Raises
    ------
    ValueError: as `rank_quality`.
    """
    truth, values = check_shapes(labels, scores)
    runs = values.reshape(-1, *values.shape[-2:])
    positives = count_positives(truth)
    out = np.full((len(runs), truth.shape[1]), np.nan)
    some = positives > 0
    for r, run in enumerate(runs):
        yes, found, finite = _counts(run, truth, threshold)
        if not finite:
            raise ValueError(NOT_FINITE)
        out[r, some] = (2 * found / np.maximum(yes + positives, 1))[some]
    return out.reshape(*values.shape[:-2], truth.shape[1])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _counts(run: NDArray[np.floating], truth: NDArray[np.uint8], threshold: float) -> Any:
    """Count per class the scores at or above the threshold, and those of positives among them."""
    n, n_classes = run.shape
    yes, found = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
    finite = True
    for i in range(n):
        for c in range(n_classes):
            finite &= np.isfinite(run[i, c])
            says = np.int64(run[i, c] >= threshold)
            yes[c] += says
            found[c] += says * truth[i, c]
    return yes, found, finite
