import numpy as np
import pytest

from analysis.findings.precision import FindingsError
from analysis.findings.representation import CHI2_95, _score, compared, representation_rows, share_ratio


def test_interval_equals_koopmans_example() -> None:
    """Koopman 1984: 36 of 40 against 16 of 80, 95 % interval 2.94 to 7.15."""
    row = share_ratio(36, 40, 16, 80)
    assert row["ratio"] == pytest.approx(4.5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((2.94, 7.15), abs=0.005)


@pytest.mark.parametrize("cells", [(3, 20, 10, 380), (1, 20, 1, 380), (20, 20, 10, 380), (7, 9, 9, 11)])
def test_bounds_are_where_the_score_test_turns_and_swapping_inverts(cells) -> None:
    row = share_ratio(*cells)
    assert row["ci_low"] < row["ratio"] < row["ci_high"]
    for bound in (row["ci_low"], row["ci_high"]):
        assert _score(float(np.log(bound)), cells) == pytest.approx(CHI2_95, rel=1e-6)
    turned = share_ratio(cells[2], cells[3], cells[0], cells[1])
    assert turned["ci_low"] == pytest.approx(1 / row["ci_high"])
    assert turned["ci_high"] == pytest.approx(1 / row["ci_low"])


def test_empty_cells_have_what_can_be_told() -> None:
    none = share_ratio(0, 20, 10, 380)
    assert (none["ratio"], none["ci_low"]) == (0, 0)
    assert 1 < none["ci_high"] < 10
    only = share_ratio(5, 20, 0, 380)
    assert only["ratio"] is only["ci_high"] is None
    assert only["ci_low"] > 1
    nobody = share_ratio(0, 20, 0, 380)
    assert nobody["ratio"] is nobody["ci_low"] is None
    assert "no image of this group" in nobody["note"]
    everybody = share_ratio(20, 20, 380, 380)
    assert (everybody["ratio"], everybody["ci_low"]) == (1, None)


@pytest.mark.parametrize("share", [0.03, 0.2])
def test_interval_covers_the_true_ratio(share: float) -> None:
    """Exactly, over the binomial distribution of both counts: near 95 % where the expected counts are small."""
    rng = np.random.default_rng(7)
    hits = 0
    for others, exemplars in zip(
        rng.binomial(200, share, 500), rng.binomial(50, 3 * share, 500), strict=True
    ):
        row = share_ratio(int(exemplars), 50, int(others), 200)
        low, high = row["ci_low"], row["ci_high"]
        hits += (low is None or low <= 3) and (high is None or high >= 3)
    # 500 studies at 95 %: standard deviation 4.9.
    assert 455 <= hits <= 495


def test_bins_are_fixed_and_no_finding_is_no_disease() -> None:
    names = ["No Finding", "A", "B", "C", "D", "E"]
    labels = np.array(
        [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0],
         [0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1]]
    )  # fmt: skip
    rows = representation_rows(labels, names, np.array([False, False, False, True, True, True]))
    bins = {row["group"]: (row["exemplars"], row["others"]) for row in rows if row["kind"] == "diseases"}
    assert bins == {"0": (0, 1), "1": (0, 1), "2": (0, 1), "3": (1, 0), "4+": (2, 0)}
    by_class = {row["group"]: row for row in rows if row["kind"] == "class"}
    assert list(by_class) == names
    assert by_class["A"]["ratio"] == pytest.approx(1.5)
    assert by_class["B"]["ratio"] == pytest.approx(3)


@pytest.mark.parametrize("value", [True, False])
def test_both_sets_must_hold_images(value: bool) -> None:
    with pytest.raises(FindingsError, match="exemplars and other images"):
        representation_rows(np.ones((3, 1)), ["A"], np.full(3, value))


def test_several_images_of_a_patient_make_the_interval_as_wide_as_it_should_be() -> None:
    """Sixty patients a side with four images each, which are alike: with images as independent 84 % cover."""
    rng = np.random.default_rng(1)
    exemplar, patients = (
        np.repeat([True, False], 240),
        [str(number) for number in np.repeat(np.arange(120), 4)],
    )
    covered = np.zeros(2)
    for _ in range(300):
        has = (rng.random((120, 4)) < rng.beta(0.6, 1.4, 120)[:, None]).ravel()
        for place, named in enumerate(((), patients)):
            row = compared(has, np.ones(480, dtype=bool), exemplar, named)
            covered[place] += row["ci_low"] <= 1 <= row["ci_high"]
    assert covered[0] / 300 < 0.88
    assert 0.92 <= covered[1] / 300 <= 0.98


def test_copies_of_an_image_count_as_one_and_one_image_each_as_before() -> None:
    rng = np.random.default_rng(2)
    has, exemplar, known = rng.random(60) < 0.3, rng.random(60) < 0.4, rng.random(60) < 0.9
    whole = compared(has & known, known, exemplar)
    names = [str(number) for number in range(60)]
    thrice = compared(
        *(np.repeat(each, 3) for each in (has & known, known, exemplar)), np.repeat(names, 3).tolist()
    )
    for name in ("ratio", "ci_low", "ci_high"):
        assert thrice[name] == pytest.approx(whole[name])
        assert compared(has & known, known, exemplar, names)[name] == pytest.approx(whole[name])
