"""The paper's tests, Holm's adjustment and missingness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.metrics.multiplicity import holm
from analysis.stats import check, simulate_study
from analysis.stats.answers import missing_table
from analysis.stats.paper import paper_compatible
from tests.stats.reference_data import QUESTIONS, A, B, C, analysed, load, ratings


@pytest.mark.parametrize("dataset", [A, B, C])
@pytest.mark.parametrize("question", QUESTIONS)
def test_pooled_tests_equal_r(dataset, question):
    row = {r["endpoint"]: r for r in paper_compatible(check(ratings(dataset)).first)}[question]
    wanted = load("summary")[dataset][question]["pooled"]
    pairs = {
        "pie_n": wanted["n1"],
        "control_n": wanted["n0"],
        "pie_mean": wanted["mean1"],
        "control_mean": wanted["mean0"],
        "pie_sd": wanted["sd1"],
        "control_sd": wanted["sd0"],
        "kruskal_h": wanted["kruskal"]["H"],
        "kruskal_p": wanted["kruskal"]["p"],
        "welch_t": wanted["welch"]["t"],
        "welch_df": wanted["welch"]["df"],
        "welch_p": wanted["welch"]["p"],
        "mannwhitney_u": wanted["mannwhitney_cc"]["W"],
        "mannwhitney_p": wanted["mannwhitney_cc"]["p"],
    }
    assert {name: row[name] for name in pairs} == pytest.approx(pairs, rel=1e-9)
    assert row["note"] == "ignores reader and case correlation"


def test_kruskal_is_the_uncorrected_chi_square_of_a_binary_answer():
    first = check(ratings(A)).first
    row = paper_compatible(first)[0]
    counts = [[(first[first.arm == arm]["agree"] == v).sum() for v in (0, 1)] for arm in (0, 1)]
    chi2 = stats.chi2_contingency(np.array(counts), correction=False).statistic
    assert row["kruskal_h"] == pytest.approx(chi2 * (len(first) - 1) / len(first))


def test_pooled_and_proper_tests_can_disagree():
    results = analysed(A)
    pooled = {r["endpoint"]: r["kruskal_p"] for r in results.paper_compatible}
    assert pooled["difficulty"] < 0.001
    assert results.comparison("difficulty", "u_centred")["p"] > 0.05


def test_paper_tables_without_variation_or_an_arm_hold_nothing():
    identical = paper_compatible(check(ratings("G_degenerate_all_identical")).first)
    empty = paper_compatible(check(ratings("G_degenerate_empty_pie_arm")).first)
    assert all(r["kruskal_p"] is None and "all answers are the same" in r["note"] for r in identical)
    assert all(r["pie_mean"] is None and "an arm has no answer" in r["note"] for r in empty)
    separated = paper_compatible(check(ratings("G_degenerate_perfect_separation")).first)
    assert all(r["welch_p"] is None and r["kruskal_p"] < 1e-9 for r in separated)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.01, None, 0.03]) == [0.03, None, 0.06]
    assert holm([0.9, 0.8, None]) == [1.0, 1.0, None]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_keeps_order_and_lies_between_raw_and_bonferroni(p_values):
    adjusted = holm(p_values)
    ranked = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in ranked] == sorted(a for _, a in ranked)
    assert all(p <= a <= min(1, len(p_values) * p) for p, a in ranked)


def test_missing_answers_are_counted_and_a_difference_between_the_arms_warned_of():
    tidy = simulate_study(seed=2, readers=4, cases=40)
    gone = (tidy["arm"] == 1) & tidy["position"].mod(2).eq(0)
    tidy.loc[gone, "quality"] = np.nan
    tidy.loc[gone, "quality_status"] = "cannot_assess"
    rows = missing_table(check(tidy).first, seed=1, draws=199)
    by_reader = [r for r in rows if r["endpoint"] == "quality" and r["reader"] == "R1"]
    pie, control = by_reader
    assert (pie["arm"], pie["n"], control["arm"], control["missing"]) == (1, 20, 0, 0)
    assert pie["cannot_assess"] == ((tidy["reader"] == "R1") & gone).sum() == 20 - pie["answered"]
    total = {r["endpoint"]: r for r in rows if r["reader"] is None}
    assert total["quality"]["risk_difference"] == pytest.approx(gone.sum() / 80)
    assert "WARNING" in total["quality"]["note"]
    assert total["agree"]["note"] == "no answer is missing"
