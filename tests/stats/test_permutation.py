"""Permutation of the arms against a full listing by hand and brute force."""

from itertools import combinations

import numpy as np
import pytest

from analysis.stats.permutation import permute_arms
from analysis.stats.ustatistic import u_statistic


def test_toy_by_hand_lists_all_six_relabellings():
    # Answers 1 2 3 4 of one reader, PIEs the two largest: theta 1. Of the 6 choices only {1,2} and {3,4} are
    # as far from 0.5.
    answers = np.array([[3.0, 4, 1, 2]])
    result = permute_arms(answers, np.array([True, True, False, False]), np.zeros(4, dtype=int), seed=1)
    assert (result.p, result.relabellings, result.exact) == (2 / 6, 6, True)


def test_strata_keep_their_number_of_pies():
    # Two strata of two cases: 2 x 2 relabellings, of which the observed and its mirror image are extreme.
    answers = np.array([[2.0, 4, 1, 3]])
    result = permute_arms(answers, np.array([True, True, False, False]), np.array([0, 1, 0, 1]), seed=1)
    assert result.relabellings == 4
    assert result.p == 2 / 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_brute_force_with_missing_answers(seed):
    rng = np.random.default_rng(seed)
    answers = rng.integers(1, 6, (3, 8)).astype(float)
    answers[rng.random(answers.shape) < 0.2] = np.nan

    def distance(chosen):
        is_pie = np.isin(np.arange(8), chosen)
        present = ~np.isnan(answers)
        if not (present[:, is_pie].sum(axis=1) * present[:, ~is_pie].sum(axis=1)).any():
            return 0.0
        return abs(u_theta(answers[:, is_pie], answers[:, ~is_pie]) - 0.5)

    def u_theta(pie, control):
        wins = np.subtract.outer(pie, control)
        total = n = 0.0
        for r in range(3):
            d = wins[r, :, r, :]
            total += ((d > 0) + 0.5 * (d == 0)).sum()
            n += (~np.isnan(d)).sum()
        return total / n

    observed = distance([0, 1, 2, 3])
    far = [distance(list(chosen)) >= observed - 1e-12 for chosen in combinations(range(8), 4)]
    result = permute_arms(answers, np.arange(8) < 4, np.zeros(8, dtype=int), seed=1)
    assert result.exact
    assert result.p == pytest.approx(np.mean(far))


def test_random_relabellings_come_near_the_exact_p_and_repeat_by_seed():
    rng = np.random.default_rng(5)
    answers = rng.integers(1, 6, (3, 40)).astype(float)
    is_pie = np.arange(40) < 20
    answers[:, is_pie] += 1
    first = permute_arms(answers, is_pie, np.zeros(40, dtype=int), seed=3, draws=2000)
    again = permute_arms(answers, is_pie, np.zeros(40, dtype=int), seed=3, draws=2000)
    assert first == again
    assert not first.exact
    assert 0 < first.p < 0.05
    assert u_statistic(answers[:, is_pie], answers[:, ~is_pie]).estimate > 0.5
