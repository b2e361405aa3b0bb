"""Inclusion probability over seeds, overlap of criteria, and modal label sets: toys by hand, and properties."""

import numpy as np
import pytest

from analysis.selection.criteria import CRITERIA, modal_labels, modal_sets
from analysis.selection.errors import SelectionError
from analysis.selection.exemplars import find_exemplars
from analysis.selection.stability import inclusion_probability, overlap_table

IMAGES = [f"i{n:02d}" for n in range(40)]


def test_modal_set_is_the_one_that_most_networks_give() -> None:
    """Image 0: {0} twice, {1} once. Image 1: {}, {0}, {0, 1}, each once: means .6 and .4, so {0} is the likeliest."""
    scores = np.array([[[0.9, 0.1], [0.4, 0.2]], [[0.8, 0.2], [0.7, 0.3]], [[0.1, 0.9], [0.7, 0.7]]])
    assert modal_sets(scores).tolist() == [[True, False], [True, False]]


def test_agreement_of_modal_sets_by_hand() -> None:
    dense = np.array([[[0.9, 0.9, 0.1], [0.1, 0.1, 0.1], [0.9, 0.1, 0.1]]] * 3)
    pruned = np.array([[[0.9, 0.1, 0.9], [0.2, 0.2, 0.2], [0.1, 0.9, 0.1]]] * 3)
    assert modal_labels(dense, pruned).tolist() == [pytest.approx(1 / 3), 1.0, 0.0]


def test_order_of_the_seeds_changes_no_modal_set() -> None:
    scores = np.random.default_rng(1).random((4, 200, 3))
    turned = np.random.default_rng(2).permutation(4)
    assert (modal_sets(scores) == modal_sets(scores[turned])).all()


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_seeds_that_agree_make_the_choice_certain(criterion: str) -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 40, 5)).astype(np.float32)
    dense, pruned = np.stack([one] * 3), np.stack([other] * 3)
    share = inclusion_probability(IMAGES, dense, pruned, criterion=criterion, fraction=0.1, seed=1, draws=20)
    pair = (dense, pruned) if CRITERIA[criterion].by_seed else (dense.mean(0), pruned.mean(0))
    found = find_exemplars(IMAGES, *pair, criterion=criterion, fraction=0.1)
    assert set(share) == {0.0, 1.0}
    assert {IMAGES[place] for place in np.flatnonzero(share)} == set(found.images)


def test_an_image_that_one_of_two_networks_forgets_is_in_three_of_four_draws() -> None:
    """Of two seeds the first turns image 0 round. Drawn are 11, 12, 21, 22: its mean is turned in all but 22."""
    ramp = np.tile(np.linspace(0.1, 0.9, 5), (40, 1))
    turned = ramp.copy()
    turned[0] = ramp[0, ::-1] * 0.999
    flat = ramp.copy()
    flat[0] = 0.5 + (ramp[0] - 0.5) * 0.9
    dense, pruned = np.stack([ramp, ramp]), np.stack([turned, flat])
    pruned[:, 1] = np.array([0.1, 0.3, 0.5, 0.9, 0.7])  # a near miss that takes the place in the draw 22
    share = inclusion_probability(
        IMAGES, dense, pruned, criterion="spearman", fraction=0.03, seed=2, draws=2000
    )
    assert share[0] == pytest.approx(0.75, abs=0.04)
    assert share[1] == pytest.approx(0.25, abs=0.04)
    assert share.sum() == pytest.approx(1.0)


def test_one_seed_has_no_stability() -> None:
    scores = np.full((1, 40, 3), 0.5)
    with pytest.raises(SelectionError, match="2 or more seeds"):
        inclusion_probability(IMAGES, scores, scores, criterion="spearman", fraction=0.1, seed=0)


def test_overlap_by_hand() -> None:
    rng = np.random.default_rng(4)
    dense, pruned = rng.random((2, 40, 6))
    found = {
        name: find_exemplars(IMAGES, dense, pruned, criterion=name, fraction=0.1)
        for name in ("spearman", "pearson")
    }
    row = overlap_table(found).iloc[0]
    shared = set(found["spearman"].images) & set(found["pearson"].images)
    assert (row["exemplars_a"], row["exemplars_b"], row["shared"]) == (4, 4, len(shared))
    assert row["jaccard"] == pytest.approx(len(shared) / (8 - len(shared)))
    assert 0.3 < row["rho"] <= 1
    same = overlap_table({"a": found["pearson"], "b": found["pearson"]}).iloc[0]
    assert (same["jaccard"], same["rho"]) == (1.0, pytest.approx(1.0))
