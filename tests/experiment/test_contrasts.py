"""What a retraining experiment computes, by hand on constructed numbers; and what it may say of it."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from analysis.experiment.contrasts import adjusted, contrast, detectable, group_ap, verdict


def test_estimate_variance_and_degrees_of_freedom_by_hand() -> None:
    row = contrast(np.array([0.1, 0.3, 0.2, 0.4]), [0, 0, 0, 0], np.array([0.2, 0.25, 0.3]))
    seeds, patients = (0.05 / 3) / 4, 2 / 3 * (0.05**2 + 0.05**2)
    df = (seeds + patients) ** 2 / (seeds**2 / 3 + patients**2 / 2)
    se = (seeds + patients) ** 0.5
    assert row["estimate"] == pytest.approx(0.25)
    assert row["se"] == pytest.approx(se)
    assert row["df"] == pytest.approx(df)
    assert row["ci_high"] == pytest.approx(0.25 + stats.t.ppf(0.975, df) * se)
    assert row["p"] == pytest.approx(2 * stats.t.sf(0.25 / se, df))
    assert (row["seeds"], row["sd"]) == (4, pytest.approx((0.05 / 3) ** 0.5))


def test_what_a_list_adds_counts_with_the_lists_as_the_units() -> None:
    """Three lists with means 0, .3 and .6 and no spread within: mean square between is .18, over six seeds."""
    values, lists = np.array([0.0, 0.3, 0.6, 0.0, 0.3, 0.6]), [0, 1, 2, 0, 1, 2]
    row = contrast(values, lists, np.zeros(0))
    assert row["se"] == pytest.approx((0.18 / 6) ** 0.5)
    assert row["df"] == pytest.approx(2)
    alone = contrast(values, [0] * 6, np.zeros(0))  # for one list the seeds are the units
    assert (alone["se"], alone["df"]) == (pytest.approx((values.var(ddof=1) / 6) ** 0.5), pytest.approx(5))


def test_without_spread_there_is_no_p() -> None:
    row = contrast(np.array([0.1, 0.1]), [0, 0], np.zeros(0))
    assert (row["estimate"], row["p"], row["se"], row["detectable"]) == (pytest.approx(0.1), None, None, None)


def test_twenty_seeds_detect_what_is_said() -> None:
    """.78 standard deviations of the paired difference at 80 % power over three tests; checked by simulation too."""
    shift = detectable(19, 0.05 / 3)
    assert shift / 20**0.5 == pytest.approx(0.78, abs=0.005)
    drawn = np.random.default_rng(0).normal(shift / 20**0.5, 1, (20000, 20))
    found = stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05 / 3
    assert found.mean() == pytest.approx(0.80, abs=0.01)


def test_ap_of_a_group_with_and_without_each_patient() -> None:
    rng = np.random.default_rng(1)
    labels = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]], np.int8)
    scores = rng.random((2, 6, 3)).astype(np.float32)
    patients = ["a", "a", "b", "b", "c", "c"]
    whole, left_out = group_ap(labels, scores, np.array([0, 2]), patients, seed=0)

    def by_hand(run: int, keep: np.ndarray) -> float:
        return float(
            np.mean(
                [
                    average_precision_score(labels[keep, c], scores[run, keep, c])
                    for c in (0, 2)
                    if labels[keep, c].any()
                ]
            )
        )

    assert whole == pytest.approx([by_hand(run, np.ones(6, bool)) for run in (0, 1)])
    wanted = [[by_hand(run, np.array(patients) != one) for run in (0, 1)] for one in "abc"]
    assert np.array(sorted(left_out.tolist())) == pytest.approx(np.array(sorted(wanted)))
    assert group_ap(labels, scores, np.array([0]), ["a"] * 6, seed=0)[1].shape == (0, 2)


def rows(seeds: int = 20, **estimates: tuple[float, float]) -> dict[str, dict[str, object]]:
    return {
        action: {"action": action, "estimate": estimate, "p_holm": p, "seeds": seeds, "detectable": 0.02}
        for action, (estimate, p) in estimates.items()
    }


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (rows(upweight=(0.1, 0.01), remove=(-0.1, 0.01)), "hard: worth upweighting"),
        (rows(upweight=(0.0, 0.9), remove=(0.1, 0.01)), "are noisy: better removed."),
        (
            rows(upweight=(-0.1, 0.01), remove=(0.0, 0.9), relabel=(0.1, 0.01)),
            "are noisy: better relabelled.",
        ),
        (
            rows(upweight=(0.0, 0.9), remove=(-0.1, 0.01), relabel=(0.1, 0.01)),
            "are noisy: better relabelled.",
        ),
        (
            rows(upweight=(0, 0.9), remove=(0.1, 0.01), relabel=(0.1, 0.01)),
            "noisy: better removed or relabelled.",
        ),
        (
            rows(remove=(0.1, 0.01), relabel=(0.1, 0.2)),
            "Undecided: better removed, but x2 was not compared; diff",
        ),
        (
            rows(remove=(0.1, 0.01), upweight=(0, None)),
            "Undecided: better removed, but x2 was not compared; diff",
        ),
        (
            rows(upweight=(0.1, 0.01), remove=(-0.1, 0.01), relabel=(0.1, 0.04)),
            "both hard and noisy: worth upweighting, and better relabelled.",
        ),
        (
            rows(upweight=(0.1, 0.01), remove=(0.1, 0.01)),
            "both hard and noisy: worth upweighting, and better removed.",
        ),
        (
            rows(upweight=(0.1, 0.01), remove=(-0.1, 0.06)),
            "Undecided; differences of 0.020 would have been found",
        ),
        (rows(upweight=(0.1, 0.06), remove=(-0.1, 0.01)), "Undecided"),
        (rows(upweight=(0.1, None), remove=(-0.1, 0.01)), "Undecided"),
        (rows(19, upweight=(0.1, 0.01), remove=(-0.1, 0.01)), "No verdict: 19 seeds of at least 20"),
        (
            rows(2, upweight=(0, 0.9)),
            "with a first_seed beyond its seeds, so that none of its networks is used again",
        ),
    ],
)
def test_the_rule_in_words(found: dict[str, dict[str, object]], words: str) -> None:
    assert words in verdict(found, lists=3)


def test_fewer_than_three_lists_speak_for_themselves_alone() -> None:
    found = rows(upweight=(0.1, 0.01), remove=(-0.1, 0.01))
    assert "for this list (2 of at least 3 independent lists)" in verdict(found, lists=2)
    assert "for this list" not in verdict(found, lists=3)
    assert "Undecided for this list" in verdict(rows(upweight=(0.1, 0.06), remove=(-0.1, 0.01)), lists=1)


def test_holm_over_the_actions() -> None:
    assert [row["p_holm"] for row in adjusted([{"p": 0.03}, {"p": 0.01}, {"p": None}])] == [
        0.06,
        0.03,
        None,
    ]  # three tests, one without a p
