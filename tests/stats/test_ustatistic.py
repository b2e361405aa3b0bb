"""The centred U-statistic against iMRMC, a toy computed by hand, and its identities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.covariance import reader_thetas, unbiased
from analysis.stats.grid import make_grid
from analysis.stats.intake import check
from analysis.stats.obuchowski_rockette import components
from analysis.stats.ustatistic import u_statistic
from tests.stats.reference_data import QUESTIONS, A, B, C, load, ratings

DATASETS = (A, B, C)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("kernel", "key"), [("win", "auc"), ("difference", "diff")])
def test_centred_equals_the_reference_implementation(dataset, question, kernel, key):
    grid = make_grid(check(ratings(dataset)).first, question)
    u = u_statistic(grid.pie, grid.control, kernel=kernel)
    wanted = load("centred_kernel")[dataset][question][key]
    got = (u.estimate, u.variance, u.variance_v, u.df)
    assert got == pytest.approx([wanted[k] for k in ("est", "var", "varb", "df")], rel=1e-9)


@pytest.mark.parametrize("dataset", [*DATASETS, "G_degenerate_one_constant_reader"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_uncentred_equals_imrmc(dataset, question):
    wanted = load("summary")[dataset][question]["iMRMC"]
    grid = make_grid(check(ratings(dataset)).first, question)
    u = u_statistic(grid.pie, grid.control, center=False)
    names = ("AUC.1", "covAUC", "covAUC.biased", "dfBDG", "dfBDG.biased")
    got = (u.estimate, u.variance, u.variance_v, u.df, u.df_v)
    assert got == pytest.approx([wanted[name] for name in names], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("question", QUESTIONS)
def test_difference_equals_ustat11_of_imrmc_when_crossed(question):
    wanted = load(f"{A}_R_reference")["uStat11"][question]["jointD"]
    grid = make_grid(check(ratings(A)).first, question)
    u = u_statistic(grid.pie, grid.control, kernel="difference")
    assert u.estimate == pytest.approx(wanted["mean"]["AminusB"], rel=1e-9)
    assert u.variance == pytest.approx(wanted["var"]["AminusB"], rel=1e-9)


def test_toy_by_hand():
    # Two readers, two PIEs, two controls. Reader 1: PIE 2, 3; control 1, 2: wins 1, .5, 1, 1, theta 7/8.
    # Reader 2: PIE 1, 2; control 1, 2: wins .5, 0, 1, .5, theta 1/2. Mean 11/16.
    u = u_statistic(np.array([[2.0, 3], [1, 2]]), np.array([[1.0, 2], [1, 2]]))
    assert u.estimate == pytest.approx(11 / 16)
    assert u.per_reader == pytest.approx([7 / 8, 1 / 2])
    # theta^2 minus the mean product over disjoint readers, PIEs and controls: the pairs of reader 1 and
    # reader 2 with both cases exchanged are 1 x .5, .5 x 1, 1 x 0, 1 x .5, mean 3/8.
    assert u.variance == pytest.approx((11 / 16) ** 2 - 3 / 8)


def answers(draw, levels=5):
    readers, pies, controls = draw(st.integers(2, 4)), draw(st.integers(2, 6)), draw(st.integers(2, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pie = rng.integers(1, levels + 1, (readers, pies)).astype(float)
    control = rng.integers(1, levels + 1, (readers, controls)).astype(float)
    return pie, control, rng


@st.composite
def complete(draw):
    return answers(draw)


@st.composite
def incomplete(draw):
    pie, control, rng = answers(draw)
    for arm in (pie, control):
        gone = rng.random(arm.shape) < 0.3
        gone[:, 0] = False
        arm[gone] = np.nan
    return pie, control, rng


def same(first, second):
    assert first.variance == pytest.approx(second.variance, rel=1e-7, abs=1e-12)
    assert first.variance_v == pytest.approx(second.variance_v, rel=1e-7, abs=1e-12)
    if first.usable:
        assert first.df == pytest.approx(second.df, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(incomplete())
def test_calling_the_other_arm_one_mirrors_theta_and_nothing_else(data):
    pie, control, _ = data
    first, second = u_statistic(pie, control), u_statistic(control, pie)
    assert second.estimate == pytest.approx(1 - first.estimate)
    same(first, second)


@settings(max_examples=60, deadline=None)
@given(incomplete())
def test_reversing_the_scale_mirrors_theta(data):
    pie, control, _ = data
    first, second = u_statistic(pie, control), u_statistic(6 - pie, 6 - control)
    assert second.estimate == pytest.approx(1 - first.estimate)
    same(first, second)


@settings(max_examples=60, deadline=None)
@given(incomplete())
def test_a_rising_transform_changes_nothing(data):
    pie, control, _ = data
    assert u_statistic(np.exp(pie), np.exp(control)).variance == u_statistic(pie, control).variance


@settings(max_examples=60, deadline=None)
@given(incomplete())
def test_order_of_readers_and_cases_changes_nothing(data):
    pie, control, rng = data
    readers = rng.permutation(len(pie))
    shuffled = (
        pie[readers][:, rng.permutation(pie.shape[1])],
        control[readers][:, rng.permutation(control.shape[1])],
    )
    first, second = u_statistic(pie, control), u_statistic(*shuffled)
    assert second.estimate == pytest.approx(first.estimate)
    same(first, second)


@settings(max_examples=60, deadline=None)
@given(incomplete())
def test_risk_difference_is_twice_theta_minus_one_with_four_times_the_variance(data):
    pie, control, _ = data
    pie, control = np.where(np.isnan(pie), np.nan, pie > 2), np.where(np.isnan(control), np.nan, control > 2)
    win, risk = u_statistic(pie, control), u_statistic(pie, control, kernel="difference")
    assert risk.estimate == pytest.approx(2 * win.estimate - 1, abs=1e-12)
    assert risk.variance == pytest.approx(4 * win.variance, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(complete())
def test_balanced_crossed_equals_or_with_unbiased_covariance(data):
    pie, control, _ = data
    u = u_statistic(pie, control)
    parts = components(reader_thetas(pie, control), unbiased(pie, control), shares_cases=True)
    if parts.between >= 0:
        assert u.variance == pytest.approx(parts.variance_random, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(complete())
def test_centring_changes_nothing_when_balanced(data):
    pie, control, _ = data
    plain = u_statistic(pie, control, center=False)
    assert u_statistic(pie, control).variance == pytest.approx(plain.variance, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(complete())
def test_balanced_nested_equals_the_t_test_on_reader_thetas(data):
    pie, control, _ = data
    readers = len(pie)

    def nested(arm):
        wide = np.full((readers, readers * arm.shape[1]), np.nan)
        for r in range(readers):
            wide[r, r * arm.shape[1] : (r + 1) * arm.shape[1]] = arm[r]
        return wide

    u = u_statistic(nested(pie), nested(control))
    thetas = reader_thetas(pie, control)
    assert u.variance == pytest.approx(thetas.var(ddof=1) / readers, abs=1e-12)
    if u.usable:
        assert u.df == pytest.approx(readers - 1)
