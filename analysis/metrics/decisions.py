"""F1 of yes/no decisions at a fixed score."""

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.ranking import check_scores


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
    truth, values = check_scores(labels, scores)
    runs = values.reshape(-1, *values.shape[-2:])
    positives = truth.sum(axis=1, dtype=np.int64)
    out = np.full((len(runs), len(truth)), np.nan)
    some = positives > 0
    for r, run in enumerate(runs):
        yes = threshold <= run.T
        found = (yes & (truth == 1)).sum(axis=1)
        out[r, some] = (2 * found / np.maximum(yes.sum(axis=1) + positives, 1))[some]
    return out.reshape(*values.shape[:-2], len(truth))
