"""How far readers differ from each other in theta, and where that of another reader would lie.

Over cases the readers' thetas have variances and, where they share cases, a mean covariance, which moves all alike.
With v between readers, Q(v) = sum of squared distances from the weighted mean, each over v plus its own variance less
that covariance, is chi-square on R - 1 degrees of freedom. Viechtbauer 2007, Stat Med 26:37 (interval); Paule and
Mandel 1982, J Res NBS 87:377 (estimate); Nagashima, Noma and Furukawa 2019, Stat Methods Med Res 28:1689 (prediction).
"""

import math
from dataclasses import replace

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from analysis.endpoints import Endpoint
from analysis.stats.covariance import jackknife, reader_thetas
from analysis.stats.grid import Floats, Grid
from analysis.stats.obuchowski_rockette import components
from analysis.stats.primary import blank_row
from analysis.stats.rows import Comparison, arcsine, arcsine_slope

SPREADS: Floats = np.concatenate([[0.0], np.geomspace(1e-3, 0.5, 200)])
"""Standard deviations at which Q is computed: that of a number from 0 to 1 is at most one half."""

LEAST_OWN = 1e-6
"""The least variance of a reader's theta over cases, so that a reader who never errs does not decide alone."""

NO_SPREAD = (
    "not estimable: the primary comparison has no variance, or a reader has fewer than 2 answers in an arm"
)


def compare_spread(grid: Grid, endpoint: Endpoint, primary: Comparison, level: float) -> list[Comparison]:
    """Estimate the standard deviation between readers, and predict the theta of a new reader over cases like these.

    Parameters
    ----------
    grid, endpoint: the answers and their question.
    primary: the unmatched comparison of all readers, u_centred.
    level: of the intervals, 0 to 1.

    Returns
    -------
    list: `reader_spread`, on the scale of theta, with its interval; `new_reader`, with the interval of prediction.
    """
    spread = replace(blank_row(grid, endpoint, "reader_spread"), scale="spread")
    new = replace(blank_row(grid, endpoint, "new_reader"), estimate=primary.estimate)
    covariance = jackknife(grid.pie, grid.control, grid.patients)
    if primary.variance is None or primary.estimate is None or covariance is None:
        return [row.noted(NO_SPREAD) for row in (spread, new)]
    parts = components(reader_thetas(grid.pie, grid.control), covariance, shares_cases=grid.shares_cases)
    own = np.maximum(np.diag(covariance) - parts.clipped, LEAST_OWN)
    q = _heterogeneity(reader_thetas(grid.pie, grid.control), own)
    df = len(grid.readers) - 1
    below = stats.chi2.sf(q, df)  # confidence that the spread is at most each of SPREADS
    low, high = (float(np.interp(share, below, SPREADS)) for share in (0.5 - level / 2, 0.5 + level / 2))
    found = float(np.interp(-df, -q, SPREADS))
    confidence = np.diff(below, prepend=0.0, append=1.0)
    ends = _prediction(primary.estimate, primary.variance, primary.df or math.inf, confidence, level)
    return [
        replace(spread, estimate=found, ci_low=low, ci_high=high),
        replace(new, ci_low=ends[0], ci_high=ends[1]).noted("interval of prediction"),
    ]


def _heterogeneity(thetas: Floats, own: Floats) -> Floats:
    """Return Q at each of SPREADS; it falls."""
    weights = 1 / (own + SPREADS[:, None] ** 2)
    mean = (weights @ thetas) / weights.sum(axis=1)
    return np.asarray((weights * (thetas - mean[:, None]) ** 2).sum(axis=1), dtype=float)


def _prediction(
    estimate: float, variance: float, df: float, confidence: Floats, level: float
) -> tuple[float, float]:
    """Return the limits of a new reader's theta: t around the estimate, with each spread by the confidence in it.

    On the arcsine scale. What lies beyond the last spread counts as it.
    """
    spreads = np.append(SPREADS, SPREADS[-1])
    errors = arcsine_slope(estimate) * np.sqrt(variance + spreads**2)

    def beyond(y: float, share: float) -> float:
        return float(confidence @ stats.t.cdf((y - arcsine(estimate)) / errors, df)) - share

    def limit(share: float) -> float:
        ends = (0.0, math.pi / 2)
        inside = beyond(ends[0], share) < 0 < beyond(ends[1], share)
        at = brentq(beyond, *ends, args=(share,)) if inside else ends[share > 0.5]
        return math.sin(float(at)) ** 2

    return limit(0.5 - level / 2), limit(0.5 + level / 2)
