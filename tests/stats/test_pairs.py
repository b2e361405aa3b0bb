"""Matched pairs: the two-way analysis by its mean squares, the sign flip by listing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.endpoints import PAPER
from analysis.stats import analyse, check, simulate_study
from analysis.stats.grid import Grid, make_grid
from analysis.stats.pairs import compare_pairs, pair_differences
from analysis.stats.simulate import Latent
from tests.stats.reference_data import A, analysed


def grid_of(pie, control, pairs):
    n1, n0 = pie.shape[1], control.shape[1]
    return Grid(
        "quality",
        tuple(f"R{r}" for r in range(len(pie))),
        tuple(f"p{i}" for i in range(n1)),
        tuple(f"c{j}" for j in range(n0)),
        pie,
        control,
        (),
        np.zeros(n1 + n0, dtype=int),
        pairs,
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 6))
def test_crossed_variance_is_the_two_way_mean_squares(seed, readers, pairs):
    rng = np.random.default_rng(seed)
    pie = rng.integers(1, 6, (readers, pairs)).astype(float)
    control = rng.integers(1, 6, (readers, pairs)).astype(float)
    names = tuple(f"P{k}" for k in range(pairs))
    row = compare_pairs(grid_of(pie, control, names * 2), PAPER[1], seed=1, draws=9)[0]
    d = pie - control
    grand = d.mean()
    msr = pairs * ((d.mean(axis=1) - grand) ** 2).sum() / (readers - 1)
    msk = readers * ((d.mean(axis=0) - grand) ** 2).sum() / (pairs - 1)
    residual = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0, keepdims=True) + grand
    mse = (residual**2).sum() / ((readers - 1) * (pairs - 1))
    variance = (msr + msk - mse) / (readers * pairs)
    assert row.estimate == pytest.approx(grand)
    if variance > 1e-9:
        assert row.variance == pytest.approx(variance)
        spread = msr**2 / (readers - 1) + msk**2 / (pairs - 1)
        df = (msr + msk - mse) ** 2 / (spread + mse**2 / ((readers - 1) * (pairs - 1)))
        assert row.df == pytest.approx(max(df, min(readers, pairs) - 1))


def test_nested_pairs_are_the_t_test_on_reader_means():
    tidy = simulate_study(seed=2, readers=4, cases=12, design="nested")
    grid = make_grid(check(tidy).first, "quality")
    row = compare_pairs(grid, PAPER[1], seed=1, draws=9)[0]
    means = np.nanmean(pair_differences(grid), axis=1)
    assert row.estimate == pytest.approx(means.mean())
    assert row.variance == pytest.approx(means.var(ddof=1) / 4)
    assert row.df == pytest.approx(3)


def test_sign_flip_by_hand():
    # Three pairs of one reader, PIE always higher: of 2^3 exchanges only the observed and the full one are
    # as far from 0.5.
    grid = grid_of(np.array([[4.0, 5, 5]]), np.array([[1.0, 2, 3]]), ("a", "b", "c") * 2)
    flip = compare_pairs(grid, PAPER[1], seed=1, draws=9)[1]
    assert (flip.p, flip.extra["relabellings"]) == (2 / 8, 8)


def test_missing_members_leave_the_other_pairs():
    tidy = simulate_study(seed=3, readers=4, cases=40, missing=0.1)
    row = analyse(tidy, seed=1, draws=19, bootstraps=5).comparison("quality", "pairs")
    assert row["pairs"] == 20
    assert row["se"] > 0
    assert "incomplete" in row["note"]


def test_pairs_analysis_of_a_crossed_study_agrees_with_the_difference():
    results = analysed(A)
    pairs, unpaired = (results.comparison("quality", m) for m in ("pairs", "difference"))
    assert pairs["estimate"] == pytest.approx(unpaired["estimate"])


def test_without_pairs_the_row_says_so():
    tidy = simulate_study(seed=1, readers=3, cases=12, model=Latent()).assign(pair="")
    row = analyse(tidy, seed=1, draws=19, bootstraps=5).comparison("agree", "pairs")
    assert row["estimate"] is None
    assert "matched pairs" in row["note"]
