"""Reading times: ratio of geometric means, with a rule on interrupted readings."""

import numpy as np
import pytest

from analysis.stats import Plan, check, simulate_study
from analysis.stats.reading_time import reading_time_table
from tests.stats.reference_data import A, B, C, load, ratings


@pytest.mark.parametrize("dataset", [A, B, C])
def test_equals_the_reference(dataset):
    first, before = check(ratings(dataset)).first, Plan(version=2)
    ratio, theta, *_ = reading_time_table(first, seed=1, draws=19, plan=before)
    wanted = load("centred_kernel")[dataset]["log_time"]
    assert np.log(ratio["estimate"]) == pytest.approx(wanted["diff"]["est"], rel=1e-9)
    assert [ratio[k] for k in ("variance", "df", "p")] == pytest.approx(
        [wanted["diff"][k] for k in ("var", "df", "p")], rel=1e-9
    )
    assert [theta[k] for k in ("estimate", "variance", "df", "p")] == pytest.approx(
        [wanted["auc"][k] for k in ("est", "var", "df", "p")], rel=1e-9
    )
    assert ratio["ci_low"] < ratio["estimate"] < ratio["ci_high"]
    if dataset != C:  # as many cases for every reader: the weights are the same
        now = reading_time_table(first, seed=1, draws=19)
        assert now[0] == pytest.approx(ratio)
        assert [now[1][k] for k in ("estimate", "variance", "df")] == pytest.approx(
            [theta[k] for k in ("estimate", "variance", "df")]
        )


def test_a_variance_that_is_not_positive_falls_back_and_says_so():
    notes = []
    for seed in range(60):
        first = check(simulate_study(seed=seed, readers=2, cases=6)).first
        ratio = reading_time_table(first, seed=1, draws=19)[0]
        assert ratio["se"] is not None
        notes.append(ratio["note"])
    fell_back = [note for note in notes if "biased (larger) variance" in note]
    assert 0 < len(fell_back) < len(notes)


def test_interrupted_and_impossible_times_are_left_out_and_counted():
    first = check(ratings(A)).first
    first.loc[[0, 1, 2], "time_s"] = [2000.0, 0.0, np.nan]
    ratio, *_ = reading_time_table(first, seed=1, draws=19, plan=Plan(longest=1000.0))
    assert (ratio["n_used"], ratio["n_excluded"], ratio["n_without_time"]) == (237, 2, 1)


def test_no_times_no_rows():
    first = check(ratings("G_degenerate_one_constant_reader")).first
    assert reading_time_table(first, seed=1, draws=19) == []


def test_equal_times_give_a_ratio_of_one_and_nothing_else():
    first = check(ratings(A)).first.assign(time_s=12.0)
    ratio, theta, mixed = reading_time_table(first, seed=1, draws=19)
    assert (ratio["estimate"], ratio["p"], ratio["ci_low"]) == (1.0, None, None)
    assert (theta["estimate"], theta["p"]) == (0.5, None)
    assert (mixed["estimate"], mixed["p"]) == (None, None)


@pytest.mark.parametrize("dataset", [A, B, C])
def test_ratio_with_position_as_covariate_equals_lmer(dataset):
    _, _, mixed, _ = reading_time_table(check(ratings(dataset)).first, seed=1, draws=19)
    wanted = load("summary")[dataset]["log_time_lmer"]
    assert np.log(mixed["estimate"]) == pytest.approx(wanted["est"], rel=1e-3)
    assert mixed["estimate"] == pytest.approx(wanted["ratio"], rel=1e-4)
    assert (mixed["se"], mixed["df"], mixed["p"]) == pytest.approx(
        (wanted["se"], wanted["df"], wanted["p"]), rel=1e-3
    )


def test_ten_places_later_takes_as_much_longer_as_was_drawn_and_the_interval_covers():
    rng, covered, found = np.random.default_rng(3), [], []
    for seed in range(20):
        first = check(simulate_study(seed=seed, readers=4, cases=30)).first
        reader = first["reader"].map(dict(zip(("R1", "R2", "R3", "R4"), rng.normal(0, 0.3, 4), strict=True)))
        first["time_s"] = np.exp(3 + reader - 0.02 * first["position"] + rng.normal(0, 0.3, len(first)))
        later = reading_time_table(first, seed=1, draws=19)[3]
        assert later["method"] == "position_ratio"
        found.append(np.log(later["estimate"]))
        covered.append(later["ci_low"] < np.exp(-0.2) < later["ci_high"])
    assert np.mean(found) == pytest.approx(-0.2, abs=4 * np.std(found) / 20**0.5)
    assert np.mean(covered) >= 0.8


def test_times_that_readers_and_cases_explain_have_no_model_and_the_rest_stands():
    first = check(ratings(A)).first
    of_reader = dict(
        zip(sorted(first["reader"].unique()), np.linspace(5, 20, first["reader"].nunique()), strict=True)
    )
    by_reader = first.assign(time_s=first["reader"].map(of_reader))
    both = by_reader.assign(time_s=by_reader["time_s"] * first["case"].map(hash).mod(7).add(1))
    for times in (by_reader, both):
        ratio, _, mixed = reading_time_table(times, seed=1, draws=19)
        assert ratio["estimate"] > 0
        assert (mixed["method"], mixed["estimate"]) == ("mixed_model_position", None)
        assert "readers and cases explain every response" in mixed["note"]


def test_few_shared_cases_of_the_same_times_do_not_stop_the_fit():
    """Read by a site's own test: 24 readings of 21 cases, of which three were read twice."""
    seconds = [2, 9, 4, 6.5, 7.75, 3, 7.75, 3, 2, 6.5, 4, 9, 4, 3, 2, 7.75, 6.5, 9, 2, 4, 9, 7.75, 3, 6.5]
    cases = [*range(19), 2, 19, 3, 20, 4]
    pies = {0, 4, 7, 10, 11, 13, 16, 17, 18, 19}
    places = [5, 6, 0, 1, 2, 4, 2, 4, 5, 1, 0, 6, 0, 4, 5, 2, 1, 6, 5, 0, 6, 2, 4, 1]
    first = check(ratings(A)).first.head(24).assign(
        reader=[f"R{i // 6}" for i in range(24)],
        case=[f"c{case}" for case in cases],
        arm=[int(case in pies) for case in cases],
        position=places,
        time_s=seconds,
    )  # fmt: skip
    ratio, *_ = reading_time_table(first, seed=1, draws=19)
    assert ratio["estimate"] > 0
