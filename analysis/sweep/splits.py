"""One split of a data set: its label file, who the patients are, and where the images lie.

Layouts: NIH-CXR-LT (a flat folder, names in column `id`), MIMIC-CXR-LT (a tree, paths in column `path`), or
any CSV with one name column and one 0/1 column per class. Other columns may stand beside them and are not
read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.frames import FrameError, check_labels
from analysis.sweep.artefacts import sha256_file
from analysis.sweep.errors import DataError
from analysis.sweep.spec import DataSpec
from analysis.tablefile import read_table


@dataclass(frozen=True)
class Split:
    """The images of a split in file order.

    `images`: names with forward slashes. `labels`: uint8, images x classes, 0/1. `sha256`: of the label file.
    """

    images: tuple[str, ...]
    labels: NDArray[np.uint8]
    sha256: str
    where: Path

    @property
    def positives(self) -> NDArray[np.int64]:
        """Positive images per class."""
        counts: NDArray[np.int64] = self.labels.sum(axis=0, dtype=np.int64)
        return counts


def read_split(labels: Path | None, data: DataSpec, role: str) -> Split:
    """Read and check one label file.

    Parameters
    ----------
    labels: the CSV; None is refused with the name of the key to fill in.
    role: test, train or val, for messages.

    Raises
    ------
    DataError: no file, no rows, a missing column, a repeated image, a label other than 0 and 1 (file and row
        named), a name that leaves the image folder.
    """
    if labels is None:
        raise DataError(f"[data] labels_{role}: expected the {role} split's label file, none came")
    frame = _read_csv(labels, [data.id_column, *data.classes], data.id_column)
    if frame.empty:
        raise DataError(f"{labels}: expected at least one row in the {role} split, none came")
    try:
        check_labels(frame, data.classes, data.id_column, str(labels))
    except FrameError as error:
        raise DataError(str(error)) from error
    images = tuple(str(name) for name in frame[data.id_column])
    for row, name in enumerate(images, 1):
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in name or not name.isprintable():
            raise DataError(f"{labels}, row {row}: expected a name inside the image folder, {name!r} came")
    matrix = frame[list(data.classes)].astype(float).to_numpy().astype(np.uint8)
    return Split(images, matrix, sha256_file(labels), labels)


def locate_images(split: Split, data: DataSpec) -> list[Path]:
    """Return the file of each image, in file order.

    Raises
    ------
    DataError: a missing image, named with its row; the message counts all that are missing.
    """
    files = [image_file(data, name) for name in split.images]
    absent = [row for row, file in enumerate(files) if not file.is_file()]
    if absent:
        first = absent[0]
        raise DataError(
            f"{split.where}, row {first + 1}: expected the image {files[first]}, no such file came "
            f"({len(absent)} of {len(files)} images are missing); check [data] images and suffix"
        )
    return files


def image_file(data: DataSpec, name: str) -> Path:
    """Return where an image of the data set lies."""
    file = data.images / name
    return file.with_suffix(data.suffix) if data.suffix else file


@dataclass(frozen=True)
class People:
    """What a metadata file says about each image: columns view, sex, age and patient as far as known."""

    frame: pd.DataFrame
    sha256: str | None
    warnings: tuple[str, ...] = ()


_COLUMNS = {
    "image": ("Image Index", "dicom_id", "image", "id", "path"),
    "view": ("View Position", "ViewPosition", "view"),
    "sex": ("Patient Gender", "Patient Sex", "sex"),
    "age": ("Patient Age", "age"),
    "patient": ("Patient ID", "subject_id", "patient"),
}
"""The names under which NIH's Data_Entry_2017*.csv, the MIMIC-CXR metadata and a plain table hold each."""

_PATIENT_IN_NAME = (re.compile(r"^(\d{8})_\d{3}\b"), re.compile(r"(?:^|/)p(\d{8})/"))
_LATERAL = {"LL": "LATERAL", "RL": "LATERAL", "LATERAL": "LATERAL"}


def read_people(images: Sequence[str], data: DataSpec) -> People:
    """Join the metadata file to the images by file name; without one, take the patient from the names alone.

    Ages outside 0..130 and views or sexes left blank stay blank and are counted in a warning.

    Raises
    ------
    DataError: no file, no column that names the image, or images without a row.
    """
    patients = pd.Series([_patient_in_name(name) for name in images], dtype=object)
    known = patients.notna().all()
    if data.metadata is None:
        frame = pd.DataFrame({"patient": patients}) if known else pd.DataFrame(index=range(len(images)))
        return People(frame, None, ("no metadata file: view, sex and age are unknown",))
    rows = _metadata_rows(images, data.metadata)
    columns = {name: found for name in _COLUMNS if name != "image" and (found := _find(rows, name))}
    frame = pd.DataFrame({name: rows[found].to_numpy() for name, found in columns.items()})
    if "patient" not in frame and known:
        frame["patient"] = patients
    return People(*_tidied(frame, sha256_file(data.metadata), data.metadata))


def _metadata_rows(images: Sequence[str], metadata: Path) -> pd.DataFrame:
    table = _read_csv(metadata, None, None)
    name = _find(table, "image")
    if name is None:
        raise DataError(f"{metadata}: expected one of the columns {', '.join(_COLUMNS['image'])}, none came")
    stems = table[name].map(lambda value: PurePosixPath(str(value)).stem)
    table = table.assign(_stem=stems).drop_duplicates("_stem").set_index("_stem")
    wanted = [PurePosixPath(image).stem for image in images]
    absent = [image for image, stem in zip(images, wanted, strict=True) if stem not in table.index]
    if absent:
        raise DataError(
            f"{metadata}: expected a row for each image, none came for {absent[0]!r} "
            f"({len(absent)} of {len(images)} are missing)"
        )
    return table.loc[wanted]


def _tidied(frame: pd.DataFrame, digest: str, where: Path) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    warnings = []
    frame = frame.copy()
    if "view" in frame:
        frame["view"] = frame["view"].str.strip().str.upper().map(lambda v: _LATERAL.get(v, v))
    if "sex" in frame:
        frame["sex"] = frame["sex"].str.strip().str.upper().str[:1]
    if "age" in frame:
        age = pd.to_numeric(frame["age"].str.extract(r"^\s*(\d+(?:\.\d+)?)\s*Y?\s*$")[0], errors="coerce")
        frame["age"] = age.where(age <= 130)
    for name in ("view", "sex", "age"):
        blank = int(frame[name].isna().sum()) if name in frame else len(frame)
        if blank:
            warnings.append(f"{where.name}: {name} is unknown for {blank} of {len(frame)} images")
    return frame, digest, tuple(warnings)


def _patient_in_name(name: str) -> str | None:
    for pattern in _PATIENT_IN_NAME:
        if found := pattern.search(name):
            return found.group(1)
    return None


def _find(table: pd.DataFrame, name: str) -> str | None:
    return next((column for column in _COLUMNS[name] if column in table.columns), None)


def _read_csv(path: Path, columns: list[str] | None, text_column: str | None) -> pd.DataFrame:
    dtype = {text_column: str} if text_column else str
    wanted = None if columns is None else set(columns)
    usecols = None if wanted is None else lambda name: name in wanted
    return read_table(path, error=DataError, where=str(path), dtype=dtype, usecols=usecols)
