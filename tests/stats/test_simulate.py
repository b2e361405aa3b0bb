"""Simulated studies: tidy, repeatable, with the design that was asked for."""

import numpy as np
import pandas as pd
import pytest

from analysis.endpoints import PAPER
from analysis.frames import RATINGS, check_table
from analysis.stats import StatsError, analyse, check, simulate_study
from analysis.stats.simulate import Latent, simulate_answers


@pytest.mark.parametrize("design", ["crossed", "nested", "blocks"])
def test_study_is_tidy_and_has_the_design(design):
    tidy = simulate_study(seed=1, readers=6, cases=40, design=design, repeats=3, missing=0.05)
    check_table(tidy, RATINGS)
    checked = check(tidy)
    readings = checked.first.groupby("case")["reader"].nunique()
    expected = {"crossed": {6}, "nested": {1}, "blocks": {2, 6}}[design]
    assert set(readings) == expected
    assert len(checked.repeats) == 18
    assert 0 < checked.first["quality"].isna().mean() < 0.15


def test_same_seed_same_study():
    pd.testing.assert_frame_equal(simulate_study(seed=3), simulate_study(seed=3))
    assert not simulate_study(seed=3).equals(simulate_study(seed=4))


def test_given_cases_and_readers_are_used():
    cases = pd.DataFrame({"case": ["a", "b", "c", "d"], "arm": [1, 0, 1, 0], "pair": ["0", "0", "1", "1"]})
    tidy = simulate_study(seed=1, readers=["Ann", "Bob"], cases=cases)
    assert set(tidy["reader"]) == {"Ann", "Bob"}
    assert dict(zip(tidy["case"], tidy["arm"], strict=True)) == {"a": 1, "b": 0, "c": 1, "d": 0}


def test_effects_have_the_asked_direction():
    model = Latent(effect={"quality": -1.5, "difficulty": 1.5})
    tidy = simulate_study(seed=1, readers=6, cases=60, model=model)
    results = analyse(tidy, seed=1, draws=99, bootstraps=20)
    assert results.comparison("quality", "u_centred")["estimate"] < 0.35
    assert results.comparison("difficulty", "u_centred")["estimate"] > 0.65


def test_variances_are_those_of_the_model():
    model = Latent(effect={}, reader=0.0, reader_by_arm=0.0, case=4.0, rest=0.01)
    answers = simulate_answers(np.random.default_rng(1), np.zeros(400, dtype=bool), 5, PAPER[1], model)[0]
    # With next to no noise of its own, every reader sees the case's value.
    assert np.corrcoef(answers).min() > 0.9


def test_nonsense_is_refused():
    with pytest.raises(StatsError, match="at least 4 cases"):
        simulate_study(seed=1, cases=2)
    with pytest.raises(StatsError, match="missing in"):
        simulate_study(seed=1, missing=1.0)
