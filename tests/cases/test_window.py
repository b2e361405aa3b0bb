"""The default window by the study's rule."""

import numpy as np
import pytest

from readerstudy.cases.window import WindowRule, choose_window

RAMP = np.arange(1000, dtype=np.uint16).reshape(20, 50)


def test_full_is_the_range_of_the_depth_whatever_the_file_states() -> None:
    assert choose_window(WindowRule.FULL, (5, 9), RAMP, 12, None) == (0, 4095)


def test_percentile_ignores_what_the_file_states() -> None:
    assert choose_window(WindowRule.PERCENTILE, (5, 9), RAMP, 12, None) == (4, 994)


def test_percentile_leaves_padding_out() -> None:
    values = np.concatenate([RAMP.ravel(), np.full(9000, 4000, np.uint16)]).reshape(100, 100)
    assert choose_window(WindowRule.PERCENTILE, None, values, 12, values != 4000) == (4, 994)
    assert choose_window(WindowRule.PERCENTILE, None, values, 12, None)[1] == 4000


@pytest.mark.parametrize("values", [np.full((3, 3), 7, np.uint16), np.zeros((1, 1), np.uint16)])
def test_a_flat_image_gets_the_full_range(values: np.ndarray) -> None:
    assert choose_window(WindowRule.PERCENTILE, None, values, 10, None) == (0, 1023)
    assert choose_window(WindowRule.PERCENTILE, None, values, 10, np.zeros(values.shape, bool)) == (0, 1023)


def test_a_stated_window_is_used_even_beyond_the_range() -> None:
    assert choose_window(WindowRule.DICOM, (-300.2, 5000.6), RAMP, 12, None) == (-300, 5001)


@pytest.mark.parametrize(
    "stated",
    [
        None,
        (9, 9),
        (9.1, 9.3),
        (20, 10),
        (5000, 6000),
        (-9, 0),
        (0, 1e9),
        (float("nan"), 5),
        (0, float("inf")),
    ],
)
def test_an_unusable_window_falls_back_to_percentiles(stated: tuple[float, float] | None) -> None:
    assert choose_window(WindowRule.DICOM, stated, RAMP, 12, None) == (4, 994)
