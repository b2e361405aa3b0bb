"""The primary comparison of one question, with every degenerate case answered in words instead of numbers."""

from dataclasses import replace
from math import floor
from typing import Any

import numpy as np

from analysis.endpoints import Endpoint
from analysis.printed import number, p_equals
from analysis.stats.conclusions import DISAGREE, direction, disagree
from analysis.stats.grid import FEW_READERS, LEAST_CASES, ROUGH, Grid
from analysis.stats.margins import against_margin
from analysis.stats.permutation import Permuted, permute_arms
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.rows import (
    Comparison,
    logit_interval,
    on_arcsine_scale,
    plain_interval,
    two_sided_p,
    with_test,
)
from analysis.stats.ustatistic import UEstimate, u_statistic

NO_VARIATION = "no variation: all answers are the same, so no standard error, interval or p-value exists"
SEPARATED = "perfect separation: the variance is zero, so there is no t-interval"
NO_VARIANCE = "the estimated variance is zero, so there is no t-interval"
NO_INTERVAL = "no interval or verdict for other readers, as theta has no variance"
ONE_READER = 'one reader: nothing can be said about other readers; see "Readers fixed, cases random"'
TOO_THIN = (
    f"no verdict: fewer than {LEAST_CASES} {{}} of a group were given to a reader, where intervals cover too rarely "
    "by every method calibrated; given so few"
)
FELL_BACK = "unbiased variance not positive: the biased (larger) variance was used"

CLUSTERED = (
    *("u_centred", "difference", "theta_set", "difference_set"),
    *("or_jackknife", "fixed_readers", "reader_spread", "new_reader"),
)
"""Methods that take the cases of one patient as one cluster."""
INDEPENDENT = "takes the cases of one patient as independent"

INTERVAL = ("variance", "se", "df", "ci_low", "ci_high", "ci_plain_low", "ci_plain_high")
"""What a row has only where its question has a test."""

IMRMC_NORMAL_ABOVE = 50
"""iMRMC takes the normal distribution above this many degrees of freedom, and whole ones below."""


def compare_u(
    grid: Grid, endpoint: Endpoint, *, seed: int, draws: int, plan: Plan = DECLARED
) -> list[Comparison]:
    """Compare the arms for one question: u_centred (primary), u_imrmc, difference, permutation.

    Parameters
    ----------
    grid: the answers; at least two cases per arm.
    endpoint: the question, for words and for the range of the scale.
    seed, draws: of the permutation test.
    plan: for the level of tests and intervals.
    """
    permuted = permute_arms(grid.answers, grid.is_pie, grid.strata, seed=seed, draws=draws)
    primary = _primary(grid, endpoint, permuted, plan)
    return [
        primary,
        _imrmc(grid, endpoint, plan.level),
        _difference(grid, endpoint, primary, plan),
        _permutation_row(grid, endpoint, primary, permuted),
    ]


def blank_row(grid: Grid, endpoint: Endpoint, method: str) -> Comparison:
    """Start a row: names, numbers of readers and cases, and whether patients who have several are passed over."""
    return Comparison(
        endpoint.name,
        method,
        note="" if grid.patients is None or method in CLUSTERED else INDEPENDENT,
        readers=len(grid.readers),
        pie_cases=len(grid.pie_cases),
        control_cases=len(grid.control_cases),
    )


def no_variation(grid: Grid) -> bool:
    """Whether every answer of every reader is the same as the reader's other answers."""
    return len(grid.constant) == len(grid.readers)


def _primary(grid: Grid, endpoint: Endpoint, permuted: Permuted, plan: Plan) -> Comparison:
    u = u_statistic(grid.pie, grid.control, equal=plan.one_answer, patients=grid.patients)
    row = replace(
        blank_row(grid, endpoint, "u_centred"),
        estimate=u.estimate,
        effective_readers=u.effective_readers,
        cliffs_delta=2 * u.estimate - 1,
        equal_weight_estimate=float(u.per_reader.mean()),
    ).noted(*grid.warnings(), few_effective(u.effective_readers, len(grid.readers)))
    row = tested(row, u, grid, permuted, plan)
    if plan.one_answer:
        row = on_arcsine_scale(row, plan.level)
    elif row.p_from in ("t", "t, biased variance") and row.variance is not None:
        low, high = logit_interval(u.estimate, row.variance, row.df, plan.level)
        row = replace(row, ci_low=low, ci_high=high)
        row = row.noted(DISAGREE if disagree(row, plan.level) else "")
    return replace(row, direction=direction(row, endpoint, plan))


def few_effective(effective: float, readers: int) -> str:
    """Warn where uneven weights leave fewer than three effective readers of three or more."""
    if effective >= FEW_READERS - 1e-9 or readers < FEW_READERS:
        return ""
    return (
        f"readers differ so much in their number of cases that they count as {number(effective, 1)}: {ROUGH}"
    )


def tested(row: Comparison, u: UEstimate, grid: Grid, permuted: Permuted | None, plan: Plan) -> Comparison:
    """Add the t-test where one exists, else say why not; `row.readers` are compared."""
    of = "cases" if grid.patients is None else "patients"
    for there, reason in (
        (no_variation(grid), NO_VARIATION),
        (row.readers == 1, ONE_READER),
        (plan.one_answer and grid.thin, f"{TOO_THIN.format(of)}: {', '.join(grid.thin)}"),
    ):
        if there:
            return row.noted(reason)
    if u.vanishes:
        return _without_variance(row, u, permuted, plan)
    if u.usable:
        return with_test(row, u.variance, u.df, "t", plan.level)
    return with_test(row, u.variance_v, u.df_v, "t, biased variance", plan.level).noted(FELL_BACK)


def _without_variance(row: Comparison, u: UEstimate, permuted: Permuted | None, plan: Plan) -> Comparison:
    """Say that there is no t-test.

    Up to version 2 of the analysis the permutation p stands in for it; since then it is told as what it is, of these
    readers.
    """
    reason = SEPARATED if row.scale == "theta" and u.estimate in (0.0, 1.0) else NO_VARIANCE
    if permuted is None:
        return row.noted(f"{reason}; see permutation")
    if plan.one_answer:
        told = f"{p_equals(permuted.p)} by permutation"
        return row.noted(f"{reason} and no verdict for other readers; these readers only: {told}")
    return replace(row, p=permuted.p, p_from="permutation").noted(f"{reason}; p by permutation")


def _imrmc(grid: Grid, endpoint: Endpoint, level: float) -> Comparison:
    """Return what iMRMC prints: uncentred moments, whole degrees of freedom, plain interval."""
    u = u_statistic(grid.pie, grid.control, center=False)
    row = replace(blank_row(grid, endpoint, "u_imrmc"), estimate=u.estimate)
    if len(grid.readers) == 1 or no_variation(grid):
        return row.noted(NO_VARIATION if no_variation(grid) else ONE_READER)
    if not u.usable:
        return row.noted("variance not positive: iMRMC gives no test")
    row = with_test(row, u.variance, u.df, "t, whole df as iMRMC prints", level)
    df_used = None if u.df > IMRMC_NORMAL_ABOVE else float(floor(u.df))
    low, high = plain_interval(u.estimate, u.variance, df_used, level)
    row = replace(row, p=two_sided_p(u.estimate, 0.5, u.variance, df_used), ci_low=low, ci_high=high)
    return row.noted("uncentred: when unbalanced it depends on which arm is called 1; for comparison only")


def _difference(grid: Grid, endpoint: Endpoint, primary: Comparison, plan: Plan) -> Comparison:
    """Return the mean PIE minus control in points, or the risk difference of a binary question."""
    scale = endpoint.span(grid.given)
    u = u_statistic(
        grid.pie,
        grid.control,
        kernel="difference",
        scale=scale,
        equal=plan.one_answer,
        patients=grid.patients,
    )
    return difference_row(grid, endpoint, u, primary, plan, "difference")


def difference_row(
    grid: Grid, endpoint: Endpoint, u: UEstimate, primary: Comparison, plan: Plan, method: str
) -> Comparison:
    """Return a row in natural units beside the comparison of order, `primary`.

    It has a p-value of its own where the question has a margin, and up to version 2 of the analysis: one question has
    one test.
    """
    row = replace(
        blank_row(grid, endpoint, method),
        readers=primary.readers,
        estimate=u.estimate,
        scale="difference",
        equal_weight_estimate=float(u.per_reader.mean()),
    )
    if endpoint.margin:  # this row decides, so it says what readers and loads are worth
        row = replace(row, effective_readers=u.effective_readers).noted(*grid.warnings())
    row = tested(row, u, grid, None, plan)
    if plan.one_answer:
        row = replace(row, p=None, p_from=None)
        without_interval: dict[str, Any] = dict.fromkeys(INTERVAL)
        if primary.variance is None:
            return replace(row, **without_interval).noted(NO_INTERVAL if row.variance else "")
    if endpoint.margin:
        row = against_margin(row, endpoint, plan.alpha, float(np.nanmean(grid.control, axis=1).mean()))
        return replace(row, direction=direction(row, endpoint, plan))
    if endpoint.kind == "binary" and primary.ci_low is not None and primary.ci_high is not None:
        row = replace(row, ci_low=2 * primary.ci_low - 1, ci_high=2 * primary.ci_high - 1)
        row = row.noted("risk difference; interval = 2 x the limits of theta - 1")
        row = row.noted(DISAGREE if disagree(row, plan.level) else "")
    if primary.p_from == "permutation" and row.p is not None:
        row = row.noted("theta has no variance: the permutation test decides")
    return row


def _permutation_row(grid: Grid, endpoint: Endpoint, primary: Comparison, permuted: Permuted) -> Comparison:
    how = "all" if permuted.exact else "random"
    return replace(
        blank_row(grid, endpoint, "permutation"),
        estimate=primary.estimate,
        p=permuted.p,
        p_from="permutation",
        extra={"relabellings": permuted.relabellings},
    ).noted(
        f"{permuted.relabellings} {how} relabellings within batches; "
        "exact for no effect for these readers, not for new readers"
    )
