"""Mixed models as labelled sensitivity analyses: odds ratios for readers and cases like these."""

import math
from dataclasses import replace

import numpy as np

from analysis.endpoints import Endpoint
from analysis.stats.grid import Grid
from analysis.stats.inference import LEVEL, plain_interval, two_sided_p
from analysis.stats.laplace import fit_cumulative_logit
from analysis.stats.primary import NO_VARIATION, ONE_READER, blank_row, no_variation
from analysis.stats.rows import Comparison

WALD = "Wald z takes the effect of the arm as the same for all readers: sensitivity only"


def compare_mixed(grid: Grid, endpoint: Endpoint, level: float = LEVEL) -> Comparison:
    """Fit y ~ arm + (1 | reader) + (1 | case) on the logit scale by Laplace.

    Parameters
    ----------
    grid: the answers. When no case was answered twice the case intercept is left out: nothing identifies it.
    endpoint: "clmm" (proportional odds) for an ordinal question, "logistic_mixed" for a binary one.
    level: of the interval, 0 to 1.

    Returns
    -------
    Comparison: estimate = log odds ratio of a higher answer, PIE against control, with a Wald interval; extra
    holds the odds ratio with its interval, the variances, the log-likelihood and whether the fit is singular.
    """
    method = "logistic_mixed" if endpoint.kind == "binary" else "clmm"
    row = replace(blank_row(grid, endpoint, method), scale="log_odds_ratio")
    if endpoint.kind == "number":
        return row.noted("not available: a number has no levels, whose odds this model compares")
    if no_variation(grid):
        return row.noted(NO_VARIATION)
    if len(grid.readers) == 1:
        return row.noted(ONE_READER)
    readers, cases = np.nonzero(~np.isnan(grid.answers))
    values = grid.answers[readers, cases]
    _, levels = np.unique(values, return_inverse=True)
    factors = [readers, cases] if grid.shares_cases else [readers]
    fit = fit_cumulative_logit(levels, grid.is_pie[cases][:, None].astype(float), factors)
    if fit.se is None or not math.isfinite(float(fit.se[0])):
        return row.noted("not estimable: the model did not converge or the arms are separated")
    estimate, variance = float(fit.coefficients[0]), float(fit.se[0] ** 2)
    low, high = plain_interval(estimate, variance, None, level)
    row = replace(
        row,
        estimate=estimate,
        variance=variance,
        se=math.sqrt(variance),
        p=two_sided_p(estimate, 0.0, variance, None),
        ci_low=low,
        ci_high=high,
        ci_plain_low=low,
        ci_plain_high=high,
        p_from="normal",
        extra={
            "odds_ratio": math.exp(estimate),
            "odds_ratio_low": math.exp(low),
            "odds_ratio_high": math.exp(high),
            "variance_reader": float(fit.variances[0]),
            "variance_case": float(fit.variances[1]) if grid.shares_cases else None,
            "log_likelihood": fit.log_likelihood,
            "singular": fit.singular,
        },
    )
    flag = "singular fit: a random intercept has no variance" if fit.singular else ""
    nested = "" if grid.shares_cases else "no case answered twice: without a case intercept"
    return row.noted(WALD, flag, nested)
