"""The ratio of shares and Katz's interval, against a table worked by hand."""

import math

import pandas as pd
import pytest

from analysis.phantoms.enrichment import enrichment
from analysis.phantoms.spec import PhantomError

IMAGES = [f"{number}.png" for number in range(30)]


def truth(noisy: set[int]) -> pd.DataFrame:
    zeros = [0] * len(IMAGES)
    noise = [int(number in noisy) for number in range(len(IMAGES))]
    return pd.DataFrame({"image": IMAGES, "label_noise": noise, "low_quality": zeros, "difficult": zeros})


def test_ratio_and_interval_by_hand() -> None:
    """4 of 10 against 2 of 20: ratio 4; se of the log = sqrt(1/4 - 1/10 + 1/2 - 1/20) = sqrt(0.6)."""
    table = enrichment(IMAGES[:10], IMAGES, truth({0, 1, 2, 3, 20, 21})).set_index("fault")
    row = table.loc["label_noise"]
    assert (row["chosen"], row["chosen_with"], row["rest"], row["rest_with"]) == (10, 4, 20, 2)
    assert row["ratio"] == pytest.approx(4.0)
    assert row["low"] == pytest.approx(4 * math.exp(-1.959963984540054 * math.sqrt(0.6)))
    assert row["high"] == pytest.approx(4 * math.exp(1.959963984540054 * math.sqrt(0.6)))


def test_no_ratio_where_a_count_is_zero() -> None:
    table = enrichment(IMAGES[:10], IMAGES, truth({0})).set_index("fault")
    assert table["ratio"].isna().all()


def test_unknown_image_is_named() -> None:
    with pytest.raises(PhantomError, match=r"'x\.png' is not"):
        enrichment(["x.png"], IMAGES, truth(set()))
    with pytest.raises(PhantomError, match=r"'y\.png' is not"):
        enrichment([], [*IMAGES, "y.png"], truth(set()))
