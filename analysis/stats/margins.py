"""Non-inferiority and equivalence: is a difference smaller than a margin that was declared before reading.

Schuirmann 1987, J Pharmacokinet Biopharm 15:657 (two one-sided tests); ICH E9, section 3.3.2.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from analysis.endpoints import Endpoint
from analysis.stats.grid import Floats
from analysis.stats.rows import Comparison, arcsine, arcsine_slope, critical


def margin_test(difference: Floats, variance: Floats, df: Floats, endpoint: Endpoint) -> Floats:
    """Return the p-value that a difference of an endpoint lies within its margin, one for each study.

    Equivalence: the larger of two one-sided p-values. Non-inferiority: the one-sided p-value on the unfavourable side,
    doubled, so that a two-sided level stands for half of it on the one side that is tested.

    Parameters
    ----------
    difference, variance, df: PIE minus control in natural units; the variance is positive.
    endpoint: with a margin. A risk difference is tested on the arcsine scale of theta = (1 + difference) / 2, as its
        interval is made; anything else as it is.
    """
    center, error, bound = _scaled(difference, variance, endpoint)
    above: Floats = stats.t.sf((center - bound(-endpoint.margin)) / error, df)
    below: Floats = stats.t.sf((bound(endpoint.margin) - center) / error, df)
    if endpoint.aim == "equivalence":
        return np.asarray(np.maximum(above, below), dtype=float)
    return np.asarray(np.minimum(2 * (above if endpoint.worse == "low" else below), 1.0), dtype=float)


def _scaled(
    difference: Floats, variance: Floats, endpoint: Endpoint
) -> tuple[Floats, Floats, Callable[[float], Floats]]:
    if endpoint.kind != "binary":
        return difference, np.sqrt(variance), np.asarray
    theta = np.clip((1 + difference) / 2, 1e-9, 1 - 1e-9)
    return (
        arcsine(theta),
        np.sqrt(variance / 4) * arcsine_slope(theta),
        lambda margin: arcsine((1 + margin) / 2),
    )


def against_margin(row: Comparison, endpoint: Endpoint, alpha: float) -> Comparison:
    """Give a row in natural units the test of its margin, with the interval that says the same.

    The level of the interval is 1 - 2 alpha for equivalence and 1 - alpha for non-inferiority: it lies within the
    margins, or above the one that counts, exactly where p is below alpha.
    """
    if row.estimate is None or row.variance is None:
        return row
    level = margin_level(endpoint, alpha)
    values = np.array(row.estimate), np.array(row.variance)
    center, error, _ = _scaled(*values, endpoint)
    limits = center + np.array([-1, 1]) * critical(row.df, level) * error
    if endpoint.kind == "binary":
        limits = 2 * np.sin(np.clip(limits, 0, np.pi / 2)) ** 2 - 1
    return replace(
        row,
        p=float(margin_test(*values, np.array(np.inf if row.df is None else row.df), endpoint)),
        p_from="two one-sided tests" if endpoint.aim == "equivalence" else "one-sided, doubled",
        ci_low=float(limits[0]),
        ci_high=float(limits[1]),
        extra={**row.extra, "margin": endpoint.margin, "aim": endpoint.aim, "interval_level": level},
    )


def margin_level(endpoint: Endpoint, alpha: float) -> float:
    """Return the level of the interval that goes with the test of an endpoint."""
    return 1 - 2 * alpha if endpoint.aim == "equivalence" else 1 - alpha
