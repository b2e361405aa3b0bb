"""Obuchowski-Rockette, fixed readers and DeLong against MRMCaov and iMRMC."""

import numpy as np
import pytest

from analysis.stats.covariance import delong_variance, jackknife
from tests.stats.reference_data import QUESTIONS, A, B, C, analysed, load


@pytest.mark.parametrize("dataset", [A, B])
@pytest.mark.parametrize("covariance", ["jackknife", "unbiased", "DeLong"])
def test_equals_mrmcaov(dataset, covariance):
    results = analysed(dataset)
    for question in QUESTIONS:
        row = results.comparison(question, f"or_{covariance.lower()}")
        fixed = results.comparison(question, "fixed_readers")[f"se_{covariance.lower()}"]
        wanted = load("summary")[dataset][question]
        if "error" in wanted[f"OR_{covariance}"]:  # DeLong needs every reader to read every case
            assert row["se"] is None
            assert row["note"].startswith("not available")
            continue
        names = ("Estimate", "StdErr", "df", "CI.Lower", "CI.Upper", "Cov2", "MS(R)")
        got = [row[k] for k in ("estimate", "se", "df", "ci_low", "ci_high", "covariance", "ms_readers")]
        assert got == pytest.approx([wanted[f"OR_{covariance}"][n] for n in names], rel=1e-9, abs=1e-12)
        assert fixed == pytest.approx(wanted[f"OR_FRRC_{covariance}"]["StdErr"], rel=1e-9)


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
