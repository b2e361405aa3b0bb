"""DICOM to grey values: pydicom's own files, and headers written for the purpose."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import examples
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_modality_lut

from analysis.picture.refusals import ImageRefusedError, Reason
from readerstudy.cases.decoder import decode_image
from readerstudy.cases.window import WindowRule
from tests.cases.images import BIG_ENDIAN, EXPLICIT, IMPLICIT, decode, dicom, greys, lut

READABLE = (
    "693_J2KI.dcm", "CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm", "image_dfl.dcm",
    "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm",
    "MR_small_expb.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "examples_overlay.dcm",
)  # fmt: skip
REFUSED = {
    "ExplVR_BigEnd.dcm": (Reason.COLOUR, ""),
    "ExplVR_BigEndNoMeta.dcm": (Reason.UNKNOWN_FORMAT, ""),
    "JPEG2000-embedded-sequence-delimiter.dcm": (Reason.TOO_MANY_PIXELS, ""),
    "MR_truncated.dcm": (Reason.TRUNCATED, ""),
    "SC_rgb_jpeg.dcm": (Reason.COLOUR, ""),
    "SC_rgb_jpeg_gdcm.dcm": (Reason.COLOUR, ""),
    "SC_rgb_rle_2frame.dcm": (Reason.MULTI_FRAME, ""),
    "UN_sequence.dcm": (Reason.MISSING_TAG, "PixelData"),
    "badVR.dcm": (Reason.INVALID_TAG, "NumberOfFrames"),
    "examples_palette.dcm": (Reason.COLOUR, ""),
    "liver_1frame.dcm": (Reason.DEPTH, ""),
    "meta_missing_tsyntax.dcm": (Reason.MISSING_TAG, "TransferSyntaxUID"),
    "no_meta.dcm": (Reason.UNKNOWN_FORMAT, ""),
    "nested_priv_SQ.dcm": (Reason.MISSING_TAG, "SamplesPerPixel"),
    "rtdose.dcm": (Reason.MULTI_FRAME, ""),
    "rtdose_1frame.dcm": (Reason.DEPTH, ""),
    "rtdose_rle.dcm": (Reason.MULTI_FRAME, ""),
    "rtplan_truncated.dcm": (Reason.MISSING_TAG, "PixelData"),
    "waveform_ecg.dcm": (Reason.MISSING_TAG, "PixelData"),
}


def bundled(name: str) -> str:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return str(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", READABLE)
def test_values_of_bundled_files_are_those_of_pydicom(name: str) -> None:
    with open(bundled(name), "rb") as file:
        image = decode_image(file, WindowRule.DICOM)
    dataset = pydicom.dcmread(bundled(name))
    stored = dataset.pixel_array.astype(int)
    low = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    assert image.bits == max(8, dataset.BitsStored)
    assert (image.pixels == stored - low).all()
    # The rescaled values of pydicom are one line in ours: nothing is lost and nothing is bent.
    rescaled = apply_modality_lut(dataset.pixel_array, dataset)
    slope = float(dataset.get("RescaleSlope", 1))
    intercept = float(dataset.get("RescaleIntercept", 0))
    assert (rescaled == (image.pixels.astype(float) + low) * slope + intercept).all()
    if "WindowCenter" in dataset:
        centre, width = (np.ravel(dataset[each].value)[0] for each in ("WindowCenter", "WindowWidth"))
        wanted = [centre - 0.5 + side * (width - 1) / 2 for side in (-1, 1)]
        assert [(limit + low) * slope + intercept for limit in image.window] == pytest.approx(wanted)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bundled_files_that_are_no_grey_single_image_are_refused_by_name(name: str) -> None:
    with open(bundled(name), "rb") as file, pytest.raises(ImageRefusedError) as caught:
        decode_image(file, WindowRule.DICOM)
    refusal = caught.value.refusal
    assert (refusal.reason, refusal.tag) == REFUSED[name]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_depth_and_byte_order(tmp_path: Path, syntax: str, bits: int) -> None:
    values = greys(bits=bits)
    image = decode(dicom(values, bits=bits, syntax=syntax), tmp_path)
    assert image.bits == bits
    assert image.pixels.dtype == values.dtype
    assert (image.pixels == values).all()


def test_monochrome1_is_inverted_and_its_window_with_it(tmp_path: Path) -> None:
    values = greys(bits=12)
    tags = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": "1000", "WindowWidth": "401"}
    image = decode(dicom(values, **tags), tmp_path)
    assert (image.pixels == 4095 - values).all()
    assert image.window == (2895.5, 3295.5)  # 4095 - (999.5 ± 200)


def test_signed_values_are_shifted_and_sign_bits_may_be_missing(tmp_path: Path) -> None:
    values = np.array([[-2048, -1, 0, 2047]], np.int16)
    window = {"WindowCenter": "0.5", "WindowWidth": "101", "RescaleIntercept": "0", "RescaleSlope": "1"}
    image = decode(dicom(values, **window), tmp_path)
    assert image.pixels.tolist() == [[0, 2047, 2048, 4095]]
    assert image.window == (1998, 2098)  # 2048 ± 50
    unextended = (values & 0xFFF).astype(np.int16)
    assert (decode(dicom(unextended), tmp_path).pixels == image.pixels).all()


@pytest.mark.parametrize(
    ("slope", "intercept"), [("2", "-100"), ("0.1", "3.7"), ("-1", "4095"), ("-0.5", "0")]
)
def test_linear_rescale_is_kept_exactly_by_the_window(tmp_path: Path, slope: str, intercept: str) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    rescaled = values * float(slope) + float(intercept)
    centre, width = rescaled.mean(), np.ptp(rescaled) / 2
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept, "VOILUTFunction": "LINEAR_EXACT"}
    image = decode(dicom(values, WindowCenter=f"{centre:.6f}", WindowWidth=f"{width:.6f}", **tags), tmp_path)
    shown = np.clip((image.pixels - float(image.window[0])) / np.ptp(image.window), 0, 1)
    wanted = np.clip((rescaled - (centre - width / 2)) / width, 0, 1)
    assert np.unique(image.pixels).size == 4096
    assert np.abs(shown - wanted).max() < 1e-9


def test_modality_table_is_applied_to_signed_values(tmp_path: Path) -> None:
    values = np.array([[-3, -2, 0, 5]], np.int16)
    table = lut([0, 100, 200, 1023], first=-2, bits=10)
    image = decode(dicom(values, ModalityLUTSequence=table, WindowCenter="500", WindowWidth="200"), tmp_path)
    assert image.pixels.tolist() == [[0, 0, 200, 1023]]
    assert (image.bits, image.window) == (10, (400, 599))
    assert image.curve[[400, 499, 500, 599]].tolist() == [0, 127, 128, 255]


def test_broken_modality_table_is_refused(tmp_path: Path) -> None:
    table = lut([0, 100, 200])
    table[0].LUTDescriptor = [30, 0, 16]
    with pytest.raises(ImageRefusedError) as caught:
        decode(dicom(greys(), ModalityLUTSequence=table), tmp_path)
    assert caught.value.refusal.tag == "ModalityLUTSequence"


def test_voi_table_gives_the_range_in_which_it_rises(tmp_path: Path) -> None:
    rising = [0] * 50 + list(range(1, 101)) + [101] * 50
    assert decode(dicom(greys(), VOILUTSequence=lut(rising, first=1000)), tmp_path).window == (1049, 1150)
    falling = decode(dicom(greys(), VOILUTSequence=lut(rising[::-1])), tmp_path)
    assert (falling.pixels == 4095 - greys()).all()  # turned round, so that larger is brighter
    assert falling.window == (4095 - 150, 4095 - 49)


def test_first_of_several_windows_counts_and_a_broken_one_falls_back(tmp_path: Path) -> None:
    several = decode(dicom(greys(), WindowCenter=["101", "5"], WindowWidth=["101", "9"]), tmp_path)
    assert several.window == (50.5, 150.5)
    fallback = decode(dicom(greys()), tmp_path, WindowRule.PERCENTILE).window
    for centre, width in (("100", "0"), ("100", "-4"), ("1e30", "10")):
        assert decode(dicom(greys(), WindowCenter=centre, WindowWidth=width), tmp_path).window == fallback


def test_padding_takes_no_part_in_percentiles(tmp_path: Path) -> None:
    values = np.full((40, 40), 4000, np.uint16)
    values[:20] = np.arange(800).reshape(20, 40)
    low, high = decode(dicom(values, PixelPaddingValue=4000), tmp_path).window
    assert (low, high) == pytest.approx((3.995, 795.005))  # of 0 to 799, not rounded


def test_spacing_is_that_of_the_pixels_then_of_the_detector(tmp_path: Path) -> None:
    both = {"PixelSpacing": ["0.2", "0.3"], "ImagerPixelSpacing": ["0.4", "0.5"]}
    assert decode(dicom(greys(), **both), tmp_path).spacing == (0.2, 0.3)
    del both["PixelSpacing"]
    assert decode(dicom(greys(), **both), tmp_path).spacing == (0.4, 0.5)
    for senseless in (["0", "0.2"], ["-1", "-1"], ["500", "500"]):
        assert decode(dicom(greys(), PixelSpacing=senseless), tmp_path).spacing is None
    assert decode(dicom(greys()), tmp_path).spacing is None


@pytest.mark.parametrize(
    "tag",
    ["Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel",
     "PhotometricInterpretation", "PixelData"],
)  # fmt: skip
def test_missing_tag_is_named(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ImageRefusedError, match=f"absent: {tag}") as caught:
        decode(dicom(greys(), drop=tag), tmp_path)
    assert caught.value.refusal.reason is Reason.MISSING_TAG


@pytest.mark.parametrize(
    ("tags", "reason", "tag"),
    [
        ({"NumberOfFrames": 2}, Reason.MULTI_FRAME, ""),
        ({"SamplesPerPixel": 3}, Reason.COLOUR_SPACE, ""),
        ({"PhotometricInterpretation": "RGB"}, Reason.COLOUR_SPACE, ""),
        ({"BitsStored": 17}, Reason.INVALID_TAG, "BitsStored"),
        ({"BitsAllocated": 32}, Reason.DEPTH, ""),
        ({"BitsAllocated": 12}, Reason.DEPTH, ""),
        ({"HighBit": 15}, Reason.INVALID_TAG, "HighBit"),
        ({"PixelRepresentation": 2}, Reason.INVALID_TAG, "PixelRepresentation"),
        ({"Rows": 0}, Reason.INVALID_TAG, "Rows"),
        ({"Rows": 10_001, "Columns": 10_000}, Reason.TOO_MANY_PIXELS, ""),
        ({"Rows": 10}, Reason.TRUNCATED, ""),
        ({"RescaleSlope": "0", "RescaleIntercept": "1"}, Reason.INVALID_TAG, "RescaleSlope"),
        ({"BitsStored": 11, "HighBit": 10}, Reason.DEPTH_EXCEEDED, ""),
    ],
)
def test_lying_header_is_refused_by_name(tmp_path: Path, tags: dict, reason: Reason, tag: str) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        decode(dicom(greys((9, 14)), **tags), tmp_path)
    assert (caught.value.refusal.reason, caught.value.refusal.tag) == (reason, tag)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_compressed_image_of_another_size_than_the_header_is_refused(tmp_path: Path, name: str) -> None:
    dataset = pydicom.dcmread(bundled(name))
    dataset.Rows, dataset.Columns = 32, 128  # as many pixels: it would decode to a scrambled picture
    dataset.save_as(tmp_path / "lying.dcm")
    with pytest.raises(ImageRefusedError) as caught:
        decode((tmp_path / "lying.dcm").read_bytes(), tmp_path)
    assert caught.value.refusal.reason is Reason.LYING_HEADER


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm"]
)
def test_cut_file_is_refused_wherever_its_pixels_are_cut(tmp_path: Path, name: str) -> None:
    data = Path(bundled(name)).read_bytes()
    pixels = pydicom.dcmread(bundled(name)).PixelData
    end = data.rindex(pixels[-20:]) + 20
    for cut in (140, 500, end // 2, end - 100, end - 2):
        with pytest.raises(ImageRefusedError):
            decode(data[:cut], tmp_path)


def test_another_syntax_is_refused(tmp_path: Path) -> None:
    data = dicom(greys()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    with pytest.raises(ImageRefusedError) as caught:
        decode(data, tmp_path)
    assert caught.value.refusal.reason is Reason.TRANSFER_SYNTAX


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"%PDF-1.7", b"\xff\xd8\xff"])
def test_dicom_that_is_another_format_too_is_refused(tmp_path: Path, start: bytes) -> None:
    data = dicom(greys())
    with pytest.raises(ImageRefusedError) as caught:
        decode(start + data[len(start) :], tmp_path)
    assert caught.value.refusal.reason is Reason.TWO_FORMATS


def test_pydicom_is_left_as_it_was(tmp_path: Path) -> None:
    before = pydicom.config.settings.reading_validation_mode
    decode(dicom(greys()), tmp_path)
    assert pydicom.config.settings.reading_validation_mode == before
    assert examples.ct.Rows == 128


@pytest.mark.parametrize("length", [2**31, 2**32 - 2, 9 * 14 * 2 + 2])
def test_pixels_that_say_they_are_longer_than_the_file_are_cut_off(tmp_path: Path, length: int) -> None:
    data = dicom(greys((9, 14)))
    place = data.rindex(b"\xe0\x7f\x10\x00") + 8
    with pytest.raises(ImageRefusedError) as caught:
        decode(data[:place] + length.to_bytes(4, "little") + data[place + 4 :], tmp_path)
    assert caught.value.refusal.reason is Reason.TRUNCATED
