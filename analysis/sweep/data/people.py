"""Who the patients of a data set's images are: views, sexes, ages, patients and studies from the published files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis import vocabulary
from analysis.durable import sha256_file
from analysis.identity import NameClashError, Names, join, name_key, spelled
from analysis.sweep.data_spec import DataSpec, pairs
from analysis.sweep.errors import DataError
from analysis.sweep.layouts import Opened, find_layout
from analysis.sweep.layouts.registry import read_texts


@dataclass(frozen=True)
class People:
    """What is said about each image: columns view, sex, age, patient, study and role as far as known.

    `sha256`: of the metadata file, None where there is none.
    """

    frame: pd.DataFrame
    sha256: str | None
    warnings: tuple[str, ...] = ()


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
_COUNTED = {"patient": "patients", "study": "studies"}
_NAMED_AT_MOST = 5
"""Unread spellings that one warning names."""


def read_people(images: Sequence[str], data: DataSpec) -> People:
    """Join the metadata file, or the test labels where their layout carries what it would say, to the images by their
    paths (`analysis.identity.join`); without either, take the patient from the names alone.

    Views, sexes and ages that `analysis.vocabulary` does not read stay blank; a warning counts the blanks and names
    what was not read with its row.

    Raises
    ------
    DataError: no file, no column that names the image or that [data] columns names, images without a row, a row that
        fits several images or an image several rows, rows of one image that contradict each other, a patient in two
        spellings.
    """
    patients = pd.Series([_patient_in_name(name) for name in images], dtype=object)
    known = patients.notna().all()
    layout = find_layout(data.layout)
    where = data.metadata or (data.labels_test if layout.carries_people else None)
    if where is None:
        frame = pd.DataFrame({"patient": patients}) if known else pd.DataFrame(index=range(len(images)))
        return People(frame, None, ("no metadata file: view, sex and age are unknown",))
    opened = Opened(read_texts(where), where, data.classes, data.readers)
    if data.metadata is None:
        layout.arrange(opened)
    written = _written(opened.table.reset_index(drop=True), data, where)
    told = {name: _read(written[name], str(name)) for name in written if name != "image"}
    read = pd.DataFrame(told, index=written.index)
    rows = _rows_of(images, written["image"], read, where)
    warnings = _unread(written, read, rows, where.name)
    frame = read.iloc[rows].reset_index(drop=True)
    if "patient" not in frame and known:
        frame["patient"] = patients
    if "study" in layout.people:
        warnings = (_counted(frame, where.name), *warnings)
    return People(frame, sha256_file(where) if data.metadata else None, warnings)


def _written(table: pd.DataFrame, data: DataSpec, where: Path) -> pd.DataFrame:
    """Return the cells that tell image, view, sex, age, patient, study and role, as they are written."""
    layout, own = find_layout(data.layout), pairs(data.columns, "columns")
    if absent := [heading for heading in own.values() if heading not in table]:
        raise DataError(f"{where}: expected the column {absent[0]!r} of [data] columns, got none")
    if data.metadata is None:
        own = {"image": data.id_column, **own}
    headings = {**layout.people, **{name: (heading,) for name, heading in own.items()}}
    found = {name: heading for name in headings if (heading := _heading(table, headings[name]))}
    if "image" not in found:
        raise DataError(f"{where}: expected one of the columns {', '.join(headings['image'])}, got none")
    written = pd.DataFrame({name: table[heading] for name, heading in found.items()})
    if "view" in written and "Frontal/Lateral" in table:  # CheXpert leaves AP/PA blank where it is neither
        written["view"] = written["view"].where(written["view"] != "", table["Frontal/Lateral"])
    return written


def _heading(table: pd.DataFrame, headings: Sequence[str]) -> str | None:
    folded = {str(column).casefold(): str(column) for column in reversed(table.columns)}
    exact = next((heading for heading in headings if heading in table.columns), None)
    return exact or next((folded[h.casefold()] for h in headings if h.casefold() in folded), None)


def _read(written: pd.Series, name: str) -> pd.Series:
    """Read each spelling of a column once; None where it is blank or not read."""
    read = _READ[name][0] if name in _READ else vocabulary.role if name == "role" else spelled
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


def _counted(frame: pd.DataFrame, where: str) -> str:
    """Say how many patients, studies, views and sexes were read."""
    parts = [f"{frame[name].nunique():,} {word}" for name, word in _COUNTED.items() if name in frame]
    for name in ("view", "sex"):
        if name in frame and frame[name].notna().any():
            counts = frame[name].value_counts()
            parts.append(f"{name} {', '.join(f'{value} {count:,}' for value, count in counts.items())}")
    if "age" in frame and frame["age"].notna().any():
        parts.append(f"age {frame['age'].min():g} to {frame['age'].max():g}")
    return "; ".join([f"{where}: {len(frame):,} test images", *parts])


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
            own = own.drop_duplicates()
            came = [
                f"row {row + 1} {text[:40]!r}" for row, text in zip(own.index.to_numpy(), own, strict=True)
            ]
            more = len(came) - _NAMED_AT_MOST
            warning += f"; expected {wanted}, not read: {', '.join(came[:_NAMED_AT_MOST])}" if came else ""
            warning += f" and {more} more spellings" if more > 0 else ""
        warnings.append(warning)
    return tuple(warnings)


def _patient_in_name(name: str) -> str | None:
    for pattern in _PATIENT_IN_NAME:
        if found := pattern.search(name):
            return found.group(1)
    return None
