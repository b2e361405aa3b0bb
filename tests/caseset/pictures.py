"""Small images of each format that hold canaries wherever a file can hold something besides pixels."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

CANARY = "Wanderfalke"
"""A word that must never reach a blind half."""

NATIVE = {"explicit": ExplicitVRLittleEndian, "implicit": ImplicitVRLittleEndian}
COMPRESSED = {"rle": RLELossless, "jpeg-ls": JPEGLSLossless}


def pixels(seed: int = 0, shape: tuple[int, int] = (13, 18), bits: int = 8) -> np.ndarray:
    """Draw random grey values of a given depth."""
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**bits, shape).astype(kind)


def png(values: np.ndarray, canary: str = CANARY) -> bytes:
    """Write a PNG with text, EXIF, a profile, a time and a tail."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", canary)
    info.add_itxt("Source", canary)
    exif = Image.Exif()
    exif[0x010E] = canary
    buffer = io.BytesIO()
    image = Image.fromarray(values)
    image.save(buffer, "PNG", pnginfo=info, exif=exif, icc_profile=canary.encode(), dpi=(72, 72))
    data = buffer.getvalue()
    time = b"tIME" + struct.pack(">HBBBBB", 2020, 1, 2, 3, 4, 5)
    chunk = struct.pack(">I", 7) + time + struct.pack(">I", zlib.crc32(time))
    return data[:33] + chunk + data[33:] + canary.encode()


def jpeg(values: np.ndarray, canary: str = CANARY, **options: object) -> bytes:
    """Write a JPEG with EXIF, a comment, a profile and a tail."""
    exif = Image.Exif()
    exif[0x010E] = canary
    buffer = io.BytesIO()
    Image.fromarray(values).save(
        buffer, "JPEG", exif=exif, comment=canary.encode(), icc_profile=canary.encode(), **options
    )
    return buffer.getvalue() + canary.encode()


def dicom(values: np.ndarray, kind: str = "explicit", bits: int = 12, canary: str = CANARY) -> bytes:
    """Write a DICOM file with a patient, private tags, a preamble and overlay bits."""
    dataset = _tags(values, bits, canary)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = NATIVE.get(kind, ExplicitVRLittleEndian)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.SourceApplicationEntityTitle = canary
    dataset.preamble = canary.encode().ljust(128, b"\0")
    if kind in COMPRESSED:
        dataset.compress(COMPRESSED[kind], values, generate_instance_uid=False)
    elif kind == "jpeg":
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([jpeg(values, canary)])
        dataset["PixelData"].VR = "OB"
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _tags(values: np.ndarray, bits: int, canary: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3.4.5.6.7"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3.5"
    dataset.PatientName, dataset.PatientID, dataset.StudyDescription = canary, canary, canary
    dataset.WindowCenterWidthExplanation, dataset.ImageComments = canary, canary
    private = dataset.private_block(0x0011, canary, create=True)
    private.add_new(1, "LO", canary)
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.PixelSpacing = ["0.168", "0.168"]
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", "1"
    dataset.PixelPaddingValue = 3
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [4, 0, 16], canary
    table.LUTData = np.array([0, 1, 2, 3], "<u2").tobytes()
    dataset.VOILUTSequence = [table]
    data = values.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if values.dtype.itemsize == 2 else "OB"
    return dataset


def write_png(path: Path, seed: int) -> None:
    """Write a small PNG full of canaries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(pixels(seed)))
