"""Agreement between and within readers against R, toys by hand, and the nested design without a number."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.stats import check, simulate_study
from analysis.stats.agreement import (
    coincidences,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    level_counts,
    mean_pairwise_kappa,
    weighted_kappa,
)
from analysis.stats.agreement_table import agreement_table, intra_reader_table
from tests.stats.reference_data import QUESTIONS, A, B, C, analysed, load, ratings

LEVELS = np.array([1.0, 2, 3, 4, 5])


def table(dataset, **options):
    rows = agreement_table(check(ratings(dataset)).first, seed=1, bootstraps=100, **options)
    return {(r["endpoint"], r["statistic"], r["scope"]): r for r in rows}


@pytest.mark.parametrize("dataset", [A, C])
@pytest.mark.parametrize("question", QUESTIONS)
def test_between_readers_equals_r(dataset, question):
    wanted = load("agreement")[dataset][question]
    rows = table(dataset)
    alpha = rows[question, "krippendorff_alpha", "all"]
    kind = "nominal" if question == "agree" else "ordinal"
    assert alpha["value"] == pytest.approx(wanted[f"alpha_{kind}"], rel=1e-9)
    assert alpha["cases"] == wanted["pairable_cases"]
    assert alpha["ci_low"] < alpha["value"] < alpha["ci_high"]
    single, mean, fleiss = (rows[question, name, "all"] for name in ("icc_2_1", "icc_2_k", "fleiss_kappa"))
    if dataset == C:
        assert (single["value"], mean["value"], fleiss["value"]) == (None, None, None)
        assert "every reader" in single["note"]
        return
    got = [
        single["value"],
        single["ci_low"],
        single["ci_high"],
        mean["value"],
        mean["ci_low"],
        mean["ci_high"],
    ]
    keys = ("ICC21", "lo", "hi", "ICC2k", "lo_k", "hi_k")
    assert got == pytest.approx([wanted["icc"][key] for key in keys], rel=1e-9)
    assert (fleiss["value"], fleiss["z"]) == pytest.approx((wanted["fleiss_kappa"], wanted["fleiss_z"]))


@pytest.mark.parametrize("question", QUESTIONS)
def test_mean_pairwise_kappa_is_the_mean_of_the_pairs_of_r(question):
    pairs = load(f"{A}_R_reference")["icc_kappa"][question]["pairs"]
    wanted = np.mean([pair["quad_weighted_kappa"] for pair in pairs])
    assert table(A)[question, "mean_weighted_kappa", "all"]["value"] == pytest.approx(wanted, rel=1e-9)


def test_nested_readers_have_no_agreement():
    rows = table(B)
    assert {row["value"] for row in rows.values()} == {None}
    assert {row["note"] for row in rows.values()} == {"not estimable: no case was answered by two readers"}


def test_without_variation_nothing_is_estimable_but_percent_agreement():
    rows = table("G_degenerate_all_identical")
    for (_, statistic, _), row in rows.items():
        assert row["value"] == (1.0 if statistic == "percent_agreement" else None)


def test_krippendorff_canonical_example():
    # Krippendorff 2011, reliability data with missing values of four observers.
    text = """1 2 3 3 2 1 4 1 2 . . .
              1 2 3 3 2 2 4 1 2 5 . 3
              . 3 3 3 2 3 4 2 2 5 1 .
              1 2 3 3 2 4 4 1 2 5 1 ."""
    cells = [[float(c) if c != "." else np.nan for c in line.split()] for line in text.splitlines()]
    total = coincidences(level_counts(np.array(cells).T, LEVELS)).sum(axis=0)
    got = [float(krippendorff_alpha(total, LEVELS, m)) for m in ("nominal", "ordinal", "interval", "ratio")]
    assert got == pytest.approx(
        [0.743421052631579, 0.8153875037548814, 0.8491071428571428, 0.7974027747116121]
    )


def test_shrout_and_fleiss_table_2():
    cases = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    single, mean = icc(np.array(cases, dtype=float))
    assert (single.value, single.low, single.high) == pytest.approx(
        (0.2897637795275591, 0.018786513374712016, 0.7610843696489529)
    )
    assert (mean.value, mean.low, mean.high) == pytest.approx(
        (0.6200505475989891, 0.07113681530250336, 0.9272320401677219)
    )


def test_fleiss_kappa_on_the_wikipedia_table():
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    result = fleiss_kappa(np.array(counts, dtype=float))
    assert (result.kappa, result.z) == pytest.approx((0.20993070442195522, 12.374291059190464))


def test_fleiss_kappa_needs_equal_numbers_of_answers():
    assert fleiss_kappa(np.array([[2.0, 1], [1, 1]])) is None
    assert fleiss_kappa(np.array([[3.0, 0], [3, 0]])) is None


def test_weighted_kappa_by_hand():
    # Differences 0, 1: observed 1/2. Expected over all pairings of (1, 2) with (1, 3): 0, 4, 1, 1, mean 3/2.
    assert weighted_kappa(np.array([1.0, 2]), np.array([1.0, 3])) == pytest.approx(1 - 0.5 / 1.5)
    assert weighted_kappa(np.array([2.0, 2]), np.array([2.0, 2])) is None
    assert weighted_kappa(np.array([]), np.array([])) is None


@given(st.integers(0, 2**32 - 1))
def test_mean_pairwise_kappa_equals_the_pair_by_pair_definition(seed):
    rng = np.random.default_rng(seed)
    answers = rng.integers(1, 6, (12, 3)).astype(float)
    answers[rng.random(answers.shape) < 0.2] = np.nan
    kappas = []
    for r, s in ((0, 1), (0, 2), (1, 2)):
        both = ~np.isnan(answers[:, [r, s]]).any(axis=1)
        kappa = weighted_kappa(answers[both, r], answers[both, s])
        if kappa is not None:
            kappas.append(kappa)
    got = mean_pairwise_kappa(answers, np.ones((1, 12)))[0]
    assert got == pytest.approx(np.mean(kappas)) if kappas else np.isnan(got)


@pytest.mark.parametrize("dataset", [A, C])
@pytest.mark.parametrize("question", QUESTIONS)
def test_within_readers_equals_r(dataset, question):
    wanted = load("agreement")[dataset][question]["intra_pooled"]
    rows = intra_reader_table(check(ratings(dataset)))
    row = next(r for r in rows if r["endpoint"] == question and r["reader"] is None)
    got = [row[k] for k in ("n", "exact_agreement", "mean_shift", "weighted_kappa")]
    keys = [wanted["n"], wanted["exact"], wanted["mean_diff"], wanted["quadratic"]["kappa"]]
    assert got == pytest.approx(keys, rel=1e-9)
    assert row["ci_low"] < row["mean_shift"] < row["ci_high"]


def test_intervals_of_one_reader_are_exact_and_by_jackknife():
    checked = check(ratings(A))
    row = next(
        r for r in intra_reader_table(checked, 0.9) if (r["endpoint"], r["reader"]) == ("quality", "R2")
    )
    exact = stats.binomtest(row["n_same"], row["n"]).proportion_ci(0.9, "exact")
    assert (row["same_low"], row["same_high"]) == pytest.approx(tuple(exact))
    second = checked.repeats[checked.repeats["reader"] == "R2"]
    pairs = second.merge(checked.first[checked.first["reader"] == "R2"], on="case")[
        ["quality_y", "quality_x"]
    ]
    one, two = pairs.to_numpy(dtype=float).T
    n = len(one)
    left = np.array([weighted_kappa(np.delete(one, k), np.delete(two, k)) for k in range(n)])
    values = n * row["weighted_kappa"] - (n - 1) * left
    half = stats.t.ppf(0.95, n - 1) * values.std(ddof=1) / n**0.5
    limits = max(row["weighted_kappa"] - half, -1), min(row["weighted_kappa"] + half, 1)
    assert (row["kappa_low"], row["kappa_high"]) == pytest.approx(limits)


def test_the_interval_over_all_readers_takes_readers_as_clusters():
    def share(same):  # by reader, of twenty pairs each
        tidy = simulate_study(seed=1, readers=len(same), cases=40, repeats=20)
        second = tidy["presentation"] == 2
        first = tidy[~second].set_index(["reader", "case"])["agree"]
        keys = pd.MultiIndex.from_frame(tidy.loc[second, ["reader", "case"]])
        rank = tidy[second].groupby("reader").cumcount().to_numpy()
        kept = rank < np.array(same)[tidy.loc[second, "reader"].str[1:].astype(int) - 1]
        before = first[keys].to_numpy()
        tidy.loc[second, "agree"] = np.where(kept, before, 1 - before)
        row = next(
            r for r in intra_reader_table(check(tidy)) if (r["endpoint"], r["reader"]) == ("agree", None)
        )
        return row["exact_agreement"], row["same_high"] - row["same_low"]

    alike, apart = share([12, 13, 12, 13]), share([20, 20, 5, 5])
    assert alike[0] == apart[0] == 0.625
    plain = stats.binomtest(50, 80).proportion_ci(0.95, "exact")
    assert alike[1] == pytest.approx(plain.high - plain.low)
    assert apart[1] > 2 * alike[1]
    assert share([20, 20, 20, 20]) == (1.0, pytest.approx(1 - 0.025 ** (1 / 80)))


def test_few_repeats_give_counts_only():
    tidy = ratings(A)
    second = (tidy["presentation"] == "2") & (tidy["reader"] == "R1")
    tidy = tidy.drop(tidy.index[second][4:])
    rows = intra_reader_table(check(tidy))
    own = [r for r in rows if r["reader"] == "R1"]
    assert {(r["n"], r["exact_agreement"], r["weighted_kappa"], r["ci_low"]) for r in own} == {
        (4, None, None, None)
    }
    assert all("counts only" in r["note"] for r in own)


def test_a_study_without_repeats_has_an_empty_table():
    assert analysed(B).intra_reader == []


@pytest.mark.parametrize("answers", [[[1, 2, 3], [2, 3, 1], [3, 1, 2]], [[1, 5], [5, 1]]])
def test_cases_of_one_mean_and_readers_of_one_mean_give_no_icc(answers):
    assert icc(np.array(answers, dtype=float)) is None


def test_the_mean_of_readers_who_agree_less_than_by_chance_is_not_stepped_up():
    single, mean = icc(np.array([[1, 5], [5, 1], [1, 5], [5, 2], [3, 3]], dtype=float))
    assert single.value < -1
    assert mean is None
