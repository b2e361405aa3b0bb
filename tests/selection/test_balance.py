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


def test_the_table() -> None:
    frame = pd.DataFrame(
        {"image": list("abcdef"), "age": [50.0, 60, 50, 61, 20, 30], "sex": ["F", "M", "F", "M", "", "F"]}
    )
    ones, pool = frame.iloc[:2], frame.iloc[2:]
    table = balance_table(ones, pool, ones, frame.iloc[2:4], ["age", "sex"]).set_index(["covariate", "level"])
    assert list(table.index) == [("age", ""), ("sex", "F"), ("sex", "M")]
    age = table.loc[("age", "")]
    assert age["smd_after"] == pytest.approx(-0.5 / math.sqrt((50 + 60.5) / 2))
    assert age["smd_before"] == pytest.approx(
        (55 - 40.25) / math.sqrt((50 + np.var([50, 61, 20, 30], ddof=1)) / 2)
    )
    assert not age["unbalanced"]
    assert math.isnan(age["smd_unmatched"])
    assert table.loc[("sex", "F"), "smd_after"] == 0
    assert table.loc[("sex", "F"), "smd_before"] == pytest.approx(
        (1 / 2 - 2 / 3) / math.sqrt((1 / 4 + 2 / 9) / 2)
    )
    worse = balance_table(ones, pool, ones.iloc[:1], frame.iloc[4:5], ["age"])
    assert worse["unbalanced"][0]
    assert worse["smd_unmatched"][0] == math.inf
