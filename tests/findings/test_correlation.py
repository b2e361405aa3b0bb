import math

import numpy as np
import pytest

from analysis.findings.correlation import correlate, frequency_rows


def test_pearson_and_its_fisher_interval_equal_the_hand_result() -> None:
    row = correlate([1, 2, 3, 4], [1, 3, 2, 4], "pearson")
    # r = 4 / 5; z = atanh(0.8) = log(3), standard error 1; t = 0.8 sqrt(2) / 0.6 with 2 degrees of freedom.
    assert row["estimate"] == pytest.approx(0.8)
    assert row["ci_low"] == pytest.approx(math.tanh(math.log(3) - 1.959963984540054))
    assert row["ci_high"] == pytest.approx(math.tanh(math.log(3) + 1.959963984540054))
    assert row["p"] == pytest.approx(0.2)


def test_spearman_uses_ranks_and_a_wider_interval() -> None:
    row = correlate([1, 2, 3, 40], [1, 3, 2, 400], "spearman")
    assert row["estimate"] == pytest.approx(0.8)
    assert row["ci_low"] == pytest.approx(math.tanh(math.log(3) - 1.959963984540054 * math.sqrt(1.32)))


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [([1, 2], [3, 4], "3 or more classes"), ([1, 2, 3, 4], [5, 5, 5, 5], "the same for all classes")],
)
def test_not_estimable_is_none_with_a_note(x, y, words) -> None:
    row = correlate(x, y, "pearson")
    assert row["estimate"] is row["p"] is row["ci_low"] is None
    assert words in row["note"]


def test_without_scatter_there_is_no_interval() -> None:
    row = correlate([1, 2, 3, 4, 5], [2, 4, 6, 8, 10], "pearson")
    assert row["estimate"] == pytest.approx(1)
    assert row["ci_low"] is None


@pytest.mark.parametrize("seed", range(5))
def test_units_and_order_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, 12))
    order = rng.permutation(12)
    for method in ("pearson", "spearman"):
        plain, other = correlate(x, y, method), correlate(3 * x[order] + 7, y[order] / 9, method)
        for name in ("estimate", "ci_low", "ci_high", "p"):
            assert other[name] == pytest.approx(plain[name])


def table(drops, positives):
    return [
        {"class": str(place), "train_positives": count, "first_drop": drop, "never_drops": int(drop is None),
         "impact": -0.1 * place}
        for place, (drop, count) in enumerate(zip(drops, positives, strict=True))
    ]  # fmt: skip


def test_a_class_that_never_drops_ranks_last() -> None:
    rows = frequency_rows(table([0.2, 0.5, 0.4, 0.9, None], [1, 10, 100, 1000, 10000]))
    found = {(row["quantity"], row["method"], row["never_as"]): row for row in rows}
    # Ranks 1 3 2 4 5 against 1 2 3 4 5: rho = 1 - 6 * 2 / (5 * 24).
    assert found["first_drop", "spearman", "last"]["estimate"] == pytest.approx(0.9)
    left_out = found["first_drop", "pearson", "left out"]
    assert left_out["n"] == 4
    assert left_out["estimate"] == pytest.approx(np.corrcoef([0, 1, 2, 3], [0.2, 0.5, 0.4, 0.9])[0, 1])
    replaced = found["first_drop", "pearson", "1.0"]
    assert replaced["n"] == 5
    assert replaced["estimate"] == pytest.approx(np.corrcoef(range(5), [0.2, 0.5, 0.4, 0.9, 1.0])[0, 1])
    assert {row["never"] for row in rows} == {1}
    assert found["impact", "pearson", ""]["estimate"] == pytest.approx(-1)


def test_classes_without_frequency_are_left_out_and_counted() -> None:
    rows = frequency_rows(table([0.2, 0.5, 0.4, 0.9, 0.8], [1, 10, 100, 0, None]))
    assert {row["without_frequency"] for row in rows} == {2}
    assert {row["n"] for row in rows} == {3}
