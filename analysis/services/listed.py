"""From a list of images with the group of each to a case set: a reading study of any two groups, without a sweep.

Listed DICOM files become cases by one rule: the images of a study are a case, each with its view as role.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
from pydicom.errors import InvalidDicomError

from analysis import frames, vocabulary
from analysis.caseset import CaseSet, CaseSetError, Origin, find_images, write_case_set
from analysis.caseset.roles import case_of, composition, named
from analysis.caseset.write import refuse_images
from analysis.durable import sha256_file
from analysis.endpoints import Groups
from analysis.identity import name_key
from analysis.services.handover import Look
from analysis.tablefile import read_table

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


CUSTODY = "no sweep chose these cases, so that there are no evaluated images to compare with"


def hand_over_listed(
    *, listed: Path, groups: Groups, images: Path, out: Path, key_out: Path, synthetic: bool = False,
    shown: Sequence[str] = (), block_size: int = 20, nonce: bytes | None = None,
    terms: Mapping[str, str] | None = None, burned_in_checked: str = "", by_study: bool = False,
) -> CaseSet:  # fmt: skip
    """Write the blind folder and the sealed key of cases that somebody else chose.

    Near-duplicates stay, since the choice is not ours: the sealed report lists them.

    Parameters
    ----------
    listed: CSV of `frames.LISTED`.
    groups: the two groups; `one` has arm 1. The column `group` holds `one` or `other`, compared as names are.
    images: folder of the images to read.
    synthetic: whether the images are not of patients.
    out, key_out, shown, block_size, nonce, burned_in_checked: see `analysis.caseset.write_case_set`.
    terms: see `analysis.caseset.Origin`.
    by_study: make cases of the images by `RULE`.

    Raises
    ------
    CaseSetError, FrameError: see there and `read_listed`; nothing is left half-written.
    """
    rows = read_listed(listed, groups, images if by_study else None)
    look = Look(images, rows["image"])
    close = look.duplicates(list(rows["image"]))
    origin = Origin(
        run_id="",
        predictions_sha256="",
        synthetic=synthetic,
        settings={"cases": "listed by hand", **({"rule": RULE} if by_study else {})},
        committed={"list_sha256": sha256_file(listed)},
        sealed={"pixels": look.compared(rows), "near_duplicates": [list(each) for each in close]},
        terms=terms or {},
        custody={"unchecked": CUSTODY},
    )
    return write_case_set(
        rows, images=find_images(rows["image"], images), out=out, key_out=key_out, origin=origin, shown=shown,
        block_size=block_size, nonce=nonce, burned_in_checked=burned_in_checked, groups=groups,
    )  # fmt: skip


def read_images(path: Path) -> pd.DataFrame:
    """Read a list as it is (frames.LISTED); raise CaseSetError or FrameError for what is none."""
    frame = read_table(path, error=CaseSetError, where=str(path), dtype=str, keep_default_na=False)
    return frames.check_table(frame, frames.LISTED, str(path)).reset_index(drop=True)


def read_listed(path: Path, groups: Groups, studies: Path | None = None) -> pd.DataFrame:
    """Read a list of images as rows of `frames.SELECTION`; there is no score, and the class group is "none".

    studies: folder of the images, where cases are to be made by `RULE`.

    Raises
    ------
    CaseSetError: no CSV, two names that are one, a case of neither group, a group without a case.
    FrameError: a cell that `frames.LISTED` does not allow.
    """
    frame = read_images(path)
    arm_of = {name_key(groups.other): 0, name_key(groups.one): 1}
    if len(arm_of) < 2:
        raise CaseSetError(
            f"expected two groups, got {groups.one!r} and {groups.other!r}, which are one name"
        )
    arms = frame["group"].map(name_key).map(arm_of)
    if arms.isna().any():
        row = int(np.argmax(arms.isna()))
        raise CaseSetError(
            f"{path}, row {row + 1}, column 'group': expected {groups.one!r} or {groups.other!r}, got "
            f"{frame['group'].iloc[row]!r}"
        )
    if arms.nunique() < 2:
        raise CaseSetError(
            f"{path}: expected cases of {groups.one!r} and of {groups.other!r}, got one group only"
        )
    frame = frame.assign(arm=arms.astype(int))
    if studies is not None:
        frame = cases_of_studies(frame, find_images(frame["image"], studies))
    labels = frame["labels"].str.split(";").map(lambda parts: [" ".join(part.split()) for part in parts])
    return frame[[name for name in frame.columns if name in frames.SELECTION.names]].assign(
        # A case without a set has a number of its own.
        pair=pd.factorize(named(frame, "set", "\0" + case_of(frame)))[0],
        score=np.nan,
        class_group="none",
        n_findings=labels.map(lambda names: sum(name != frames.NO_FINDING for name in names)),
    )
