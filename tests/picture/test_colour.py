"""Colours become sRGB, or are refused in words."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless

from analysis.picture import ImageRefusedError, Reason, read_picture
from analysis.picture.colour import srgb, write_colour
from analysis.picture.custody import tint
from tests.cases.images import dicom
from tests.picture.drawn import chest, dicom_colours


def _wide() -> bytes:
    """Make a profile with red and green exchanged: the columns of its matrix change places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(data[128:132]), 12)}
    red, green = table[b"rXYZ"], table[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


WIDE = _wide()
COLOURS = np.random.default_rng(8).integers(0, 256, (12, 14, 3)).astype(np.uint8)


def png(values: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG", **options)
    return stream.getvalue()


def ycbcr(colours: np.ndarray) -> np.ndarray:
    """Return the components of JPEG's full range, by the formula of PS3.3 C.7.6.3.1.2."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    return np.clip(np.rint(colours @ matrix.T + (0, 128, 128)), 0, 255).astype(np.uint8)


def test_a_profile_is_applied_and_that_of_srgb_changes_nothing() -> None:
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (srgb(read_picture(png(COLOURS, icc_profile=same))) == COLOURS).all()
    assert (srgb(read_picture(png(COLOURS))) == COLOURS).all()
    made = srgb(read_picture(png(COLOURS, icc_profile=WIDE))).astype(int)
    assert np.abs(made - COLOURS[..., [1, 0, 2]]).max() <= 1
    stream = io.BytesIO()
    Image.fromarray(COLOURS).save(stream, "JPEG", quality=95, icc_profile=WIDE)
    plain = np.asarray(Image.open(stream).convert("RGB")).astype(int)
    assert np.abs(srgb(read_picture(stream.getvalue())) - plain[..., [1, 0, 2]]).max() <= 1
    tagged = read_picture(dicom_colours(COLOURS, ICCProfile=WIDE))
    assert np.abs(srgb(tagged) - COLOURS[..., [1, 0, 2]].astype(int)).max() <= 1


def test_a_profile_on_grey_is_left_and_one_of_another_space_is_refused() -> None:
    equal = np.repeat(COLOURS[..., :1], 3, axis=2)
    picture = read_picture(png(equal, icc_profile=WIDE))
    assert not picture.coloured
    assert (picture.stored == equal[..., 0]).all()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"torn"):
        with pytest.raises(ImageRefusedError) as caught:
            srgb(read_picture(png(COLOURS, icc_profile=profile)))
        assert caught.value.refusal.reason is Reason.COLOUR_SPACE


def halved(components: np.ndarray) -> bytes:
    """Store YBR_FULL_422: of each pair of pixels both brightnesses, then the colour of the first."""
    left, right = components[:, ::2], components[:, 1::2]
    return np.stack([left[..., 0], right[..., 0], left[..., 1], left[..., 2]], axis=2).tobytes()


def test_ybr_full_422_without_compression() -> None:
    paired = np.repeat(COLOURS[:, ::2], 2, axis=1)
    dataset = dcmread(io.BytesIO(dicom_colours(paired, "YBR_FULL_422")))
    dataset.PixelData = halved(ycbcr(paired))
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert np.abs(read_picture(stream.getvalue()).stored.astype(int) - paired).max() <= 2
    dataset.PixelData = dataset.PixelData[:-8]
    stream = io.BytesIO()
    dataset.save_as(stream)
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(stream.getvalue())
    assert caught.value.refusal.reason is Reason.TRUNCATED


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_components_of_codecs_that_leave_them_are_converted(syntax: str) -> None:
    encode = {
        JPEGLSLossless: imagecodecs.jpegls_encode,
        JPEG2000Lossless: lambda values: imagecodecs.jpeg2k_encode(
            values, level=0, reversible=True, mct=False, codecformat="j2k"
        ),
        JPEGLosslessSV1: lambda values: imagecodecs.jpeg8_encode(values, lossless=True),
    }[syntax]
    dataset = dcmread(io.BytesIO(dicom_colours(COLOURS, "YBR_FULL")))
    dataset.PixelData = encapsulate([encode(ycbcr(COLOURS))])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert np.abs(read_picture(stream.getvalue()).stored.astype(int) - COLOURS).max() <= 2


def test_what_is_written_is_red_green_and_blue_and_nothing_else() -> None:
    data = write_colour(read_picture(png(COLOURS, icc_profile=WIDE, dpi=(72, 72))))
    chunks, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append(data[at + 4 : at + 8])
        at += 12 + length
    assert sorted(set(chunks)) == [b"IDAT", b"IEND", b"IHDR"]
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        assert np.abs(np.asarray(image).astype(int) - COLOURS[..., [1, 0, 2]]).max() <= 1
    with Image.open(io.BytesIO(write_colour(read_picture(png(COLOURS[..., 0]))))) as image:
        assert (np.asarray(image) == COLOURS[..., :1]).all()
    with pytest.raises(ImageRefusedError) as caught:
        write_colour(read_picture(dicom(chest())))
    assert caught.value.refusal.reason is Reason.GREY


def test_tint_tells_colours_apart_and_not_brightness() -> None:
    strong = np.clip(COLOURS // 2 + np.array([90, 10, 40]), 0, 255).astype(np.uint8)
    own = tint(strong, 64)
    assert own @ own == pytest.approx(1)
    assert own @ tint((strong * 0.6).astype(np.uint8), 64) > 0.97
    assert own @ tint(strong[..., ::-1].copy(), 64) < 0.88
    assert own @ tint(np.repeat(strong[..., 1:2], 3, axis=2), 64) < 0.5
    pale = np.repeat(COLOURS[..., :1] // 2, 3, axis=2)
    noisy = (pale + np.random.default_rng(1).integers(0, 3, pale.shape)).astype(np.uint8)
    assert tint(pale, 64) @ tint(noisy, 64) > 0.95
