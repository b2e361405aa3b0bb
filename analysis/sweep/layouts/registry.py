"""What a layout of published label files is, and the register of them.

A layout turns a label file into one table: a column of image names, one column per class, and what the file says of
views, patients and studies. The rest (policies for uncertain and blank labels, splits, repeated rows, files of images)
is the same for all and is in `analysis.sweep.data.splits`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.sweep.errors import DataError
from analysis.sweep.registry import Registry
from analysis.tablefile import read_table

PEOPLE: Mapping[str, Sequence[str]] = {
    "image": ("Image Index", "dicom_id", "image", "id", "path", "image_id", "ImageID"),
    "view": ("View Position", "ViewPosition", "view", "ViewPosition_DICOM", "AP/PA"),
    "sex": ("Patient Gender", "Patient Sex", "sex", "PatientSex_DICOM", "Patient's Sex"),
    "age": ("Patient Age", "age", "Patient's Age"),
    "patient": ("Patient ID", "subject_id", "patient", "PatientID"),
}
"""The headings of NIH's Data_Entry_2017*.csv, MIMIC-CXR, a plain table, PadChest, CheXpert and VinDr-CXR. Of several
in one table the first here counts; letter case counts only where it decides."""

STUDY: Mapping[str, Sequence[str]] = {"study": ("study", "study_id", "StudyID"), "role": ("role",)}


@dataclass
class Opened:
    """A label file being read: its `table` (texts; the index is the row), its place, and what else the layout needs.

    `images`: the images of the split where its file lists them (dicom_id, study_id, subject_id), else None.
    `notes`: what a person should know of the file.
    """

    table: pd.DataFrame
    where: Path
    classes: Sequence[str]
    readers: str = "majority"
    images: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)


def one_column_per_class(opened: Opened) -> None:
    """Leave the table as it is."""


@dataclass(frozen=True)
class Layout:
    """One way to publish labels.

    Parameters
    ----------
    name: in a specification. meaning: the files, in a sentence.
    id_column: names the images in the finished table.
    classes: all that the files label, in their order; empty where the specification names them.
    arrange: makes the columns of images and classes from the published ones, in place; 1, 0, -1 (uncertain) or blank.
    people: headings of the file that tells view, sex, age, patient, study and role.
    carries_people: the label file does so itself, where no metadata file is given.
    """

    name: str
    meaning: str
    id_column: str = "id"
    classes: tuple[str, ...] = ()
    arrange: Callable[[Opened], None] = one_column_per_class
    people: Mapping[str, Sequence[str]] = field(default_factory=lambda: {**PEOPLE, **STUDY})
    carries_people: bool = False


LAYOUTS: Registry[Layout] = Registry("[data] layout")
register, find_layout = LAYOUTS.register, LAYOUTS.find


def read_texts(path: Path) -> pd.DataFrame:
    """Read a CSV with every cell as text, blank ones as ""; the index counts the rows from 0."""
    table = read_table(
        path, error=DataError, where=str(path), dtype=str, keep_default_na=False, na_values=[""]
    )
    return table.fillna("")


def need_columns(opened: Opened, *names: str) -> None:
    """Raise DataError where the published columns are not there."""
    if missing := [name for name in names if name not in opened.table.columns]:
        raise DataError(
            f"{opened.where}: expected the columns {', '.join(names)}; missing: {', '.join(missing)}"
        )


def from_lists(
    opened: Opened, column: str, split: Callable[[str], Sequence[str] | None], known: Sequence[str] = ()
) -> None:
    """Make a column per class from a column that lists the positive ones; a blank cell says nothing of any class.

    Parameters
    ----------
    split: turns a cell into names; None where it is none.
    known: every name that may come; those of the file where empty.

    Raises
    ------
    DataError: a cell that is no list, a name that is not known, a class that no cell names.
    """
    need_columns(opened, column)
    codes, texts = pd.factorize(opened.table[column])
    lists = [split(str(text)) for text in texts]
    for code, names in enumerate(lists):
        strange = None if names is None else next((n for n in names if known and n not in known), None)
        if names is None or strange is not None:
            row = int(opened.table.index[np.flatnonzero(codes == code)[0]]) + 1
            wanted = f"names of {', '.join(known)}" if known else "a list of names"
            place = f"{opened.where}, row {row}, column '{column}'"
            raise DataError(f"{place}: expected {wanted}, got {(strange or texts[code])[:40]!r}")
    named = set(known).union(*(names or () for names in lists))
    if absent := [name for name in opened.classes if name not in named]:
        raise DataError(
            f"{opened.where}, column '{column}': expected the class {absent[0]!r}, it names none such"
        )
    for name in opened.classes:
        cells = np.array(["" if not names else str(int(name in names)) for names in lists], dtype=object)
        opened.table[name] = cells[codes]
