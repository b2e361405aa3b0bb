"""Non-inferiority and equivalence: is a difference smaller than a margin that was declared before reading.

Schuirmann 1987, J Pharmacokinet Biopharm 15:657 (two one-sided tests); ICH E9, section 3.3.2. A risk difference is
tested with its variance at the margin, as Farrington and Manning 1990 (Stat Med 9:1447) do: where answers are rare the
estimated variance falls with the difference, and a test with it claims margins that are not met.
"""

from dataclasses import replace

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from analysis.endpoints import Endpoint
from analysis.stats.grid import Floats
from analysis.stats.rows import Comparison, critical


def margin_test(
    difference: Floats, variance: Floats, df: Floats, endpoint: Endpoint, share: Floats
) -> Floats:
    """Return the p-value that a difference of an endpoint lies within its margin, one for each study.

    Equivalence: the larger of two one-sided p-values. Non-inferiority: the one-sided p-value on the unfavourable side,
    doubled, so that a two-sided level stands for half of it on the one side that is tested.

    Parameters
    ----------
    difference, variance, df: PIE minus control in natural units; the variance is positive.
    endpoint: with a margin.
    share: of yes among the answers to controls, 0 to 1; looked at for yes or no only.
    """
    low, high = -endpoint.margin, endpoint.margin
    above: Floats = stats.t.sf(_distance(low, difference, variance, endpoint, share), df)
    below: Floats = stats.t.sf(-_distance(high, difference, variance, endpoint, share), df)
    if endpoint.aim == "equivalence":
        return np.asarray(np.maximum(above, below), dtype=float)
    return np.asarray(np.minimum(2 * (above if endpoint.worse == "low" else below), 1.0), dtype=float)


def _distance(
    bound: float, difference: Floats, variance: Floats, endpoint: Endpoint, share: Floats
) -> Floats:
    """Return how many standard errors a difference lies above a bound; of a risk difference, those at the bound.

    Its variance is taken to go with the binomial ones of both shares, the controls' as seen; it is never made smaller.
    """
    factor: Floats = np.ones(np.shape(difference))
    if endpoint.kind == "binary":
        there, seen = _binomial(share, bound), _binomial(share, difference)
        factor = np.maximum(np.divide(there, seen, out=np.ones(np.shape(seen)), where=seen > 0), 1.0)
    return np.asarray((difference - bound) / np.sqrt(variance * factor), dtype=float)


def _binomial(share: Floats, difference: float | Floats) -> Floats:
    other = np.clip(share + difference, 0.0, 1.0)
    return np.asarray(share * (1 - share) + other * (1 - other), dtype=float)


def against_margin(row: Comparison, endpoint: Endpoint, alpha: float, share: float) -> Comparison:
    """Give a row in natural units the test of its margin, with the interval of the same test inverted.

    The level of the interval is 1 - 2 alpha for equivalence and 1 - alpha for non-inferiority: it lies within the
    margins, or beyond the one that counts, exactly where p is below alpha.
    """
    if row.estimate is None or row.variance is None:
        return row
    level = 1 - 2 * alpha if endpoint.aim == "equivalence" else 1 - alpha
    values = np.array(row.estimate), np.array(row.variance)
    limit = critical(row.df, level)

    def beyond(bound: float, side: int) -> float:
        return side * float(_distance(bound, *values, endpoint, np.array(share))) - limit

    def end(side: int) -> float:
        if endpoint.kind != "binary":
            return float(values[0] - side * limit * np.sqrt(values[1]))
        if beyond(-side, side) <= 0:
            return float(-side)
        return float(brentq(beyond, float(values[0]), -side, args=(side,)))

    return replace(
        row,
        p=float(
            margin_test(*values, np.array(np.inf if row.df is None else row.df), endpoint, np.array(share))
        ),
        p_from="two one-sided tests" if endpoint.aim == "equivalence" else "one-sided, doubled",
        ci_low=end(1),
        ci_high=end(-1),
        extra={**row.extra, "margin": endpoint.margin, "aim": endpoint.aim, "interval_level": level},
    )
