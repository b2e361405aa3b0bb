import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from analysis.caseset import CaseSetError
from analysis.caseset.dicom import clean_dicom
from analysis.caseset.j2k import clean_j2k
from tests.caseset.pictures import CANARY, dicom, pixels

CASE = "0123456789abcdef0123456789abcdef"
ALLOWED = {
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SamplesPerPixel",
    "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelSpacing", "PixelPaddingValue", "WindowCenter", "WindowWidth",
    "RescaleIntercept", "RescaleSlope", "VOILUTSequence", "PixelData",
}  # fmt: skip


def clean(data: bytes, folder: Path):
    path = folder / "source.dcm"
    path.write_bytes(data)
    return clean_dicom(path, data, CASE)


@pytest.mark.parametrize(
    ("kind", "bits"), [("explicit", 12), ("implicit", 12), ("rle", 12), ("jpeg-ls", 12), ("jpeg", 8)]
)
def test_display_tags_stay_and_everything_else_goes(kind: str, bits: int, tmp_path: Path) -> None:
    source = dicom(pixels(bits=bits), kind, bits)
    cleaned = clean(source, tmp_path)
    before, after = dcmread(io.BytesIO(source)), dcmread(io.BytesIO(cleaned.data))
    assert (after.pixel_array == before.pixel_array).all()
    assert {element.keyword for element in after} == ALLOWED
    for name in ("PixelSpacing", "WindowCenter", "RescaleSlope", "PhotometricInterpretation"):
        assert after[name].value == before[name].value
    assert after.VOILUTSequence[0].LUTData == np.array([0, 1, 2, 3], "<u2").tobytes()
    assert CANARY.encode() not in cleaned.data
    assert b"1.2.3.4" not in cleaned.data
    assert after.SOPInstanceUID == f"2.25.{int(CASE, 16)}"
    assert (cleaned.rows, cleaned.columns, cleaned.bits) == (13, 18, bits)


def test_the_same_pixels_and_case_give_the_same_bytes_whoever_the_patient_is(tmp_path: Path) -> None:
    one = clean(dicom(pixels(bits=12), canary="Turmfalke"), tmp_path)
    two = clean(dicom(pixels(bits=12), canary="Baumfalke"), tmp_path)
    assert one.data == two.data


def test_overlay_bits_above_the_stored_ones_are_cleared(tmp_path: Path) -> None:
    values = pixels(bits=12)
    cleaned = clean(dicom(values | 0xA000), tmp_path)
    stored = np.frombuffer(dcmread(io.BytesIO(cleaned.data)).PixelData, "<u2").reshape(values.shape)
    assert (stored == values).all()


def test_signed_pixels_keep_their_sign(tmp_path: Path) -> None:
    dataset = dcmread(io.BytesIO(dicom(pixels(bits=12))))
    values = np.array([[-2048, -1], [0, 2047]], dtype="<i2")
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 2, 2, 1
    dataset.PixelData = values.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    after = dcmread(io.BytesIO(clean(buffer.getvalue(), tmp_path).data))
    assert (after.pixel_array == values).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NumberOfFrames": 2}, "one frame"),
        ({"PhotometricInterpretation": "RGB"}, "one grey sample"),
        ({"BitsStored": 10}, "high bit 11"),
        ({"Rows": 99}, "bytes of pixels"),
        ({"Rows": 0}, "pixels"),
        ({"Columns": None}, "missing: Columns"),
    ],
)
def test_what_cannot_be_read_as_one_grey_image_is_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    dataset = dcmread(io.BytesIO(dicom(pixels(bits=12))))
    for name, value in change.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(CaseSetError, match=message):
        clean(buffer.getvalue(), tmp_path)


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    dataset = dcmread(io.BytesIO(dicom(pixels(bits=12))))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(CaseSetError, match="neither deflated nor big endian"):
        clean(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize("length", [140, 200, 500])
def test_a_file_cut_off_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(CaseSetError, match="source"):
        clean(dicom(pixels(bits=12))[:length], tmp_path)


def jpeg2000(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(
        buffer, "JPEG2000", no_jp2=True, comment=CANARY, tile_size=(32, 32), irreversible=False
    )
    return buffer.getvalue()


def test_jpeg_2000_loses_its_comment_and_tail_only() -> None:
    values = pixels(shape=(70, 50))
    data = jpeg2000(values)
    cleaned = clean_j2k(data + CANARY.encode(), "x")
    assert CANARY.encode() in data
    assert CANARY.encode() not in cleaned
    assert (np.asarray(Image.open(io.BytesIO(cleaned))) == values).all()


def test_a_comment_in_a_tile_part_goes_too() -> None:
    values = pixels(shape=(20, 20))
    data = jpeg2000(values)
    start = data.index(b"\xff\x90")
    length = int.from_bytes(data[start + 6 : start + 10])
    comment = b"\xff\x64" + (4 + len(CANARY)).to_bytes(2) + b"\0\1" + CANARY.encode()
    longer = (length + len(comment)).to_bytes(4)
    hidden = data[: start + 6] + longer + data[start + 10 : start + 12] + comment + data[start + 12 :]
    assert (np.asarray(Image.open(io.BytesIO(hidden))) == values).all()
    assert clean_j2k(hidden, "x") == clean_j2k(data, "x")


@pytest.mark.parametrize("length", [2, 40, 120, -2])
def test_a_jpeg_2000_stream_cut_off_is_refused(length: int) -> None:
    with pytest.raises(CaseSetError, match="JPEG 2000"):
        clean_j2k(jpeg2000(pixels(shape=(40, 40)))[:length], "x")


def test_jpeg_2000_inside_dicom(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    values = pixels()
    dataset = dcmread(io.BytesIO(dicom(values, bits=8)))
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([jpeg2000(values)])
    dataset["PixelData"].VR = "OB"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    cleaned = clean(buffer.getvalue(), tmp_path)
    assert (dcmread(io.BytesIO(cleaned.data)).pixel_array == values).all()
    assert CANARY.encode() not in cleaned.data
