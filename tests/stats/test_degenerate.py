"""Degenerate studies: a number where none is estimable is a bug."""

import pytest

from analysis.stats import Plan, analyse, simulate_study
from analysis.stats.rows import NotComparableError
from tests.stats.reference_data import QUESTIONS, analysed, load, ratings

INTERVAL = ("variance", "se", "df", "ci_low", "ci_high", "ci_plain_low", "ci_plain_high")


def fixture(name):
    return analysed(f"G_degenerate_{name}")


@pytest.mark.parametrize("question", QUESTIONS)
def test_all_answers_identical(question):
    results = fixture("all_identical")
    for method in ("u_centred", "u_imrmc", "or_jackknife", "or_delong", "or_centred", "fixed_readers"):
        row = results.comparison(question, method)
        assert row["estimate"] == 0.5
        assert [row[name] for name in (*INTERVAL, "p")] == [None] * 8
        assert "no variation" in row["note"]
    assert results.comparison(question, "permutation")["p"] == 1.0
    assert all(row["p_adjusted"] is None and row["endpoints"] == 3 for row in results.multiplicity)


@pytest.mark.parametrize(("question", "theta"), [("agree", 0.0), ("quality", 0.0), ("difficulty", 1.0)])
def test_perfect_separation(question, theta):
    results = fixture("perfect_separation")
    primary, permuted = (results.comparison(question, m) for m in ("u_centred", "permutation"))
    assert primary["estimate"] == theta
    assert [primary[name] for name in INTERVAL] == [None] * 7
    assert "perfect separation" in primary["note"]
    assert 0 < permuted["p"] < 0.001
    assert (primary["p"], primary["p_from"]) == (None, None)
    assert "no verdict for other readers; these readers only: p < 0.001 by permutation" in primary["note"]
    assert primary["direction"].endswith("(no verdict can be given)")
    (holm,) = (row for row in results.multiplicity if row["endpoint"] == question)
    assert (holm["p"], holm["p_adjusted"]) == (None, None)
    difference = results.comparison(question, "difference")
    assert abs(difference["estimate"]) > 0.5
    assert [difference[name] for name in (*INTERVAL, "p")] == [None] * 8
    for method in ("u_imrmc", "or_jackknife", "or_delong", "or_centred", "fixed_readers"):
        assert [results.comparison(question, method)[name] for name in (*INTERVAL, "p")] == [None] * 8


def test_up_to_version_2_the_permutation_p_stands_in_for_perfect_separation():
    results = analyse(ratings("G_degenerate_perfect_separation"), seed=1, plan=Plan(version=2))
    primary, permuted = (results.comparison("quality", m) for m in ("u_centred", "permutation"))
    assert (primary["p"], primary["p_from"]) == (permuted["p"], "permutation")
    assert results.multiplicity[1]["p_adjusted"] is not None


def test_a_reader_of_fewer_than_three_cases_of_an_arm_leaves_estimates_without_a_verdict():
    table = simulate_study(seed=3, readers=4, cases=24)
    cases = table.drop_duplicates("case")
    few = set(cases.loc[cases["arm"] == 1, "case"].iloc[:2]) | set(cases.loc[cases["arm"] == 0, "case"])
    thin = table[(table["reader"] != "R2") | table["case"].isin(few)]
    results = analyse(thin, seed=1, draws=19, bootstraps=5)
    for question in QUESTIONS:
        row, risk = (results.comparison(question, method) for method in ("u_centred", "difference"))
        assert row["estimate"] is not None
        assert [row[name] for name in (*INTERVAL, "p")] == [None] * 8
        assert (
            "fewer than 3 cases of a group were given to a reader, where intervals cover too rarely by every method "
            "calibrated; given so few: R2" in row["note"]
        )
        assert row["direction"].endswith("(no verdict can be given)")
        assert risk["ci_low"] is None
    # What was given decides, never what was answered.
    unread = (table["reader"] == "R2") & ~table["case"].isin(few)
    for question in QUESTIONS:
        table.loc[unread, [question, f"{question}_status"]] = [None, "missing"]
    assert analyse(table, seed=1, draws=19, bootstraps=5).comparison("quality", "u_centred")["p"] is not None


@pytest.mark.parametrize(("question", "theta"), [("agree", 0.2), ("quality", 0.43), ("difficulty", 0.88)])
def test_one_reader(question, theta):
    results = fixture("one_reader")
    for method in ("u_centred", "u_imrmc", "difference", "or_jackknife", "or_delong", "or_centred"):
        row = results.comparison(question, method)
        assert [row[name] for name in (*INTERVAL, "p")] == [None] * 8
        assert "one reader" in row["note"]
    fixed = results.comparison(question, "fixed_readers")
    assert fixed["estimate"] == pytest.approx(theta)
    assert fixed["se"] > 0
    assert "does not generalise to readers" in fixed["note"]
    assert "DeLong" in fixed["note"]


@pytest.mark.parametrize(("name", "n"), [("empty_pie_arm", 0), ("one_case_per_arm", 1)])
def test_an_arm_with_fewer_than_two_cases_is_refused(name, n):
    with pytest.raises(NotComparableError, match=rf"expected answers to at least 2 PIE cases, got {n}"):
        fixture(name)


def test_a_reader_who_lacks_an_arm_is_dropped_and_listed():
    results = fixture("reader_missing_one_arm")
    assert results.study["lacking_an_arm"] == ["R3"]
    wanted = load("summary")["G_degenerate_reader_missing_one_arm"]
    for question in QUESTIONS:
        row = results.comparison(question, "u_centred")
        assert row["readers"] == 2
        assert "R3" in row["note"]
        assert row["variance"] == pytest.approx(wanted[question]["iMRMC"]["covAUC"], rel=1e-9)
        assert results.comparison(question, "or_jackknife")["se"] is not None


def test_a_constant_reader_is_kept_and_flagged():
    results = fixture("one_constant_reader")
    row = results.comparison("agree", "u_centred")
    assert row["readers"] == 3
    assert "R2" in row["note"]
    own = {r["reader"]: r for r in results.comparisons if r["method"] == "reader_delong"}
    assert own["R2"]["estimate"] == 0.5
    assert own["R2"]["se"] is None


def test_one_endpoint_that_cannot_be_compared_leaves_the_others_and_still_counts():
    table = ratings("A_crossed_6x40_repeats")
    table.loc[table["arm"] == "1", "quality"] = None
    results = analyse(table, seed=1)
    row = results.comparison("quality", "u_centred")
    assert row["estimate"] is None
    assert row["note"] == "not estimable: no PIE case was answered, and two are needed"
    agree = results.comparison("agree", "u_centred")["p"]
    adjusted = {r["endpoint"]: r["p_adjusted"] for r in results.multiplicity}
    assert adjusted["agree"] == pytest.approx(3 * agree)
    assert adjusted["quality"] is None
