"""Write a phantom data set to disk in the layout of NIH-CXR-LT, by several processes, resumable.

Its DICOM files are as a digital X-ray room or a computed-radiography reader would write them.
"""

import hashlib
import json
import multiprocessing
import os
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import compress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.durable import whole_file, write_whole
from analysis.frames import FORMAT, NIH_CLASSES
from analysis.phantoms.catalogue import Catalogue, PhantomImage, catalogue
from analysis.phantoms.drawing import render
from analysis.phantoms.faults import PhantomError
from analysis.phantoms.shapes import HEIGHT_MM, WIDTH_MM
from analysis.phantoms.spec import DRAWING, FULL_COLUMNS, FULL_ROWS, SPLITS, TABLES, PhantomSpec

FORMATS = {"png": ("images", ".png"), "dicom": ("dicom", ".dcm")}
"""Folder and ending of the files of each format."""

BATCH = 4
"""Files handed to a process at a time."""

Progress = Callable[[int, int], None]
"""Called with files done and files in all."""

METADATA = (
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender",
    "View Position", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]",
)  # fmt: skip
"""Header of NIH's Data_Entry_2017 CSV, its two split column names included."""

TRUTH = (
    "image", "flipped_labels", "random", "missed", "exchanged", "low_quality", "quality_fault", "difficult", "contrast",
)  # fmt: skip


def write_data_set(
    spec: PhantomSpec,
    out: Path,
    truth_out: Path,
    formats: Sequence[str] = ("png",),
    progress: Progress = lambda *_: None,
    workers: int | None = None,
) -> None:
    """Write images, label files, metadata and provenance to folder `out`, the truth to file `truth_out`.

    `formats`: "png" (8-bit, spec.rows x spec.columns) and "dicom" (same size). A set that was begun is
    continued; files that are there are kept. `workers`: processes, by default one per core; the bytes do not
    depend on it. Raises PhantomError if `out` holds another set or other files, or if `truth_out` lies in it.
    """
    out, truth_out = Path(out), Path(truth_out)
    _check_formats(formats)
    if truth_out.resolve().is_relative_to(out.resolve()):
        raise PhantomError(f"the truth is sealed: expected a path outside {out}, got {truth_out}")
    images = catalogue(spec)
    marker = _begin(spec, out)
    for name in SPLITS:
        path = out / "labels" / f"miccai2023_nih-cxr-lt_labels_{name}.csv"
        write_whole(path, label_csv(images.split(name)))
    write_whole(out / "metadata.csv", metadata_csv(images))
    write_whole(truth_out, truth_csv(images))
    os.chmod(truth_out, 0o600)
    for name in formats:
        (out / FORMATS[name][0]).mkdir(parents=True, exist_ok=True)
    files = [
        (image, out / folder / Path(image.name).with_suffix(ending))
        for image in images
        for folder, ending in map(FORMATS.__getitem__, formats)
    ]
    draw_files(spec, files, (spec.rows, spec.columns), progress=progress, workers=workers)
    write_whole(out / "provenance.json", _provenance(spec, images, out, formats))
    marker.unlink(missing_ok=True)


def label_csv(images: Sequence[PhantomImage]) -> bytes:
    """Return a label file: id, the 20 classes in order as 0/1, subj_id."""
    rows = [[image.name, *image.labels, image.patient] for image in images]
    return _csv(["id", *NIH_CLASSES, "subj_id"], rows)


def metadata_csv(images: Catalogue) -> bytes:
    """Return the metadata file in the column layout of NIH's Data_Entry_2017."""
    rows, columns, spacing = FULL_ROWS, FULL_COLUMNS, WIDTH_MM / FULL_COLUMNS
    return _csv(
        METADATA,
        [
            [i.name, "|".join(compress(NIH_CLASSES, i.labels)), i.follow_up, i.patient, i.age, i.sex, i.view,
             columns, rows, spacing, spacing]
            for i in images
        ],
    )  # fmt: skip


def truth_csv(images: Catalogue) -> bytes:
    """Return the sealed truth: which faults were planted in which image."""
    return _csv(
        TRUTH,
        [
            [i.name, "; ".join(i.planted.flipped), *(int(i.planted.label == kind) for kind in TRUTH[2:5]),
             int(bool(i.planted.quality)), i.planted.quality, int(i.planted.difficult), i.planted.contrast]
            for i in images
        ],
    )  # fmt: skip


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    return pd.DataFrame(rows, columns=list(header)).to_csv(index=False, lineterminator="\n").encode()


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise PhantomError(f"formats: expected one or more of {', '.join(FORMATS)}, got {list(formats)!r}")


def _begin(spec: PhantomSpec, out: Path) -> Path:
    """Refuse a folder that holds something else; leave a marker that says which set is being written."""
    marker, done = out / "unfinished.json", out / "provenance.json"
    for path in (done, marker):
        if path.exists():
            found = json.loads(path.read_text()).get("spec_sha256")
            if found != spec.digest:
                raise PhantomError(f"{path}: expected the set {spec.digest[:12]}, found {str(found)[:12]}")
            return marker
    if out.exists() and any(out.iterdir()):
        raise PhantomError(f"{out}: expected an empty folder or an unfinished phantom set, found other files")
    write_whole(marker, json.dumps({"format": FORMAT, "spec_sha256": spec.digest}).encode())
    return marker


Job = tuple[PhantomSpec, PhantomImage, Path, tuple[int, int], int | None]


def draw_files(
    spec: PhantomSpec,
    files: Sequence[tuple[PhantomImage, Path]],
    size: tuple[int, int],
    *,
    bits: int | None = None,
    progress: Progress = lambda *_: None,
    workers: int | None = None,
) -> None:
    """Draw images to files of `size` rows and columns, PNG or DICOM by the ending; files that are there are kept.

    `bits`: stored bits of every DICOM; None: as `write_dicom` chooses.
    """
    jobs = [(spec, image, path, size, bits) for image, path in files if not path.exists()]
    ready = len(files) - len(jobs)
    for done, _ in enumerate(_run(jobs, workers if workers is not None else os.cpu_count() or 1), ready + 1):
        progress(done, len(files))


def _run(jobs: list[Job], workers: int) -> Iterator[None]:
    if workers <= 1 or len(jobs) < 2 * BATCH:
        yield from map(_draw, jobs)
        return
    # spawn: threads of the caller (a web worker, a progress bar) must not be forked.
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs)), cv2.setNumThreads, (1,)) as pool:
        yield from pool.imap_unordered(_draw, jobs, BATCH)


def _draw(job: Job) -> None:
    spec, image, path, size, bits = job
    if path.suffix == ".png":
        write_png(render(spec, image, *size), path)
    else:
        write_dicom(spec, image, path, *size, bits_stored=bits)


def write_png(pixels: NDArray[np.uint16], path: Path) -> None:
    """Write the upper 8 bits of rendered pixels (uint16) as a grey PNG."""
    done, encoded = cv2.imencode(".png", (pixels >> 8).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise PhantomError(f"{path}: the PNG could not be encoded")
    write_whole(path, encoded.tobytes())


def _provenance(spec: PhantomSpec, images: Catalogue, out: Path, formats: Sequence[str]) -> bytes:
    labels = sorted((out / "labels").glob("*.csv"))
    content = {
        "format": FORMAT,
        "synthetic": True,
        "notice": "Drawn by a program. No picture shows, or comes from, a person.",
        "seed": spec.seed,
        "drawing": DRAWING,
        "spec": asdict(spec),
        "spec_sha256": spec.digest,
        "formats": sorted(formats),
        "images": len(images),
        "label_files_sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in labels},
    }
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


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
