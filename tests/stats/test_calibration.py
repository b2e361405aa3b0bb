"""A short, seeded calibration; the full table is made by calibrate with thousands of studies per cell."""

import numpy as np
import pytest
from scipy import stats

from analysis.endpoints import PAPER
from analysis.stats.calibration import CELLS, EFFECTS, Cell, calibrate, exact_theta, simulate_cell
from analysis.stats.simulate import Latent
from analysis.stats.ustatistic import u_statistic

CELL = {cell.name: cell for cell in CELLS}


@pytest.mark.parametrize(
    ("name", "readers", "pies", "per_reader", "per_case"),
    [
        ("crossed6x40_ord_RA0", 6, 20, 20, 6),
        ("nested6x40_ord_RA0", 6, 120, 20, 1),
        ("crossed3x20_ord_RA.044", 3, 10, 10, 3),
    ],
)
def test_designs_are_as_named(name, readers, pies, per_reader, per_case):
    pie, control = simulate_cell(np.random.default_rng(1), CELL[name])
    assert pie.shape == control.shape == (readers, pies)
    read = ~np.isnan(pie)
    assert set(read.sum(axis=1)) == {per_reader}
    assert set(read.sum(axis=0)) == {per_case}


def test_a_true_null_is_rejected_about_as_often_as_it_should():
    rows = {r["cell"]: r for r in calibrate([CELL["crossed6x40_ord_RA.044"]], simulations=400, seed=11)}
    row = rows["crossed6x40_ord_RA.044"]
    # 400 studies: a Monte Carlo error of .011 around the range of the full calibration.
    assert 0.02 <= row["u_centred"] <= 0.085
    assert row["kruskal_pooled"] > 0.15  # the simulated ratings are correlated, or this test shows nothing
    assert row["reader_t"] > 0.15
    assert row["coverage_logit"] >= 0.91
    assert row["monte_carlo_error"] == pytest.approx((0.05 * 0.95 / 400) ** 0.5)


def test_nested_readers_are_not_rejected_too_often():
    (row,) = calibrate([CELL["nested6x40_ord_RA.044"]], simulations=150, seed=12)
    assert row["u_centred"] <= 0.1
    assert row["or_unbiased"] == row["reader_t"] == row["u_centred"]


def test_the_same_seed_gives_the_same_row_alone_and_in_company():
    cells = [CELL["crossed3x20_ord_RA.044"], CELL["nested3x20_ord_RA.044"]]
    alone = calibrate(cells[1:], simulations=5, seed=3)
    assert calibrate(cells, simulations=5, seed=3)[1:] == alone
    assert calibrate(cells[1:], simulations=5, seed=4) != alone


def test_matching_makes_the_unpaired_test_conservative_and_the_paired_one_is_not():
    (row,) = calibrate([CELL["crossed6x40_ord_pairs_RA.044"]], simulations=400, seed=13)
    assert row["u_centred"] <= 0.05
    assert row["u_centred"] < row["pairs"] <= 0.09
    assert row["sign_flip"] <= 0.1


@pytest.mark.parametrize("cell", [EFFECTS[0], EFFECTS[-1]], ids=lambda cell: cell.name)
def test_theta_by_quadrature_is_theta_by_simulation(cell):
    rng = np.random.default_rng(5)
    values = [u_statistic(*simulate_cell(rng, cell)).estimate for _ in range(400)]
    error = np.std(values, ddof=1) / 20
    assert exact_theta(cell) == pytest.approx(np.mean(values), abs=4 * error)
    assert exact_theta(cell, points=30) == pytest.approx(exact_theta(cell), abs=1e-9)


def test_theta_of_a_binary_question_by_hand():
    # No variance between readers: P(1) = Phi((mu + .9) / 1), theta = .5 + (p1 - p0) / 2.
    model = Latent(effect={"agree": -0.6}, reader=0.0, reader_by_arm=0.0)
    p1, p0 = stats.norm.cdf([0.3, 0.9])
    assert exact_theta(Cell("x", endpoint=PAPER[0], model=model)) == pytest.approx(0.5 + (p1 - p0) / 2)


def test_an_effect_is_found_and_covered():
    (row,) = calibrate([EFFECTS[-2]], simulations=150, seed=2)
    assert row["theta"] == pytest.approx(0.85, abs=0.005)
    assert row["u_centred"] > 0.95
    assert row["coverage_logit"] >= 0.88
