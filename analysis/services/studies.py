"""Listed DICOM files become cases by one rule: the images of a study are a case, each with its view as role."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pydicom
from pydicom.errors import InvalidDicomError

from analysis import vocabulary
from analysis.caseset import CaseSetError
from analysis.caseset.roles import composition
from analysis.caseset.write import refuse_images

RULE = (
    "Images of one study (StudyInstanceUID) are one case. The role of each is its ViewPosition (LL and RL are "
    "LATERAL), with L- or R- before it where ImageLaterality says so; PA and AP come first, the others by name."
)
_TAGS = ["StudyInstanceUID", "ViewPosition", "ImageLaterality"]
_FIRST = ("PA", "AP")


def cases_of_studies(listed: pd.DataFrame, files: Mapping[str, Path]) -> pd.DataFrame:
    """Give listed images (frames.LISTED) their `case` and `role` by `RULE`, and put those of a case in order.

    Parameters
    ----------
    files: of each image, DICOM.

    Raises
    ------
    CaseSetError: files that are not DICOM, or say no study or view, all of them named; a list that names cases itself.
    """
    if "case" in listed.columns:
        raise CaseSetError("expected no column 'case' in a list whose cases are made by study; take it out")
    wrong, told = [], []
    for image in listed["image"]:
        try:
            header = pydicom.dcmread(files[image], stop_before_pixels=True, specific_tags=list(_TAGS))
            study, view, side = (str(header.get(tag) or "").strip() for tag in _TAGS)
        except (InvalidDicomError, OSError, ValueError, AttributeError, KeyError):
            study = view = side = ""
        if not (study and view):
            wrong.append(f"{files[image]}: expected a DICOM file with StudyInstanceUID and ViewPosition")
        role = vocabulary.role(view)
        told.append((study, f"{side}-{role}" if side in ("L", "R") else role))
    refuse_images(wrong, len(listed))
    studies = list(dict.fromkeys(study for study, _ in told))
    place = [
        (studies.index(study), _FIRST.index(role) if role in _FIRST else len(_FIRST), role)
        for study, role in told
    ]
    numbered = [f"study {studies.index(study) + 1}" for study, _ in told]
    found = listed.assign(case=numbered, role=[role for _, role in told])
    return found.iloc[sorted(range(len(found)), key=place.__getitem__)].reset_index(drop=True)


def in_words(cases: pd.DataFrame) -> str:
    """Say which images become which case, and how many cases have which roles."""
    lines = [
        f"{case}: {', '.join(f'{role} {image}' for role, image in zip(rows['role'], rows['image'], strict=True))}"
        for case, rows in cases.groupby("case", sort=False)
    ]
    counts = composition(cases, cases["case"]).value_counts()
    return "\n".join([RULE, *lines, *(f"{roles}: {count} cases" for roles, count in counts.items())])
