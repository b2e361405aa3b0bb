"""DICOM files: what a reader makes of them equals what was drawn."""

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

from analysis.phantoms import PhantomError, write_dicom
from analysis.phantoms.catalogue import catalogue
from analysis.phantoms.drawing import render
from tests.phantoms.conftest import SMALL


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_monochrome1_is_inverted(tmp_path: Path, bits: int) -> None:
    shapes = {}
    for image in catalogue(SMALL)[:12]:
        write_dicom(SMALL, image, tmp_path / "one.dcm", 40, 50, bits_stored=bits)
        found = pydicom.dcmread(tmp_path / "one.dcm")
        drawn = render(SMALL, image, 40, 50) >> (16 - bits)
        inverted = found.PhotometricInterpretation == "MONOCHROME1"
        assert np.array_equal(found.pixel_array, 2**bits - 1 - drawn.astype(int) if inverted else drawn)
        assert found.BitsStored == found.HighBit + 1 == bits
        shapes[found.PhotometricInterpretation] = found.PresentationLUTShape
    assert shapes == {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}


def test_dicom_and_png_of_a_set_agree(written: Path) -> None:
    kinds = set()
    for image in catalogue(SMALL):
        ds = pydicom.dcmread(written / "dicom" / f"{Path(image.name).stem}.dcm")
        stored = ds.pixel_array
        if ds.PhotometricInterpretation == "MONOCHROME1":
            stored = np.uint16(2**ds.BitsStored - 1) - stored
        png = cv2.imread(str(written / "images" / image.name), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(stored >> (ds.BitsStored - 8), png)
        kinds.add((ds.PhotometricInterpretation, ds.BitsStored))
    assert len(kinds) == 6


def test_window_after_rescale_covers_the_stored_range(written: Path) -> None:
    for path in sorted((written / "dicom").glob("*.dcm"))[:12]:
        ds = pydicom.dcmread(path)
        values = apply_modality_lut(ds.pixel_array, ds)
        low = float(ds.WindowCenter) - float(ds.WindowWidth) / 2
        assert low == float(ds.RescaleIntercept)
        assert values.min() >= low
        assert values.max() < low + float(ds.WindowWidth)


def test_every_person_is_plainly_synthetic(written: Path) -> None:
    for image in catalogue(SMALL)[:10]:
        ds = pydicom.dcmread(written / "dicom" / f"{Path(image.name).stem}.dcm")
        for value in (ds.PatientName, ds.PatientID, ds.InstitutionName, ds.ImageComments, ds.PatientComments):
            assert "SYNTHETIC" in str(value)
        assert ds.PatientAge == f"{image.age:03d}Y"
        assert (ds.PatientSex, ds.ViewPosition) == (image.sex, image.view)


def test_files_conform_and_carry_spacing(written: Path) -> None:
    paths = sorted((written / "dicom").glob("*.dcm"))
    sets = [pydicom.dcmread(path) for path in paths]
    assert len({ds.SOPInstanceUID for ds in sets}) == len(sets)
    for ds in sets[:12]:
        assert (ds.SOPClassUID.name, ds.Modality) in {
            ("Digital X-Ray Image Storage - For Presentation", "DX"),
            ("Computed Radiography Image Storage", "CR"),
        }
        assert ds.SOPInstanceUID.is_valid
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert float(ds.PixelSpacing[0]) == pytest.approx(344.064 / SMALL.rows)
        assert float(ds.PixelSpacing[1]) == pytest.approx(420 / SMALL.columns)


def test_the_same_image_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_dicom(SMALL, catalogue(SMALL)[1], tmp_path / name, 32, 32)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_depths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match="expected 12 to 16, got 8"):
        write_dicom(SMALL, catalogue(SMALL)[1], tmp_path / "x.dcm", 32, 32, bits_stored=8)
    assert list(tmp_path.iterdir()) == []
