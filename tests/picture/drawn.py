"""Files of every kind, drawn for the tests: what a hospital or a data set may hold."""

import io
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.cases.images import BIG_ENDIAN, IMPLICIT, dicom, lut

SHAPE = (48, 40)
WINDOW = {"WindowCenter": "2000", "WindowWidth": "1500"}


def chest(bits: int = 12) -> np.ndarray:
    """Draw a smooth picture with noise over most of the depth, rows x columns."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    wave = np.sin(x / 7) * np.cos(y / 9) * 0.4 + 0.5 + np.random.default_rng(bits).normal(0, 0.02, SHAPE)
    return np.clip(wave * (2**bits - 1), 0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)


def smooth_table(bits: int = 12, top: int = 12) -> list[int]:
    """Draw a table that rises like an S, as a manufacturer's."""
    x = np.linspace(-4, 4, 2**bits)
    return np.rint((2**top - 1) / (1 + np.exp(-x))).astype(int).tolist()


def raster(values: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """Write a PNG or a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def deflated(data: bytes) -> bytes:
    """Deflate the data set of an explicit little-endian file."""
    dataset = dcmread(io.BytesIO(data))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each."""
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "8-bit PNG", raster(chest(8))
    yield "PNG, three equal channels", raster(np.repeat(chest(8)[..., None], 3, axis=2))
    yield "16-bit PNG", raster(chest(16))
    yield "12 bit in a 16-bit PNG", raster(chest(12))
    yield "JPEG", raster(chest(8), "JPEG", quality=95)
    yield "JPEG, turned by EXIF", raster(chest(8), "JPEG", exif=exif)
    yield from _headers()
    yield from _tables()


def _headers() -> Iterator[tuple[str, bytes]]:
    values = chest()
    padded = values.copy()
    padded[:6] = 4095
    for bits in (8, 10, 14, 16):
        yield f"DICOM of {bits} bit", dicom(chest(bits), bits=bits)
    for name, syntax in (("implicit", IMPLICIT), ("big endian", BIG_ENDIAN)):
        yield f"DICOM, {name}", dicom(values, syntax=syntax, **WINDOW)
    yield "DICOM, deflated", deflated(dicom(values, **WINDOW))
    yield "DICOM, window", dicom(values, **WINDOW)
    yield "DICOM, narrow window", dicom(chest(8), bits=8, WindowCenter="30000", WindowWidth="2000",
                                       RescaleSlope="257", RescaleIntercept="0")  # fmt: skip
    yield "DICOM, exact window", dicom(values, **WINDOW, VOILUTFunction="LINEAR_EXACT")
    yield "DICOM, sigmoid", dicom(values, **WINDOW, VOILUTFunction="SIGMOID")
    yield "DICOM, two windows", dicom(values, WindowCenter=["1000", "2000"], WindowWidth=["300", "4000"])
    yield "DICOM, MONOCHROME1", dicom(values, PhotometricInterpretation="MONOCHROME1", **WINDOW)
    yield "DICOM, shape INVERSE", dicom(values, PresentationLUTShape="INVERSE", **WINDOW)
    yield "DICOM, falling slope", dicom(values, RescaleSlope="-0.5", RescaleIntercept="100", WindowCenter="-900",
                                       WindowWidth="800")  # fmt: skip
    yield "DICOM, signed", dicom((values.astype(int) - 2048).astype(np.int16), RescaleSlope="2.5",
                                RescaleIntercept="-30", WindowCenter="0", WindowWidth="5000")  # fmt: skip
    yield "DICOM, padding", dicom(padded, PixelPaddingValue=4095)
    yield "DICOM, range of padding", dicom(padded, PixelPaddingValue=4000, PixelPaddingRangeLimit=4095)
    yield (
        "DICOM, padding of MONOCHROME1",
        dicom(padded, PixelPaddingValue=4095, PhotometricInterpretation="MONOCHROME1"),
    )
    yield "DICOM, high bit 15", dicom(values << 4, HighBit=15, **WINDOW)
    yield "DICOM, overlay bits", dicom(values | ((padded == 4095).astype(np.uint16) << 14), **WINDOW)
    yield "DICOM, empty rescale", dicom(values, RescaleSlope=None, RescaleIntercept=None, **WINDOW)
    yield "DICOM, equal colours", dicom_colours(np.repeat(chest(8)[..., None], 3, axis=2))


def _tables() -> Iterator[tuple[str, bytes]]:
    values = chest()
    table = smooth_table()
    yield "DICOM, VOI LUT", dicom(values, VOILUTSequence=lut(table, bits=12), **WINDOW)
    yield (
        "DICOM, VOI LUT of MONOCHROME1",
        dicom(values, VOILUTSequence=lut(table, bits=12), PhotometricInterpretation="MONOCHROME1"),
    )
    yield "DICOM, VOI LUT that falls", dicom(values, VOILUTSequence=lut(table[::-1], bits=12))
    yield "DICOM, short VOI LUT", dicom(values, VOILUTSequence=lut(smooth_table(8, 8), first=1500, bits=8))
    yield "DICOM, Modality LUT", dicom(values, ModalityLUTSequence=lut(table, bits=12), **WINDOW)
    yield (
        "DICOM, both tables",
        dicom(
            values, ModalityLUTSequence=lut(table, bits=12), VOILUTSequence=lut(smooth_table(12, 8), bits=8)
        ),
    )
    for name in ("ModalityLUTSequence", "VOILUTSequence"):
        yield f"DICOM, empty item of {name}", dicom(values, **{name: [Dataset()]}, **WINDOW)


def dicom_colours(values: np.ndarray, photometric: str = "RGB", planar: int = 0, **tags: Any) -> bytes:
    """Write rows x columns x 3 of uint8."""
    laid = np.moveaxis(values, 2, 0) if planar else values
    usual = {"SamplesPerPixel": 3, "PhotometricInterpretation": photometric, "PlanarConfiguration": planar}
    size = {"Rows": values.shape[0], "Columns": values.shape[1]}
    return dicom(np.ascontiguousarray(laid).reshape(-1, values.shape[1]), bits=8, **(usual | size | tags))


def bomb(size: int) -> bytes:
    """Write a deflated file whose data set unpacks to `size` bytes of nothing."""
    whole = deflated(dicom(chest()))
    end = 132 + 12 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    step = 2**20
    return whole[:end] + b"".join(packer.compress(bytes(step)) for _ in range(size // step)) + packer.flush()
