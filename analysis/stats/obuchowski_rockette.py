"""Sensitivity analyses built on each reader's own theta: Obuchowski-Rockette with Hillis df, fixed readers.

Obuchowski and Rockette 1995 (Commun Stat Simul 24:285); Hillis 2007 (Stat Med 26:596, sec. 5.3) for the
degrees of freedom; the single-test form of Hillis 2014 (Stat Med 33:330).

How far readers differ in theta, and where another reader's would lie (`compare_spread`): over cases the readers' thetas
have variances and, where they share cases, a mean covariance, which moves all alike. With v between readers, Q(v) = sum
of squared distances from the weighted mean, each over v plus its own variance less that covariance, is chi-square on
R - 1 degrees of freedom. Viechtbauer 2007, Stat Med 26:37 (interval); Paule and Mandel 1982, J Res NBS 87:377
(estimate); Nagashima, Noma and Furukawa 2019, Stat Methods Med Res 28:1689 (prediction).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from analysis.endpoints import Endpoint
from analysis.stats.covariance import delong, delong_variance, jackknife, reader_thetas, unbiased
from analysis.stats.grid import Floats, Grid
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.primary import NO_VARIANCE, NO_VARIATION, ONE_READER, blank_row, no_variation
from analysis.stats.rows import LEVEL, Comparison, arcsine, arcsine_slope, with_test
from analysis.stats.ustatistic import VARIANCE_TOLERANCE

COVARIANCES: Mapping[str, Callable[[Floats, Floats], Floats | None]] = {
    "jackknife": jackknife,
    "delong": delong,
    "centred": unbiased,
}
THESE_READERS = "holds for these readers only, does not generalise to readers"


@dataclass(frozen=True)
class Components:
    """What the Obuchowski-Rockette model estimates from thetas and their covariance over cases.

    `ms_readers` is the sample variance of the thetas, `error` the mean variance, `between` the mean
    covariance of two readers (0 by design when no case is shared; clipped at 0 only where it is used).
    """

    mean: float
    n_readers: int
    ms_readers: float
    error: float
    between: float

    @property
    def clipped(self) -> float:
        """Covariance of two readers, not below 0."""
        return max(self.between, 0.0)

    @property
    def variance_random(self) -> float:
        """Variance of the mean theta over readers and cases."""
        return (self.ms_readers + self.n_readers * self.clipped) / self.n_readers

    @property
    def df_random(self) -> float | None:
        """Hillis' degrees of freedom; None (normal) when the thetas do not vary."""
        if self.ms_readers <= VARIANCE_TOLERANCE:
            return None
        spread = self.ms_readers**2 / (self.n_readers - 1)
        return (self.ms_readers + self.n_readers * self.clipped) ** 2 / spread

    @property
    def variance_fixed(self) -> float:
        """Variance of the mean theta over cases, for these readers."""
        return (self.error + (self.n_readers - 1) * self.clipped) / self.n_readers


def components(thetas: Floats, covariance: Floats, *, shares_cases: bool) -> Components:
    """Summarise thetas (one per reader) and their readers x readers covariance."""
    n = len(thetas)
    off_diagonal = covariance[~np.eye(n, dtype=bool)]
    return Components(
        mean=float(thetas.mean()),
        n_readers=n,
        ms_readers=float(thetas.var(ddof=1)) if n > 1 else 0.0,
        error=float(np.diag(covariance).mean()),
        between=float(off_diagonal.mean()) if shares_cases and n > 1 else 0.0,
    )


def compare_or(grid: Grid, endpoint: Endpoint, plan: Plan = DECLARED) -> list[Comparison]:
    """Compare the arms by Obuchowski-Rockette with three covariances, and for fixed readers; intervals as planned."""
    thetas = reader_thetas(grid.pie, grid.control)
    rows = [_random(grid, endpoint, thetas, name, plan) for name in COVARIANCES]
    return [*rows, _fixed(grid, endpoint, thetas, plan)]


def _printed(name: str, plan: Plan) -> str:
    """Return a covariance's name in the results: up to version 2 the centred one was called unbiased."""
    return "unbiased" if name == "centred" and not plan.one_answer else name


def compare_readers(grid: Grid, endpoint: Endpoint, level: float = LEVEL) -> list[Comparison]:
    """Estimate each reader's own theta with DeLong's interval of a level (normal, cut to 0..1)."""
    rows = []
    thetas = reader_thetas(grid.pie, grid.control)
    for r, reader in enumerate(grid.readers):
        own = (grid.pie[r], grid.control[r])
        row = replace(
            blank_row(grid, endpoint, "reader_delong"),
            estimate=float(thetas[r]),
            reader=reader,
            readers=1,
            pie_cases=int((~np.isnan(own[0])).sum()),
            control_cases=int((~np.isnan(own[1])).sum()),
        )
        variance = delong_variance(*own)
        if reader in grid.constant:
            row = row.noted("gave one answer throughout: no interval")
        elif variance is None:
            row = row.noted("fewer than 2 answers in an arm: no interval")
        elif variance <= VARIANCE_TOLERANCE:
            row = row.noted("the variance is zero: no interval")
        else:
            row = with_test(row, variance, None, "normal", level)
        rows.append(row)
    return rows


def _covariance(grid: Grid, name: str) -> Floats | None:
    of = (grid.patients,) if name == "jackknife" else ()
    return COVARIANCES[name](grid.pie, grid.control, *of)


def _random(grid: Grid, endpoint: Endpoint, thetas: Floats, name: str, plan: Plan) -> Comparison:
    row = replace(blank_row(grid, endpoint, f"or_{_printed(name, plan)}"), estimate=float(thetas.mean()))
    if no_variation(grid):
        return row.noted(NO_VARIATION)
    if len(thetas) == 1:
        return row.noted(ONE_READER)
    covariance = _covariance(grid, name)
    if covariance is None:
        why = "every reader to answer every case" if name == "delong" else "2 answers per arm of each reader"
        return row.noted(f"not available: needs {why}")
    parts = components(thetas, covariance, shares_cases=grid.shares_cases)
    row = replace(
        row,
        extra={
            "ms_readers": parts.ms_readers,
            "covariance": parts.between,
            "variance_error": parts.error,
            "variance_readers": parts.ms_readers - parts.error + parts.between,
        },
    )
    if parts.variance_random <= VARIANCE_TOLERANCE:
        return row.noted(f"{NO_VARIANCE}; see permutation")
    return with_test(
        row, parts.variance_random, parts.df_random, "t" if parts.df_random else "normal", plan.level
    )


def _fixed(grid: Grid, endpoint: Endpoint, thetas: Floats, plan: Plan) -> Comparison:
    row = replace(blank_row(grid, endpoint, "fixed_readers"), estimate=float(thetas.mean()))
    row = row.noted(THESE_READERS)
    if no_variation(grid):
        return row.noted(NO_VARIATION)
    covariance, name = _best_covariance(grid)
    if covariance is None:
        return row.noted("not available: a reader has fewer than 2 answers in an arm")
    parts = components(thetas, covariance, shares_cases=grid.shares_cases)
    row = replace(row, extra=_fixed_errors(grid, thetas, plan))
    if parts.variance_fixed <= VARIANCE_TOLERANCE:
        return row.noted("the estimated variance is zero, so no interval exists; see permutation")
    return with_test(row, parts.variance_fixed, None, "normal", plan.level).noted(f"{name} covariance")


def _fixed_errors(grid: Grid, thetas: Floats, plan: Plan) -> dict[str, float | None]:
    """Return the fixed-reader standard error by each covariance, for comparison with other software."""
    errors: dict[str, float | None] = {}
    for name in COVARIANCES:
        covariance = _covariance(grid, name)
        variance = 0.0
        if covariance is not None:
            variance = components(thetas, covariance, shares_cases=grid.shares_cases).variance_fixed
        error = float(np.sqrt(variance)) if variance > VARIANCE_TOLERANCE else None
        errors[f"se_{_printed(name, plan)}"] = error
    return errors


def _best_covariance(grid: Grid) -> tuple[Floats | None, str]:
    """Return DeLong's covariance where it exists (one reader: over the own cases), else jackknife, as for patients."""
    if grid.patients is not None:
        return _covariance(grid, "jackknife"), "jackknife"
    if len(grid.readers) == 1:
        variance = delong_variance(grid.pie[0], grid.control[0])
        return (None if variance is None else np.array([[variance]])), "DeLong"
    covariance = delong(grid.pie, grid.control)
    return (covariance, "DeLong") if covariance is not None else (_covariance(grid, "jackknife"), "jackknife")


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
