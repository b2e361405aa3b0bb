"""Write a phantom as DICOM, the way a digital X-ray room or a computed-radiography reader would."""

import uuid
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.durable import whole_file
from analysis.phantoms.catalogue import PhantomImage, catalogue
from analysis.phantoms.drawing import render
from analysis.phantoms.faults import PhantomError
from analysis.phantoms.shapes import HEIGHT_MM, WIDTH_MM
from analysis.phantoms.spec import PhantomSpec

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]

DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
STORED_BITS = (12, 14, 16)
NOTICE = "SYNTHETIC PHANTOM - NOT A PATIENT"
CR_INTERCEPT = -100
"""The CR files carry a rescale that is not the identity, as such files may."""


def write_dicom(
    spec: PhantomSpec,
    image: int | str | PhantomImage,
    path: Path,
    rows: int,
    columns: int,
    *,
    photometric: Photometric | None = None,
    bits_stored: int | None = None,
) -> None:
    """Render an image and write it as an uncompressed DICOM file (explicit VR, little endian).

    MONOCHROME2 files are Digital X-Ray Image For Presentation, MONOCHROME1 files Computed Radiography.
    `photometric` and `bits_stored` (12 to 16) default to a choice fixed by the image's name: a third of the
    images is MONOCHROME1, bits are 12, 14 or 16. Stored values are the upper `bits_stored` bits of `render`.
    Raises PhantomError on other values.
    """
    entry = image if isinstance(image, PhantomImage) else catalogue(spec).find(image)
    draw = zlib.crc32(entry.name.encode())
    chosen = photometric or ("MONOCHROME1" if draw % 3 == 0 else "MONOCHROME2")
    bits = bits_stored if bits_stored is not None else STORED_BITS[draw // 3 % 3]
    if chosen not in ("MONOCHROME1", "MONOCHROME2"):
        raise PhantomError(f"photometric: expected MONOCHROME1 or MONOCHROME2, got {chosen!r}")
    if not 12 <= bits <= 16:
        raise PhantomError(f"bits_stored: expected 12 to 16, got {bits!r}")
    stored = render(spec, entry, rows, columns) >> np.uint16(16 - bits)
    if chosen == "MONOCHROME1":
        stored = np.uint16(2**bits - 1) - stored
    dataset = _data_set(spec, entry, stored, chosen, bits)
    with whole_file(Path(path)) as half:
        dataset.save_as(half, enforce_file_format=True)


def _data_set(
    spec: PhantomSpec, image: PhantomImage, pixels: NDArray[np.uint16], photometric: str, bits: int
) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    inverted = photometric == "MONOCHROME1"
    ds = Dataset()
    ds.SOPClassUID = COMPUTED_RADIOGRAPHY if inverted else DX_FOR_PRESENTATION
    ds.SOPInstanceUID = _uid(spec, image.name, "instance", *pixels.shape)
    _who(ds, spec, image)
    _how(ds, image, inverted)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _pixels(ds, pixels, photometric, bits)
    return ds


def _uid(spec: PhantomSpec, *names: str | int) -> str:
    """Return a UID under 2.25 that depends on the set and the names only."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(map(str, (spec.seed, *names)))).int}"


def _who(ds: Any, spec: PhantomSpec, image: PhantomImage) -> None:
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = f"SYNTHETIC^PHANTOM {image.patient:08d}"
    ds.PatientID = f"SYNTHETIC-{image.patient:08d}"
    ds.PatientBirthDate = f"{1900 + 100 - image.age:04d}0101"
    ds.PatientSex = image.sex
    ds.PatientAge = f"{image.age:03d}Y"
    ds.PatientOrientation = ["L", "F"]
    ds.PatientComments = NOTICE
    ds.StudyInstanceUID = _uid(spec, image.patient, image.follow_up, "study")
    ds.SeriesInstanceUID = _uid(spec, image.patient, image.follow_up, "series")
    ds.StudyDate = ds.ContentDate = f"2000{1 + image.follow_up % 12:02d}01"
    ds.StudyTime = ds.ContentTime = "120000"
    ds.AccessionNumber = "SYNTHETIC"
    ds.ReferringPhysicianName = "SYNTHETIC^NOBODY"
    ds.InstitutionName = NOTICE
    ds.StudyID = str(image.follow_up)
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.StudyDescription = ds.SeriesDescription = NOTICE


def _how(ds: Any, image: PhantomImage, inverted: bool) -> None:
    ds.Modality = "CR" if inverted else "DX"
    ds.Manufacturer = NOTICE
    ds.ImageType = ["DERIVED", "PRIMARY"] if inverted else ["DERIVED", "PRIMARY", ""]
    ds.ConversionType = "SYN"
    ds.BodyPartExamined = "CHEST"
    ds.ViewPosition = image.view
    ds.ImageComments = NOTICE
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    if not inverted:
        ds.ImageLaterality = "U"
        ds.PresentationIntentType = "FOR PRESENTATION"
        ds.PixelIntensityRelationship = "LOG"
        ds.PixelIntensityRelationshipSign = -1
        ds.DetectorType = "DIRECT"


def _pixels(ds: Any, pixels: NDArray[np.uint16], photometric: str, bits: int) -> None:
    inverted = photometric == "MONOCHROME1"
    rows, columns = pixels.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = photometric
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, 0
    spacing = [f"{HEIGHT_MM / rows:.6g}", f"{WIDTH_MM / columns:.6g}"]
    ds.PixelSpacing = ds.ImagerPixelSpacing = spacing
    intercept = CR_INTERCEPT if inverted else 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = str(intercept), "1", "US"
    ds.WindowCenter = str(2 ** (bits - 1) + intercept)
    ds.WindowWidth = str(2**bits)
    ds.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    ds.PixelData = np.ascontiguousarray(pixels, "<u2").tobytes()
    ds["PixelData"].VR = "OW"
