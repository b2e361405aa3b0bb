"""Matched pairs: two-way (reader x pair) analysis of the differences PIE minus control."""

from dataclasses import replace

import numpy as np

from analysis.endpoints import Endpoint
from analysis.stats.conclusions import direction
from analysis.stats.grid import Floats, Grid, Integers
from analysis.stats.permutation import permute_arms
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.primary import NO_VARIATION, ONE_READER, blank_row, few_effective, no_variation
from analysis.stats.rows import Comparison, with_test
from analysis.stats.ustatistic import VARIANCE_TOLERANCE

# Biased sums to sums over disjoint indices: same cell, same reader, same pair, all.
_DISJOINT = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]], dtype=float)


def pair_differences(grid: Grid) -> Floats | None:
    """Return readers x pairs, PIE minus control, NaN where a member is unanswered.

    None unless at least two pairs of one PIE and one control are recorded.
    """
    n_pie = len(grid.pie_cases)
    pies, controls = grid.pairs[:n_pie], grid.pairs[n_pie:]
    names = [
        name for name in dict.fromkeys(pies) if name and pies.count(name) == 1 and controls.count(name) == 1
    ]
    if len(names) < 2:
        return None
    columns = [grid.pie[:, pies.index(name)] - grid.control[:, controls.index(name)] for name in names]
    return np.column_stack(columns)


def compare_pairs(
    grid: Grid, endpoint: Endpoint, *, seed: int, draws: int, plan: Plan = DECLARED
) -> list[Comparison]:
    """Compare the arms within matched pairs: differences in points, and sign-flip permutation of theta.

    Parameters
    ----------
    grid: answers with recorded pairs.
    endpoint: the question.
    seed, draws: of the permutation.
    plan: for the level of tests and intervals.

    Returns
    -------
    rows "pairs" and "sign_flip". Crossed and complete: variance (MSR + MSK - MSE) / (RK) with Satterthwaite's
    degrees of freedom; otherwise the same variance from the cells there are, by disjoint pairs of cells.
    """
    row = replace(blank_row(grid, endpoint, "pairs"), scale="difference")
    differences = pair_differences(grid)
    if differences is None:
        return [
            row.noted(
                f"not available: needs two matched pairs of one {plan.groups.one} and one {plan.groups.other}"
            )
        ]
    present = ~np.isnan(differences)
    differences = differences[np.ix_(present.any(axis=1), present.any(axis=0))]
    if not differences.size:
        return [row.noted("not available: no reader answered both members of a pair")]
    shares = (~np.isnan(differences)).sum(axis=1) / (~np.isnan(differences)).sum()
    effective = float(1 / (shares**2).sum())
    row = replace(
        row,
        estimate=float(np.nanmean(differences)),
        readers=differences.shape[0],
        effective_readers=effective,
        extra={"pairs": differences.shape[1]},
    ).noted(few_effective(effective, differences.shape[0]))
    row = _tested(row, differences, grid, endpoint, plan.level)
    row = replace(row, direction=direction(row, endpoint, plan))
    return [row, _sign_flip(grid, endpoint, seed, draws)]


def _tested(row: Comparison, differences: Floats, grid: Grid, endpoint: Endpoint, level: float) -> Comparison:
    if no_variation(grid):
        return row.noted(NO_VARIATION)
    if differences.shape[0] == 1:
        return row.noted(ONE_READER)
    variance, variance_v, df, how = pair_variance(differences)
    tolerance = VARIANCE_TOLERANCE * endpoint.span(grid.given) ** 2
    if variance > tolerance:
        return with_test(row, variance, df, "t", level).noted(how)
    if variance_v > tolerance:
        row = with_test(row, variance_v, df, "t, biased variance", level).noted(how)
        return row.noted("unbiased variance not positive: the biased (larger) variance was used")
    return row.noted("the estimated variance is zero, so no t-interval exists; see sign_flip")


def pair_variance(differences: Floats) -> tuple[float, float, float, str]:
    """Return unbiased and biased variance of the mean difference, degrees of freedom, and how."""
    present = ~np.isnan(differences)
    centred = np.where(present, differences - np.nanmean(differences), 0.0)
    sums, counts = _sums(centred), _sums(present.astype(float))
    disjoint, weights = _DISJOINT @ sums, _DISJOINT @ counts
    moments = np.divide(disjoint, weights, out=np.zeros(4), where=weights > 0)
    shares = weights / counts[3]
    coefficients = shares - np.array([0, 0, 0, 1.0])
    variance = float(coefficients @ moments)
    variance_v = float(coefficients @ (sums / counts))
    if present.all():
        return variance, variance_v, _satterthwaite(differences), "crossed: reader x pair mean squares"
    parts = np.array([shares[0] + shares[1], shares[0] + shares[2]])
    df_parts = np.maximum(np.round(1 / parts - 1), 1.0)
    components = (sums / counts)[[1, 2]] - (sums / counts)[3]
    spread = float(np.sum(components**2 / df_parts**3))
    least = float(df_parts.min())
    df = max(variance**2 / spread, least) if spread > 0 else least
    return variance, variance_v, df, "incomplete: from the cells there are"


def _sums(x: Floats) -> Floats:
    return np.array(
        [(x**2).sum(), (x.sum(axis=1) ** 2).sum(), (x.sum(axis=0) ** 2).sum(), x.sum() ** 2], dtype=float
    )


def _satterthwaite(differences: Floats) -> float:
    readers, pairs = differences.shape
    grand = differences.mean()
    ms_readers = pairs * float(((differences.mean(axis=1) - grand) ** 2).sum()) / (readers - 1)
    ms_pairs = readers * float(((differences.mean(axis=0) - grand) ** 2).sum()) / (pairs - 1)
    total = float(((differences - grand) ** 2).sum())
    df_error = (readers - 1) * (pairs - 1)
    ms_error = (total - (readers - 1) * ms_readers - (pairs - 1) * ms_pairs) / df_error
    spread = ms_readers**2 / (readers - 1) + ms_pairs**2 / (pairs - 1) + ms_error**2 / df_error
    least = float(min(readers, pairs) - 1)
    return max((ms_readers + ms_pairs - ms_error) ** 2 / spread, least) if spread > 0 else least


def _sign_flip(grid: Grid, endpoint: Endpoint, seed: int, draws: int) -> Comparison:
    permuted = permute_arms(grid.answers, grid.is_pie, _pair_strata(grid), seed=seed, draws=draws)
    return replace(
        blank_row(grid, endpoint, "sign_flip"),
        p=permuted.p,
        p_from="permutation",
        extra={"relabellings": permuted.relabellings},
    ).noted("arms exchanged within matched pairs; exact for no effect for these readers, not for new readers")


def _pair_strata(grid: Grid) -> Integers:
    numbers: dict[str, int] = {}
    strata = []
    for case, pair in zip((*grid.pie_cases, *grid.control_cases), grid.pairs, strict=True):
        name = f"pair {pair}" if pair else f"case {case}"
        strata.append(numbers.setdefault(name, len(numbers)))
    return np.array(strata, dtype=np.int64)
