"""The paper's tests, Holm's adjustment and missingness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.endpoints import PAPER
from analysis.frames import STATES
from analysis.metrics.multiplicity import holm
from analysis.report import reader_study_report
from analysis.stats import StatsError, analyse, check, simulate_study
from analysis.stats.answers import missing_table, with_planned
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
    rows = missing_table(with_planned(check(tidy).first, None, PAPER), seed=1, draws=199)
    by_reader = [r for r in rows if r["endpoint"] == "quality" and r["reader"] == "R1"]
    pie, control = by_reader
    assert (pie["arm"], pie["n"], control["arm"], control["missing"]) == (1, 20, 0, 0)
    assert pie["cannot_assess"] == ((tidy["reader"] == "R1") & gone).sum() == 20 - pie["answered"]
    total = {r["endpoint"]: r for r in rows if r["reader"] is None}
    assert total["quality"]["risk_difference"] == pytest.approx(gone.sum() / 80)
    assert "WARNING" in total["quality"]["note"]
    # A file does not say what was to be read: what has no row may be missing all the same.
    assert total["agree"]["note"] == "no answer is missing in the rows that there are"


def planned_of(tidy):
    """Return what was to be read of a study in which everything was."""
    first = tidy[tidy["presentation"] == 1]
    return first[["reader", "case", "arm"]].assign(state="read").reset_index(drop=True)


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (
            3,
            "arm",
            "1",
            "planned.csv, row 4: expected the arm that the case has elsewhere.*; got arm 1, 'read'",
        ),
        (
            3,
            "case",
            "C900",
            "planned.csv, row 4: expected .* of what was read a row of ratings.csv; got arm 0, 'read'",
        ),
        (
            0,
            "reader",
            "R9",
            "planned.csv, row 1: expected .* of what was read a row of ratings.csv; got arm 0, 'read'",
        ),
    ],
)
def test_a_plan_that_contradicts_the_ratings_is_refused(row, column, value, words):
    tidy = simulate_study(seed=4, readers=4, cases=32)
    planned = planned_of(tidy).sort_values(["arm", "case"], ignore_index=True).astype(str)
    planned.loc[row, column] = value
    with pytest.raises(StatsError, match=words):
        analyse(tidy, seed=1, draws=9, bootstraps=5, planned=planned)


def holed():
    """Return the study of the review: a reader without rows for 11 of 16 PIEs."""
    tidy = simulate_study(seed=4, readers=4, cases=32)
    own = tidy[(tidy["reader"] == "R2") & (tidy["arm"] == 1)]
    return tidy, tidy.drop(own.index[:11])


def test_a_hole_that_is_uneven_by_arm_is_warned_of():
    tidy, left = holed()
    results = analyse(left, seed=1, draws=9, bootstraps=5)
    (hole,) = results.study["holes"]
    assert hole.startswith("WARNING: R2 has no row for 11 of 16 PIEs and 0 of 16 controls")
    summary = next(s for s in reader_study_report(results).sections if s.anchor == "summary")
    assert hole in str(summary)
    even = tidy[(tidy["reader"] != "R2") | tidy.groupby("arm")["case"].rank("dense").gt(11)]
    # Where readers have cases of their own, nobody knows which ones they were to have.
    nested = simulate_study(seed=4, readers=4, cases=32, design="nested")
    own = nested.drop(nested[(nested["reader"] == "R1") & (nested["arm"] == 1)].index[:14])
    for whole in (tidy, even, nested, own):
        assert "holes" not in analyse(whole, seed=1, draws=9, bootstraps=5).study


def test_with_a_plan_what_has_no_row_is_counted_and_compared():
    tidy, left = holed()
    planned = planned_of(tidy)
    unread = ~planned.set_index(["reader", "case"]).index.isin(left.set_index(["reader", "case"]).index)
    planned.loc[unread, "state"] = "never_shown"
    results = analyse(left, seed=1, draws=199, bootstraps=5, planned=planned)
    assert "holes" not in results.study
    own = next(r for r in results.missing if (r["endpoint"], r["reader"], r["arm"]) == ("quality", "R2", 1))
    assert (own["n"], own["answered"], own["missing"], own["never_shown"]) == (16, 5, 11, 11)
    total = next(r for r in results.missing if (r["endpoint"], r["reader"]) == ("quality", None))
    assert total["risk_difference"] == pytest.approx(11 / 64)
    complete = analyse(tidy, seed=1, draws=9, bootstraps=5, planned=planned_of(tidy))
    assert {r["note"] for r in complete.missing if r["reader"] is None} == {"no answer is missing"}


def test_why_there_is_no_answer_is_told_apart_and_a_replaced_readers_rest_counts_once():
    tidy = simulate_study(seed=5, readers=5, cases=20, repeats=4)
    planned = planned_of(tidy)
    unread = {"R1": "replaced", "R2": "withdrawn", "R3": "shown", "R4": "never_shown"}
    for reader, state in unread.items():
        gone = tidy.index[(tidy["reader"] == reader) & (tidy["presentation"] == 1)][-6:]
        for each in PAPER:
            tidy.loc[gone, [each.name, each.status]] = [np.nan, "missing"]
        cases = tidy.loc[gone, "case"]
        planned.loc[(planned["reader"] == reader) & planned["case"].isin(cases), "state"] = state
    unable = tidy.index[(tidy["reader"] == "R5") & (tidy["presentation"] == 1)][:2]
    tidy.loc[unable, ["quality", "quality_status"]] = [np.nan, "cannot_assess"]
    results = analyse(tidy, seed=1, draws=99, bootstraps=5, planned=planned)
    total = next(r for r in results.missing if (r["endpoint"], r["reader"]) == ("quality", None))
    # 5 x 20 planned, less the 6 that are planned again for the reader who came.
    assert (total["n"], total["replaced"], total["missing"], total["cannot_assess"]) == (94, 6, 18, 2)
    assert [total[state] for state in STATES[1:4]] == [6, 6, 6]
    assert total["answered"] == 94 - 18 - 2
    assert total["share_missing"] == pytest.approx(20 / 94)
    section = next(s for s in reader_study_report(results).sections if s.anchor == "missing")
    heads = section.blocks[0].columns
    assert heads[4:10] == ("Could not be assessed", "Technical problem", "Shown, not answered", "Never shown",
                           "Reader withdrew", "Blank, no reason told")  # fmt: skip
    rows = [row for row in section.blocks[0].rows if row[0] == "Image quality"]
    assert [sum(int(row[k]) for row in rows) for k in range(2, 10)] == [94, 74, 2, 0, 6, 6, 6, 0]
