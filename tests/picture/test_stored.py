"""Stored values: which bits are the value, its sign, overlays beside it, and which pixels are padding."""

import dataclasses

import numpy as np
import pytest

from analysis.picture.refusals import ImageRefusedError, Reason
from analysis.picture.stored import Layout, stored_values

SHAPE = (40, 60)
TWELVE = Layout(*SHAPE, 1, "MONOCHROME2", 16, 12, 0, False)


def picture(bits: int = 12) -> np.ndarray:
    """Draw a smooth picture over the whole depth, as a radiograph is."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    ramp = (x + y) / (sum(SHAPE) - 2) * (2**bits - 1)
    return ramp.astype(np.uint16)


def letters() -> np.ndarray:
    """Draw a frame of one pixel and a block, as an overlay has."""
    plane = np.zeros(SHAPE, np.uint16)
    plane[5, 10:50] = plane[30, 10:50] = 1
    plane[12:18, 20:30] = 1
    return plane


def values(words: np.ndarray, layout: Layout = TWELVE, overlays: int = 0, bits: int = 16) -> np.ndarray:
    return stored_values(words, bits, layout, overlays, ())[0]


def test_the_high_bit_says_where_the_value_begins() -> None:
    shifted = dataclasses.replace(TWELVE, shift=4)
    assert (values(picture() << 4, shifted) == picture()).all()
    middle = dataclasses.replace(TWELVE, stored=10, shift=3)
    assert (values(picture(10) << 3, middle) == picture(10)).all()


def test_a_codec_that_fills_the_stored_bits_leaves_no_shift() -> None:
    assert (values(picture(), dataclasses.replace(TWELVE, shift=4), bits=12) == picture()).all()


def test_values_below_the_lowest_bit_contradict_the_header() -> None:
    with pytest.raises(ImageRefusedError) as caught:
        values(picture(), dataclasses.replace(TWELVE, shift=4))
    assert (caught.value.refusal.reason, caught.value.refusal.tag) == (Reason.INVALID_TAG, "HighBit")
    below = dataclasses.replace(TWELVE, shift=4)
    assert (values((picture() << 4) | letters(), below, overlays=1) == picture()).all()


@pytest.mark.parametrize("overlays", [0, 1 << 13], ids=["unsaid", "said"])
@pytest.mark.parametrize("place", [12, 13, 15])
def test_an_overlay_above_the_value_is_cleared(place: int, overlays: int) -> None:
    words = picture() | (letters() << place)
    got, used, cleared = stored_values(words, 16, TWELVE, overlays, ())
    assert (got == picture()).all()
    assert (used, cleared) == (None, True)


def test_an_overlay_that_the_header_names_may_cover_everything() -> None:
    words = picture() | np.uint16(1 << 15)
    assert (values(words, overlays=1 << 15) == picture()).all()


@pytest.mark.parametrize(
    "words",
    [
        picture(),
        np.full(SHAPE, 4095, np.uint16),
        np.random.default_rng(0).integers(0, 4096, SHAPE).astype(np.uint16),
    ],
    ids=["smooth", "flat", "noise"],
)
def test_a_header_with_too_few_bits_is_refused_and_never_wraps_round(words: np.ndarray) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        values(words, dataclasses.replace(TWELVE, stored=11))
    assert caught.value.refusal.reason is Reason.DEPTH_EXCEEDED


@pytest.mark.parametrize("extended", [True, False])
def test_signed_values_with_and_without_repeated_sign(extended: bool) -> None:
    wanted = picture().astype(np.int16) - 2048
    words = wanted.view(np.uint16) if extended else wanted.view(np.uint16) & 0xFFF
    signed = dataclasses.replace(TWELVE, signed=True)
    assert (values(words, signed) == wanted).all()
    assert values(words, signed).dtype == np.int16
    assert not stored_values(words, 16, signed, 0, ())[2]  # a repeated sign is no overlay
    assert (values((words & 0xFFF) | (letters() << 13), signed) == wanted).all()
    assert (values((words & 0xFFF) << 4, dataclasses.replace(signed, shift=4)) == wanted).all()


def test_a_codec_that_took_unsigned_values_for_signed_is_put_right() -> None:
    words = (picture().astype(np.int32) - 4096 * (picture() >= 2048)).astype(np.int16)
    got, _, cleared = stored_values(words, 12, TWELVE, 0, ())
    assert (got == picture()).all()
    assert not cleared


@pytest.mark.parametrize(
    ("signed", "padding", "inside"),
    [
        (False, (4000,), [4000]),
        (False, (0, 20), [0, 20]),
        (False, (20, 0), [0, 20]),
        (True, (-2000,), [-2000]),
        (True, (63536,), [-2000]),  # the same, written as unsigned
        (True, (-2048, 63536), [-2048, -2000]),
    ],
)
def test_padding_is_a_value_or_a_range_written_either_way(
    signed: bool, padding: tuple[int, ...], inside: list[int]
) -> None:
    layout = dataclasses.replace(TWELVE, signed=signed)
    words = picture() - np.uint16(2048) if signed else picture()
    for place, value in enumerate(inside):
        words[0, place] = np.int64(value) & 0xFFFF
    got, used, _ = stored_values(words, 16, layout, 0, padding)
    assert used is not None
    assert (used == ((got < min(inside)) | (got > max(inside)))).all()
    assert got[0, 0] == inside[0]


def test_padding_beyond_the_stored_bits_is_padding_and_no_overlay() -> None:
    words = picture()
    words[:10] = 63536
    got, used, cleared = stored_values(words, 16, TWELVE, 0, (63536,))
    assert used is not None
    assert not used[:10].any()
    assert used[10:].all()
    assert (got[10:] == picture()[10:]).all()
    assert (got[:10] == 4095).all()
    assert not cleared


@pytest.mark.parametrize("padding", [(), (5000,), (0, 65535)], ids=["none", "nowhere", "everywhere"])
def test_padding_that_marks_nothing_or_everything_marks_nothing(padding: tuple[int, ...]) -> None:
    assert stored_values(picture(), 16, TWELVE, 0, padding)[1] is None
