"""PNG and JPEG to grey values."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.picture.refusals import ImageRefusedError, Reason
from readerstudy.cases.window import WindowRule
from tests.cases.images import decode, greys, png, png_header


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def refused(data: bytes, folder: Path) -> Reason:
    with pytest.raises(ImageRefusedError) as caught:
        decode(data, folder)
    return caught.value.refusal.reason


def test_eight_bit_png_is_taken_as_it_is_with_its_full_range(tmp_path: Path) -> None:
    values = greys(bits=8) // 3
    image = decode(png(values), tmp_path)
    assert (image.pixels == values).all()
    assert (image.bits, image.window, image.spacing) == (8, (0, 255), None)
    assert decode(png(values), tmp_path, WindowRule.PERCENTILE).window[1] < 255


def test_sixteen_bit_png_keeps_its_depth(tmp_path: Path) -> None:
    values = greys((30, 40), bits=16)
    image = decode(png(values), tmp_path)
    assert image.pixels.dtype == np.uint16
    assert (image.pixels == values).all()
    assert image.bits == 16
    assert image.window == decode(png(values), tmp_path, WindowRule.PERCENTILE).window


def test_grey_jpeg_equals_pillow(tmp_path: Path) -> None:
    data = jpeg(Image.fromarray(greys((40, 60), 8)))
    assert (decode(data, tmp_path).pixels == np.asarray(Image.open(io.BytesIO(data)))).all()


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA"])
def test_grey_in_another_dress_is_taken(tmp_path: Path, mode: str) -> None:
    values = (greys(bits=8) // 128) * np.uint8(255)
    image = decode(png(np.asarray(Image.fromarray(values).convert(mode)), **{}), tmp_path)
    assert (image.pixels == values).all()


def test_palette_of_greys_is_taken(tmp_path: Path) -> None:
    values = greys(bits=8)
    buffer = io.BytesIO()
    Image.fromarray(values).convert("P").save(buffer, "PNG")
    assert (decode(buffer.getvalue(), tmp_path).pixels == values).all()


def test_one_coloured_pixel_is_refused(tmp_path: Path) -> None:
    values = np.repeat(greys(bits=8)[..., None], 3, axis=2)
    values[3, 3] = (10, 10, 11)
    assert refused(png(values), tmp_path) is Reason.COLOUR


def test_coloured_jpeg_and_cmyk_are_refused(tmp_path: Path) -> None:
    assert refused(jpeg(Image.new("RGB", (20, 20), (200, 10, 10))), tmp_path) is Reason.COLOUR
    assert refused(jpeg(Image.new("CMYK", (20, 20))), tmp_path) is Reason.COLOUR_SPACE


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_refused(tmp_path: Path, channels: int) -> None:
    values = np.full((6, 6, channels), 255, np.uint8)
    values[2, 2, -1] = 0
    assert refused(png(values), tmp_path) is Reason.TRANSPARENT


def test_deep_colour_is_refused_rather_than_cut_to_eight_bit(tmp_path: Path) -> None:
    assert refused(png_header(4, 4, depth=16, colour=2), tmp_path) is Reason.DEPTH
    assert refused(png_header(4, 4, depth=16, colour=4), tmp_path) is Reason.DEPTH


def test_orientation_is_applied_so_that_left_stays_left(tmp_path: Path) -> None:
    values = np.zeros((32, 48), np.uint8)
    values[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    image = decode(jpeg(Image.fromarray(values), exif=exif), tmp_path)
    assert image.pixels.shape == (48, 32)
    assert (image.pixels[:6] > 200).all()
    assert (image.pixels[10:] < 50).all()


def test_several_frames_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pages = [Image.fromarray(greys(bits=8, seed=seed)) for seed in range(3)]
    pages[0].save(buffer, "PNG", save_all=True, append_images=pages[1:])
    assert refused(buffer.getvalue(), tmp_path) is Reason.MULTI_FRAME


@pytest.mark.parametrize("size", [(60_000, 60_000), (10_001, 10_000), (2**31 - 1, 2**31 - 1)])
def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, size: tuple[int, int]) -> None:
    assert refused(png_header(*size), tmp_path) in {Reason.TOO_MANY_PIXELS, Reason.CORRUPT}
    assert Image.MAX_IMAGE_PIXELS != 100_000_000


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_file_is_refused(tmp_path: Path, share: float) -> None:
    for data in (png(greys((50, 60), 8)), jpeg(Image.fromarray(greys((50, 60), 8)))):
        reason = refused(data[: int(len(data) * share)], tmp_path)
        assert reason in {Reason.TRUNCATED, Reason.CORRUPT}


def test_flipped_byte_in_a_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(png(greys((50, 60), 8)))
    data[len(data) // 2] ^= 0x40
    assert refused(bytes(data), tmp_path) in {Reason.TRUNCATED, Reason.CORRUPT}


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + b"\0" * 300, b"GIF89a" + b"\0" * 300, b"\x1f\x8b\x08" + b"\0" * 300, b"x", b"\0" * 200,
     b"BM" + b"\0" * 200, b"II*\0" + b"\0" * 200],
)  # fmt: skip
def test_other_formats_are_refused(tmp_path: Path, data: bytes) -> None:
    assert refused(data, tmp_path) is Reason.UNKNOWN_FORMAT


def test_empty_and_too_large_files_are_refused(tmp_path: Path) -> None:
    assert refused(b"", tmp_path) is Reason.EMPTY
    large = tmp_path / "image"
    with large.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(64 * 2**20 + 1)
    from readerstudy.cases.decoder import decode_image

    with large.open("rb") as file, pytest.raises(ImageRefusedError) as caught:
        decode_image(file, WindowRule.FULL)
    assert caught.value.refusal.reason is Reason.FILE_TOO_LARGE
