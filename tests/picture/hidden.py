"""Files with a word in every place where a format can hold something that is no pixel."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from tests.cases.images import dicom, lut
from tests.caseset import pictures
from tests.hostile.raster import chunk
from tests.picture.drawn import chest, raster, smooth_table

CANARY = pictures.CANARY
BYTES = CANARY.encode()
WIDE = CANARY.encode("utf-16-le")
END = b"\xff\xd9"
REFUSED = {"DICOM, RLE: behind a segment", "DICOM, RLE: before a segment"}
"""What the decoder takes for damage."""


def files() -> Iterator[tuple[str, bytes]]:
    """Yield the place of the word, and a file that can be read all the same, but for `REFUSED`."""
    yield from _png()
    yield from _jpeg()
    yield from _headers()
    yield from _tables()
    yield from _compressed()


def _png() -> Iterator[tuple[str, bytes]]:
    yield "PNG: text, EXIF, profile, time, tail", pictures.png(chest(8))
    yield "PNG of 16 bit: the same", pictures.png(chest(16))
    plain = raster(chest(8))
    head, rest = plain[:33], plain[33:]
    for name in (b"tEXt", b"zTXt", b"iTXt", b"prVt"):
        body = b"k\0\0" + zlib.compress(BYTES) if name == b"zTXt" else b"k\0" + BYTES
        body = b"k\0\0\0\0\0" + BYTES if name == b"iTXt" else body
        yield f"PNG: {name.decode()}", head + chunk(name, body) + rest
        yield f"PNG: {name.decode()} behind the pixels", plain[:-12] + chunk(name, body) + plain[-12:]
    yield "PNG: profile", head + chunk(b"iCCP", b"k\0\0" + zlib.compress(BYTES)) + rest
    packed = rest[8 : 8 + int.from_bytes(rest[:4])]
    yield "PNG: behind the compressed pixels", head + chunk(b"IDAT", packed + BYTES) + plain[-12:]
    palette = Image.fromarray(chest(8) // 16).convert("L").convert("P")
    palette.putpalette([each for grey in range(240) for each in (grey, grey, grey)] + list((BYTES * 9)[:48]))
    buffer = io.BytesIO()
    palette.save(buffer, "PNG")
    yield "PNG: entries of a palette that are not used", buffer.getvalue()


def _jpeg() -> Iterator[tuple[str, bytes]]:
    yield "JPEG: EXIF, comment, profile, tail", pictures.jpeg(chest(8))
    plain = raster(chest(8), "JPEG", quality=90)
    yield "JPEG: behind the scan", plain[:-2] + BYTES + END
    for marker in (0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xEF, 0xFE):
        segment = bytes((0xFF, marker)) + struct.pack(">H", len(BYTES) + 2) + BYTES
        yield f"JPEG: segment {marker:02X}", plain[:2] + segment + plain[2:]
        yield f"JPEG: segment {marker:02X} before the end", plain[:-2] + segment + END
    yield "JPEG: behind the end", plain + WIDE


def _headers() -> Iterator[tuple[str, bytes]]:
    values = chest()
    for kind in ("explicit", "implicit", "rle", "jpeg-ls"):
        yield f"DICOM, {kind}: preamble, patient, private, explanations", pictures.dicom(values, kind)
    yield "DICOM, jpeg: the same and within the frame", pictures.dicom(chest(8), "jpeg", 8)
    for name, text in (("bytes", BYTES), ("wide", WIDE)):
        yield (
            f"DICOM: behind the pixels, {name}",
            _with(dicom(values), PixelData=values.tobytes() + text + text),
        )
    yield "DICOM: an element behind the pixels", _with(dicom(values), DataSetTrailingPadding=WIDE)
    yield (
        "DICOM: behind the data set",
        dicom(values) + b"\xfc\xff\xfc\xff" + b"OB\0\0" + struct.pack("<I", 22) + WIDE,
    )
    yield "DICOM: overlay", _with(dicom(values), OverlayData=BYTES * 8 + b" " * (len(BYTES) % 2))
    yield (
        "DICOM: words beside the pixels",
        dicom(
            values, ProtocolName=CANARY, DerivationDescription=CANARY, ICCProfile=BYTES + b" ",
            WindowCenter=["2000", "900"], WindowWidth=["1500", "90"], IconImageSequence=[Dataset()],
            WindowCenterWidthExplanation=[CANARY, CANARY],
        ),
    )  # fmt: skip


def _tables() -> Iterator[tuple[str, bytes]]:
    values = chest()
    words = np.frombuffer(WIDE, "<u2").tolist()
    table = smooth_table()
    for name, item in (
        ("entries that no value reaches", lut([*table, *words], bits=16)),
        ("behind its entries", _longer(lut(table, bits=12))),
        ("a second one", [*lut(table, bits=12), *lut(words, bits=16)]),
    ):
        yield f"DICOM, VOI LUT: {name}", dicom(values, VOILUTSequence=item)
        yield f"DICOM, Modality LUT: {name}", dicom(values, ModalityLUTSequence=item)
    shift = {"RescaleSlope": "1", "RescaleIntercept": str(len(words))}
    below = lut([*words, *table], bits=16)
    yield "DICOM, VOI LUT: entries before the first value", dicom(values, VOILUTSequence=below, **shift)
    named = lut(table, bits=12)
    named[0].LUTExplanation, named[0].ModalityLUTType = CANARY, CANARY
    yield "DICOM, tables: explanation", dicom(values, VOILUTSequence=named, ModalityLUTSequence=named)


def _longer(item: list[Dataset]) -> list[Dataset]:
    item[0].LUTData = item[0].LUTData + WIDE
    return item


def _compressed() -> Iterator[tuple[str, bytes]]:
    values = chest(8)
    segments = dcmread(io.BytesIO(pictures.dicom(values, "rle", 8)))
    frame = next(generate_frames(segments.PixelData, number_of_frames=1))
    stream = imagecodecs.jpeg2k_encode(values, codecformat="J2K", reversible=True, level=0)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG2000", no_jp2=True, comment=CANARY)
    noted = buffer.getvalue()
    near = imagecodecs.jpegls_encode(values)
    plain = raster(values, "JPEG", quality=90)
    note = b"\xff\xfe" + struct.pack(">H", len(BYTES) + 2) + BYTES
    for name, syntax, data in (
        ("RLE: behind a segment", RLELossless, frame + BYTES),
        ("RLE: before a segment", RLELossless,
         struct.pack("<2I", 1, 64 + len(WIDE)) + frame[8:64] + WIDE + frame[64:]),
        ("RLE: in its header", RLELossless, frame[:8] + (BYTES * 6)[:56] + frame[64:]),
        ("JPEG: behind the scan", JPEGBaseline8Bit, plain[:-2] + BYTES + END),
        ("JPEG: comment", JPEGBaseline8Bit, plain[:2] + note + plain[2:]),
        ("JPEG: behind the end", JPEGBaseline8Bit, plain + BYTES),
        ("JPEG-LS: comment", JPEGLSLossless, near[:2] + note + near[2:]),
        ("JPEG-LS: behind the end", JPEGLSLossless, near + BYTES),
        ("JPEG 2000: comment", JPEG2000Lossless, noted),
        ("JPEG 2000: behind the end", JPEG2000Lossless, stream + BYTES),
    ):  # fmt: skip
        yield f"DICOM, {name}", _with(dicom(values, bits=8), syntax=syntax, PixelData=encapsulate([data]))


def _with(data: bytes, syntax: str = "", **tags: Any) -> bytes:
    """Change a written file, also in ways that no writer would."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in tags.items():
        if keyword == "OverlayData":
            dataset.add_new(0x60003000, "OB", value)
        else:
            setattr(dataset, keyword, value)
    if syntax:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
