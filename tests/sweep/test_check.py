"""The check of a precision: what is reported is what a comparison by hand finds."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from bench.compared_scores import compare


def made_scores(seed, noise=0.0, images=60, classes=6):
    rng = np.random.default_rng(seed)
    scores = rng.random((3, 2, images, classes))
    return (scores + noise * np.random.default_rng(9).normal(0, 1, scores.shape)).astype(np.float32)


def test_the_same_scores_differ_in_nothing():
    labels = np.random.default_rng(0).integers(0, 2, (60, 6))
    found = compare(labels, made_scores(1), made_scores(1))
    assert found == {
        "score_difference": 0.0, "rank_agreement": pytest.approx(1.0), "exemplars": 3, "kept": 3,
        "ap_change": 0.0, "ap_mean_change": 0.0,
    }  # fmt: skip


def test_every_figure_by_hand():
    labels = np.random.default_rng(0).integers(0, 2, (60, 6))
    labels[:, 2] = 0
    mine, plain = made_scores(1, 0.1), made_scores(1)
    found = compare(labels, mine, plain)
    assert found["score_difference"] == np.abs(mine - plain).max()
    orders = [
        [
            spearmanr(dense, small).statistic
            for dense, small in zip(s[:, 0].mean(0), s[:, 1].mean(0), strict=True)
        ]
        for s in (mine, plain)
    ]
    assert found["rank_agreement"] == pytest.approx(spearmanr(*orders).statistic)
    lowest = [set(np.argsort(order)[:3]) for order in orders]
    assert found["kept"] == len(lowest[0] & lowest[1])
    change = [
        average_precision_score(labels[:, c], mine[m, k, :, c])
        - average_precision_score(labels[:, c], plain[m, k, :, c])
        for m in range(3) for k in range(2) for c in (0, 1, 3, 4, 5)
    ]  # fmt: skip
    assert found["ap_change"] == pytest.approx(np.abs(change).max())
    assert found["ap_mean_change"] == pytest.approx(np.mean(change))


def test_a_constant_image_leaves_no_nan_in_the_order():
    scores = made_scores(1)
    flat = scores.copy()
    flat[:, :, 0] = 0.5
    found = compare(np.random.default_rng(0).integers(0, 2, (60, 6)), flat, scores)
    assert -1 <= found["rank_agreement"] <= 1


def test_an_order_that_is_constant_is_none():
    scores = np.full((2, 2, 5, 3), 0.5, np.float32)
    assert compare(np.eye(5, 3, dtype=int), scores, scores)["rank_agreement"] is None
