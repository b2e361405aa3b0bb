"""One split of a data set: its label file, who the patients are, and where the images lie.

Layouts: NIH-CXR-LT (a flat folder, names in column `id`), MIMIC-CXR-LT (a tree, paths in column `path`), or
any CSV with one name column and one 0/1 column per class. Other columns may be next to them and are not
read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import vocabulary
from analysis.columns import FrameError
from analysis.durable import sha256_file
from analysis.frames import CLASSES, IMAGES, check_labels, check_table
from analysis.identity import NameClashError, Names, find_files, join, name_key, spelled
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
    DataError: no file, no rows, a missing column, an image with two rows of labels, a label other than 0 and 1
        (file and row named), a name that leaves the image folder.
    """
    if labels is None:
        raise DataError(f"[data] labels_{role}: expected the {role} split's label file, got none")
    frame = _read_csv(labels, [data.id_column, *data.classes], {data.id_column: str})
    try:
        frame = check_labels(frame, data.classes, data.id_column, str(labels))
    except FrameError as error:
        raise DataError(str(error)) from error
    if frame.empty:
        raise DataError(f"{labels}: expected at least one row in the {role} split, got none")
    # Kept as written but for outer blanks and the direction of slashes: the name of a run follows from them.
    images = tuple(str(name).strip().replace("\\", "/") for name in frame[data.id_column])
    for row, name in enumerate(images, 1):
        parts = PurePosixPath(name)
        if not parts.parts or parts.is_absolute() or ".." in parts.parts or not name.isprintable():
            raise DataError(f"{labels}, row {row}: expected a name inside the image folder, got {name!r}")
    matrix = frame[list(data.classes)].astype(float).to_numpy().astype(np.uint8)
    return Split(images, matrix, sha256_file(labels), labels)


def locate_images(split: Split, data: DataSpec, every: int = 1) -> list[Path]:
    """Return the file of each image, or of every so many, in file order; see `locate`."""
    return locate(split.images, data, split.where, every)


def locate(images: Sequence[str], data: DataSpec, where: Path, every: int = 1) -> list[Path]:
    """Find the files of the images that are in a table (`analysis.identity.find_files`).

    Raises
    ------
    DataError: a missing image, named with its row; the message counts all that are missing. Files and names that
        do not fit one to one.
    """
    try:
        found = find_files(images[::every], data.images, among=images, ending=data.suffix)
    except NameClashError as error:
        raise DataError(f"{where}: {error}; looked for in {data.images}") from error
    absent = [row for row in range(0, len(images), every) if images[row] not in found]
    if absent:
        raise DataError(
            f"{where}, row {absent[0] + 1}: expected the image {data.images / images[absent[0]]}, got no such file "
            f"({len(absent)} of {len(images[::every])} images are missing); check [data] images and suffix"
        )
    return [found[name] for name in images[::every]]


@dataclass(frozen=True)
class People:
    """What a metadata file says about each image: columns view, sex, age and patient as far as known."""

    frame: pd.DataFrame
    sha256: str | None
    warnings: tuple[str, ...] = ()


_COLUMNS = {
    "image": ("Image Index", "dicom_id", "image", "id", "path", "image_id", "ImageID"),
    "view": ("View Position", "ViewPosition", "view", "ViewPosition_DICOM", "AP/PA"),
    "sex": ("Patient Gender", "Patient Sex", "sex", "PatientSex_DICOM", "Patient's Sex"),
    "age": ("Patient Age", "age", "Patient's Age"),
    "patient": ("Patient ID", "subject_id", "patient", "PatientID"),
}
"""The headings of NIH's Data_Entry_2017*.csv, MIMIC-CXR, a plain table, PadChest, CheXpert and VinDr-CXR. Of several
in one table the first here counts; letter case counts only where it decides."""

_PATIENT_IN_NAME = (
    re.compile(r"(?:^|/)(\d{8})_\d{3}\b"),
    re.compile(r"(?:^|/)p(\d{8})/"),
    re.compile(r"(?:^|/)(patient\d{5,})/"),
)
"""NIH, MIMIC-CXR, CheXpert."""

_READ: dict[str, tuple[Callable[[str], object], str]] = {
    "view": (vocabulary.view, "PA, AP or LATERAL"),
    "sex": (vocabulary.sex, "F, M or O"),
    "age": (vocabulary.age, f"an age in years from 0 to {vocabulary.OLDEST}, or of DICOM (058Y, 011M)"),
}
_NAMED_AT_MOST = 5
"""Unread spellings that one warning names."""


def read_people(images: Sequence[str], data: DataSpec) -> People:
    """Join the metadata file to the images by their paths (`analysis.identity.join`); without one, take the patient
    from the names alone.

    Views, sexes and ages that `analysis.vocabulary` does not read stay blank; a warning counts the blanks and names
    what was not read with its row.

    Raises
    ------
    DataError: no file, no column that names the image, images without a row, a row that fits several images or an
        image several rows, rows of one image that contradict each other, a patient in two spellings.
    """
    patients = pd.Series([_patient_in_name(name) for name in images], dtype=object)
    known = patients.notna().all()
    if data.metadata is None:
        frame = pd.DataFrame({"patient": patients}) if known else pd.DataFrame(index=range(len(images)))
        return People(frame, None, ("no metadata file: view, sex and age are unknown",))
    table = _read_csv(data.metadata, None, str)
    found = {name: heading for name in _COLUMNS if (heading := _heading(table, _COLUMNS[name]))}
    if "image" not in found:
        raise DataError(
            f"{data.metadata}: expected one of the columns {', '.join(_COLUMNS['image'])}, got none"
        )
    written = pd.DataFrame({name: table[heading].fillna("") for name, heading in found.items()})
    if "view" in written and "Frontal/Lateral" in table:  # CheXpert leaves AP/PA blank where it is neither
        written["view"] = written["view"].where(written["view"] != "", table["Frontal/Lateral"].fillna(""))
    read = pd.DataFrame({name: _read(written[name], name) for name in found if name != "image"})
    rows = _rows_of(images, written["image"], read, data.metadata)
    warnings = _unread(written, read, rows, data.metadata.name)
    frame = read.iloc[rows].reset_index(drop=True)
    if "patient" not in frame and known:
        frame["patient"] = patients
    return People(frame, sha256_file(data.metadata), warnings)


def _heading(table: pd.DataFrame, headings: Sequence[str]) -> str | None:
    folded = {str(column).casefold(): str(column) for column in reversed(table.columns)}
    exact = next((heading for heading in headings if heading in table.columns), None)
    return exact or next((folded[h.casefold()] for h in headings if h.casefold() in folded), None)


def _read(written: pd.Series, name: str) -> pd.Series:
    """Read each spelling of a column once; None where it is blank or not read."""
    read = _READ[name][0] if name in _READ else spelled
    values = {text: None if vocabulary.is_blank(text) else read(text) for text in written.unique()}
    return written.map(values).astype(float if name == "age" else object)


def _rows_of(images: Sequence[str], column: pd.Series, read: pd.DataFrame, where: Path) -> list[int]:
    """Find the row of each image; refuse what fits several, and rows of one image that contradict each other."""
    held = Names(column)
    try:
        found = join(Names(images, rows=False), held)
        if "patient" in read:
            Names(read["patient"].fillna(""), name_key).refuse_spellings("patient")
    except NameClashError as error:
        raise DataError(f"{where}: {error}") from error
    absent = [image for place, image in enumerate(images) if place not in found]
    if absent:
        raise DataError(
            f"{where}: expected a row for each image, got none for {absent[0]!r} "
            f"({len(absent)} of {len(images)} are missing)"
        )
    said = {name: list(pd.factorize(read[name])[0]) for name in read}
    for row in dict.fromkeys(found.values()):
        for other in held.places[held.keys[row]][1:]:
            if differing := [name for name, codes in said.items() if codes[row] != codes[other]]:
                raise DataError(
                    f"{where}: expected one {differing[0]} for an image, {held.said(row)} and {held.said(other)} "
                    "contradict each other; correct one of them"
                )
    return [found[place] for place in range(len(images))]


def _unread(written: pd.DataFrame, read: pd.DataFrame, rows: list[int], where: str) -> tuple[str, ...]:
    """Say for each of view, sex and age how many images have none, and name what was not read."""
    warnings = []
    for name, (_, wanted) in _READ.items():
        blank = int(read[name].isna().to_numpy()[rows].sum()) if name in read else len(rows)
        if not blank:
            continue
        warning = f"{where}: {name} is unknown for {blank} of {len(rows)} images"
        if name in read:
            own = written[name].iloc[sorted(set(rows))]
            own = own[read[name].isna() & ~own.map(vocabulary.is_blank)]
            firsts = {
                text: int(row) for row, text in zip(own.index.to_numpy()[::-1], own.iloc[::-1], strict=True)
            }
            came = [
                f"row {row + 1} {text[:40]!r}" for text, row in sorted(firsts.items(), key=lambda one: one[1])
            ]
            warning += f"; expected {wanted}, not read: {', '.join(came[:_NAMED_AT_MOST])}" if came else ""
            warning += (
                f" and {len(came) - _NAMED_AT_MOST} more spellings" if len(came) > _NAMED_AT_MOST else ""
            )
        warnings.append(warning)
    return tuple(warnings)


def _patient_in_name(name: str) -> str | None:
    for pattern in _PATIENT_IN_NAME:
        if found := pattern.search(name):
            return found.group(1)
    return None


def _read_csv(path: Path, columns: list[str] | None, dtype: object) -> pd.DataFrame:
    wanted = None if columns is None else set(columns)
    usecols = None if wanted is None else lambda name: name in wanted
    return read_table(
        path,
        error=DataError,
        where=str(path),
        dtype=dtype,
        usecols=usecols,
        keep_default_na=False,
        na_values=[""],
    )


def images_table(split: Split, people: People, data: DataSpec) -> pd.DataFrame:
    """Return images.csv: name, what is known of the patient, and the 0/1 labels, in file order."""
    names = pd.DataFrame({"image": split.images})
    labels = pd.DataFrame(split.labels, columns=list(data.classes))
    known = [c.name for c in IMAGES.columns if c.name in people.frame]
    return check_table(pd.concat([names, people.frame[known], labels], axis=1), IMAGES)


def class_groups(data: DataSpec, split: Split, train: Split | None) -> pd.DataFrame:
    """Group the classes by training positives; without a training split, by their share of the test split."""
    base = train or split
    head, tail = (data.head, data.tail) if train or data.head < 1 else (0.10, 0.01)
    size = len(base.images) if head < 1 else 1
    table = pd.DataFrame(
        {
            "class": data.classes,
            "train_positives": pd.array(train.positives if train else [None] * len(data.classes), "Int64"),
            "test_positives": split.positives,
            "class_group": class_group(base.positives, head * size, tail * size),
        }
    )
    return check_table(table, CLASSES)


def class_group(positives: NDArray[np.int64], head: float, tail: float) -> NDArray[np.str_]:
    """Call a class head above `head` positives, tail below `tail`, else medium."""
    return np.where(positives > head, "head", np.where(positives < tail, "tail", "medium"))
