"""AP, ROC area and F1 against scikit-learn, ties and missing classes included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from analysis.metrics.ranking import f1_at, rank_quality


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), levels=st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_equals_scikit_learn(dtype, seed, n, levels):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 3))
    scores = (rng.integers(-levels, levels, (2, 2, n, 3)) / levels * rng.random()).astype(dtype)
    got = rank_quality(labels, scores)
    f1 = f1_at(labels, scores)
    assert got.ap.shape == got.auc.shape == f1.shape == (2, 2, 3)
    for index in np.ndindex(2, 2, 3):
        truth, column = labels[:, index[2]], scores[index[:2]][:, index[2]]
        assert got.positives[index[2]] == truth.sum()
        if truth.sum() == 0:
            assert np.isnan(got.ap[index])
            assert np.isnan(got.auc[index])
            assert np.isnan(f1[index])
            continue
        assert abs(got.ap[index] - average_precision_score(truth, column)) < 1e-12
        assert abs(f1[index] - f1_score(truth, column >= 0.5, zero_division=0)) < 1e-12
        if truth.sum() == n:
            assert np.isnan(got.auc[index])
        else:
            assert abs(got.auc[index] - roc_auc_score(truth, column)) < 1e-12


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), levels=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_scores_from_0_to_1_take_the_fast_way_to_the_same_values(seed, n, levels):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 3))
    scores = (rng.integers(0, levels + 1, (2, n, 3)) / levels).astype(np.float32)
    fast, plain = rank_quality(labels, scores), rank_quality(labels, scores.astype(np.float64))
    assert np.array_equal(fast.ap, plain.ap, equal_nan=True)
    assert np.array_equal(fast.auc, plain.auc, equal_nan=True)


def test_every_bit_of_a_score_counts():
    bits = np.concatenate([np.arange(40), 0x3F800000 - np.arange(40), 1 << np.arange(30)]).astype(np.uint32)
    scores = np.random.default_rng(0).permutation(np.unique(bits).view(np.float32))[:, None]
    labels = np.random.default_rng(1).integers(0, 2, scores.shape)
    got = rank_quality(labels, scores)
    assert abs(got.auc[0] - roc_auc_score(labels[:, 0], scores[:, 0].astype(float))) < 1e-12


def test_minus_zero_ties_with_zero():
    labels = np.array([[1], [0]])
    scores = np.array([[-0.0], [0.0]], np.float32)
    assert rank_quality(labels, scores).auc[0] == 0.5


def test_large_column_equals_scikit_learn():
    rng = np.random.default_rng(3)
    labels = (rng.random((5000, 2)) < 0.01).astype(int)
    scores = rng.random((5000, 2)).astype(np.float32) + 0.1 * labels.astype(np.float32)
    got = rank_quality(labels, scores)
    for c in range(2):
        assert abs(got.ap[c] - average_precision_score(labels[:, c], scores[:, c])) < 1e-12
        assert abs(got.auc[c] - roc_auc_score(labels[:, c], scores[:, c])) < 1e-12


def test_toy_by_hand():
    # falling scores: +, -, {+, -} tied, so AP = 1/2 * 1 + 1/2 * 2/4 and 2.5 of 4 pairs are in order
    labels = np.array([[1], [0], [1], [0]])
    scores = np.array([[0.9], [0.6], [0.3], [0.3]])
    got = rank_quality(labels, scores)
    assert got.ap[0] == pytest.approx(0.75)
    assert got.auc[0] == pytest.approx(2.5 / 4)


def test_order_of_images_changes_nothing():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (40, 2)), rng.integers(0, 5, (40, 2)).astype(np.float32)
    order = rng.permutation(40)
    one, two = rank_quality(labels, scores), rank_quality(labels[order], scores[order])
    assert (one.ap == two.ap).all()
    assert (one.auc == two.auc).all()


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.zeros((3, 2)), np.zeros((2, 2)), "images x classes"),
        (np.full((2, 1), 2), np.zeros((2, 1)), "0 and 1"),
        (np.zeros((2, 1)), np.full((2, 1), np.nan), "finite"),
    ],
)
def test_refuses_nonsense(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        rank_quality(labels, scores)
