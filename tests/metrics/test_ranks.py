"""Ranks and Spearman's correlation against scipy."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from analysis.metrics.ranks import _doubled_ranks as doubled_ranks
from analysis.metrics.ranks import spearman_rows


@pytest.mark.parametrize("width", [2, 20, 64, 65, 130])
@given(
    seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 30), dtype=st.sampled_from([np.float32, np.float64])
)
@settings(max_examples=25, deadline=None)
def test_equals_scipy(width, seed, levels, dtype):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, levels, (2, 4, width)) / levels).astype(dtype)
    assert (doubled_ranks(x) == 2 * rankdata(x, axis=1)).all()
    got = spearman_rows(x, y)
    for i in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = spearmanr(x[i], y[i]).statistic
        assert np.isnan(got[i]) == (np.ptp(x[i]) == 0 or np.ptp(y[i]) == 0)
        assert np.isnan(got[i]) or abs(got[i] - wanted) < 1e-12


def test_same_order_is_exactly_one():
    x = np.array([[0.1, 0.2, 0.9], [0.5, 0.5, 0.7]])
    assert spearman_rows(x, x**3).tolist() == [1.0, 1.0]
    assert spearman_rows(x[:1], -x[:1]).tolist() == [-1.0]


def test_doubled_ranks_by_hand():
    assert doubled_ranks(np.array([[5.0, 1.0, 5.0, 7.0]])).tolist() == [[5, 2, 5, 8]]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), "one shape"),
        (np.zeros((2, 1)), np.zeros((2, 1)), "2 columns"),
        (np.zeros(3), np.zeros(3), "rows x columns"),
        (np.full((1, 2), np.inf), np.zeros((1, 2)), "finite"),
    ],
)
def test_refuses_nonsense(x, y, message):
    with pytest.raises(ValueError, match=message):
        spearman_rows(x, y)
