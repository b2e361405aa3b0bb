"""Data and numbers of other projects, which are not in the repository: OUTSIDE_REFERENCE names the folder."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.stats.agreement import (
    coincidences,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    level_counts,
    weighted_kappa,
)
from analysis.stats.covariance import delong_variance, reader_thetas
from analysis.stats.inference import plain_interval
from analysis.stats.obuchowski_rockette import COVARIANCES, components
from analysis.stats.ustatistic import u_statistic

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
    parts = components(
        reader_thetas(pie, control), COVARIANCES[name.lower()](pie, control), shares_cases=True
    )
    check_components(parts, load("mrmc/MRMCaov_VanDyke.json")[f"RRRC_{name}"]["test_means"][row])
    fixed = load("mrmc/MRMCaov_VanDyke.json")[f"FRRC_{name}"]["test_means"][row]
    assert np.sqrt(parts.variance_fixed) == pytest.approx(fixed["StdErr"], rel=1e-9)


@pytest.mark.parametrize(("test", "row"), [("1", 0), ("2", 1)])
@pytest.mark.parametrize("name", ["jackknife", "unbiased"])
def test_van_dyke_with_cases_nested_in_readers_equals_mrmcaov(test, row, name):
    pie, control = van_dyke(test, "case2")
    parts = components(reader_thetas(pie, control), COVARIANCES[name](pie, control), shares_cases=False)
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
        own = COVARIANCES["unbiased"](pie, control)[reader, reader]
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
