"""Correlation of two columns with an interval, and that of forgetting with training frequency."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

Row = dict[str, Any]

PERFECT = 1e-12
"""A correlation within this of 1 or -1 has no Fisher interval: its standard error is that of no scatter."""

NEVER = 1.0
"""Stands for the first drop of a class that never drops, where a number is needed: all weights removed.

Every sparsity is below it, so it also ranks last.
"""


def correlate(x: Sequence[float], y: Sequence[float], method: str) -> Row:
    """Correlate two columns: estimate, 95 % interval and two-sided p.

    Parameters
    ----------
    x, y: finite, equally long.
    method: pearson (Fisher's z interval, t-test) or spearman (z interval with the variance of Bonett and
        Wright 2000, Psychometrika 65:23; p from the t approximation, rough below about 10 points).

    Returns
    -------
    method, n, estimate, ci_low, ci_high, p, note; None with a note where not estimable.

    When not to use: for pairs of classes, which are not independent (see `analysis.findings.pairs`).
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    row: Row = {"method": method, "n": len(a), "estimate": None, "ci_low": None, "ci_high": None, "p": None}
    if len(a) < 3:
        return row | {"note": f"not estimable: 3 or more classes are needed, got {len(a)}"}
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return row | {"note": "not estimable: one side is the same for all classes"}
    found = stats.pearsonr(a, b) if method == "pearson" else stats.spearmanr(a, b)
    r = float(np.clip(found.statistic, -1, 1))
    row["estimate"], row["p"] = r, float(found.pvalue)
    row["note"] = ""
    if len(a) < 4 or 1 - abs(r) < PERFECT:
        return row | {"note": "no interval: fewer than 4 classes, or no scatter"}
    half = 1.959963984540054 * math.sqrt((1 if method == "pearson" else 1 + r * r / 2) / (len(a) - 3))
    row["ci_low"], row["ci_high"] = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return row


def frequency_rows(classes: Sequence[Row]) -> list[Row]:
    """Correlate first drop and impact with the natural log of the training positives.

    A class that never drops has no first drop. For Spearman it ranks last (all such classes tie there); Pearson
    is given without such classes and with 1.0 in their place. Their number is in `never`.

    Parameters
    ----------
    classes: rows of `class_rows`.

    Returns
    -------
    quantity (first_drop, impact), never_as (left out, 1.0, last or blank), never, without_frequency (classes
    left out because training positives are 0 or not known), then the columns of `correlate`.
    """
    known = [row for row in classes if row["never_drops"] is not None]
    usable = [
        row
        | {
            "log": math.log(row["train_positives"]),
            "drop": NEVER if row["never_drops"] else row["first_drop"],
        }
        for row in known
        if row["train_positives"]
    ]
    never = sum(row["never_drops"] for row in usable)
    counts = {"never": never, "without_frequency": len(known) - len(usable)}
    rows = []
    ordered = all(row["never_drops"] or row["first_drop"] is not None for row in known)
    for method, never_as in (("pearson", "left out"), ("pearson", "1.0"), ("spearman", "last")):
        chosen = [row for row in usable if ordered and (never_as != "left out" or not row["never_drops"])]
        found = correlate([row["log"] for row in chosen], [row["drop"] for row in chosen], method)
        if not ordered:
            found["note"] = "not estimable: without shares of removed weights none is the first"
        rows.append({"quantity": "first_drop", "never_as": never_as, **counts} | found)
    chosen = [row for row in usable if row["impact"] is not None]
    for method in ("pearson", "spearman"):
        found = correlate([row["log"] for row in chosen], [row["impact"] for row in chosen], method)
        rows.append({"quantity": "impact", "never_as": "", **counts} | found)
    return rows
