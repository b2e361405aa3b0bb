"""Rankings of suspicious labels, and how well they find wrong ones, by hand on constructed predictions."""

import numpy as np
import pytest

from analysis.frames import IGNORED
from analysis.selection.suspects import (
    Suspicion,
    Trial,
    detection_rows,
    el2n,
    expected_wrong,
    rankings,
    ranks_within,
    resampled,
    shared_rows,
    trials,
)

GIVEN = np.array([[1], [1], [1], [1], [0], [0], [0], [0]], np.int8)
SCORES = np.array([[0.9], [0.8], [0.7], [0.1], [0.1], [0.2], [0.3], [0.5]])


def test_labels_rank_within_their_class_and_value() -> None:
    """The lowest score among the positives, and the highest among the negatives, is the most suspicious one."""
    given = np.array([[1, 0], [1, IGNORED], [0, 1], [0, 0], [0, 1]], np.int8)
    scores = np.array([[0.9, 0.4], [0.2, 0.9], [0.3, 0.2], [0.8, 0.6], [0.3, 0.2]])
    expected = [[2, 2], [1, np.nan], [2.5, 1.5], [1, 1], [2.5, 1.5]]
    np.testing.assert_array_equal(ranks_within(given, scores), expected)


def test_confident_learning_by_hand() -> None:
    """Positives score .625 on average, negatives .725 against the class.

    Of the positives .9 .8 .7 reach .625 and .1 is .9 against the class: one of four is taken for a negative. Of the
    negatives .9 .8 reach .725, .7 and .5 reach neither and do not count: none is taken for a positive.
    """
    assert expected_wrong(GIVEN, SCORES).tolist() == [[0.0], [1.0]]


def test_the_counted_are_scaled_to_the_given() -> None:
    """Negatives .1 .2 .7 .7 reach .575 (mean of 1 - p) or .6 (mean of the positives): two of four; positives none."""
    scores = np.array([[0.9], [0.9], [0.3], [0.3], [0.1], [0.2], [0.7], [0.7]])
    found = expected_wrong(GIVEN, scores)
    assert found[0, 0] == pytest.approx(2)
    assert found[1, 0] == pytest.approx(2)
    unsure = np.where(scores == 0.2, 0.45, scores)  # means .5125 and .6: 1 - .45 still reaches the first
    assert expected_wrong(GIVEN, unsure)[0, 0] == pytest.approx(2)
    neither = np.where(
        scores == 0.2, 0.55, scores
    )  # .45 < .4875 is not reached, .55 < .6 neither: 2 of 3 counted
    assert expected_wrong(GIVEN, neither)[0, 0] == pytest.approx(4 * 2 / 3)


def test_both_rankings_by_hand() -> None:
    """Loss: rank over the number of its kind. Confident learning: rank over the expected number, 0 coming last."""
    loss, confident = rankings(GIVEN, SCORES)
    assert loss.labels[:, 0].tolist() == [1, 0.75, 0.5, 0.25, 1, 0.75, 0.5, 0.25]
    assert confident.labels[:4, 0].tolist() == [4, 3, 2, 1]
    assert (confident.labels[4:] > 1e8).all()


def test_el2n_is_the_mean_length_of_the_error() -> None:
    """Errors (.6, .8) and (0, .6) have lengths 1 and .6: their mean is .8; an ignored label counts nothing."""
    given = np.array([[1, 0], [0, IGNORED]], np.int8)
    scores = np.array([[[0.4, 0.8], [0.3, 0.9]], [[1.0, 0.6], [0.1, 0.9]]])
    found = el2n(given, scores)
    assert (-found.images).tolist() == pytest.approx([0.8, 0.2])
    assert "in-sample" in found.note


def test_an_image_is_as_suspicious_as_its_most_suspicious_label_of_the_value() -> None:
    given = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]], np.int8)
    ranking = Suspicion("x", np.array([[0.9, 0.2, 0.3], [0.5, 0.4, 0.1], [0.6, 0.7, 0.8]]))
    assert ranking.of_images(given, (0, 1)).tolist() == [0.2, 0.1, 0.6]
    assert ranking.of_images(given, (1,)).tolist() == [0.9, 0.1, np.inf]


def trial(suspicion: list[float], wrong: list[int], stratum: list[int] | None = None) -> Trial:
    places = np.arange(len(wrong))
    strata = np.zeros(len(wrong), dtype=np.int64) if stratum is None else np.array(stratum)
    return Trial(np.array(suspicion), np.array(wrong, dtype=bool), strata, places)


def test_auroc_by_hand() -> None:
    """Wrong at .1 and .3, right at .2, .3 and .4: pairs 3 + 1.5 of 6. In strata (1 3 | 2 4 5) two of two."""
    found = trial([0.1, 0.2, 0.3, 0.3, 0.4], [1, 0, 1, 0, 0], [0, 1, 1, 1, 1])
    assert found.measures([np.ones(5)], 0.4, 0)["auroc"] == pytest.approx(4.5 / 6)
    # The first has no right one in its stratum; the third has three there: one ahead, one equal, one behind.
    assert found.measures([np.ones(5)], 0.4, 0)["within"] == pytest.approx(1.5 / 3)


def test_an_image_that_counts_twice_counts_twice() -> None:
    """Weights 1 2 0 1: the wrong first one precedes 2 + 1 rights, so does not the wrong last one: 3 of 6."""
    measured = trial([0.1, 0.2, 0.3, 0.4], [1, 0, 0, 1]).measures([np.array([1.0, 2, 0, 1])], 0.5, 0)
    assert measured["auroc"] == pytest.approx(2 / 4)
    assert measured["precision"] == pytest.approx(1 / 3)  # half of the weight 4 is reached within the second


def test_precision_and_curve_by_hand() -> None:
    """Ten units, the wrong ones are first, second and fifth: two of the first three; a half of them holds all."""
    found = trial([n / 10 for n in range(10)], [1, 1, 0, 0, 1, 0, 0, 0, 0, 0])
    assert found.measures([np.ones(10)], 0.3, 0)["precision"] == pytest.approx(2 / 3)
    curve = {row["share"]: row for row in found.curve(0)}
    assert (curve[0.1]["found"], curve[0.2]["found"], curve[0.5]["found"]) == pytest.approx((1 / 3, 2 / 3, 1))
    assert (curve[0.1]["ideal"], curve[0.3]["ideal"], curve[0.2]["random"]) == pytest.approx((1 / 3, 1, 0.2))


def test_patients_are_drawn_with_all_their_images() -> None:
    first, *drawn = resampled(["a", "a", "b", "c", "c"], 1, draws=50)
    assert first.tolist() == [1, 1, 1, 1, 1]
    for times in drawn:
        assert times[0] == times[1]
        assert times[3] == times[4]
        assert times[0] + times[2] + times[3] == 3
    assert len({tuple(times) for times in drawn}) > 3


def test_only_labels_whose_truth_is_known_are_tried() -> None:
    given = np.array([[1, 0], [1, 1], [0, 1], [0, IGNORED]], np.int8)
    truth = np.array([[1, IGNORED], [0, 1], [0, IGNORED], [1, 1]], np.int8)
    ranking = Suspicion("x", np.array([[0.3, 0.1], [0.2, 0.4], [0.5, 0.6], [0.7, 0.8]]))
    found = trials(ranking, given, truth, (1,))
    assert found["label"].suspicion.tolist() == [0.3, 0.2, 0.4]
    assert found["label"].wrong.tolist() == [False, True, False]
    # The third image's only positive label is of unknown truth; the second is as suspicious as its first label.
    assert found["image"].image.tolist() == [0, 1]
    assert found["image"].suspicion.tolist() == [0.3, 0.2]
    assert found["image"].stratum.tolist() == [1, 2]


def test_planted_flips_are_found_and_unrelated_values_find_nothing() -> None:
    rng = np.random.default_rng(5)
    truth = (rng.random((600, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(np.int8)
    flipped = rng.random(truth.shape) < 0.03
    given = np.where(flipped, 1 - truth, truth).astype(np.int8)
    scores = np.clip(0.15 + 0.7 * truth + 0.15 * rng.normal(size=truth.shape), 0.01, 0.99)
    chance = Suspicion("chance", rng.random(truth.shape))
    patients = [str(number // 2) for number in range(600)]
    rows, curves = detection_rows(
        [*rankings(given, scores), chance], given, truth, patients=patients, fraction=0.05, seed=0, draws=60
    )
    found = {(row["ranking"], row["unit"], row["target"]): row for row in rows}
    for target in ("wrong positives", "missed positives"):
        loss, none = found["loss", "label", target], found["chance", "label", target]
        assert loss["within_low"] > 0.9
        assert none["within_low"] < 0.5 < none["within_high"]
        assert loss["random"] < loss["precision_low"] <= loss["precision"] <= loss["ideal"]
        assert found["confident learning", "label", target]["within"] == pytest.approx(loss["within"])
    assert found["loss", "label", "wrong labels"]["wrong"] == flipped.sum()
    assert {row["unit"] for row in curves} == {"label", "image"}
    assert expected_wrong(given, scores).sum() == pytest.approx(flipped.sum(), rel=0.3)


def test_lists_of_the_same_length_are_compared() -> None:
    given = np.zeros((10, 2), np.int8)
    ranking = Suspicion("x", images=np.arange(10.0))
    (row,) = shared_rows([ranking], given, np.isin(np.arange(10), [0, 3, 4, 9]), 0)
    assert (row["both"], row["jaccard"], row["jaccard_chance"]) == (2, 2 / 6, pytest.approx(1.6 / 6.4))
