import numpy as np
import pytest

from analysis.findings.forgettability import class_rows, first_drop, forgettability
from analysis.findings.precision import FindingsError, read_precision
from tests.findings.toys import metrics

SPARSITIES = [0.0, 0.5, 0.95]
AP = {
    # Falls by exactly 20 %, then by more: seeds lose 10, 20, 30 % and 50, 60, 90 %.
    "falls": [[0.1, 0.09, 0.05], [0.1, 0.08, 0.04], [0.1, 0.07, 0.01]],
    "stays": [[0.5, 0.5, 0.45], [0.4, 0.4, 0.4], [0.8, 0.8, 0.76]],
    "empty": [[None] * 3] * 3,
}


def curves_of(ap=AP, seed=1, draws=200):
    return forgettability(read_precision(metrics(ap, SPARSITIES), list(ap)), seed=seed, draws=draws)


def test_curves_are_the_median_relative_change() -> None:
    curves = curves_of()
    assert curves.classes == ("falls", "stays")
    assert curves.unmeasured == ("empty",)
    np.testing.assert_allclose(curves.median, [[-0.2, -0.6], [0.0, -0.05]], atol=1e-12)


def test_first_drop_is_below_twenty_percent_and_may_be_none() -> None:
    assert first_drop(curves_of()) == {"falls": 0.95, "stays": None}
    assert first_drop(curves_of(), 0.19) == {"falls": 0.5, "stays": None}


def test_class_rows_say_what_is_missing() -> None:
    rows = {row["class"]: row for row in class_rows(curves_of(), {"falls": 10, "stays": None}, list(AP))}
    assert rows["falls"]["impact"] == pytest.approx(-0.6)
    assert (rows["stays"]["first_drop"], rows["stays"]["never_drops"]) == (None, 1)
    assert rows["empty"]["never_drops"] is rows["empty"]["impact"] is None
    assert "no positive test image" in rows["empty"]["note"]
    absent = class_rows(curves_of(), {}, ["falls"], impact_at="0.90")[0]
    assert absent["impact"] is None
    assert "sparsity 0.90 was not run" in absent["note"]


def test_band_is_the_bootstrap_over_whole_seeds() -> None:
    curves = curves_of()
    change = np.array([[[0.09, 0.05], [0.08, 0.04], [0.07, 0.01]]])[0] / 0.1 - 1
    picks = np.random.default_rng(1).integers(3, size=(200, 3))
    low, high = np.quantile([np.median(change[pick], axis=0) for pick in picks], [0.025, 0.975], axis=0)
    np.testing.assert_allclose(curves.low[0], low, atol=1e-12)
    np.testing.assert_allclose(curves.high[0], high, atol=1e-12)
    assert (curves.low <= curves.median).all()
    assert (curves.median <= curves.high).all()


def test_equal_seeds_have_no_width_and_one_seed_no_band() -> None:
    same = curves_of({"falls": [AP["falls"][0]] * 4})
    np.testing.assert_array_equal(same.low, same.high)
    one = curves_of({"falls": AP["falls"][:1]})
    assert one.low is None
    assert {row["low"] for row in one.rows()} == {None}
    assert one.rows()[0]["note"] == "no band: one seed"


def test_same_seed_same_band_and_draws_are_checked() -> None:
    assert curves_of().rows() == curves_of().rows()
    with pytest.raises(FindingsError, match="1 or more bootstrap draws, got 0"):
        curves_of(draws=0)


def test_order_of_the_seeds_changes_no_median() -> None:
    turned = {name: seeds[::-1] for name, seeds in AP.items()}
    np.testing.assert_array_equal(curves_of(turned).median, curves_of().median)
