"""Several images to a case: each has a role, and their number, roles and order are the same in all cases of a set.

A case with a different number or kind of images would reveal its group before anybody looked.
"""

import re
from collections import Counter

import pandas as pd

from analysis.caseset.errors import CaseSetError
from analysis.identity import name_key

MOST_IMAGES = 4
"""Images of a case at most: as many as are laid out on one screen."""

OF_IMAGE = ("image", "source", "role", "view", "sha256", "source_sha256", "nonce", "groups")
"""Columns that say something of an image or of a file; all others are of the case, and equal in its rows."""

_ROLE = re.compile(r"[A-Z0-9][A-Z0-9 -]{0,15}")


def case_of(rows: pd.DataFrame) -> pd.Series:
    """Return to which case each image belongs: the name in the column `case`, where blank a case of its own."""
    return named(rows, "case", pd.Series([f"\0{row}" for row in range(len(rows))], index=rows.index))


def named(rows: pd.DataFrame, column: str, own: pd.Series) -> pd.Series:
    """Return the names in a column, two spellings of one alike; `own` where it is blank, or there is no column."""
    if column not in rows.columns:
        return own
    names = rows[column].fillna("").map(name_key)
    return names.where(names != "", own)


def composition(rows: pd.DataFrame, cases: pd.Series) -> pd.Series:
    """Return the roles of the images of each case in their order, joined by ' + ', by case."""
    roles = rows["role"] if "role" in rows.columns else pd.Series("", index=rows.index)
    return roles.groupby(cases, sort=False).agg(" + ".join)


def check_roles(rows: pd.DataFrame, cases: pd.Series, where: str) -> tuple[str, ...]:
    """Return the roles of the images of a case in their order, () where each case has one image.

    Parameters
    ----------
    rows: one row per image, those of a case in the order in which they are shown.
    cases: to which case each belongs (rows).

    Raises
    ------
    CaseSetError: cases with other images than the rest (with how many), more than `MOST_IMAGES` images, a role
        that is missing, comes twice or is no role, or a column of the case that differs between its images.
    """
    held = Counter(composition(rows, cases))
    if len(held) > 1:
        told = "; ".join(f"{name or 'no role'} in {count}" for name, count in held.most_common())
        raise CaseSetError(
            f"{where}: expected the same images in every case, with the same roles in one order, for their number "
            f"could tell the group; got {told} cases"
        )
    roles = tuple(next(iter(held)).split(" + "))
    if len(roles) == 1:
        return ()
    if len(roles) > MOST_IMAGES or len(set(roles)) < len(roles) or not all(map(_ROLE.fullmatch, roles)):
        raise CaseSetError(
            f"{where}: expected 1 to {MOST_IMAGES} images to a case, each with a role of its own of up to 16 capital "
            f"letters, digits, blanks and hyphens, such as PA and LATERAL; got {' + '.join(roles)}"
        )
    for name in (name for name in rows.columns if name not in (*OF_IMAGE, "case")):
        torn = rows.groupby(cases, sort=False)[name].nunique(dropna=False) > 1
        if torn.any():
            row = 1 + int((cases == torn.idxmax()).to_numpy().argmax())
            raise CaseSetError(
                f"{where}, column '{name}': expected one value for all images of a case, got several for the case "
                f"of row {row}"
            )
    return roles
