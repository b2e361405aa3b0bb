"""Tone: windows and tables against pydicom and by hand, percentiles against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.pixels import apply_windowing

from analysis.picture.tone import BLOCK, Table, Window, counted, percentile


@given(
    values=st.lists(st.integers(0, 300), min_size=1, max_size=200),
    percent=st.floats(0, 100),
    slope=st.floats(0.01, 50),
    intercept=st.floats(-1000, 1000),
)
def test_percentiles_are_those_of_numpy(
    values: list[int], percent: float, slope: float, intercept: float
) -> None:
    units = np.arange(301) * slope + intercept
    counts = np.bincount(values, minlength=301)
    assert percentile(counts, units, percent) == np.percentile(units[values], percent)


def test_counting_in_blocks_counts_every_pixel_once_and_padding_never() -> None:
    values = np.random.default_rng(0).integers(0, 4096, 2 * BLOCK + 77).astype(np.uint16)
    used = values % 3 > 0
    assert (counted(values, None, 4096) == np.bincount(values, minlength=4096)).all()
    assert (counted(values, used, 4096) == np.bincount(values[used], minlength=4096)).all()


@pytest.mark.filterwarnings("ignore:overflow")  # inside pydicom
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(
    ("centre", "width"), [(2048, 4096), (100.5, 1), (1000, 2), (30.25, 333.3), (-50, 700)]
)
def test_windows_are_those_of_pydicom(function: str, centre: float, width: float) -> None:
    values = np.arange(4096, dtype=np.float64)
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = centre, width, function
    wanted = apply_windowing(values, dataset) / 4095
    assert np.abs(Window(centre, width, function).shown(values) - wanted).max() < 1e-9


def test_a_sigmoid_far_from_its_centre_is_black_or_white_without_overflow() -> None:
    assert Window(1e6, 1, "SIGMOID").shown(np.array([0.0, 2e6])).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("window", "limits"),
    [
        (Window(50, 101), (-0.5, 99.5)),
        (Window(50, 1), (49, 50)),
        (Window(50, 0.5), (49.75, 50.25)),
        (Window(50, 101, "LINEAR_EXACT"), (-0.5, 100.5)),
        (Window(50, 100, "SIGMOID"), (0, 100)),
    ],
)
def test_limits_of_a_window_by_hand(window: Window, limits: tuple[float, float]) -> None:
    assert window.limits() == limits


def test_a_table_holds_beyond_its_ends_and_takes_the_nearer_input_between() -> None:
    table = Table(np.array([10, 20, 40], np.uint16), -1, 6)
    assert table.at(np.array([-9.0, -1.0, -0.4, 0.6, 1.0, 9.0])).tolist() == [10, 10, 20, 40, 40, 40]
    assert table.shown(np.array([0.0])).tolist() == [20 / 63]
