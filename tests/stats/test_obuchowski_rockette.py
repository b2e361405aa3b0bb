"""Obuchowski-Rockette, fixed readers and DeLong against MRMCaov and iMRMC."""

import itertools

import numpy as np
import pytest

from analysis.endpoints import PAPER
from analysis.stats import Plan, check
from analysis.stats.covariance import delong_variance, jackknife, reader_thetas, unbiased
from analysis.stats.grid import make_grid
from analysis.stats.obuchowski_rockette import compare_or
from tests.stats.reference_data import QUESTIONS, A, B, C, analysed, load, ratings


@pytest.mark.parametrize("dataset", [A, B])
@pytest.mark.parametrize(
    ("ours", "covariance"), [("jackknife", "jackknife"), ("centred", "unbiased"), ("delong", "DeLong")]
)
def test_equals_mrmcaov(dataset, ours, covariance):
    results = analysed(dataset)
    for question in QUESTIONS:
        row = results.comparison(question, f"or_{ours}")
        fixed = results.comparison(question, "fixed_readers")[f"se_{ours}"]
        wanted = load("summary")[dataset][question]
        if "error" in wanted[f"OR_{covariance}"]:  # DeLong needs every reader to read every case
            assert row["se"] is None
            assert row["note"].startswith("not available")
            continue
        names = ("Estimate", "StdErr", "df", "CI.Lower", "CI.Upper", "Cov2", "MS(R)")
        got = [row[k] for k in ("estimate", "se", "df", "ci_low", "ci_high", "covariance", "ms_readers")]
        assert got == pytest.approx([wanted[f"OR_{covariance}"][n] for n in names], rel=1e-9, abs=1e-12)
        assert fixed == pytest.approx(wanted[f"OR_FRRC_{covariance}"]["StdErr"], rel=1e-9)


def independent(one, other, center):
    """Mean product of two readers' kernels over different PIEs and different controls, pair by pair."""
    products = []
    for (i, x), (j, y), (k, z), (m, w) in itertools.product(*(enumerate(arm) for arm in (*one, *other))):
        if i != k and j != m and not np.isnan([x, y, z, w]).any():
            wins = [(a > b) + 0.5 * (a == b) for a, b in ((x, y), (z, w))]
            products.append((wins[0] - center[0]) * (wins[1] - center[1]))
    return np.mean(products)


def test_covariance_with_missing_readings_by_brute_force():
    # MRMCaov's unbiased: theta_r theta_s less the mean product over independent pairs of terms; ours centres first.
    nan = np.nan
    pie = np.array([[3.0, 4, nan, 2, 5], [2.0, nan, 4, 4, 1], [nan, 3, 3, 5, 2]])
    control = np.array([[1.0, nan, 3, 2], [nan, 2, 2, 4], [3.0, 1, 5, nan]])
    thetas = reader_thetas(pie, control)
    none = np.zeros(3)
    for got, level in ((unbiased(pie, control, center=False), none), (unbiased(pie, control), thetas)):
        for r, s in itertools.product(range(3), range(3)):
            apart = independent((pie[r], control[r]), (pie[s], control[s]), (level[r], level[s]))
            wanted = (thetas[r] - level[r]) * (thetas[s] - level[s]) - apart
            assert got[r, s] == pytest.approx(wanted, abs=1e-8)
    both = [unbiased(pie, control, center=center) for center in (False, True)]
    assert np.abs(both[0] - both[1]).max() > 1e-3  # with missing readings the two forms part
    flipped = [unbiased(control, pie, center=center) for center in (False, True)]
    assert flipped[1] == pytest.approx(both[1], abs=1e-12)
    assert (
        np.abs(flipped[0] - both[0]).max() > 1e-3
    )  # only the centred one does not depend on what is called 1


def test_studies_of_the_first_analyses_keep_the_name_of_the_covariance():
    grid = make_grid(check(ratings(A)).first, "quality")
    rows = {version: compare_or(grid, PAPER[1], Plan(version=version)) for version in (1, 2, 3)}
    assert [rows[version][2].method for version in (1, 2, 3)] == ["or_unbiased", "or_unbiased", "or_centred"]
    assert rows[2][3].extra["se_unbiased"] == rows[3][3].extra["se_centred"]


def test_fixed_readers_of_a_crossed_study_use_delong():
    results = analysed(A)
    wanted = load("summary")[A]["quality"]["OR_FRRC_DeLong"]
    row = results.comparison("quality", "fixed_readers")
    assert (row["se"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (wanted["StdErr"], wanted["CI.Lower"], wanted["CI.Upper"]), rel=1e-9
    )


def test_one_reader_delong_by_hand():
    # PIE 2, 3 against control 1, 2: row means of wins .75, 1, column means 1, .75; both variances 1/32.
    assert delong_variance(np.array([2.0, 3, np.nan]), np.array([1.0, 2])) == pytest.approx(1 / 32)


def test_one_reader_without_two_answers_in_an_arm_has_no_variance():
    assert delong_variance(np.array([2.0, np.nan]), np.array([1.0, 2])) is None
    assert jackknife(np.array([[2.0, np.nan]]), np.array([[1.0, 2]])) is None


def test_each_reader_is_listed_with_the_own_cases():
    results = analysed(C)
    own = [r for r in results.comparisons if (r["endpoint"], r["method"]) == ("agree", "reader_delong")]
    assert [r["reader"] for r in own] == ["R1", "R2", "R3", "R4", "R5", "R6"]
    wanted = {
        entry["readerID.1"]: entry["AUC.1"]
        for entry in load(f"{C}_R_reference")["iMRMC"]["perReader"]
        if entry["modalityID.1"] == "agree"
    }
    assert {r["reader"]: r["estimate"] for r in own} == pytest.approx(wanted)
