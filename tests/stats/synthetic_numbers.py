"""What this project computes of the numbers that R printed for its own made-up studies, at the same places."""

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.stats.agreement import (
    coincidences,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    level_counts,
    weighted_kappa,
)
from analysis.stats.agreement_table import intra_reader_table
from analysis.stats.covariance import reader_thetas, unbiased
from analysis.stats.grid import Floats, Grid, make_grid
from analysis.stats.intake import Checked
from analysis.stats.mixed import fit_cumulative_logit
from analysis.stats.obuchowski_rockette import COVARIANCES, components
from analysis.stats.paper import paper_compatible
from analysis.stats.reading_time import fit_linear, reading_time_table
from analysis.stats.rows import NotComparableError, plain_interval, two_sided_p
from analysis.stats.ustatistic import u_statistic
from tests.stats.reference_book import Mine, Path

QUESTIONS = ("agree", "quality", "difficulty")
STUDIES = ("A_crossed_6x40_repeats", "B_splitplot_6x40_nested", "C_splitplot_3blocks_anchors_missing")
Mines = dict[Path, Mine]

BY_MRMCAOV = {**COVARIANCES, "unbiased": partial(unbiased, center=False)}
"""The covariances by the names that MRMCaov gives them."""

MOMENTS = "moments and other decompositions of a variance that is compared itself"
SLOPES = "random slopes of the arm: not offered"
KENWARD = "Kenward-Roger and likelihoods of linear models: not offered"
ONE_ARM = "the variance of one arm's mean alone: not reported"
POOLED = "pooled tests that the published study did not use"
TIMES = "times pooled on the scale of seconds: not offered, times are compared as logarithms"
STRATIFIED = "asymptotic stratified rank test: ours relabels (test_permutation.py)"
TWO_TESTS = "variances over all questions as if they were modalities: nothing here does that"
OTHER_ICC = "other forms of the ICC and tests of ICC = 0: not offered"
UNWEIGHTED = "unweighted kappa of an ordinal question: not offered"
DEGENERATE = "not estimable by this project's degenerate policy"

LEFT_OUT = {
    "iMRMC/Ustat/*/M[1-8]*": MOMENTS, "iMRMC/Ustat/*/BCK*": MOMENTS, "iMRMC/Ustat/*/numer*": MOMENTS,
    "iMRMC/Ustat/*/denom*": MOMENTS, "iMRMC/perReader/*/M[1-4]": MOMENTS, "iMRMC/perReader/*/coeff*": MOMENTS,
    "iMRMC/perReader/*/numer*": MOMENTS, "iMRMC/perReader/*/denom*": MOMENTS,
    "uStat11/*/var/[AB]": ONE_ARM,
    "MRMCaov_*/vcov_comps/*": TWO_TESTS, "MRMCaov_*/design": TWO_TESTS,
    "pooled/time_s/*": TIMES, "pooled/*/fisher/*": POOLED, "pooled/*/chisq_*": POOLED,
    "stratified_wilcoxon/*": STRATIFIED,
    "mixed/log_time/vc/*": "the variances of the model of times: not reported",
    "mixed/*/conv": "a sign of convergence", "intra/n": "the repeats of which any question was answered",
    "iMRMC/Ustat/*/df[NDR]": MOMENTS,
    "mixed/*/*_slopes/*": SLOPES, "mixed/*/*_LRT/*": SLOPES,
    "mixed/*/logLikREML": KENWARD, "mixed/*/*_kr": KENWARD,
    "icc_kappa/*/ICC/ICC[13]*": OTHER_ICC, "icc_kappa/*/ICC/*/[Fp]": OTHER_ICC, "icc_kappa/*/ICC/*/df[12]": OTHER_ICC,
    "icc_kappa/*/pairs/*/kappa": UNWEIGHTED, "intra/*/kappa": UNWEIGHTED,
}  # fmt: skip

# Iterative fits stop where each program pleases.
FIT, STEEP = 1e-3, 3e-3


def grids(checked: Checked, columns: tuple[str, ...] = QUESTIONS) -> dict[str, Grid]:
    first = checked.first.assign(log_time=np.log(checked.first["time_s"].where(checked.first["time_s"] > 0)))
    return {name: make_grid(first, name) for name in columns}


def imrmc(grid: Grid) -> Mines:
    """The rows of iMRMC: all readers, and each alone."""
    name, found = grid.name, {}
    u = u_statistic(grid.pie, grid.control, center=False)
    values: dict[str, float | None] = {
        "NR": len(grid.readers), "N0": len(grid.control_cases), "N1": len(grid.pie_cases),
        "AUC.1": u.estimate, "AUC.2": u.estimate, "covAUC": u.variance, "covAUC.biased": u.variance_v,
        "dfBDG": u.df, "dfBDG.biased": u.df_v,
    }  # fmt: skip
    for ending, variance, df in (("", u.variance, u.df), (".biased", u.variance_v, u.df_v)):
        # iMRMC cuts the degrees of freedom to a whole number for its interval and test; nothing here does.
        for kind, freedom in (("normal", None), ("BDG", math.floor(df))):
            low, high = plain_interval(u.estimate, variance, freedom)
            p = two_sided_p(u.estimate, 0.5, variance, freedom)
            word = kind.replace("n", "N", 1)
            values |= {f"botCI{kind}{ending}": low, f"topCI{kind}{ending}": high}
            values |= {f"pValue{word}{ending}": p, f"reject{word}{ending}": float(p < 0.05)}
    for key, value in values.items():
        found["iMRMC", "Ustat", name, key] = Mine(value, rel=1e-9, abs=1e-10)
    own = unbiased(grid.pie, grid.control)
    for r, reader in enumerate(grid.readers):
        at = ("iMRMC", "perReader", f"{name}|{reader}")
        theta = float(reader_thetas(grid.pie, grid.control)[r])
        n1, n0 = (int((~np.isnan(arm[r])).sum()) for arm in (grid.pie, grid.control))
        row = {"AUC.1": theta, "AUC.2": theta, "covAUC": float(own[r, r]), "N1": n1, "N0": n0}
        found |= {(*at, key): Mine(value) for key, value in row.items()}
    return found


def difference(grid: Grid) -> Mines:
    u = u_statistic(grid.pie, grid.control, kernel="difference", center=False)
    if not grid.complete and grid.shares_cases:
        return {}
    return {
        ("uStat11", grid.name, kind, *place): Mine(value)
        for kind in ("jointD", "conditionalD")
        for place, value in (
            (("mean", "A"), float(np.nanmean(grid.pie))),
            (("mean", "B"), float(np.nanmean(grid.control))),
            (("mean", "AminusB"), u.estimate),
            (("var", "AminusB"), u.variance),
        )
    }


def obuchowski_rockette(grid: Grid) -> Mines:
    """The tables of MRMCaov for one question (its "test")."""
    thetas, found = reader_thetas(grid.pie, grid.control), {}
    for kind in ("unbiased", "jackknife", "DeLong"):
        covariance = BY_MRMCAOV[kind.lower()](grid.pie, grid.control)
        if covariance is None:
            continue
        parts = components(thetas, covariance, shares_cases=grid.shares_cases)
        for model, rows in _or_tables(grid, thetas, covariance, parts).items():
            # Of a reader without variation R prints a standard error of 3e-9, rounding of zero.
            near = {place: 1e-8 if place[0] == "reader_means" else 1e-11 for place in rows}
            found |= {
                (f"MRMCaov_{kind}", model, *place): Mine(value, abs=near[place])
                for place, value in rows.items()
            }
    return found


def _or_tables(
    grid: Grid, thetas: Floats, covariance: Floats, parts: Any
) -> dict[str, dict[Path, float | None]]:
    aucs = {
        ("aucs", f"{grid.name}|{reader}", "empirical_auc"): float(theta)
        for reader, theta in zip(grid.readers, thetas, strict=True)
    }
    random, fixed = dict(aucs), dict(aucs)
    for table, variance, df, row in (
        (random, parts.variance_random, parts.df_random, {"MS(R)": parts.ms_readers, "Cov2": parts.between}),
        (fixed, parts.variance_fixed, None, {"Var(Error)": parts.error, "Cov2": parts.between}),
    ):
        low, high = _within_0_and_1(plain_interval(parts.mean, variance, df))
        row |= {"Estimate": parts.mean, "StdErr": math.sqrt(variance), "CI.Lower": low, "CI.Upper": high}
        table |= {("test_means", grid.name, key): value for key, value in row.items()}
    random["test_means", grid.name, "df"] = parts.df_random
    for r, reader in enumerate(grid.readers):
        theta, variance = float(thetas[r]), float(covariance[r, r])
        low, high = _within_0_and_1(plain_interval(theta, variance, None))
        row = {"empirical_auc": theta, "StdErr": math.sqrt(variance), "CI.Lower": low, "CI.Upper": high}
        fixed |= {("reader_means", f"{grid.name}|{reader}", key): v for key, v in row.items()}
    return {"RRRC": random, "FRRC": fixed}


def _within_0_and_1(interval: tuple[float, float]) -> tuple[float, float]:
    return max(interval[0], 0.0), min(interval[1], 1.0)


def pooled(first: pd.DataFrame) -> Mines:
    """The tests of the published study; their numbers and intervals that need no more than those."""
    found = {}
    for row in paper_compatible(first):
        n1, n0 = row["pie_n"], row["control_n"]
        values = {
            ("n1",): n1, ("n0",): n0, ("mean1",): row["pie_mean"], ("mean0",): row["control_mean"],
            ("sd1",): row["pie_sd"], ("sd0",): row["control_sd"],
            ("kruskal", "H"): row["kruskal_h"], ("kruskal", "p"): row["kruskal_p"],
            ("mannwhitney_cc", "W"): row["mannwhitney_u"], ("mannwhitney_cc", "p"): row["mannwhitney_p"],
            ("mannwhitney_nocc", "W"): row["mannwhitney_u"],
            # Two groups: Kruskal-Wallis is Mann-Whitney without the continuity correction.
            ("mannwhitney_nocc", "p"): row["kruskal_p"],
            ("auc_pooled",): row["mannwhitney_u"] / (n1 * n0) if row["mannwhitney_u"] is not None else None,
            ("welch", "t"): row["welch_t"], ("welch", "df"): row["welch_df"], ("welch", "p"): row["welch_p"],
        }  # fmt: skip
        if row["welch_t"]:
            shift = row["pie_mean"] - row["control_mean"]
            half = float(stats.t.ppf(0.975, row["welch_df"])) * shift / row["welch_t"]
            values |= {("welch", "lo"): shift - half, ("welch", "hi"): shift + half}
        found |= {("pooled", row["endpoint"], *place): Mine(value) for place, value in values.items()}
    return found


def mixed(grid: Grid) -> Mines:
    """Random intercepts of readers and cases: cumulative logits, and the linear model."""
    readers, cases = np.nonzero(~np.isnan(grid.answers))
    values, arm = grid.answers[readers, cases], grid.is_pie[cases].astype(float)
    factors, names = [readers, cases], ["reader", "case"]
    if not grid.shares_cases:
        factors, names = factors[:1], names[:1]
    found = _linear(grid.name, values, arm, factors, names)
    levels = np.unique(values, return_inverse=True)[1]
    fit = fit_cumulative_logit(levels, arm[:, None], factors)
    binary = grid.name == "agree"
    at = ("mixed", grid.name, "glmer_laplace_intercepts" if binary else "clmm_intercepts")
    if fit.se is None:
        return found
    estimate, se = float(fit.coefficients[0]), float(fit.se[0])
    p = 2 * float(stats.norm.sf(abs(estimate / se)))
    found |= {
        (*at, "est"): Mine(estimate, rel=FIT), (*at, "se"): Mine(se, rel=STEEP),
        (*at, "z"): Mine(estimate / se, rel=STEEP), (*at, "p"): Mine(p, rel=0.03),
        (*at, "logLik"): Mine(fit.log_likelihood, rel=0, abs=2e-4),
    }  # fmt: skip
    for name, variance in zip(names, fit.variances, strict=True):
        place = (*at, "vc", name, "vcov") if binary else (*at, "vc", name)
        found[place] = Mine(float(variance), rel=STEEP, abs=1e-6)
    if not binary:
        used = [f"{low:.0f}|{high:.0f}" for low, high in itertools.pairwise(np.unique(values))]
        found |= {
            (*at, "thresholds", name): Mine(float(value), rel=STEEP, abs=1e-3)
            for name, value in zip(used, fit.thresholds, strict=True)
        }
    return found


def _linear(name: str, y: Floats, arm: Floats, factors: list[Any], names: list[str]) -> Mines:
    design = np.column_stack([np.ones_like(arm), arm])
    fit = fit_linear(y, design, factors)
    estimate, se, df = fit.coefficients[1], fit.ses[1], fit.dfs[1]
    t = estimate / se
    p = None if df is None else float(2 * stats.t.sf(abs(t), df))
    at = ("mixed", name, "lmer_intercepts")
    found = {
        (*at, "est"): Mine(estimate, rel=FIT), (*at, "se"): Mine(se, rel=FIT),
        (*at, "df_satt"): Mine(df, rel=STEEP), (*at, "t"): Mine(t, rel=STEEP), (*at, "p_satt"): Mine(p, rel=STEEP),
    }  # fmt: skip
    variances = zip([*names, "Residual"], fit.variances, strict=True)
    return found | {(*at, "vc", group, "vcov"): Mine(float(v), rel=STEEP, abs=1e-6) for group, v in variances}


def times(checked: Checked) -> Mines:
    """Reading times with the position as a covariate."""
    rows = reading_time_table(checked.first, seed=1, draws=19)
    row = next((r for r in rows if r["method"] == "mixed_model_position"), None)
    if row is None or row["estimate"] is None:
        return {}
    values = {
        "est": math.log(row["estimate"]),
        "ratio": row["estimate"],
        "se": row["se"],
        "df": row["df"],
        "p": row["p"],
    }
    return {("mixed", "log_time", key): Mine(value, rel=STEEP) for key, value in values.items()}


def r_agreement(grid: Grid) -> Mines:
    """The coefficients of psych::ICC, and kappa of each pair of readers."""
    at: Path = ("icc_kappa", grid.name)
    found: Mines = {}
    both = icc(grid.answers.T) if grid.complete else None
    for kind, interval in zip(("ICC2", "ICC2k"), both or (), strict=False):
        values = {"ICC": interval.value, "lower bound": interval.low, "upper bound": interval.high}
        found |= {(*at, "ICC", kind, key): Mine(value) for key, value in values.items()}
    for r, s in itertools.combinations(range(len(grid.readers)), 2):
        answered = ~np.isnan(grid.answers[[r, s]]).any(axis=0)
        kappa = weighted_kappa(grid.answers[r, answered], grid.answers[s, answered])
        pair = (*at, "pairs", f"{grid.readers[r]}|{grid.readers[s]}")
        found[*pair, "quad_weighted_kappa"] = Mine(kappa)
        if grid.name == "agree":  # of two levels all weights are one
            found[*pair, "kappa"] = Mine(kappa)
    return found


def within(checked: Checked) -> Mines:
    found: Mines = {}
    for row in intra_reader_table(checked):
        if row["reader"] is not None:
            continue
        at = ("intra", row["endpoint"])
        found |= {(*at, "n"): Mine(row["n"]), (*at, "exact_agreement"): Mine(row["exact_agreement"]),
                  (*at, "quad_weighted_kappa"): Mine(row["weighted_kappa"])}  # fmt: skip
        if row["endpoint"] == "agree":
            found[*at, "kappa"] = Mine(row["weighted_kappa"])
    return found


def agreement(checked: Checked, grid: Grid) -> Mines:
    """The digest of agreement of one question: alpha, ICC, Fleiss, repeats."""
    answers = grid.answers.T
    levels = np.unique(answers[~np.isnan(answers)])
    counts = level_counts(answers, levels)
    total = coincidences(counts).sum(axis=0)
    found: Mines = {("pairable_cases",): Mine(int((counts.sum(axis=1) > 1).sum()))}
    if grid.shares_cases:
        for metric in ("nominal", "ordinal", "interval"):
            found["alpha_" + metric,] = Mine(float(krippendorff_alpha(total, levels, metric)))
    if grid.complete and grid.shares_cases:
        single, mean = icc(answers) or (None, None)
        for names, interval in ((("ICC21", "lo", "hi"), single), (("ICC2k", "lo_k", "hi_k"), mean)):
            if interval is not None:
                values = (interval.value, interval.low, interval.high)
                found |= {("icc", key): Mine(value) for key, value in zip(names, values, strict=True)}
        fleiss = fleiss_kappa(counts)
        if fleiss is not None:
            found |= {("fleiss_kappa",): Mine(fleiss.kappa), ("fleiss_z",): Mine(fleiss.z)}
    return found | _repeats(checked, grid.name)


def _repeats(checked: Checked, question: str) -> Mines:
    second = checked.repeats[checked.repeats["presentation"] == 2]
    both = checked.first.merge(second, on=["reader", "case"])[[f"{question}_x", f"{question}_y"]].dropna()
    if both.empty:
        return {}
    one, two = both.to_numpy(dtype=float).T
    found = {
        ("intra_pooled", "n"): Mine(len(both)),
        ("intra_pooled", "exact"): Mine(float((one == two).mean())),
        ("intra_pooled", "mean_diff"): Mine(float((two - one).mean())),
    }
    for name, power in (("linear", 1), ("quadratic", 2)):
        found["intra_pooled", name, "kappa"] = Mine(weighted_kappa(one, two, power=power))
    if question == "agree":
        found["intra_pooled", "unweighted", "kappa"] = Mine(weighted_kappa(one, two))
    return found


def printed_by_r(checked: Checked) -> Mines:
    """What R printed for a study, as far as it is computed here."""
    found = pooled(checked.first) | within(checked) | times(checked)
    for column in QUESTIONS:
        try:
            grid = grids(checked, (column,))[column]
        except NotComparableError:
            continue
        found |= mixed(grid)
        found |= imrmc(grid) | difference(grid)
        found |= obuchowski_rockette(grid) | r_agreement(grid)
    return found
