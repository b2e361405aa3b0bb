"""PadChest: PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv, whose column `Labels` is a list of Python.

Bustos et al., 2020 (doi 10.1016/j.media.2020.101797); 160,868 images of 67,625 patients, 174 findings and 19 diagnoses.
The year of birth and the date of the study give the age, `Projection` the view; `normal` is the class No Finding.
"""

import ast

import pandas as pd

from analysis.frames import NO_FINDING
from analysis.sweep.layouts.registry import Layout, Opened, from_lists, need_columns, register

VIEWS = {"L": "LATERAL", "AP_horizontal": "AP"}


def _names(cell: str) -> list[str] | None:
    """Read a list of texts; blanks around the names go, as the file has some."""
    if not cell:
        return []
    try:
        names = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    found = [name.strip() for name in names if name.strip()]
    return [NO_FINDING if name == "normal" else name for name in found]


def _arrange(opened: Opened) -> None:
    table = opened.table
    need_columns(opened, "ImageID", "ImageDir", "StudyDate_DICOM", "PatientBirth", "Projection")
    from_lists(opened, "Labels", _names)
    table["image"] = table["ImageDir"].str.removesuffix(".0") + "/" + table["ImageID"]
    table["view"] = table["Projection"].replace(to_replace=VIEWS)
    seen, born = (
        pd.to_numeric(table[name].str[:4], errors="coerce") for name in ("StudyDate_DICOM", "PatientBirth")
    )
    table["age"] = (seen - born).map(lambda years: "" if pd.isna(years) else f"{years:.0f}")


register(
    Layout(
        "padchest", "PadChest: PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv; name the classes", "image",
        arrange=_arrange, carries_people=True,
    )
)  # fmt: skip
