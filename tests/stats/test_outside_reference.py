"""Data and numbers of other projects, which are not in the repository: OUTSIDE_REFERENCE names the folder."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.stats import analyse, read_ratings
from analysis.stats.agreement import (
    coincidences,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    level_counts,
    weighted_kappa,
)
from analysis.stats.covariance import delong_variance, reader_thetas
from analysis.stats.mixed import fit_cumulative_logit
from analysis.stats.obuchowski_rockette import components
from analysis.stats.planning import Pilot, power
from analysis.stats.rows import plain_interval
from analysis.stats.ustatistic import u_statistic
from tests.stats.synthetic_numbers import BY_MRMCAOV

FOLDER = os.environ.get("OUTSIDE_REFERENCE")

pytestmark = [
    pytest.mark.outside_reference,
]


def path(name):
    found = Path(FOLDER) / name
    assert found.is_file(), f"OUTSIDE_REFERENCE is set, expected {found}"
    return found


def load(name):
    return json.loads(path(name).read_text())


def van_dyke(test, case="case"):
    table = pd.read_csv(path("mrmc/VanDyke.csv"), dtype=str)
    table = table[table["treatment"] == test].assign(rating=table["rating"].astype(float))
    wide = table.pivot(index="reader", columns=case, values="rating")
    truth = table.groupby(case)["truth"].first()
    return wide[truth.index[truth == "1"]].to_numpy(), wide[truth.index[truth == "0"]].to_numpy()


@pytest.mark.parametrize(("test", "row"), [("1", 0), ("2", 1)])
@pytest.mark.parametrize("name", ["jackknife", "DeLong", "unbiased"])
def test_van_dyke_single_test_equals_mrmcaov(test, row, name):
    pie, control = van_dyke(test)
    parts = components(reader_thetas(pie, control), BY_MRMCAOV[name.lower()](pie, control), shares_cases=True)
    check_components(parts, load("mrmc/MRMCaov_VanDyke.json")[f"RRRC_{name}"]["test_means"][row])
    fixed = load("mrmc/MRMCaov_VanDyke.json")[f"FRRC_{name}"]["test_means"][row]
    assert np.sqrt(parts.variance_fixed) == pytest.approx(fixed["StdErr"], rel=1e-9)


@pytest.mark.parametrize(("test", "row"), [("1", 0), ("2", 1)])
@pytest.mark.parametrize("name", ["jackknife", "unbiased"])
def test_van_dyke_with_cases_nested_in_readers_equals_mrmcaov(test, row, name):
    pie, control = van_dyke(test, "case2")
    parts = components(reader_thetas(pie, control), BY_MRMCAOV[name](pie, control), shares_cases=False)
    wanted = load("mrmc/MRMCaov_VanDyke_nested.json")[f"case2_nested_in_reader_RRRC_{name}"]
    check_components(parts, wanted["test_means"][row])


def check_components(parts, wanted):
    low, high = plain_interval(parts.mean, parts.variance_random, parts.df_random)
    got = [parts.mean, parts.ms_readers, parts.between, np.sqrt(parts.variance_random), parts.df_random]
    names = ("Estimate", "MS(R)", "Cov2", "StdErr", "df")
    assert got == pytest.approx([wanted[name] for name in names], rel=1e-9, abs=1e-12)
    assert (max(low, 0), min(high, 1)) == pytest.approx((wanted["CI.Lower"], wanted["CI.Upper"]), rel=1e-9)


@pytest.mark.parametrize(("test", "modality"), [("1", "m1"), ("2", "m2")])
def test_van_dyke_equals_imrmc(test, modality):
    rows = load("mrmc/iMRMC_VanDyke.json")["Ustat"]
    wanted = next(r for r in rows if r["modalityID.1"] == r["modalityID.2"] == modality)
    pie, control = van_dyke(test)
    check_u(pie, control, wanted, rel=1e-9)


def check_u(pie, control, wanted, rel):
    names = ("AUC.1", "covAUC", "covAUC.biased", "dfBDG")
    for center in (False, True):  # complete for each reader and case: centring changes nothing
        u = u_statistic(pie, control, center=center)
        got = (u.estimate, u.variance, u.variance_v, u.df)
        assert got == pytest.approx([wanted[n] for n in names], rel=rel)


def imrmc_r1():
    table = pd.read_csv(path("mrmc/iMRMC_testdata_R1.csv"), dtype=str)
    is_truth = table["readerID"] == "truth"
    truth = table[is_truth].set_index("caseID")["score"].astype(float)
    wide = table[~is_truth].assign(score=table["score"].astype(float))
    wide = wide.pivot(index="readerID", columns="caseID", values="score")
    cases = [case for case in truth.index if case in wide.columns]
    pie, control = ([c for c in cases if truth[c] == arm] for arm in (1, 0))
    return wide[pie].to_numpy(), wide[control].to_numpy()


def test_r1_with_missing_cells_equals_the_java_program():
    # The Java program prints nine significant digits, of the readers' variances eight decimals.
    wanted = load("mrmc/iMRMC_java_target_R1.json")
    summary = next(r for r in wanted["Ustat"] if r["UstatOrMLE"] == "Ustat")
    pie, control = imrmc_r1()
    u = u_statistic(pie, control, center=False)
    assert u.estimate == pytest.approx(summary["AUCA"], rel=1e-8)
    assert u.variance == pytest.approx(summary["varAUCA"], rel=1e-8)
    assert u.df == pytest.approx(summary["dfBDG"], rel=1e-8)
    for reader, row in enumerate(wanted["perReader"]):
        assert u.per_reader[reader] == pytest.approx(row["AUCA"], rel=1e-8)
        own = BY_MRMCAOV["unbiased"](pie, control)[reader, reader]
        assert own == pytest.approx(row["varAUCA"], abs=5.1e-9)
        assert delong_variance(pie[reader], control[reader]) > 0


def test_krippendorff():
    table = pd.read_csv(path("agreement/krippendorff_canonical.csv"), index_col=0).T.to_numpy(dtype=float)
    levels = np.array([1.0, 2, 3, 4, 5])
    total = coincidences(level_counts(table, levels)).sum(axis=0)
    for metric, wanted in load("agreement/krippendorff_canonical.json")["values"].items():
        assert float(krippendorff_alpha(total, levels, metric)) == pytest.approx(wanted, rel=1e-9)


def test_shrout_fleiss():
    table = pd.read_csv(path("agreement/shrout_fleiss_1979.csv"), index_col=0).to_numpy(dtype=float)
    single, mean = icc(table)
    wanted = load("agreement/shrout_fleiss_icc2_fullprecision.json")
    got = [single.value, single.low, single.high, mean.value, mean.low, mean.high]
    names = ("ICC21", "lo", "hi", "ICC2k", "lo_k", "hi_k")
    assert got == pytest.approx([wanted[name] for name in names], rel=1e-9)


def test_fleiss():
    wanted = load("agreement/fleiss.json")
    diagnoses = pd.read_csv(path("agreement/fleiss1971_diagnoses.csv")).to_numpy(dtype=float)
    counts = pd.read_csv(path("agreement/fleiss_wikipedia_counts.csv")).to_numpy(dtype=float)
    first = fleiss_kappa(level_counts(diagnoses, np.unique(diagnoses)))
    second = fleiss_kappa(counts)
    assert (first.kappa, first.z) == pytest.approx(
        (wanted["diagnoses"]["kappa"], wanted["diagnoses"]["z"]), rel=1e-9
    )
    assert second.kappa == pytest.approx(wanted["wikipedia"]["kappa"], rel=1e-9)


@pytest.mark.parametrize(("weights", "power"), [("linear", 1), ("quadratic", 2)])
def test_weighted_kappa_on_the_full_scale_and_with_the_unused_level_dropped(weights, power):
    wanted = load("agreement/weighted_kappa_anxiety.json")
    table = pd.read_csv(path("agreement/irr_anxiety.csv"))[["rater2", "rater3"]].to_numpy(dtype=float)
    assert weighted_kappa(table[:, 0], table[:, 1], power=power) == pytest.approx(
        wanted["r23_full_1to6"][weights]["kappa"], rel=1e-9
    )
    # R's irr spaces the levels by rank among those used: given ranks, so does this function.
    ranks = np.searchsorted(np.unique(table), table).astype(float)
    assert weighted_kappa(ranks[:, 0], ranks[:, 1], power=power) == pytest.approx(
        wanted["r23"][weights]["kappa"], rel=1e-9
    )


def test_wine_equals_ordinal_clmm():
    wanted = load("agreement/wine_clmm.json")["clmm_laplace"]
    table = pd.read_csv(path("agreement/wine.csv"))
    warm = (table["temp"] == "warm").to_numpy(dtype=float)
    contact = (table["contact"] == "yes").to_numpy(dtype=float)
    judge = pd.factorize(table["judge"])[0]
    levels = table["rating"].to_numpy(dtype=int) - 1
    fit = fit_cumulative_logit(levels, np.column_stack([warm, contact]), [judge])
    terms = {row["_row"]: row for row in wanted["coef"]}
    # The fully converged likelihood is -81.565413; this run of R stopped 3.5e-6 from it.
    assert fit.log_likelihood == pytest.approx(-81.565413, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(wanted["logLik"], abs=1e-5)
    for k, name in enumerate(("tempwarm", "contactyes")):
        assert fit.coefficients[k] == pytest.approx(terms[name]["Estimate"], rel=1e-3)
        assert fit.se[k] == pytest.approx(terms[name]["Std. Error"], rel=1e-3)


def test_published_power_equals_rjafroc():
    # The two-test formula is the single-test one with the terms exchanged (see test_power).
    found = json.dumps(load("mrmc/RJafroc_power_reference.json"))
    pilot = Pilot(0.00020040252, 0.00080228827 - 0.00034661371, 0.00034407483 - 0.00023902837, 114)
    result = power(pilot, readers=10, cases=165, delta=-0.043800322 / np.sqrt(2))
    stored = [float(n) for n in re.findall(r"0\.805\d+", found)]
    assert stored
    assert all(result.power == pytest.approx(n, abs=5e-9) for n in stored)


SYNTHETIC = {
    "A": "A_crossed_6x40_repeats", "B": "B_splitplot_6x40_nested", "C": "C_splitplot_3blocks_anchors_missing",
    "G": "G_degenerate_one_constant_reader",
}  # fmt: skip


def synthetic(name):
    table = read_ratings(path(f"synthetic/{SYNTHETIC[name]}.csv"))
    return analyse(table, seed=1, draws=99, bootstraps=20), load(
        f"synthetic/{SYNTHETIC[name]}_R_reference.json"
    )


@pytest.mark.parametrize("name", ["A", "B", "C", "G"])
def test_synthetic_studies_equal_imrmc_per_reader_and_overall(name):
    results, reference = synthetic(name)
    whole = [r for r in reference["iMRMC"]["Ustat"] if r["modalityID.1"] == r["modalityID.2"]]
    assert len(whole) == 3
    for row in whole:
        mine = results.comparison(row["modalityID.1"], "u_imrmc")
        assert [mine["estimate"], mine["variance"], mine["df"]] == pytest.approx(
            [row["AUC.1"], row["covAUC"], row["dfBDG"]], rel=1e-9
        )
    own = [r for r in reference["iMRMC"]["perReader"]
           if r["readerID.1"] == r["readerID.2"] and r["modalityID.1"] == r["modalityID.2"]]  # fmt: skip
    assert own
    for row in own:
        mine = next(
            r for r in results.comparisons
            if (r["endpoint"], r["method"], r["reader"]) == (row["modalityID.1"], "reader_delong", row["readerID.1"])
        )  # fmt: skip
        assert mine["estimate"] == pytest.approx(row["AUC.1"], rel=1e-9)


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_synthetic_studies_equal_r_on_the_pooled_tests(name):
    results, reference = synthetic(name)
    for row in results.paper_compatible:
        wanted = reference["pooled"][row["endpoint"]]
        described = ("pie_n", "control_n", "pie_mean", "control_mean", "pie_sd", "control_sd")
        tested = (
            "kruskal_h",
            "kruskal_p",
            "mannwhitney_u",
            "mannwhitney_p",
            "welch_t",
            "welch_df",
            "welch_p",
        )
        got = [row[name] for name in (*described, *tested)]
        kruskal, ranks, welch = (wanted[name] for name in ("kruskal", "mannwhitney_cc", "welch"))
        assert got == pytest.approx(
            [
                *(wanted[name] for name in ("n1", "n0", "mean1", "mean0", "sd1", "sd0")),
                *(kruskal["H"], kruskal["p"], ranks["W"], ranks["p"], welch["t"], welch["df"], welch["p"]),
            ],
            rel=1e-9,
        )


def test_repeats_of_study_a_equal_r():
    results, reference = synthetic("A")
    for row in (r for r in results.intra_reader if r["reader"] is None):
        wanted = reference["intra"][row["endpoint"]]
        assert row["n"] == wanted["n"]
        assert [row["exact_agreement"], row["weighted_kappa"]] == pytest.approx(
            [wanted["exact_agreement"], wanted["quad_weighted_kappa"]], rel=1e-9
        )
