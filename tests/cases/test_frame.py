"""The frame file: exact, padded, and refused when it is anything else."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.cases.frame import (
    MASK_BYTES,
    FrameFormatError,
    decode_curve,
    decode_frame,
    encode_frame,
    mask_frame,
    pad_frame,
    straight,
)
from tests.cases.images import greys


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    bits = draw(st.integers(8, 16))
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).choice([0, 1, 2 ** (bits - 1), 2**bits - 1], (rows, columns))
    noise = np.random.default_rng(seed + 1).integers(0, 2**bits, (rows, columns))
    mixed = np.where(np.random.default_rng(seed + 2).random((rows, columns)) < 0.5, values, noise)
    return mixed.astype(np.uint8 if bits == 8 else np.uint16), bits


@given(images(), st.integers(0, 300))
def test_round_trip_is_exact_and_padding_changes_nothing(image: tuple[np.ndarray, int], more: int) -> None:
    values, bits = image
    frame = encode_frame(values, bits)
    padded = pad_frame(frame, len(frame) + more)
    assert len(padded) == len(frame) + more
    for each in (frame, padded):
        back = decode_frame(each, *values.shape, bits)
        assert back.dtype == values.dtype
        assert (back == values).all()


@pytest.mark.parametrize("length", [0, 1, MASK_BYTES - 1, MASK_BYTES, MASK_BYTES + 1, 3 * MASK_BYTES + 7])
def test_what_is_sent_is_a_mask_and_the_file_with_the_mask_over_it_again_and_again(length: int) -> None:
    frame, mask = np.random.default_rng(length).bytes(length), np.random.default_rng(7).bytes(MASK_BYTES)
    assert mask_frame(frame, mask) == mask + bytes(
        byte ^ mask[at % MASK_BYTES] for at, byte in enumerate(frame)
    )


def residuals(values: np.ndarray, modulus: int) -> np.ndarray:
    """Write the definition down pixel by pixel."""
    out = np.zeros(values.shape, int)
    for y, x in np.ndindex(values.shape):
        left = int(values[y, x - 1]) if x else 0
        up = int(values[y - 1, x]) if y else 0
        out[y, x] = (int(values[y, x]) - (left + up) // 2) % modulus
    return out


def test_payload_is_the_curve_then_the_plane_of_high_bytes_then_of_low_bytes() -> None:
    values = greys((5, 7), 16)
    curve = np.random.default_rng(1).integers(0, 256, 2**16).astype(np.uint8)
    payload = gzip.decompress(pad_frame(encode_frame(values, 16, curve), 100_000))
    wanted = residuals(values, 2**16)
    planes = bytes((wanted >> 8).ravel().tolist()) + bytes((wanted & 255).ravel().tolist())
    assert payload == curve.tobytes() + planes


def test_payload_of_eight_bit_is_one_plane() -> None:
    values = greys((5, 7), 8)
    curve = bytes(range(256))
    assert gzip.decompress(encode_frame(values, 8)) == curve + bytes(residuals(values, 256).ravel().tolist())


def test_payload_of_colour_is_the_curve_then_a_plane_of_red_of_green_of_blue() -> None:
    values = np.random.default_rng(4).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    frame = encode_frame(values, 8)
    planes = [bytes(residuals(values[..., channel], 256).ravel().tolist()) for channel in range(3)]
    assert gzip.decompress(frame) == bytes(range(256)) + b"".join(planes)
    back = decode_frame(pad_frame(frame, 1000), 5, 7, 8, 3)
    assert (back.dtype, back.shape) == (np.uint8, (5, 7, 3))
    assert (back == values).all()
    for rows, columns, channels in ((5, 7, 1), (7, 5, 1), (5, 6, 3)):
        with pytest.raises(FrameFormatError):
            decode_frame(frame, rows, columns, 8, channels)


@pytest.mark.parametrize("bits", [8, 12])
def test_a_frame_of_format_1_is_still_read(bits: int) -> None:
    values = greys((5, 7), bits)
    parts = (
        [residuals(values, 256)]
        if bits == 8
        else [residuals(values, 2**16) >> 8, residuals(values, 2**16) & 255]
    )
    payload = b"".join(bytes(part.ravel().tolist()) for part in parts)
    frame = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff\0" + gzip.compress(payload, mtime=0)[10:]
    assert (decode_frame(frame, 5, 7, bits) == values).all()


def test_the_curve_comes_back_and_is_as_long_as_the_depth_whatever_it_is() -> None:
    curve = np.random.default_rng(2).integers(0, 256, 4096).astype(np.uint8)
    frame = pad_frame(encode_frame(greys(), 12, curve), 9000)
    assert (decode_curve(frame, 12) == curve).all()
    for wrong in (curve[:-1], curve.astype(np.int64)):
        with pytest.raises(FrameFormatError, match="expected a curve of 4096"):
            encode_frame(greys(), 12, wrong)
    with pytest.raises(FrameFormatError):
        decode_curve(encode_frame(greys(bits=8), 8), 12)


def test_the_straight_curve_by_hand() -> None:
    assert straight(8).tolist() == list(range(256))
    assert straight(8, 10, 12)[9:14].tolist() == [0, 0, 128, 255, 255]  # 127.5 goes up
    assert straight(12, -4095, 4095)[[0, 4095]].tolist() == [128, 255]


def test_header_holds_no_time_no_name_no_system_and_only_a_comment_of_spaces() -> None:
    frame = pad_frame(encode_frame(greys(), 12), 3000)
    magic, method, flags, time, extra, system = struct.unpack("<HBBIBB", frame[:10])
    assert (magic, method, flags, time, extra, system) == (0x8B1F, 8, 0x10, 0, 0, 255)
    comment = frame[10 : frame.index(b"\0", 10)]
    assert comment == b" " * len(comment)
    assert comment


@pytest.mark.parametrize(
    ("pixels", "bits"),
    [
        (np.zeros((0, 4), np.uint16), 12),
        (np.zeros((2, 2, 4), np.uint8), 8),
        (np.zeros((2, 2, 3), np.uint8), 9),
        (np.zeros((2, 2, 3), np.uint16), 8),
        (np.zeros((2, 2), np.int16), 12),
        (np.zeros((2, 2), np.uint16), 17),
        (np.zeros((2, 2), np.uint8), 7),
        (np.full((2, 2), 4096, np.uint16), 12),
    ],
)
def test_what_is_no_image_is_refused(pixels: np.ndarray, bits: int) -> None:
    with pytest.raises(FrameFormatError, match="expected"):
        encode_frame(pixels, bits)


def test_padding_to_less_or_twice_is_refused() -> None:
    frame = encode_frame(greys(), 12)
    with pytest.raises(FrameFormatError, match="at least"):
        pad_frame(frame, len(frame) - 1)
    with pytest.raises(FrameFormatError, match="unpadded"):
        pad_frame(pad_frame(frame, len(frame) + 1), len(frame) + 2)


def test_damage_is_found() -> None:
    frame = encode_frame(greys((9, 14)), 12)
    middle = len(frame) // 2
    flipped = frame[:middle] + bytes([frame[middle] ^ 1]) + frame[middle + 1 :]
    for bad in (flipped, frame[:-1], frame + b"\0", b"PK" + frame[2:], frame[:20]):
        with pytest.raises(FrameFormatError):
            decode_frame(bad, 9, 14, 12)
    with pytest.raises(FrameFormatError):
        decode_frame(frame, 9, 13, 12)
