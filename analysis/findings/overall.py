"""Overall impact of compression: mAP of each condition over seeds, the first significant drop."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from analysis.conditions import DENSE
from analysis.findings.precision import Floats, Precision
from analysis.metrics.multiplicity import holm

Row = dict[str, Any]

ALPHA = 0.05
TESTS = ("paired", "welch")
NO_SPREAD = 1e-12
"""A standard deviation of mAP below this is rounding, not spread: a t value would divide by it."""


def overall_impact(precision: Precision) -> list[Row]:
    """Compare the mAP of every condition with that of the reference, over seeds.

    Estimates the mean over training seeds of the mAP and of its change, with 95 % t intervals. Two tests per
    condition: the paired t-test over seeds (the same seed in both) and Welch's t-test, which treats the
    two as independent samples. p-values are adjusted by Holm over the conditions, per test. Both are two-sided.

    Returns
    -------
    One row per condition, the reference first: condition, sparsity (None without a share), seeds, map_mean, map_low,
    map_high, change, change_low, change_high (mAP units), relative_change, p_paired, p_paired_holm, p_welch,
    p_welch_holm, note. None where not estimable.
    """
    means = precision.mean_ap
    rows = [_row(precision, k, means[:, k], means[:, 0]) for k in range(means.shape[1])]
    for test in TESTS:
        adjusted = holm([row[f"p_{test}"] for row in rows[1:]])
        for row, p in zip(rows, [None, *adjusted], strict=True):
            row[f"p_{test}_holm"] = p
    return rows


def first_significant_drop(rows: Sequence[Row], test: str) -> Row:
    """Find the largest sparsity before the first significant drop of mAP.

    Parameters
    ----------
    rows: of `overall_impact`.
    test: paired or welch.

    Returns
    -------
    test, alpha, first_drop (sparsity or None), largest_before (sparsity or None), note.
    """
    pruned = [row for row in rows[1:] if row["sparsity"] is not None]
    out: Row = {"test": test, "alpha": ALPHA, "first_drop": None, "largest_before": None, "note": ""}
    if not pruned:
        return out | {"note": "the conditions have no shares of removed weights, so none is the first"}
    key = f"p_{test}_holm"
    unknown = [f"{row['sparsity']:.2f}" for row in pruned if row[key] is None]
    if len(unknown) == len(pruned):
        return out | {"note": "not estimable: no sparsity has a p-value"}
    low = [row[key] is not None and row[key] < ALPHA and row["change"] < 0 for row in pruned]
    first = low.index(True) if any(low) else None
    out["first_drop"] = None if first is None else pruned[first]["sparsity"]
    out["largest_before"] = [rows[0], *pruned][-1 if first is None else first]["sparsity"]
    notes = ["no significant drop at any sparsity"] if first is None else []
    notes += [f"no p-value at {', '.join(unknown)}"] if unknown else []
    return out | {"note": "; ".join(notes)}


def _row(precision: Precision, place: int, pruned: Floats, dense: Floats) -> Row:
    change = pruned - dense
    mean, low, high = interval(pruned)
    delta, delta_low, delta_high = interval(change)
    row: Row = {
        "condition": precision.conditions[place], "sparsity": precision.levels[place],
        "seeds": len(pruned), "map_mean": mean, "map_low": low, "map_high": high,
        "change": delta, "change_low": delta_low, "change_high": delta_high,
        "relative_change": delta / float(dense.mean()), "p_paired": None, "p_paired_holm": None,
        "p_welch": None, "p_welch_holm": None, "note": "",
    }  # fmt: skip
    if place == 0:
        what = "dense networks" if precision.conditions[0] == DENSE else "reference"
        return row | {"note": f"the {what}, with which the others are compared"}
    if len(pruned) < 2:
        return row | {"note": "not estimable: a test needs 2 or more seeds"}
    notes = []
    row["p_paired"] = paired_p(change)
    if row["p_paired"] is None:
        notes.append("paired test not estimable: the change is the same in all seeds")
    if max(_spread(pruned), _spread(dense)) > NO_SPREAD:
        row["p_welch"] = _welch(pruned, dense)
    else:
        notes.append("Welch test not estimable: mAP is the same in all seeds")
    return row | {"note": "; ".join(notes)}


def _welch(pruned: Floats, dense: Floats) -> float:
    # From moments: on values that do not vary, the function on values warns of lost precision.
    found = stats.ttest_ind_from_stats(
        pruned.mean(), _spread(pruned), len(pruned), dense.mean(), _spread(dense), len(dense), equal_var=False
    )
    return float(found.pvalue)


def paired_p(change: Floats) -> float | None:
    """Return the two-sided p of the paired t-test of a change over seeds; None without spread or with one seed."""
    if len(change) < 2 or _spread(change) <= NO_SPREAD:
        return None
    t = float(change.mean()) / (_spread(change) / math.sqrt(len(change)))
    return float(2 * stats.t.sf(abs(t), len(change) - 1))


def interval(values: Floats) -> tuple[float, float | None, float | None]:
    """Return the mean over seeds and its 95 % t interval; no interval with one seed."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, None, None
    half = float(stats.t.ppf(0.975, len(values) - 1)) * _spread(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def _spread(values: Floats) -> float:
    return float(np.std(values, ddof=1))
