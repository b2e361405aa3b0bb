"""Hostile DICOM files; each must be refused."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SMPTEST211020UncompressedProgressiveActiveVideo,
)

from tests.cases.images import dicom, greys
from tests.hostile.raster import CANARY, jpeg

REQUIRED = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "PixelData",
)  # fmt: skip


def files() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each file."""
    yield from _headers()
    yield from _containers()
    yield from _compressed()


def patient(**tags: object) -> bytes:
    """Write a DICOM file with a patient's name."""
    return dicom(greys((16, 12)), PatientName=CANARY, PatientID=CANARY, **tags)


def _headers() -> Iterator[tuple[str, bytes]]:
    for tag in REQUIRED:
        yield f"DICOM without {tag}", patient(drop=tag)
    lies = {
        "Rows": (0, 65_535, 17), "Columns": (0, 65_535, 13), "BitsAllocated": (0, 1, 12, 32, 64),
        "BitsStored": (0, 17, 255), "SamplesPerPixel": (0, 2, 3, 65_535), "PixelRepresentation": (2, 65_535),
        "NumberOfFrames": ("2", "100000", "-1", "1e9"), "HighBit": (3, 40),
        "PhotometricInterpretation": ("RGB", "YBR_FULL", "PALETTE COLOR", "HSV", "", CANARY),
        "RescaleSlope": ("0",),
    }  # fmt: skip
    for tag, values in lies.items():
        for value in values:
            more = {"RescaleIntercept": "0"} if tag == "RescaleSlope" else {}
            shown = "a patient's name" if value == CANARY else value
            with pydicom.config.disable_value_validation():
                yield f"DICOM with {tag} {shown!r}", patient(**{tag: value}, **more)
    yield "DICOM of 65,535 x 65,535", patient(Rows=65_535, Columns=65_535)
    over = dicom(np.full((9, 9), 4_095, np.uint16), bits=8)
    yield "DICOM with values beyond Bits Stored", over
    yield "DICOM of several frames in truth", dicom(np.concatenate([greys()] * 3), Rows=9, NumberOfFrames="3")
    descriptor = Dataset()
    descriptor.LUTDescriptor, descriptor.LUTData = [4, 0, 16], b"\0\0"
    descriptor["LUTData"].VR = "OW"
    yield "DICOM with a table shorter than it says", patient(ModalityLUTSequence=[descriptor])


def _containers() -> Iterator[tuple[str, bytes]]:
    whole = patient()
    for share in (0.3, 0.5, 0.8, 0.95, 0.995):
        yield f"DICOM cut at {share:.1%}", whole[: int(len(whole) * share)]
    yield "DICOM mark and nothing more", b"\0" * 128 + b"DICM"
    yield "DICOM mark and noise", b"\0" * 128 + b"DICM" + np.random.default_rng(4).bytes(3_000)
    for name, start in {
        "PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff\xe0", "program": b"\x7fELF", "zip": b"PK\3\4",
        "web page": b"<html><script>alert(1)</script>", "Windows program": b"MZ\x90\0", "PDF": b"%PDF-1.7",
    }.items():  # fmt: skip
        yield f"DICOM and {name} at once", start.ljust(128, b"\0") + whole[128:]
    meta = whole.index(b"\x02\x00\x10\x00UI")
    for syntax in ("1.2.3.4", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.100", "x" * 30, ""):
        body = syntax.encode().ljust(len(syntax) + len(syntax) % 2, b"\0")
        length = struct.unpack("<H", whole[meta + 6 : meta + 8])[0]
        changed = whole[: meta + 6] + struct.pack("<H", len(body)) + body + whole[meta + 8 + length :]
        yield f"DICOM of the transfer syntax {syntax or 'none'}", changed
    pixels = whole.rindex(b"\xe0\x7f\x10\x00")
    for size in (2**31, 2**32 - 2, 5):
        yield (
            f"DICOM with {size} bytes of pixels",
            whole[: pixels + 8] + struct.pack("<I", size) + whole[pixels + 12 :],
        )
    yield "DICOM whose last tag is 4 GB", whole[:pixels] + b"\x10\x00\x10\x00PN" + b"\xff\xff" + b"x" * 10
    yield "DICOM deflated, 1 GB of zeros", _deflated()
    yield "DICOM with sequences 3,000 deep", _deep(3_000)


def _deflated() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(b"\0" * 2**20) for _ in range(1_024)) + packer.flush()
    data = dicom(greys(), syntax=DeflatedExplicitVRLittleEndian)
    end = 132 + 12 + struct.unpack("<I", data[140:144])[0]
    return data[:end] + body


def _deep(depth: int) -> bytes:
    """Nest a private sequence in itself, with undefined lengths."""
    whole = patient()
    place = whole.rindex(b"\xe0\x7f\x10\x00")
    opened = b"\x09\x00\x10\x00SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return whole[:place] + opened * depth + whole[place:]


def _compressed() -> Iterator[tuple[str, bytes]]:
    square = jpeg(greys((16, 16), 8))
    yield "JPEG 2000 that never ends", endless()
    for name, syntax, data in (
        ("JPEG, empty fragment", JPEGBaseline8Bit, b""),
        ("JPEG, noise", JPEGBaseline8Bit, np.random.default_rng(5).bytes(900)),
        ("JPEG, cut", JPEGBaseline8Bit, square[: len(square) // 3]),
        ("JPEG of another size", JPEGBaseline8Bit, jpeg(greys((32, 24), 8))),
        ("JPEG, a PNG inside", JPEGBaseline8Bit, b"\x89PNG\r\n\x1a\n" + b"\0" * 90),
        ("12-bit JPEG", JPEGExtended12Bit, square[:20] + b"\xff\xd9"),
        ("JPEG Lossless", JPEGLosslessSV1, square.replace(b"\xff\xc0", b"\xff\xc3", 1)),
        ("JPEG-LS, noise", JPEGLSLossless, b"\xff\xd8\xff\xf7" + np.random.default_rng(6).bytes(400)),
        ("JPEG-LS of 65,535 x 65,535", JPEGLSLossless,
         b"\xff\xd8\xff\xf7\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xda"),
        ("JPEG 2000, noise", JPEG2000Lossless, b"\xff\x4f\xff\x51" + np.random.default_rng(7).bytes(600)),
        ("JPEG 2000, start only", JPEG2000Lossless, b"\xff\x4f\xff\x51\x00\x29"),
        ("RLE, no segment", RLELossless, b"\0" * 64),
        ("RLE, 15 segments", RLELossless, struct.pack("<16I", 15, *([64] * 15))),
        ("RLE, segments beyond the end", RLELossless, struct.pack("<16I", 1, 2**31, *([0] * 14))),
        ("RLE, header cut", RLELossless, b"\1\0"),
        ("video", SMPTEST211020UncompressedProgressiveActiveVideo, b"\0" * 99),
    ):  # fmt: skip
        yield f"DICOM with {name}", wrapped(data, syntax)


def wrapped(data: bytes, syntax: str) -> bytes:
    """Wrap compressed bytes, as they are, in a DICOM file of 16 x 16 pixels of 8 bit."""
    dataset = pydicom.dcmread(io.BytesIO(dicom(greys((16, 16), 8), bits=8, PatientName=CANARY)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([data or b"\0\0"])
    dataset["PixelData"].VR = "OB"
    return _saved(dataset)


def endless() -> bytes:
    """A JPEG 2000 box that says it is 0 bytes long: pydicom steps over it for ever."""
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small_jp2klossless.dcm", download=False)))
    image = next(generate_frames(dataset.PixelData, number_of_frames=1))
    boxes = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00\x00\x00\x00loop"
    dataset.PixelData = encapsulate([boxes + image])
    return _saved(dataset)


def _saved(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()
