"""Pixels: PNG, JPEG and DICOM against OpenCV and against arithmetic by hand."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.sweep.data.pixels import read_pixels, resize_linear
from analysis.sweep.engines.backend import normalisation_table, normalised
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec
from tests.sweep.dicoms import write_dicom

SMALL = PreprocessSpec(size=32)


def noise(rows, columns, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns)).astype(np.uint8)


@given(
    rows=st.integers(1, 400), columns=st.integers(1, 400), size=st.integers(8, 300), seed=st.integers(0, 99)
)
@settings(max_examples=150, deadline=None)
def test_resize_equals_opencv(rows, columns, size, seed):
    image = noise(rows, columns, seed)
    wanted = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    assert (resize_linear(image, size) == wanted).all()


def test_the_published_size_equals_opencv():
    image = noise(1024, 1024)
    assert (resize_linear(image, 256) == cv2.resize(image, (256, 256))).all()


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_grey_files_equal_opencv_read_in_colour(tmp_path, ending):
    """The published study read grey files as colour; the grey cache must lose nothing."""
    path = tmp_path / f"image.{ending}"
    Image.fromarray(noise(50, 70)).save(path)
    colour = cv2.resize(cv2.imread(str(path)), (32, 32), interpolation=cv2.INTER_LINEAR)
    got = read_pixels(path, SMALL)
    assert not got.coloured
    for channel in range(3):
        assert (colour[..., channel] == got.square).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_grey_in_other_modes_keeps_its_values(tmp_path, mode):
    grey = Image.fromarray(noise(32, 32))
    grey.convert("RGB" if mode == "P" else mode).convert(mode).save(tmp_path / "image.png")
    got = read_pixels(tmp_path / "image.png", SMALL)
    wanted = np.asarray(grey) if mode != "P" else np.asarray(Image.open(tmp_path / "image.png").convert("L"))
    assert (got.square == wanted).all()
    assert not got.coloured or mode == "P"


def test_colour_is_noticed(tmp_path):
    Image.fromarray(np.dstack([noise(32, 32, s) for s in range(3)])).save(tmp_path / "image.png")
    assert read_pixels(tmp_path / "image.png", SMALL).coloured


def test_sixteen_bits_keep_the_high_byte(tmp_path):
    values = (noise(32, 32).astype(np.uint16) << 8) | 200
    Image.fromarray(values).save(tmp_path / "image.png")
    assert (read_pixels(tmp_path / "image.png", SMALL).square == values >> 8).all()


def test_antialias_is_a_choice(tmp_path):
    Image.fromarray(noise(64, 64)).save(tmp_path / "image.png")
    got = read_pixels(tmp_path / "image.png", PreprocessSpec(size=16, antialias=True)).square
    wanted = np.asarray(Image.open(tmp_path / "image.png").resize((16, 16), Image.Resampling.BILINEAR))
    assert (got == wanted).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_dicom_by_hand(tmp_path, photometric):
    stored = np.random.default_rng(0).integers(0, 4096, (32, 32)).astype(np.uint16)
    write_dicom(tmp_path / "image.dcm", stored, photometric, slope=2, intercept=-100)
    values = stored * 2.0 - 100
    if photometric == "MONOCHROME1":
        values = -values
    low, high = np.percentile(values, [0.5, 99.5])
    wanted = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)
    assert (read_pixels(tmp_path / "image.dcm", SMALL).square == wanted).all()


def test_dicom_window_is_a_choice(tmp_path):
    stored = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    write_dicom(tmp_path / "image.dcm", stored, "MONOCHROME2")
    got = read_pixels(tmp_path / "image.dcm", PreprocessSpec(size=32, window=(0.0, 100.0))).square
    assert (got == np.rint(stored / 1023 * 255)).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a", "PNG, JPEG or DICOM"),
        (b"", "PNG, JPEG or DICOM"),
        (b"\0" * 128 + b"DICM junk", "readable"),
    ],
)
def test_unreadable_files_are_named(tmp_path, content, words):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        read_pixels(tmp_path / "bad.png", SMALL)
    assert "bad.png" in str(error.value)


def test_cut_off_png_is_named(tmp_path):
    Image.fromarray(noise(200, 200)).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png: expected a readable image"):
        read_pixels(tmp_path / "cut.png", SMALL)


def test_blank_dicom_is_named(tmp_path):
    write_dicom(tmp_path / "blank.dcm", np.full((8, 8), 7, np.uint16), "MONOCHROME2")
    with pytest.raises(DataError, match=r"blank\.dcm: expected an image with contrast"):
        read_pixels(tmp_path / "blank.dcm", SMALL)


def test_normalisation_is_bit_equal_to_the_published_arithmetic():
    grey = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    colour = (grey.float() / 255).expand(3, 16, 16)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = (colour - mean[:, None, None]) / deviation[:, None, None]
    got = normalised(grey, normalisation_table())
    assert torch.equal(got[0], wanted)


def test_the_whole_image_squashed_boxed_or_cropped(tmp_path):
    tall = noise(48, 32)
    Image.fromarray(tall).save(tmp_path / "image.png")

    def grey(size, **choices):
        return read_pixels(tmp_path / "image.png", PreprocessSpec(size=size, **choices)).square

    assert (grey(32) == resize_linear(tall, 32)).all()
    boxed = grey(48, fit="letterbox")
    assert (boxed[:, 8:40] == tall).all()  # (48 - 32) / 2 = 8 black columns to either side
    assert boxed[:, :8].max() == boxed[:, 40:].max() == 0
    assert (grey(32, fit="crop") == tall[8:40]).all()
    assert (grey(16, fit="crop", crop=0.5) == tall[16:32, 8:24]).all()
    Image.fromarray(tall.T).save(tmp_path / "image.png")
    assert (grey(48, fit="letterbox")[8:40] == tall.T).all()
    assert (grey(16, fit="crop", crop=0.5) == tall.T[8:24, 16:32]).all()
