"""A short, seeded calibration; the full table is made by calibrate with thousands of studies per cell."""

import numpy as np
import pytest

from analysis.stats.calibration import CELLS, Cell, calibrate, simulate_cell, true_theta
from analysis.stats.simulate import Latent

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


def test_the_same_seed_gives_the_same_table():
    cells = [CELL["crossed3x20_ord_RA.044"]]
    assert calibrate(cells, simulations=5, seed=3) == calibrate(cells, simulations=5, seed=3)


def test_an_effect_is_found_and_covered():
    cell = Cell("effect", cases=30, model=Latent(effect={"quality": 1.0}))
    theta, error = true_theta(cell, simulations=60, seed=1)
    assert 0.6 < theta < 0.9
    assert error < 0.03
    (row,) = calibrate([cell], simulations=60, seed=2, truth=theta)
    assert row["u_centred"] > 0.5
    assert row["coverage_logit"] > 0.8
