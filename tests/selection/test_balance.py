import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection.covariates import balance_table, smd


def test_numbers_by_hand() -> None:
    """Means 2 and 4; variances (n - 1) of 1, 2, 3 and 2, 4, 6 are 1 and 4: -2 / sqrt(2.5)."""
    assert smd(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]), False) == pytest.approx(-2 / math.sqrt(2.5))


def test_shares_by_hand() -> None:
    """Shares 1/2 and 1/4; variances 1/4 and 3/16: 1/4 / sqrt(7/32)."""
    came = smd(np.array([1.0, 0]), np.array([1.0, 0, 0, 0]), True)
    assert came == pytest.approx(0.25 / math.sqrt(7 / 32))


def test_groups_that_do_not_vary() -> None:
    assert smd(np.array([3.0, 3]), np.array([3.0]), False) == 0
    assert smd(np.array([3.0, 3]), np.array([4.0]), False) == -math.inf
    assert math.isnan(smd(np.array([]), np.array([4.0]), False))


@given(st.lists(st.floats(-9, 9), min_size=2), st.lists(st.floats(-9, 9), min_size=2), st.booleans())
def test_exchanging_the_groups_changes_the_sign_only(ones, zeros, share) -> None:
    one, zero = np.round(ones, 3), np.round(zeros, 3)
    if share:
        one, zero = (one > 0).astype(float), (zero > 0).astype(float)
    assert smd(one, zero, share) == pytest.approx(-smd(zero, one, share))


def test_a_difference_of_exactly_a_tenth_is_balanced() -> None:
    """Means 1 and 0, variances 100 and 100: 1 / 10."""
    frame = pd.DataFrame({"image": list("abcdef"), "age": [-9.0, 1, 11, -10, 0, 10]})
    table = balance_table(frame.iloc[:3], frame.iloc[3:], frame.iloc[:3], frame.iloc[3:], ["age"])
    assert table["smd_after"][0] == 0.1
    assert not table["unbalanced"][0]


def test_the_table() -> None:
    """Exemplars a, b and c, of whom c is unmatched; d to g are the pool, of which d and e are the controls.

    Age: before (60 - 40.25) / sqrt((100 + 1040.75 / 3) / 2), after (55 - 55.5) / sqrt((50 + 60.5) / 2), c against
    a and b 15 / sqrt((0 + 50) / 2) = 3. Women: 1/3 against 2/3 with variances 2/9; 1/2 against 2/2 with 1/4 and 0;
    0/1 against 1/2 with 0 and 1/4.
    """
    frame = pd.DataFrame(
        {
            "image": list("abcdefg"), "age": [50.0, 60, 70, 50, 61, 20, 30],
            "sex": ["F", "M", "M", "F", "F", "", "M"],
        }
    )  # fmt: skip
    exemplars, pool, matched, controls = frame.iloc[:3], frame.iloc[3:], frame.iloc[:2], frame.iloc[3:5]
    table = balance_table(exemplars, pool, matched, controls, ["age", "sex"]).set_index(
        ["covariate", "level"]
    )
    assert list(table.index) == [("age", ""), ("sex", "F"), ("sex", "M")]
    wanted = {
        ("age", ""): (55, 55.5, 19.75 / math.sqrt((100 + 1040.75 / 3) / 2), -0.5 / math.sqrt(55.25), 3),
        ("sex", "F"): (1 / 2, 1, -1 / math.sqrt(2), -math.sqrt(2), -math.sqrt(2)),
        ("sex", "M"): (1 / 2, 0, 1 / math.sqrt(2), math.sqrt(2), math.sqrt(2)),
    }
    names = ["mean_exemplar", "mean_control", "smd_before", "smd_after", "smd_unmatched"]
    for row, values in wanted.items():
        assert list(table.loc[row, names]) == pytest.approx(values), row
    assert list(table["unbalanced"]) == [False, True, True]


def test_a_group_without_images_has_no_difference_and_one_without_spread_an_infinite_one() -> None:
    frame = pd.DataFrame({"image": list("abc"), "age": [50.0, 60, 20]})
    all_matched = balance_table(frame.iloc[:2], frame.iloc[2:], frame.iloc[:2], frame.iloc[2:], ["age"])
    assert math.isnan(all_matched["smd_unmatched"][0])
    worse = balance_table(frame.iloc[:2], frame.iloc[2:], frame.iloc[:1], frame.iloc[2:], ["age"])
    assert worse["unbalanced"][0]
    assert worse["smd_unmatched"][0] == math.inf
