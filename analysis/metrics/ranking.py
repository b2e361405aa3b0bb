"""Average precision and ROC area per class, for any number of runs at once; F1 of yes/no decisions at a fixed score.

AP and area depend on a column of scores only through its groups of equal scores in falling order, and on the counts
of positives and negatives of each group. The kernels count in integers, so ties are exact. float32 scores from
0 to 1 are radix sorted by their bits, with the label in the lowest; everything else goes through numpy's sort.
The kernels do not hold the interpreter's lock, so runs can be ranked in threads.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from analysis.frames import IGNORED

Floats = NDArray[np.float64]
Words = NDArray[np.uint32]

ONE = np.uint32(0x3F800000)
MINUS_ZERO = np.uint32(0x80000000)
LOW = np.uint32(2047)
"""Bits of the float32 numbers 1 and -0, and of a digit."""

NOT_FINITE = "expected finite scores, got nan or infinity"


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
    labels: 0, 1 or IGNORED, shape (images, classes). An ignored label leaves its image out of that class.
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
    if parts := _known_parts(labels, scores):
        found = [rank_quality(*part) for part in parts]
        ap, auc = (np.concatenate([getattr(one, name) for one in found], axis=-1) for name in ("ap", "auc"))
        return Ranking(ap, auc, np.concatenate([one.positives for one in found]))
    by_image, values = check_shapes(labels, scores)
    runs = values.reshape(math.prod(values.shape[:-2]), *values.shape[-2:])
    truth = np.ascontiguousarray(by_image.T)
    out = np.empty((runs.shape[0], values.shape[-1], 2))
    for run, quality in zip(runs, out, strict=True):
        bits = np.ascontiguousarray(run, np.float32).view(np.uint32) if run.dtype == np.float32 else None
        if bits is None or _rank_run(bits, truth, quality):
            _rank_any(run, truth, quality)
    shape = (*values.shape[:-2], values.shape[-1])
    return Ranking(out[..., 0].reshape(shape), out[..., 1].reshape(shape), count_positives(by_image))


def _known_parts(
    labels: NDArray[np.generic], scores: NDArray[np.floating]
) -> list[tuple[NDArray[np.generic], NDArray[np.floating]]]:
    """Return each class by itself over the images whose label is known; nothing where all are."""
    known = np.asarray(labels) != IGNORED
    if known.ndim != 2 or known.all() or np.shape(scores)[-2:] != known.shape:
        return []
    return [
        (labels[here, c : c + 1], np.asarray(scores)[..., here, c : c + 1]) for c, here in enumerate(known.T)
    ]


def _rank_any(run: NDArray[np.floating], truth: NDArray[np.uint8], out: Floats) -> None:
    """Rank scores of any size and 64 bits, by numpy's sort."""
    if not np.isfinite(run).all():
        raise ValueError(NOT_FINITE)
    places = np.empty(len(run) + 1, np.int64)
    for c, truth_of_class in enumerate(truth):
        group = np.unique(-run[:, c], return_inverse=True)[1].astype(np.uint32)
        out[c] = _walk_keys(np.sort(2 * group | truth_of_class), places)


def check_shapes(
    labels: NDArray[np.generic], scores: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Check labels against scores; return the labels as images x classes uint8 and the scores as an array.

    Whether the scores are finite is left to the caller.
    """
    truth = np.asarray(labels)
    values = np.asarray(scores)
    if truth.ndim != 2 or values.ndim < 2 or values.shape[-2:] != truth.shape:
        raise ValueError(
            f"expected labels of images x classes and scores of (..., images, classes), "
            f"got {truth.shape} and {values.shape}"
        )
    if not ((truth == 0) | (truth == 1)).all():
        raise ValueError("expected labels of 0 and 1 only")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    return np.ascontiguousarray(truth, np.uint8), values


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_positives(by_image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Add up labels of images x classes per class."""
    out = np.zeros(by_image.shape[1], np.int64)
    for i in range(by_image.shape[0]):
        out += by_image[i]
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _transpose(rows: Words, out: Words) -> None:
    """Turn images x classes into classes x images; faster than numpy, whose copy reads by column."""
    n, n_classes = rows.shape
    for i in range(n):
        for c in range(n_classes):
            out[c, i] = rows[i, c]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rank_run(bits: Words, truth: NDArray[np.uint8], out: Floats) -> int:
    """Fill `out` (classes x 2) from the bits of one run's float32 scores (images x classes).

    `truth` is classes x images. Returns how many columns hold a score that is not from 0 to 1; then `out` is of no use.
    """
    n, n_classes = bits.shape
    keys = np.empty((n_classes, n), np.uint32)
    _transpose(bits, keys)
    outside = 0
    for c in range(n_classes):
        outside += _make_keys(keys[c], truth[c])
    if outside:
        return outside
    spare, counts, places = np.empty(n, np.uint32), np.empty((3, 2048), np.uint32), np.empty(n + 1, np.int64)
    for c in range(n_classes):
        out[c] = _walk_keys(_radix_sorted(keys[c], spare, counts), places)
    return 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _make_keys(column: Words, truth: NDArray[np.uint8]) -> np.uint32:
    """Turn score bits into keys 2 (1 - score in bits) + label: 31 bits that rise as the score falls.

    Returns whether a score is not from 0 to 1. No branch, so that it is done many at a time.
    """
    outside = np.uint32(0)
    for i in range(column.size):
        value = np.uint32(0) if column[i] == MINUS_ZERO else column[i]
        outside |= np.uint32(value > ONE)
        column[i] = ((ONE - value) << np.uint32(1)) | np.uint32(truth[i])
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _radix_sorted(keys: Words, spare: Words, counts: Words) -> Words:
    """Sort keys by three passes of 11 bits; all three arrays are used up."""
    counts[:] = 0
    first, second, third = counts
    for key in keys:
        first[key & LOW] += np.uint32(1)
        second[(key >> np.uint32(11)) & LOW] += np.uint32(1)
        third[key >> np.uint32(22)] += np.uint32(1)
    _scatter(keys, spare, first, np.uint32(0))
    _scatter(spare, keys, second, np.uint32(11))
    _scatter(keys, spare, third, np.uint32(22))
    return spare


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scatter(keys: Words, out: Words, counts: Words, shift: np.uint32) -> None:
    """Put keys in the order of one digit, whose values are counted."""
    place = np.uint32(0)
    for digit in range(counts.size):
        here = counts[digit]
        counts[digit] = place
        place += here
    for key in keys:
        digit = (key >> shift) & LOW
        out[counts[digit]] = key
        counts[digit] += np.uint32(1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk_keys(keys: Words, places: NDArray[np.int64]) -> Any:
    """Sum over the groups of equal scores that hold a positive, best first.

    Positives are few, so their places are taken first, without a branch. In its group a positive comes after the
    negatives, as the label is the lowest bit.
    """
    n = keys.size
    positives = np.int64(0)
    for i in range(n):
        places[positives] = i
        positives += np.int64(keys[i] & np.uint32(1))
    discordant = above = 0
    precision = 0.0
    while above < positives:
        start = first = places[above]
        key = keys[first]
        while start and keys[start - 1] == key - np.uint32(1):
            start -= 1
        end = above + 1
        while end < positives and keys[places[end]] == key:
            end += 1
        discordant += (end - above) * (2 * (start - above) + first - start)
        precision += (end - above) * (end / (places[end - 1] + 1))
        above = end
    return _quality(precision, 2 * positives * (n - positives) - discordant, positives, n)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _quality(precision: float, area: float, positives: int, n: int) -> tuple[float, float]:
    """Turn the sums into (AP, ROC area); `area` holds twice the Mann-Whitney count, exact below 2**53."""
    if positives == 0:
        return np.nan, np.nan
    if positives == n:
        return precision / positives, np.nan
    return precision / positives, area / (2.0 * positives * (n - positives))


def f1_at(
    labels: NDArray[np.generic], scores: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Compute F1 per run and class; a score at or above the threshold is a yes.

    Parameters
    ----------
    labels: as `rank_quality`.
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
    if parts := _known_parts(labels, scores):
        return np.concatenate([f1_at(*part, threshold) for part in parts], axis=-1)
    truth, values = check_shapes(labels, scores)
    runs = values.reshape(math.prod(values.shape[:-2]), *values.shape[-2:])
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
