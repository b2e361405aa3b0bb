"""Average precision and ROC area per class, for any number of runs at once.

Both depend on a column of scores only through its groups of equal scores in falling order, and on the counts
of positives and negatives of each group. The kernels count in integers, so ties are exact; float32 scores are
radix sorted with the label in the lowest bit, everything else goes through numpy's sort.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Ranking quality per run and class.

    `ap`, `auc`: float64, the shape of the scores without the image axis, from 0 to 1; nan where undefined.
    `positives`: int64, one count per class.
    """

    ap: Floats
    auc: Floats
    positives: NDArray[np.int64]


def rank_quality(labels: NDArray[np.generic], scores: NDArray[np.floating]) -> Ranking:
    """Compute average precision and ROC area of every class in every run.

    Parameters
    ----------
    labels: 0/1, shape (images, classes).
    scores: finite, shape (..., images, classes); the leading axes are runs (seed, sparsity). Larger means
        more likely positive. float32 is the fast path.

    Returns
    -------
    Ranking: equal to scikit-learn's `average_precision_score` and `roc_auc_score` within 1e-12, with ties.
        A class without positives has nan for both (its count says why); a class with only positives has an
        average precision of 1 and no ROC area.

    Raises
    ------
    ValueError: shapes that do not agree, labels other than 0 and 1, scores that are not finite.

    Reference
    ---------
    AP = sum over thresholds of (R_n - R_(n-1)) P_n (scikit-learn's definition, no interpolation); the ROC
    area is the Mann-Whitney statistic with half weight for ties (Hanley and McNeil 1982).
    """
    truth, values = check_scores(labels, scores)
    runs = values.reshape(-1, *values.shape[-2:])
    n_classes = values.shape[-1]
    out = np.empty((runs.shape[0], n_classes, 2))
    for r in range(runs.shape[0]):
        for c in range(n_classes):
            column = np.ascontiguousarray(runs[r, :, c])
            keys = _radix_sorted(_packed(column, truth[c])) if column.dtype == np.float32 else None
            out[r, c] = _walk_keys(keys) if keys is not None else _walk_sorted(*_sorted(column, truth[c]))
    shape = (*values.shape[:-2], n_classes)
    positives = truth.sum(axis=1, dtype=np.int64)
    return Ranking(out[..., 0].reshape(shape), out[..., 1].reshape(shape), positives)


def check_scores(
    labels: NDArray[np.generic], scores: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Check labels against scores; return the labels as classes x images uint8 and the scores as an array."""
    truth = np.asarray(labels)
    values = np.asarray(scores)
    if truth.ndim != 2 or values.ndim < 2 or values.shape[-2:] != truth.shape:
        raise ValueError(
            f"expected labels of images x classes and scores of (..., images, classes), "
            f"{truth.shape} and {values.shape} came"
        )
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("expected labels of 0 and 1 only")
    if not np.isfinite(values).all():
        raise ValueError("expected finite scores, nan or infinity came")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    return np.ascontiguousarray(truth.T.astype(np.uint8)), values


def _packed(column: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Pack score and label into one integer that rises as the score falls; the label is the lowest bit."""
    bits = (column + np.float32(0)).view(np.uint32)  # adding zero turns -0 into 0
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))
    packed: NDArray[np.uint64] = ((~rising).astype(np.uint64) << np.uint64(1)) | truth
    return packed


def _sorted(column: NDArray[np.floating], truth: NDArray[np.uint8]) -> tuple[Floats, NDArray[np.uint8]]:
    order = np.argsort(-column, kind="stable")
    return column[order].astype(np.float64), truth[order]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _radix_sorted(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sort 33-bit keys by three passes of 11 bits."""
    source = keys.copy()
    target = np.empty_like(source)
    for shift in (0, 11, 22):
        counts = np.zeros(2049, np.int64)
        for key in source:
            counts[((key >> np.uint64(shift)) & np.uint64(2047)) + np.uint64(1)] += 1
        for b in range(2048):
            counts[b + 1] += counts[b]
        for key in source:
            digit = (key >> np.uint64(shift)) & np.uint64(2047)
            target[counts[digit]] = key
            counts[digit] += 1
        source, target = target, source
    return source


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk_keys(keys: NDArray[np.uint64]) -> Any:
    n = keys.size
    above = 0
    seen = 0
    area = 0.0
    precision = 0.0
    i = 0
    while i < n:
        group = keys[i] >> np.uint64(1)
        hits = 0
        start = i
        while i < n and (keys[i] >> np.uint64(1)) == group:
            hits += int(keys[i] & np.uint64(1))
            i += 1
        misses = i - start - hits
        area += misses * (2 * above + hits)
        above += hits
        seen = i
        precision += hits * (above / seen)
    return _quality(precision, area, above, n)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk_sorted(scores: Floats, truth: NDArray[np.uint8]) -> Any:
    n = scores.size
    above = 0
    area = 0.0
    precision = 0.0
    i = 0
    while i < n:
        start = i
        hits = 0
        while i < n and scores[i] == scores[start]:
            hits += int(truth[i])
            i += 1
        area += (i - start - hits) * (2 * above + hits)
        above += hits
        precision += hits * (above / i)
    return _quality(precision, area, above, n)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _quality(precision: float, area: float, positives: int, n: int) -> tuple[float, float]:
    """Turn the sums into (AP, ROC area); `area` holds twice the Mann-Whitney count, exact below 2**53."""
    if positives == 0:
        return np.nan, np.nan
    if positives == n:
        return precision / positives, np.nan
    return precision / positives, area / (2.0 * positives * (n - positives))
