"""Write a phantom as DICOM, the way a digital X-ray room or a computed-radiography reader would."""

import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.durable import whole_file
from analysis.phantoms.catalogue import PhantomImage
from analysis.phantoms.drawing import render
from analysis.phantoms.faults import PhantomError
from analysis.phantoms.shapes import HEIGHT_MM, WIDTH_MM
from analysis.phantoms.spec import TABLES, PhantomSpec

STORED_BITS = (12, 14, 16)
NOTICE = "SYNTHETIC PHANTOM - NOT A PATIENT"
NOTICED = (
    "PatientComments", "InstitutionName", "StudyDescription", "SeriesDescription", "Manufacturer", "ImageComments",
)  # fmt: skip
"""Tags that say it."""


def write_dicom(
    spec: PhantomSpec,
    image: PhantomImage,
    path: Path,
    rows: int,
    columns: int,
    *,
    bits_stored: int | None = None,
) -> None:
    """Render an image and write it as an uncompressed DICOM file (explicit VR, little endian).

    MONOCHROME2 files are Digital X-Ray Image For Presentation, MONOCHROME1 files Computed Radiography.
    The image's name fixes which: a third is MONOCHROME1. It also fixes `bits_stored`, 12, 14 or 16, where none is
    given. Stored values are the upper `bits_stored` bits of `render`.
    Raises PhantomError on other values.
    """
    draw = zlib.crc32(image.name.encode())
    photometric = "MONOCHROME1" if draw % 3 == 0 else "MONOCHROME2"
    bits = bits_stored if bits_stored is not None else STORED_BITS[draw // 3 % 3]
    if not 12 <= bits <= 16:
        raise PhantomError(f"bits_stored: expected 12 to 16, got {bits!r}")
    stored = render(spec, image, rows, columns) >> np.uint16(16 - bits)
    if photometric == "MONOCHROME1":
        stored = np.uint16(2**bits - 1) - stored
    dataset = _data_set(spec, image, stored, TABLES["dicom"]["every"] | TABLES["dicom"][photometric], bits)
    dataset.PhotometricInterpretation = photometric
    with whole_file(Path(path)) as half:
        dataset.save_as(half, enforce_file_format=True)


def _data_set(
    spec: PhantomSpec, image: PhantomImage, pixels: NDArray[np.uint16], tags: dict[str, Any], bits: int
) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    rows, columns = pixels.shape
    own = {
        "SOPInstanceUID": _uid(spec, image.name, "instance", rows, columns),
        "StudyInstanceUID": _uid(spec, image.patient, image.follow_up, "study"),
        "SeriesInstanceUID": _uid(spec, image.patient, image.follow_up, "series"),
        "PatientName": f"SYNTHETIC^PHANTOM {image.patient:08d}",
        "PatientID": f"SYNTHETIC-{image.patient:08d}",
        "PatientBirthDate": f"{1900 + 100 - image.age:04d}0101",
        "PatientSex": image.sex,
        "PatientAge": f"{image.age:03d}Y",
        "StudyID": str(image.follow_up),
        "ViewPosition": image.view,
        "Rows": rows,
        "Columns": columns,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "WindowCenter": str(2 ** (bits - 1) + int(tags["RescaleIntercept"])),
        "WindowWidth": str(2**bits),
        "PixelData": np.ascontiguousarray(pixels, "<u2").tobytes(),
    }
    own |= dict.fromkeys(NOTICED, NOTICE)
    own |= dict.fromkeys(("StudyDate", "ContentDate"), f"2000{1 + image.follow_up % 12:02d}01")
    spacing = [f"{HEIGHT_MM / rows:.6g}", f"{WIDTH_MM / columns:.6g}"]
    own |= dict.fromkeys(("PixelSpacing", "ImagerPixelSpacing"), spacing)
    ds = Dataset()
    for keyword, value in (tags | own).items():
        setattr(ds, keyword, value)
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _uid(spec: PhantomSpec, *names: str | int) -> str:
    """Return a UID under 2.25 that depends on the set and the names only."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(map(str, (spec.seed, *names)))).int}"
