"""Several cases of one patient are one cluster, wherever cases are taken as a sample."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.columns import FrameError
from analysis.stats import Plan, analyse, simulate_study
from analysis.stats.calibration import calibrate
from analysis.stats.cells import NULLS, draw
from analysis.stats.covariance import jackknife
from analysis.stats.grid import linked
from analysis.stats.rows import StatsError
from analysis.stats.sets import two_way
from analysis.stats.ustatistic import u_statistic

CLUSTERED = {"u_centred", "difference", "theta_set", "difference_set", "or_jackknife", "fixed_readers"}
PLAN = {"draws": 9, "bootstraps": 50, "seed": 1}


def by_pairs_of_terms(pie, control, patients, kernel):
    """The variance from its definition: less the mean product of terms that share neither reader nor patient."""
    terms = []
    for r, (ones, others) in enumerate(zip(pie, control, strict=True)):
        pairs = (~np.isnan(ones)).sum() * (~np.isnan(others)).sum()
        for i, a in enumerate(ones):
            for j, b in enumerate(others):
                if not np.isnan(a + b):
                    value = a - b if kernel == "difference" else (np.sign(a - b) + 1) / 2
                    terms.append((r, {patients[i], patients[len(ones) + j]}, value, 1 / pairs))
    theta = sum(value * w for *_, value, w in terms) / sum(w for *_, w in terms)
    product = count = 0.0
    for r, owners, value, w in terms:
        for r2, owners2, value2, w2 in terms:
            if r != r2 and not owners & owners2:
                product += w * (value - theta) * w2 * (value2 - theta)
                count += w * w2
    return theta, -product / count


def answers(rng, readers, cases, missing=0.15):
    drawn = rng.integers(0, 5, (readers, cases)).astype(float)
    drawn[:, 2:][rng.random((readers, cases - 2)) < missing] = np.nan
    return drawn


@pytest.mark.parametrize("kernel", ["win", "difference"])
@pytest.mark.parametrize("mixed", [False, True], ids=["each patient in one group", "some in both"])
def test_the_variance_is_that_of_its_definition(mixed, kernel):
    rng = np.random.default_rng(5)
    for readers, ones, others in ((3, 7, 6), (2, 5, 8), (4, 8, 8)):
        pie, control = answers(rng, readers, ones), answers(rng, readers, others)
        patients = rng.integers(0, 6, ones + others)
        patients[ones:] += 0 if mixed else 10
        u = u_statistic(pie, control, kernel=kernel, equal=True, patients=patients)
        assert (u.estimate, u.variance) == pytest.approx(by_pairs_of_terms(pie, control, patients, kernel))
        assert u.variance_v >= 0


def test_by_hand():
    """Two readers who answer alike; PIEs of patients a, b and b, controls of c and d.

    Kernel summed over the cells ac, ad, bc, bd, which have 1, 1, 2, 2 pairs: 1, 1/2, 3/2, 1, so theta is 4 / 6. Less
    theta times the pairs, in 24ths: 8, -4, 4, -8. Terms that share neither reader nor patient are ac with bd and ad
    with bc, either way round and for either reader first: 4 (8 x -8 + -4 x 4) / 576 = -320 / 576, and
    4 (1 x 2 + 1 x 2) = 16 pairs. Variance = 320 / 576 / 16 = 5 / 144.
    """
    pie, control = np.array([[3.0, 4, 2]] * 2), np.array([[2.0, 3]] * 2)
    u = u_statistic(pie, control, equal=True, patients=np.array([0, 1, 1, 2, 3]))
    assert (u.estimate, u.variance) == pytest.approx((4 / 6, 5 / 144))
    assert u_statistic(pie, control, equal=True).variance != pytest.approx(5 / 144)


def test_images_that_are_copies_count_as_the_patient_once():
    rng = np.random.default_rng(2)
    pie, control = answers(rng, 4, 6, 0), answers(rng, 4, 5, 0)
    three = np.repeat(np.arange(11), 3)
    for kernel in ("win", "difference"):
        merged = u_statistic(pie, control, kernel=kernel, equal=True)
        copied = u_statistic(
            np.repeat(pie, 3, axis=1),
            np.repeat(control, 3, axis=1),
            kernel=kernel,
            equal=True,
            patients=three,
        )
        for name in ("estimate", "variance", "variance_v", "df", "df_v", "effective_readers"):
            assert getattr(copied, name) == pytest.approx(getattr(merged, name))
    assert jackknife(np.repeat(pie, 3, axis=1), np.repeat(control, 3, axis=1), three) == pytest.approx(
        jackknife(pie, control)
    )
    values = rng.random((4, 6))
    sets = two_way(np.repeat(values, 3, axis=1)[None], clusters=np.repeat(np.arange(6), 3)).one()
    whole = two_way(values[None]).one()
    assert (sets.estimate, sets.variance, sets.variance_v) == pytest.approx(
        (whole.estimate, whole.variance, whole.variance_v)
    )


def test_where_every_patient_has_one_case_nothing_changes_to_the_last_digit():
    table = simulate_study(seed=4, readers=4, cases=16, missing=0.1, repeats=2)
    own = table.assign(patient=["n" + case for case in table["case"]])
    plain, named = (analyse(each, **PLAN).as_dict() for each in (table, own))
    assert named["study"].pop("patients") == 16
    assert named["study"].pop("clustered") is False
    assert named == plain


def of_three(table):
    """Give three cases in a row to one patient; the list alternates between the groups."""
    return table.assign(
        patient=table["case"].str[1:].astype(int).sub(1).floordiv(6).astype(str)
        + "/"
        + table["arm"].astype(str)
    )


def test_results_say_what_is_clustered_and_what_is_not():
    table = of_three(simulate_study(seed=4, readers=5, cases=36))
    plain, clustered = analyse(table.drop(columns="patient"), **PLAN), analyse(table, **PLAN)
    assert clustered.study["patients"] == 12
    assert "patients" not in plain.study
    for row, before in zip(clustered.comparisons, plain.comparisons, strict=True):
        assert (
            row["estimate"] == pytest.approx(before["estimate"], nan_ok=True)
            or row["method"] == "reader_spread"
        )
        independent = "takes the cases of one patient as independent" in row["note"]
        if row["method"] in CLUSTERED:
            assert row["variance"] != pytest.approx(before["variance"])
            assert not independent
        elif row["method"] in ("permutation", "u_imrmc", "or_delong", "or_centred", "reader_delong", "clmm"):
            assert independent
    widths = [
        next(
            row["ci_high"] - row["ci_low"]
            for row in each.agreement
            if row["statistic"] == "percent_agreement"
        )
        for each in (plain, clustered)
    ]
    assert widths[0] != widths[1]


def test_a_study_locked_before_does_not_know_patients():
    table = of_three(simulate_study(seed=4, readers=4, cases=24))
    for version in (3, 4):
        plan = Plan(version=version)
        known, unknown = (analyse(each, plan=plan, **PLAN) for each in (table, table.drop(columns="patient")))
        assert known.as_dict() == unknown.as_dict()


def test_a_reader_of_two_patients_of_a_group_leaves_no_verdict():
    table = of_three(simulate_study(seed=4, readers=4, cases=36))
    few = table[(table["reader"] != "R2") | table["patient"].isin(["0/1", "1/1", "0/0", "1/0", "2/0"])]
    assert few[few["reader"] == "R2"]["arm"].sum() == 6
    for primary in ("u_centred", "theta_set"):
        row = analyse(few, plan=Plan(primary=primary), **PLAN).comparison("quality", primary)
        assert row["p"] is None
        assert row["note"].count("no verdict: fewer than 3 patients of a group") == 1
    assert analyse(few.drop(columns="patient"), **PLAN).comparison("quality", "u_centred")["p"] is not None


def test_sets_that_share_a_patient_in_a_chain_are_one():
    found = linked(np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 1, 2, 5, 6, 2, 7]))
    assert found.tolist() == [0, 0, 0, 0, 2, 2, 0, 0]


def test_a_case_of_two_patients_is_refused():
    table = of_three(simulate_study(seed=4, readers=3, cases=12))
    table.loc[0, "patient"] = "another"
    with pytest.raises(StatsError, match="column 'patient': expected one value for all readings of a case"):
        analyse(table, **PLAN)
    table.loc[0, "patient"] = table.loc[1, "patient"] + " "
    with pytest.raises((StatsError, FrameError)):
        analyse(table, **PLAN)


def test_a_blank_patient_is_nobody_else():
    table = simulate_study(seed=4, readers=4, cases=16).assign(patient="")
    table.loc[table["case"].isin(["C001", "C003"]), "patient"] = "7"
    results = analyse(table, **PLAN)
    assert results.study["patients"] == 15


def test_missing_readings_of_a_case_are_its_patients():
    table = of_three(simulate_study(seed=4, readers=4, cases=24, missing=0.2))
    planned = table[["reader", "case", "arm"]].assign(state="read")
    gone = (table["reader"] == "R1") & table["case"].isin(["C001", "C002", "C003"])
    planned.loc[gone, "state"] = "never_shown"
    told = analyse(table[~gone], planned=planned, **PLAN)
    blank = table.copy()
    names = [name for name in table.columns if name in ("agree", "quality", "difficulty")]
    blank.loc[gone, names] = np.nan
    blank.loc[gone, [f"{name}_status" for name in names]] = "missing"
    whole = analyse(blank, **PLAN)
    both = [[row["p"] for row in each.missing if row["reader"] is None] for each in (told, whole)]
    assert both[0] == pytest.approx(both[1])


@pytest.mark.parametrize(
    "name", ["crossed6x36_ord_RA.044_3imagescor0.8", "crossed6x72_ord_RA.044_3imagescor0.4"]
)
def test_unclustered_a_true_null_is_rejected_too_often_and_clustered_it_is_not(name):
    """Three images of each patient; u_centred, the primary up to version 2, takes them as independent."""
    cell = next(cell for cell in NULLS if cell.name == name)
    (row,) = calibrate([cell], simulations=1000, seed=7)
    assert row["u_centred"]["rejects"] > 0.085
    assert row["u_centred"]["covers"] < 0.91
    assert 0.02 <= row["u_equal"]["rejects"] <= 0.07
    assert row["u_equal"]["covers"] >= 0.93


def test_a_cell_of_patients_is_as_named():
    cell = next(cell for cell in NULLS if cell.images > 1 and cell.correlation == 0.8)
    whole = replace(cell, loads=(600,) * 30)
    pie, _ = draw(np.random.default_rng(1), whole, 1)
    means = pd.DataFrame(pie[0].mean(axis=0).reshape(-1, 3))
    # Of a case's variance of .5 the part .8 is shared, and of a mean over readers nothing else but noise is left.
    assert means.corr().to_numpy()[0, 1] == pytest.approx(0.8, abs=0.15)
