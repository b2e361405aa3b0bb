"""Tests and intervals from an estimate, its variance and degrees of freedom."""

import math

from scipy import stats

ALPHA = 0.05
"""Level of the tests of the published study, and where nothing else is declared."""

LEVEL = 1 - ALPHA
"""Level of intervals where nothing else is declared."""


def critical(df: float | None, level: float = LEVEL) -> float:
    """Return the two-sided critical value of t, or of the normal distribution when `df` is None."""
    tail = 0.5 + level / 2
    return float(stats.norm.ppf(tail) if df is None else stats.t.ppf(tail, df))


def two_sided_p(estimate: float, null: float, variance: float, df: float | None) -> float:
    """Test estimate = null with fractional df (None: normal); by the survival function, against underflow."""
    statistic = abs(estimate - null) / math.sqrt(variance)
    return float(2 * (stats.norm.sf(statistic) if df is None else stats.t.sf(statistic, df)))


def plain_interval(
    estimate: float, variance: float, df: float | None, level: float = LEVEL
) -> tuple[float, float]:
    """Return estimate -+ critical value x standard error; under-covers for probabilities near 0 or 1."""
    half = critical(df, level) * math.sqrt(variance)
    return estimate - half, estimate + half


def logit_interval(
    theta: float, variance: float, df: float | None, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval of a probability 0 < theta < 1, symmetric on the logit scale (delta method)."""
    center = math.log(theta / (1 - theta))
    half = critical(df, level) * math.sqrt(variance) / (theta * (1 - theta))
    return _expit(center - half), _expit(center + half)


def _expit(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))
