import math

import numpy as np
import pytest

from analysis.findings.forgettability import Curves
from analysis.findings.pairs import (
    co_occurrence,
    curve_dissimilarity,
    frequency_difference,
    mantel,
    pair_rows,
    relation_rows,
)
from analysis.findings.precision import FindingsError

# Images of A: 1, 2; of B: 1, 3; of C: 3; the last image has none.
LABELS = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]])


def curves(median) -> Curves:
    median = np.asarray(median, dtype=float)
    names = tuple("ABCDEFGH"[: len(median)])
    return Curves(names, tuple(np.arange(1, median.shape[1] + 1) / 20), median, None, None, ())


def test_dissimilarity_equals_the_hand_result() -> None:
    table = np.array([[0.0, -0.1, -0.2], [0.0, -0.4, -0.6]])
    assert curve_dissimilarity(table)[0, 1] == pytest.approx((0.09 + 0.16) / 3)
    assert curve_dissimilarity(table, "euclidean")[0, 1] == pytest.approx(0.5)
    with pytest.raises(FindingsError, match="expected mse or euclidean, got 'cosine'"):
        curve_dissimilarity(table, "cosine")


@pytest.mark.parametrize("seed", range(3))
def test_euclidean_is_the_root_of_n_times_mse(seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(6, 19))
    mse = curve_dissimilarity(table)
    np.testing.assert_allclose(curve_dissimilarity(table, "euclidean"), np.sqrt(19 * mse))
    np.testing.assert_array_equal(mse, mse.T)
    np.testing.assert_array_equal(np.diag(mse), 0)


def test_true_iou_counts_positive_images() -> None:
    iou, frequency = co_occurrence(LABELS)
    np.testing.assert_array_equal(frequency, [2, 2, 1])
    np.testing.assert_allclose(iou, [[1, 1 / 3, 0], [1 / 3, 1, 1 / 2], [0, 1 / 2, 1]])


def test_reference_adds_up_whole_columns() -> None:
    # Co-occurrence matrix [[2, 1, 0], [1, 2, 1], [0, 1, 1]]: column sums 3, 4, 2.
    iou, frequency = co_occurrence(LABELS, "reference")
    np.testing.assert_array_equal(frequency, [3, 4, 2])
    assert iou[0, 1] == pytest.approx(1 / 6)
    assert iou[1, 2] == pytest.approx(1 / 5)
    assert iou[0, 2] == 0


def test_classes_that_never_occur_have_no_iou() -> None:
    assert np.isnan(co_occurrence(np.zeros((3, 2)))[0]).all()
    with pytest.raises(FindingsError, match="labels 0 or 1"):
        co_occurrence(np.full((3, 2), 2))


def test_pairs_are_listed_once_with_all_measures() -> None:
    rows = pair_rows(curves([[0.0], [-0.3], [-0.1]]), "ABC", LABELS, {"A": 1000, "B": 10, "C": 0})
    assert [(row["class_a"], row["class_b"]) for row in rows] == [("A", "B"), ("A", "C"), ("B", "C")]
    first = rows[0]
    assert (first["both"], first["iou"], first["iou_reference"]) == pytest.approx((1, 1 / 3, 1 / 6))
    assert first["fcd_mse"] == pytest.approx(0.09)
    assert first["log_frequency_difference"] == pytest.approx(math.log(100))
    assert rows[1]["log_frequency_difference"] is None


def line(*places: float) -> np.ndarray:
    at = np.array(places, dtype=float)
    return np.abs(at[:, None] - at[None, :])


def test_mantel_takes_all_permutations_of_few_classes() -> None:
    found = mantel(line(0, 1, 2, 3), line(0, 1, 2, 3), method="pearson", seed=1)
    # Of 24 orders only the given one and its mirror image keep all distances.
    assert found["estimate"] == pytest.approx(1)
    assert (found["p"], found["permutations"], found["exact"]) == (pytest.approx(2 / 24), 24, 1)
    assert found["ci_low"] is None


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_mantel_estimate_is_the_correlation_of_pairs_and_names_do_not_matter(method: str) -> None:
    rng = np.random.default_rng(3)
    x, y = line(*rng.random(6)), line(*rng.random(6))
    found = mantel(x, y, method=method, seed=1)
    upper = np.triu_indices(6, 1)
    a, b = x[upper], y[upper]
    if method == "spearman":
        a, b = a.argsort().argsort(), b.argsort().argsort()
    assert found["estimate"] == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert found["ci_low"] < found["estimate"] < found["ci_high"]
    order = rng.permutation(6)
    renamed = mantel(x[np.ix_(order, order)], y[np.ix_(order, order)], method=method, seed=2)
    for name in ("estimate", "p", "ci_low", "ci_high"):
        assert renamed[name] == pytest.approx(found[name])


def test_mantel_is_exact_when_nothing_is_related() -> None:
    """Of 400 unrelated tables about 5 % have p <= 0.05; an ordinary correlation finds many more."""
    rng = np.random.default_rng(11)
    p = [
        mantel(line(*rng.random(5)), line(*rng.random(5)), method="pearson", seed=1, draws=120)["p"]
        for _ in range(400)
    ]
    # Binomial: 400 tables, 5 %, mean 20, standard deviation 4.4.
    assert sum(value <= 0.05 for value in p) <= 34


def test_mantel_random_permutations_follow_the_seed() -> None:
    rng = np.random.default_rng(5)
    x, y = line(*rng.random(8)), line(*rng.random(8))
    one = mantel(x, y, method="pearson", seed=1, draws=99)
    assert one == mantel(x, y, method="pearson", seed=1, draws=99)
    assert (one["permutations"], one["exact"]) == (99, 0)
    assert one["p"] >= 0.01


@pytest.mark.parametrize(
    ("x", "words"), [(line(0, 1, 2), "4 or more classes"), (np.ones((5, 5)), "the same for all pairs")]
)
def test_mantel_not_estimable_is_none_with_a_note(x, words) -> None:
    found = mantel(x, line(*range(len(x))), method="pearson", seed=1)
    assert found["estimate"] is found["p"] is None
    assert words in found["note"]


def test_mantel_refuses_gaps() -> None:
    gap = line(0, 1, 2, 3)
    gap[0, 1] = np.nan
    with pytest.raises(FindingsError, match="finite number for every pair"):
        mantel(gap, line(0, 1, 2, 3), method="pearson", seed=1)


def test_relations_use_the_named_variants() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random((60, 5)) < 0.4).astype(int)
    table = rng.normal(size=(5, 3))
    positives = {"A": 900, "B": 500, "C": 90, "D": 30, "E": 7}
    rows = relation_rows(curves(table), "ABCDE", labels, positives, seed=1)
    found = {(row["variant"], row["with"], row["method"]): row["estimate"] for row in rows}
    upper = np.triu_indices(5, 1)

    def r(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.corrcoef(x[upper], y[upper])[0, 1])

    mse, euclidean = curve_dissimilarity(table), curve_dissimilarity(table, "euclidean")
    iou, frequency = co_occurrence(labels, "reference")
    apart = frequency_difference(np.array(list(positives.values()), dtype=float))
    assert found["true", "iou", "pearson"] == pytest.approx(r(mse, co_occurrence(labels)[0]))
    assert found["true", "log_frequency_difference", "pearson"] == pytest.approx(r(mse, apart))
    assert found["reference", "iou", "pearson"] == pytest.approx(r(euclidean, iou**0.25))
    assert found["reference", "log_frequency_difference", "pearson"] == pytest.approx(
        r(euclidean, frequency_difference(frequency))
    )


def test_a_class_without_frequency_is_left_out_of_that_relation_only() -> None:
    labels = (np.random.default_rng(2).random((60, 5)) < 0.4).astype(int)
    table = np.random.default_rng(3).normal(size=(5, 3))
    rows = relation_rows(curves(table), "ABCDE", labels, {"A": 9, "B": 5, "C": 3, "D": 2, "E": None}, seed=1)
    counts = {(row["variant"], row["with"]): row["classes"] for row in rows}
    assert counts["true", "iou"] == 5
    assert counts["true", "log_frequency_difference"] == 4
    assert any("1 classes without training positives are left out" in row["note"] for row in rows)
