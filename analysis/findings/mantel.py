"""Relation of two tables of pairs of classes, when the pairs are not independent: Mantel's permutation test."""

import math
from itertools import permutations
from typing import Any

import numpy as np
from scipy import stats

from analysis.findings.precision import FindingsError, Floats

Row = dict[str, Any]

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
    # Each pair stands twice in a symmetric table.
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
