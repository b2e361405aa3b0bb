"""PNG and JPEG: orientation against OpenCV, depth of 16-bit files, colours that are grey."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from analysis.picture import ImageRefusedError, Reason, read_picture
from analysis.picture.presentation import luminance


def written(values: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def grey(shape: tuple[int, int] = (24, 32), top: int = 256, kind: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(5).integers(0, top, shape).astype(kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_as_opencv_does(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image"
    path.write_bytes(written(grey(), kind, exif=exif))
    picture = read_picture(path.read_bytes())
    assert (picture.stored == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).all()
    assert any("orientation" in each for each in picture.decisions) == (orientation > 1)


@pytest.mark.parametrize("exif", [b"x", b"x" * 7, b"MM\0*\0\0\0\x08\0\x01\x01"])
def test_damaged_exif_turns_nothing_and_is_noted(exif: bytes) -> None:
    picture = read_picture(written(grey(), exif=exif))
    assert (picture.stored == grey()).all()
    assert picture.decisions == ("The EXIF data cannot be read, so no orientation is applied.",)


@pytest.mark.parametrize(
    ("highest", "bits"), [(255, 12), (4095, 12), (4096, 14), (16383, 14), (16384, 16), (65535, 16)]
)
def test_a_16_bit_png_is_of_the_least_depth_that_holds_its_values(highest: int, bits: int) -> None:
    values = grey(top=highest, kind=np.uint16)
    values[0, 0] = highest
    picture = read_picture(written(values))
    assert (picture.stored == values).all()
    assert (picture.bits, picture.ready) == (bits, False)
    assert any(str(2**bits - 1) in each for each in picture.decisions) == (bits < 16)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_equal_channels_are_grey(mode: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(grey()).convert(mode).save(buffer, "PNG")
    picture = read_picture(buffer.getvalue())
    assert not picture.coloured
    assert (picture.stored == grey()).all()


def test_one_coloured_pixel_keeps_the_colours_and_its_luminance_is_that_of_pillow() -> None:
    values = np.random.default_rng(1).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    picture = read_picture(written(values))
    assert picture.coloured
    assert (picture.stored == values).all()
    assert (luminance(picture).stored == np.asarray(Image.fromarray(values).convert("L"))).all()


@pytest.mark.parametrize("mode", ["CMYK"])
def test_colours_of_print_are_refused(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (9, 9)).save(buffer, "JPEG")
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(buffer.getvalue())
    assert caught.value.refusal.reason is Reason.COLOUR_SPACE
