"""Mixed models against ordinal::clmm and lme4::glmer.

Iterative fits: estimates to 1e-3 relative. R stops a little early, so that its log-likelihood may lie below ours
by up to 2e-4, never above by more than 1e-6.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.endpoints import PAPER
from analysis.stats import check
from analysis.stats.grid import make_grid
from analysis.stats.mixed import compare_mixed, fit_cumulative_logit
from tests.stats.reference_data import QUESTIONS, A, B, C, analysed, load, ratings


@pytest.mark.parametrize("dataset", [A, B, C])
@pytest.mark.parametrize("question", QUESTIONS)
def test_equals_r(dataset, question):
    fits = load("summary")[dataset][question]["mixed"]
    wanted = fits["glmer_laplace_intercepts" if question == "agree" else "clmm_intercepts"]
    row = compare_mixed(
        make_grid(check(ratings(dataset)).first, question), {each.name: each for each in PAPER}[question]
    )
    variances = wanted["vc"]
    if isinstance(variances, list):
        variances = {entry["grp"]: entry["vcov"] for entry in variances}
    assert (row.estimate, row.se) == pytest.approx((wanted["est"], wanted["se"]), rel=3e-3)
    assert row.estimate == pytest.approx(wanted["est"], rel=1e-3)
    assert -1e-6 <= row.extra["log_likelihood"] - wanted["logLik"] <= 2e-4
    assert row.extra["variance_reader"] == pytest.approx(variances["reader"], rel=1e-3)
    if dataset != B:
        assert row.extra["variance_case"] == pytest.approx(variances["case"], rel=1e-3)
    assert row.estimate / row.se == pytest.approx(wanted["z"], rel=3e-3)
    assert row.p == pytest.approx(2 * stats.norm.sf(abs(row.estimate / row.se)))


def test_wine_of_randall_1989_as_the_tutorial_of_ordinal_prints_it():
    # temp x contact x bottle for nine judges; Christensen's tutorial prints 3.063 (0.595) and 1.835 (0.513).
    judges = """2 3 3 4 4 4 5 5  1 2 1 3 2 3 5 4  2 3 3 2 5 5 4 4  3 2 3 2 3 2 5 3  2 3 4 3 3 3 3 3
                3 2 3 2 2 4 5 4  1 1 2 2 2 3 2 3  2 2 2 3 3 3 3 4  1 2 3 2 3 2 4 4"""
    ratings_ = np.array(judges.split(), dtype=int) - 1
    warm = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 9)
    contact = np.tile([0, 0, 1, 1, 0, 0, 1, 1], 9)
    fit = fit_cumulative_logit(ratings_, np.column_stack([warm, contact]).astype(float), [np.arange(72) // 8])
    assert fit.log_likelihood == pytest.approx(-81.565413, abs=1e-6)
    assert fit.coefficients == pytest.approx([3.063, 1.834901], abs=2e-6)
    assert fit.se == pytest.approx([0.595391, 0.512558], abs=2e-6)
    assert fit.variances == pytest.approx([1.279477], abs=2e-6)


def test_without_random_variation_it_is_the_log_odds_ratio_of_the_table():
    # One table 30/10 against 20/20, dealt to two readers alike: log odds ratio log(3).
    levels = np.repeat([0, 1, 0, 1], [30, 10, 20, 20])
    arm = np.repeat([1.0, 0.0], [40, 40])
    reader = np.tile([0, 1], 40)
    fit = fit_cumulative_logit(levels, arm[:, None], [reader])
    assert fit.singular
    assert fit.coefficients[0] == pytest.approx(-np.log(3), rel=1e-5)
    assert fit.se[0] == pytest.approx(np.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 20), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [("all_identical", "no variation"), ("perfect_separation", "separated"), ("one_reader", "one reader")],
)
def test_degenerate_studies_have_no_estimate(name, words):
    results = analysed(f"G_degenerate_{name}")
    for question, method in (("agree", "logistic_mixed"), ("quality", "clmm")):
        row = results.comparison(question, method)
        assert (row["estimate"], row["p"]) == (None, None)
        assert words in row["note"]


def test_odds_that_are_no_number_are_a_reason():
    """Of three readers and five cases: the arms are all but separated, and the standard error is 312 log odds."""
    nan = np.nan
    ratings_ = [[1, nan, 1, 1, 1], [1, 2, nan, 1, nan], [3, 1, 1, 1, nan]]
    rows = [
        {"reader": f"R{r}", "case": f"C{c}", "arm": int(c < 3), "presentation": 1, "difficulty": answer}
        for r, own in enumerate(ratings_)
        for c, answer in enumerate(own)
    ]
    asked = PAPER[2:]
    grid = make_grid(check(pd.DataFrame(rows), endpoints=asked).first, "difficulty")
    row = compare_mixed(grid, asked[0], 0.99)
    assert (row.estimate, row.p) == (None, None)
    assert "did not converge or the arms are separated" in row.note
