import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr, spearmanr

from analysis.selection import CRITERIA

coarse = hnp.arrays(np.float64, (2, 3, 5), elements=st.integers(0, 8).map(lambda n: n / 8))


@given(coarse)
def test_correlations_equal_scipy_row_by_row(scores: np.ndarray) -> None:
    dense, pruned = scores
    for name, witness in (("spearman", spearmanr), ("pearson", pearsonr)):
        came = CRITERIA[name].agreement(dense, pruned)
        for row in range(3):
            if np.ptp(dense[row]) == 0 or np.ptp(pruned[row]) == 0:
                assert np.isnan(came[row])
            else:
                assert came[row] == pytest.approx(witness(dense[row], pruned[row]).statistic, abs=1e-12)


@given(coarse)
def test_jensen_shannon_equals_scipy_class_by_class(scores: np.ndarray) -> None:
    dense, pruned = scores
    came = CRITERIA["jensen-shannon"].agreement(dense, pruned)
    pairs = np.stack([scores, 1 - scores], axis=-1)
    divergence = jensenshannon(pairs[0], pairs[1], base=2, axis=-1) ** 2
    np.testing.assert_allclose(came, 1 - np.nan_to_num(divergence).mean(axis=1), atol=1e-7)


def test_top_classes_by_hand() -> None:
    """Highest three are {0, 1, 2} and {1, 2, 4}: 2 shared of 4; a tie takes the earlier column."""
    dense = np.array([[0.9, 0.8, 0.7, 0.1, 0.0], [0.5, 0.5, 0.5, 0.5, 0.5]])
    pruned = np.array([[0.1, 0.8, 0.7, 0.0, 0.9], [0.9, 0.9, 0.9, 0.0, 0.0]])
    assert list(CRITERIA["top-k"].agreement(dense, pruned)) == [0.5, 1.0]


@given(coarse, st.sampled_from(sorted(CRITERIA)), st.permutations(range(3)))
def test_an_image_does_not_know_its_neighbours(scores: np.ndarray, name: str, order: list[int]) -> None:
    rule = CRITERIA[name].agreement
    np.testing.assert_array_equal(rule(*scores)[order], rule(*scores[:, order]))


@given(coarse, st.sampled_from(sorted(CRITERIA)))
def test_agreement_is_symmetric_in_its_range_and_full_with_itself(scores: np.ndarray, name: str) -> None:
    rule = CRITERIA[name].agreement
    came = rule(*scores)
    np.testing.assert_array_equal(came, rule(*scores[::-1]))
    assert (np.isnan(came) | ((came >= -1) & (came <= 1))).all()
    own = rule(scores[0], scores[0])
    np.testing.assert_allclose(own[~np.isnan(own)], 1.0, atol=1e-12)
