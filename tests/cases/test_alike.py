"""One depth and one knowledge of spacing for all images of a study."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.cases.decoder import DecodedImage, at_depth
from readerstudy.cases.frame import decode_frame, straight
from readerstudy.cases.loader import load_case_set
from readerstudy.cases.selectors import cases_of, frame_bytes, frame_json
from readerstudy.cases.window import WindowRule
from tests.cases.images import blind_half, dicom, greys


def image(values: np.ndarray, bits: int, window: tuple[int, int]) -> DecodedImage:
    return DecodedImage(values, bits, window, straight(bits, *window), None)


@given(bits=st.tuples(st.integers(8, 16), st.integers(8, 16)).map(sorted))
def test_no_two_values_become_one_and_the_ends_stay_the_ends(bits: list[int]) -> None:
    old, new = bits
    every = np.arange(2**old, dtype=np.uint8 if old == 8 else np.uint16).reshape(1, -1)
    moved = at_depth(image(every, old, (0, 2**old - 1)), new)
    values = moved.pixels.astype(int).ravel()
    assert (np.diff(values) >= 1).all()
    assert (values[0], values[-1]) == moved.window == (0, 2**new - 1)
    wanted = np.arange(2**old) * (2**new - 1) / (2**old - 1)
    assert np.abs(values - wanted).max() <= 0.5


@given(bits=st.tuples(st.integers(8, 16), st.integers(8, 16)).map(sorted), seed=st.integers(0, 99))
def test_every_value_keeps_its_grey_level(bits: list[int], seed: int) -> None:
    old, new = bits
    every = np.arange(2**old, dtype=np.uint8 if old == 8 else np.uint16).reshape(1, -1)
    curve = np.random.default_rng(seed).integers(0, 256, 2**old).astype(np.uint8)
    moved = at_depth(DecodedImage(every, old, (0, 2**old - 1), curve, None), new)
    assert moved.curve.shape == (2**new,)
    assert (moved.curve[moved.pixels] == curve).all()


def test_between_values_the_curve_runs_straight() -> None:
    curve = np.arange(256, dtype=np.uint8)
    moved = at_depth(DecodedImage(greys((2, 2), 8), 8, (0, 255), curve, None), 16)
    assert (moved.curve == straight(16)).all()


def test_eight_bit_becomes_sixteen_exactly() -> None:
    values = greys((5, 7), 8)
    moved = at_depth(image(values, 8, (-10, 300)), 16)
    assert (moved.pixels == values.astype(int) * 257).all()
    assert moved.window == (-2570, 77100)


def test_a_depth_is_never_taken_away() -> None:
    with pytest.raises(ValueError, match="at least 12 bit"):
        at_depth(image(greys(), 12, (0, 4095)), 10)


@pytest.mark.django_db
def test_a_study_tells_one_depth_and_keeps_every_value(tmp_path: Path) -> None:
    """What is shown of a frame cannot tell an 8-bit source from a 12-bit one (leak channels 11, 20, 43)."""
    study = uuid.UUID(int=12)
    deep, flat = greys((9, 14), 12, 1), greys((9, 14), 8, 2)
    files = [dicom(deep, bits=12, PixelSpacing=["0.1", "0.1"]), dicom(flat, bits=8)]
    load_case_set(
        folder=blind_half(tmp_path / "set", files, ending="dcm"), study_key=study, frames_root=tmp_path / "frames",
        window_rule=WindowRule.FULL, actor=None,
    )  # fmt: skip
    told = [frame_json(case.frame) for case in cases_of(study)]
    assert told[0] == told[1] == {
        "format": 2, "rows": 9, "columns": 14, "bits": 12, "window": [0, 4095], "spacing": None,
    }  # fmt: skip
    stored = [decode_frame(frame_bytes(case, tmp_path / "frames"), 9, 14, 12) for case in cases_of(study)]
    wanted = [deep, np.floor(flat * (4095 / 255) + 0.5).astype(np.uint16)]
    assert all(any((each == one).all() for one in wanted) for each in stored)
    assert not (stored[0] == stored[1]).all()
