"""Pairs of classes: how differently they are forgotten, and what goes with it.

That is how often they occur together, and how far apart in frequency they are. The pairs are not independent, since a
class is in many: tables of pairs are related by Mantel's permutation test.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.findings.forgettability import Curves
from analysis.findings.precision import FindingsError, Floats
from analysis.frames import IGNORED

Row = dict[str, Any]
Measure = Literal["mse", "euclidean"]
Variant = Literal["true", "reference"]


def curve_dissimilarity(curves: Floats, measure: Measure = "mse") -> Floats:
    """Compute the forgettability curve dissimilarity (FCD) of all pairs of classes.

    Parameters
    ----------
    curves: float64, classes x sparsities: median relative change of AP.
    measure: mse, the mean squared difference between two curves (the poster), or euclidean, the root of the sum
        of squared differences (the published code). For n sparsities euclidean = sqrt(n * mse).

    Returns
    -------
    float64, classes x classes, symmetric, 0 on the diagonal, from 0 up. It grows as curves differ.

    Reference
    ---------
    Holste et al., MICCAI 2023 (doi 10.1007/978-3-031-43904-9_64).
    """
    if measure not in ("mse", "euclidean"):
        raise FindingsError(f"expected mse or euclidean, got {measure!r}")
    squares = (curves[:, None, :] - curves[None, :, :]) ** 2
    out: Floats = squares.mean(axis=2) if measure == "mse" else np.sqrt(squares.sum(axis=2))
    return out


def co_occurrence(labels: npt.NDArray[np.generic], variant: Variant = "true") -> tuple[Floats, Floats]:
    """Compute how often classes occur together: intersection over union of their positive images (IoU).

    Parameters
    ----------
    labels: 0, 1 or IGNORED, images x classes. A pair is counted over the images in which both labels are known.
    variant: true = |A and B| / |A or B| from positive counts. reference = as the published code: the frequency
        of a class is the sum of its whole column of the co-occurrence matrix, so that an image with several
        classes counts several times, and the union is made from these sums.

    Returns
    -------
    IoU, float64, classes x classes, from 0 to 1 (1 on the diagonal of `true`), NaN where neither class occurs.
    Frequency of each class that the variant uses.
    """
    if variant not in ("true", "reference"):
        raise FindingsError(f"expected true or reference, got {variant!r}")
    known = np.asarray(labels) != IGNORED
    values = np.where(known, np.asarray(labels, dtype=np.float64), 0.0)
    if values.ndim != 2 or not np.isin(values, (0.0, 1.0)).all():
        raise FindingsError(f"expected labels 0 or 1, images x classes, got shape {values.shape}")
    both = values.T @ values
    frequency: Floats = np.diag(both).copy() if variant == "true" else both.sum(axis=0)
    # Row A, column B: the positives of A among the images in which B is known.
    ones = values.T @ known.astype(np.float64) if variant == "true" else frequency[:, None]
    union = ones + ones.T - both
    iou = np.divide(both, union, out=np.full_like(both, np.nan), where=union > 0)
    return iou, frequency


def frequency_difference(frequency: Floats) -> Floats:
    """Compute |log f_a - log f_b| of all pairs, classes x classes; a frequency of 0, which has none, counts as 1."""
    logs = np.log(np.where(frequency > 0, frequency, 1.0))
    out: Floats = np.abs(logs[:, None] - logs[None, :])
    return out


def pair_rows(
    curves: Curves, names: Sequence[str], labels: npt.NDArray[np.generic], positives: Mapping[str, int | None]
) -> list[Row]:
    """Tell FCD, co-occurrence and difference in frequency of every pair of classes with a curve.

    Parameters
    ----------
    curves: of the run.
    names: classes in column order of the labels.
    labels: 0/1, images x classes, of the test split.
    positives: training positives of each class; None where not known.

    Returns
    -------
    class_a, class_b (a before b in curve order), fcd_mse, fcd_euclidean, both (images with both), iou,
    iou_reference, log_frequency_difference (natural log of training positives; None where one is 0 or not known).
    """
    columns = [list(names).index(name) for name in curves.classes]
    own = np.asarray(labels)[:, columns]
    positive = (own == 1).astype(np.int64)
    both = positive.T @ positive
    true, _ = co_occurrence(own)
    # The published sums run over the columns of all classes, those without a curve too.
    reference = co_occurrence(labels, "reference")[0][np.ix_(columns, columns)]
    mse = curve_dissimilarity(curves.median)
    euclidean = curve_dissimilarity(curves.median, "euclidean")
    rows = []
    for a, b in zip(*np.triu_indices(len(curves.classes), 1), strict=True):
        first, second = curves.classes[a], curves.classes[b]
        one, other = positives.get(first), positives.get(second)
        apart = abs(float(np.log(one) - np.log(other))) if one and other else None
        rows.append(
            {"class_a": first, "class_b": second, "fcd_mse": float(mse[a, b]),
             "fcd_euclidean": float(euclidean[a, b]), "both": int(both[a, b]),
             "iou": None if np.isnan(true[a, b]) else float(true[a, b]),
             "iou_reference": float(reference[a, b]), "log_frequency_difference": apart}
        )  # fmt: skip
    return rows


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
    iou = co_occurrence(labels)[0][np.ix_(columns, columns)]
    together = np.isfinite(iou).all(axis=0)
    published, frequency = co_occurrence(labels, "reference")
    rows = []
    for variant, fcd, beside, table, keep in (
        ("true", "mse", IOU, iou, together),
        ("true", "mse", FREQUENCY, frequency_difference(trained), trained > 0),
        ("reference", "euclidean", IOU, published[np.ix_(columns, columns)] ** ROOT, every),
        ("reference", "euclidean", FREQUENCY, frequency_difference(frequency[columns]), every),
    ):
        distance = curve_dissimilarity(curves.median, "mse" if fcd == "mse" else "euclidean")
        kept = np.ix_(keep, keep)
        for method in ("pearson", "spearman"):
            found = mantel(distance[kept], table[kept], method=method, seed=seed, draws=draws)
            if not keep.all():
                counted = "training positives", "images where another's label is known"
                lacking = counted[beside != FREQUENCY]
                left = f"{int((~keep).sum())} classes without {lacking} are left out"
                found["note"] = "; ".join(filter(None, (found["note"], left)))
            rows.append({"variant": variant, "fcd": fcd, "with": beside} | found)
    return rows


SAME = 1e-12
"""Permuted correlations this close to the observed one count as equal to it."""


def mantel(x: Floats, y: Floats, *, method: str, seed: int, draws: int = 9999) -> Row:
    """Correlate two symmetric matrices over all pairs of classes, by permuting the classes.

    A class is in many pairs, so that n (n - 1) / 2 pairs are far less than as many observations: the p-value of an
    ordinary correlation is too small. Under the null hypothesis the classes' names in one matrix are exchangeable:
    rows and columns are permuted together. Two-sided, p = (1 + #{|r*| >= |r|}) / (1 + draws); all permutations are
    taken when there are no more than `draws`. The interval is a jackknife over classes on Fisher's z, with t
    quantiles; it takes the classes for a sample of many, and is rough below about 10.

    Parameters
    ----------
    x, y: float64, classes x classes, symmetric, finite off the diagonal.
    method: pearson or spearman.
    seed: of the random permutations, from 0.
    draws: permutations, at least 1.

    Returns
    -------
    method, classes, pairs, estimate, ci_low, ci_high, p, permutations, exact (0/1), note; None where not
    estimable.

    Reference
    ---------
    Mantel 1967, Cancer Res 27:209; jackknife of statistics of pairs: Arvesen 1969, Ann Math Stat 40:2076.
    """
    n = len(x)
    if x.shape != (n, n) or y.shape != (n, n):
        raise FindingsError(f"expected two square tables of one size, got {x.shape} and {y.shape}")
    row: Row = {
        "method": method, "classes": n, "pairs": n * (n - 1) // 2, "estimate": None, "ci_low": None,
        "ci_high": None, "p": None, "permutations": None, "exact": None, "note": "",
    }  # fmt: skip
    if n < 4:
        return row | {"note": f"not estimable: 4 or more classes are needed, got {n}"}
    a, b = _centred(x, method), _centred(y, method)
    if a is None or b is None:
        return row | {"note": "not estimable: one side is the same for all pairs"}
    observed = _product(a, b)
    exact = math.factorial(n) <= draws
    hits = total = 0
    rng = np.random.default_rng(seed)
    drawn = (rng.permutation(n) for _ in range(draws))
    for order in map(np.array, permutations(range(n))) if exact else drawn:
        hits += abs(_product(a, b[np.ix_(order, order)])) >= abs(observed) - SAME
        total += 1
    row["estimate"] = float(np.clip(observed, -1, 1))
    row["p"] = hits / total if exact else (1 + hits) / (1 + total)
    row["permutations"], row["exact"] = total, int(exact)
    row["ci_low"], row["ci_high"], row["note"] = _jackknife(x, y, observed, method)
    return row


def _centred(table: Floats, method: str) -> Floats | None:
    """Return the table with its pairs ranked or not, centred and of length 1, diagonal 0; None if constant."""
    if method not in ("pearson", "spearman"):
        raise FindingsError(f"expected pearson or spearman, got {method!r}")
    upper = np.triu_indices(len(table), 1)
    values = table[upper]
    if not np.isfinite(values).all():
        raise FindingsError(
            "expected a finite number for every pair of classes; leave out the classes without one"
        )
    if np.ptp(values) == 0:
        return None
    values = stats.rankdata(values) if method == "spearman" else values
    values = values - values.mean()
    out = np.zeros_like(table)
    out[upper] = values / np.linalg.norm(values)
    out += out.T
    return out


def _product(a: Floats, b: Floats) -> float:
    # Each pair is twice in a symmetric table.
    return float(np.vdot(a, b)) / 2


def _jackknife(x: Floats, y: Floats, observed: float, method: str) -> tuple[float | None, float | None, str]:
    n = len(x)
    none = (None, None, "no interval: a correlation of 1 or -1, or one side constant without one class")
    left = []
    for out in range(n):
        keep = np.delete(np.arange(n), out)
        a, b = (_centred(table[np.ix_(keep, keep)], method) for table in (x, y))
        if a is None or b is None:
            return none
        left.append(_product(a, b))
    if max(abs(observed), *(abs(r) for r in left)) > 1 - SAME:
        return none
    z = np.arctanh(left)
    error = math.sqrt((n - 1) / n * float(((z - z.mean()) ** 2).sum()))
    half = float(stats.t.ppf(0.975, n - 1)) * error
    middle = math.atanh(observed)
    return math.tanh(middle - half), math.tanh(middle + half), ""
