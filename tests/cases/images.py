"""Image files and blind halves, honest and hostile, for the tests of the cases app."""

import csv
import hashlib
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from readerstudy.cases.decoder import DecodedImage, decode_image
from readerstudy.cases.window import WindowRule

EXPLICIT, IMPLICIT, BIG_ENDIAN = ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian
DIGESTS = {"cases_sha256": "a" * 64, "key_sha256": "b" * 64}


def greys(shape: tuple[int, int] = (9, 14), bits: int = 12, seed: int = 0) -> np.ndarray:
    """Draw grey values that reach both ends of the depth."""
    values = np.random.default_rng(seed).integers(0, 2**bits, shape)
    values.flat[0], values.flat[-1] = 0, 2**bits - 1
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def dicom(
    values: np.ndarray, *, bits: int = 12, syntax: str = EXPLICIT, drop: str = "", **tags: Any
) -> bytes:
    """Write a native DICOM file of the given stored values; further tags replace or add to the usual ones."""
    order = ">" if syntax == BIG_ENDIAN else "<"
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    dataset = Dataset()
    usual = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "SOPInstanceUID": "1.2.3", "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "Rows": values.shape[0], "Columns": values.shape[1],
        "BitsAllocated": 8 * values.dtype.itemsize, "BitsStored": bits, "HighBit": bits - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
    }  # fmt: skip
    for keyword, value in (usual | tags).items():
        setattr(dataset, keyword, value)
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if values.dtype.itemsize == 1 else "OW"
    if drop:
        delattr(dataset, drop)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = usual["SOPClassUID"]
    dataset.file_meta.MediaStorageSOPInstanceUID = usual["SOPInstanceUID"]
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def lut(values: list[int], first: int = 0, bits: int = 16) -> list[Dataset]:
    """Make a LUT sequence of one item."""
    item = Dataset()
    item.LUTDescriptor = [len(values) % 2**16, first, bits]
    item.LUTData = np.array(values, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return [item]


def png(values: np.ndarray, **options: Any) -> bytes:
    """Write a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", **options)
    return buffer.getvalue()


def png_header(rows: int, columns: int, depth: int = 8, colour: int = 0) -> bytes:
    """Write a PNG that states a size and holds next to nothing."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0)), (b"IDAT", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (*chunks, (b"IEND", b""))
    )


def decode(
    data: bytes, folder: Path, rule: WindowRule = WindowRule.DICOM, *, colour: bool = False
) -> DecodedImage:
    """Decode an image in this process: for files that are not meant to do harm."""
    path = folder / "image"
    path.write_bytes(data)
    with path.open("rb") as file:
        return decode_image(file, rule, colour=colour)


def blind_half(
    folder: Path, images: list[bytes], *, ending: str = "png", colour: bool = False, **columns: str
) -> Path:
    """Write a blind half by hand, so that it can hold what the writer of case sets would refuse."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, data in enumerate(images):
        case = hashlib.md5(bytes([number])).hexdigest()
        name = f"images/{case}.{ending}"
        (folder / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        rows.append(
            {"case": case, "image": name, "sha256": digest, "labels": "Effusion; Mass", "block": 1}
            | {"separation_group": f"{number // 2:032x}"}
            | columns
        )
    rows.sort(key=lambda row: str(row["case"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / "cases.csv").write_text(text.getvalue())
    digest = hashlib.sha256(text.getvalue().encode()).hexdigest()
    provenance = {"format": 1, "synthetic": True, "cases": len(rows), "cases_sha256": digest}
    provenance |= {"key_sha256": "b" * 64, "run": {"run_id": "r1"}}
    provenance |= {"colour": True} if colour else {}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    return folder
