"""Matched sets: by brute force, by mean squares and by hand, the permutation by listing, and pairs as before."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.endpoints import PAPER
from analysis.stats import Plan, analyse, check, simulate_study
from analysis.stats.grid import Grid, make_grid
from analysis.stats.sets import compare_sets, set_matrix, set_members, two_way
from analysis.stats.simulate import Latent
from tests.stats.reference_data import A, analysed

BEFORE = Plan(version=3)
PAIRS_BEFORE = {
    "estimate": -0.4878048780487805,
    "variance": 0.30287354835372315,
    "df": 12.12244151255819,
    "p": 0.3926623283727037,
    "ci_low": -1.6855497338071346,
    "ci_high": 0.7099399777095736,
    "effective_readers": 3.936768149882904,
    "pairs": 12,
    "flip": 0.2822265625,
}


def grid_of(pie, control, sets):
    n1, n0 = pie.shape[1], control.shape[1]
    readers = tuple(f"R{r}" for r in range(len(pie)))
    names = tuple(f"p{i}" for i in range(n1)), tuple(f"c{j}" for j in range(n0))
    return Grid("quality", readers, *names, pie, control, (), np.zeros(n1 + n0, dtype=int), sets)


def one_to_two(seed=1, readers=5, sets=12, effect=0.6, missing=0.0):
    """Return a study of matched sets of one PIE and two controls, tidy."""
    cases = [(f"C{k:03d}", int(k % 3 == 0), f"S{k // 3}") for k in range(3 * sets)]
    model = Latent(effect={each.name: (effect if each.worse == "high" else -effect) for each in PAPER})
    table = pd.DataFrame(cases, columns=["case", "arm", "pair"])
    return simulate_study(seed=seed, readers=readers, cases=table, model=model, missing=missing)


def mean_squares(d):
    readers, sets = d.shape
    grand = d.mean()
    msr = sets * ((d.mean(axis=1) - grand) ** 2).sum() / (readers - 1)
    msk = readers * ((d.mean(axis=0) - grand) ** 2).sum() / (sets - 1)
    residual = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0, keepdims=True) + grand
    mse = (residual**2).sum() / ((readers - 1) * (sets - 1))
    spread = msr**2 / (readers - 1) + msk**2 / (sets - 1) + mse**2 / ((readers - 1) * (sets - 1))
    df = (msr + msk - mse) ** 2 / spread if spread else 0.0
    return grand, (msr + msk - mse) / (readers * sets), max(df, min(readers, sets) - 1)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 6), st.integers(1, 3))
def test_crossed_variance_is_the_two_way_mean_squares(seed, readers, sets, k):
    rng = np.random.default_rng(seed)
    pie = rng.integers(1, 6, (readers, sets)).astype(float)
    control = rng.integers(1, 6, (readers, sets, k)).astype(float)
    names = tuple(f"S{s}" for s in range(sets))
    grid = grid_of(pie, control.reshape(readers, -1), names + tuple(np.repeat(names, k)))
    for kernel, values in (
        ("win", (np.sign(pie[..., None] - control) + 1) / 2),
        ("difference", pie[..., None] - control),
    ):
        wanted = mean_squares(values.mean(axis=2))
        found = two_way(set_matrix(grid, set_members(grid), kernel)[None]).one()
        assert found.estimate == pytest.approx(wanted[0])
        assert found.variance == pytest.approx(wanted[1], abs=1e-12)
        if wanted[1] > 1e-9:
            assert found.df == pytest.approx(wanted[2])


def by_hand(first):
    """Return theta_set of tidy answers: loops over readers, sets and controls."""
    thetas, used = [], 0
    for _, own in first[first["quality"].notna()].groupby("reader"):
        sets = []
        for _, members in own.groupby("pair"):
            pie, controls = (members.loc[members["arm"] == arm, "quality"] for arm in (1, 0))
            if len(pie) == 1 and len(controls):
                sets.append(np.mean([(pie.iloc[0] > y) + (pie.iloc[0] == y) / 2 for y in controls]))
                used += 1 + len(controls)
        thetas.append(np.mean(sets))
    return np.mean(thetas), used


def test_one_to_two_with_missing_answers_is_the_mean_over_readers_of_their_means_over_sets():
    tidy = one_to_two(missing=0.2)
    row = analyse(tidy, seed=1, draws=19, bootstraps=5).comparison("quality", "theta_set")
    wanted, used = by_hand(check(tidy).first)
    assert row["estimate"] == pytest.approx(wanted)
    assert row["sets"] == 12
    assert row["effective_readers"] == pytest.approx(5)
    rest = int(tidy["quality"].notna().sum()) - used
    assert rest > 5
    assert f"{rest} answers are in no set that their reader answered" in row["note"]


def test_variance_with_missing_answers_is_that_of_pairs_of_different_readers_and_sets():
    grid = make_grid(check(one_to_two(missing=0.3)).first, "quality")
    values = set_matrix(grid, set_members(grid), "win")
    here = ~np.isnan(values)
    weights = here / here.sum(axis=1, keepdims=True)
    found = two_way(values[None]).one()
    z = np.where(here, values - found.estimate, 0.0) * weights
    cells = [(r, s) for r, s in np.ndindex(*z.shape) if here[r, s]]
    sums = {key: [0.0, 0.0] for key in itertools.product((True, False), repeat=2)}
    for one, two in itertools.product(cells, repeat=2):
        own = sums[one[0] == two[0], one[1] == two[1]]
        own[0] += z[one] * z[two]
        own[1] += weights[one] * weights[two]
    total = weights.sum() ** 2
    variance = (
        sum(c / total * (m / c) for m, c in sums.values() if c)
        - sums[False, False][0] / sums[False, False][1]
    )
    assert found.variance == pytest.approx(variance)


def test_nested_sets_are_the_t_test_on_reader_means():
    tidy = simulate_study(seed=2, readers=4, cases=12, design="nested")
    grid = make_grid(check(tidy).first, "quality")
    values = set_matrix(grid, set_members(grid), "win")
    found, means = two_way(values[None]).one(), np.nanmean(values, axis=1)
    assert found.estimate == pytest.approx(means.mean())
    assert found.variance == pytest.approx(means.var(ddof=1) / 4)
    assert found.df == pytest.approx(3)


def test_the_pie_chosen_again_by_hand():
    # One reader, two sets of three, the PIE above both controls in both: of 3 x 3 choices the observed one is as far
    # from 0.5, and where the lowest answers are chosen in both. The controls differ, so that no other is.
    pie, control = np.array([[5.0, 5.0]]), np.array([[1.0, 3.0, 2.0, 4.0]])
    test = compare_sets(grid_of(pie, control, ("a", "b", "a", "a", "b", "b")), PAPER[1], seed=1, draws=9)[2]
    assert (test.p, test.extra["relabellings"]) == (2 / 9, 9)


@pytest.mark.parametrize("plan", [Plan(), BEFORE])
def test_with_one_control_choosing_the_pie_is_the_sign_flip(plan):
    # Three pairs of one reader, PIE always higher: of 2^3 exchanges only the observed and the full one are as far.
    grid = grid_of(np.array([[4.0, 5, 5]]), np.array([[1.0, 2, 3]]), ("a", "b", "c") * 2)
    flip = compare_sets(grid, PAPER[1], seed=1, draws=9, plan=plan)[-1]
    assert (flip.p, flip.extra["relabellings"]) == (2 / 8, 8)
    assert flip.method == ("set_permutation" if plan.sets else "sign_flip")


def test_exchanging_arms_of_pairs_mirrors_theta_and_keeps_the_test():
    tidy = simulate_study(seed=6, readers=4, cases=24, missing=0.1)
    one, other = (
        analyse(each, seed=1, draws=19, bootstraps=5).comparison("quality", "theta_set")
        for each in (tidy, tidy.assign(arm=1 - tidy["arm"]))
    )
    assert other["estimate"] == pytest.approx(1 - one["estimate"])
    assert [other[name] for name in ("variance", "df", "p")] == pytest.approx(
        [one[name] for name in ("variance", "df", "p")]
    )


def test_one_to_two_as_primary_decides_and_is_told_as_of_sets():
    """Two controls for each PIE: pairs could not be analysed, and the unmatched comparison gave power away."""
    results = analyse(one_to_two(effect=1.0), seed=1, draws=99, bootstraps=5, plan=Plan(primary="theta_set"))
    for row in results.multiplicity:
        theta = results.comparison(row["endpoint"], "theta_set")
        assert (row["primary_method"], row["p"]) == ("theta_set", theta["p"])
        assert (theta["ci_low"] > 0.5 or theta["ci_high"] < 0.5) == (theta["p"] < 0.05)
    assert results.comparison("quality", "theta_set")["p"] < 0.05
    assert results.multiplicity[1]["conclusion"] == "PIEs had lower image quality than controls"


def test_a_reader_of_two_sets_leaves_estimates_and_no_verdict():
    tidy = one_to_two(effect=1.0)
    few = tidy[(tidy["reader"] != "R1") | tidy["pair"].isin(["S0", "S1"])]
    row = analyse(few, seed=1, draws=19, bootstraps=5).comparison("quality", "theta_set")
    assert row["estimate"] is not None
    assert row["p"] is row["ci_low"] is None
    assert "fewer than 3" in row["note"]
    assert row["note"].endswith("given so few: R1")


def test_a_set_of_two_pies_is_no_set_and_a_reader_without_one_is_named():
    tidy = one_to_two()
    tidy.loc[tidy["case"] == "C001", "arm"] = 1
    tidy = tidy[(tidy["reader"] != "R2") | (tidy["pair"] == "S0")]
    row = analyse(tidy, seed=1, draws=19, bootstraps=5).comparison("quality", "theta_set")
    assert (row["sets"], row["readers"]) == (11, 4)
    assert "dropped for lack of an answered set: R2" in row["note"]


def test_without_sets_the_row_says_so():
    tidy = simulate_study(seed=1, readers=3, cases=12, model=Latent()).assign(pair="")
    results = analyse(tidy, seed=1, draws=19, bootstraps=5, plan=Plan(primary="theta_set"))
    row = results.comparison("agree", "theta_set")
    assert row["estimate"] is None
    assert "needs two matched sets" in row["note"]
    assert results.multiplicity[0]["p"] is None


def test_a_study_locked_with_pairs_keeps_its_numbers():
    """What the version 3 gave of this study, before sets of any size were analysed."""
    tidy = simulate_study(seed=1, readers=4, cases=24, missing=0.1)
    results = analyse(tidy, seed=1, draws=199, bootstraps=5, plan=Plan(version=3, primary="pairs"))
    pairs, flip = (results.comparison("quality", method) for method in ("pairs", "sign_flip"))
    assert {
        **{name: pairs[name] for name in PAIRS_BEFORE if name != "flip"},
        "flip": flip["p"],
    } == pytest.approx(PAIRS_BEFORE, rel=1e-9)
    assert {"theta_set", "difference_set"}.isdisjoint(row["method"] for row in results.comparisons)
    assert [row["p"] for row in results.multiplicity][1] == pairs["p"]


def test_differences_within_sets_of_a_crossed_study_agree_with_those_of_all():
    results = analysed(A)
    within, unmatched = (results.comparison("quality", m) for m in ("difference_set", "difference"))
    assert within["estimate"] == pytest.approx(unmatched["estimate"])
