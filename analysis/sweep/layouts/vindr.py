"""VinDr-CXR: image_labels_train.csv (three radiologists per image) and image_labels_test.csv (their consensus).

Nguyen et al., 2022 (doi 10.1038/s41597-022-01498-w); 15,000 and 3,000 images. Columns: image_id, in training rad_id,
then 28 classes. Rules for several readers (`readers`): `majority` (an equal number on both sides is uncertain), `any`,
`all`, and `unanimous` (uncertain where they differ).
"""

import numpy as np
import pandas as pd

from analysis.frames import NO_FINDING
from analysis.sweep.errors import DataError
from analysis.sweep.layouts.registry import Layout, Opened, need_columns, register

CLASSES = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation", "Edema",
    "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst", "Mediastinal shift",
    "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture",
    "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other disease", NO_FINDING,
)  # fmt: skip


def _arrange(opened: Opened) -> None:
    # Training and test differ in one name; everything else here says "No Finding".
    table = opened.table.rename(columns={"Other diseases": "Other disease", "No finding": NO_FINDING})
    opened.table = table
    need_columns(opened, "image_id", *opened.classes)
    if "rad_id" not in table:
        return
    if (again := table.duplicated(["image_id", "rad_id"])).any():
        row = int(table.index[again][0])
        raise DataError(
            f"{opened.where}, row {row + 1}, column 'rad_id': expected each reader once, got another row"
        )
    groups = table.groupby("image_id", sort=False)
    firsts = table.drop_duplicates("image_id").copy()
    for name in opened.classes:
        votes = pd.to_numeric(table[name], errors="coerce")
        if (bad := ~votes.isin([0, 1])).any():
            row = int(table.index[bad][0])
            raise DataError(
                f"{opened.where}, row {row + 1}, column '{name}': expected 0 or 1 of each reader, got "
                f"{table.loc[row, name]!r}"
            )
        firsts[name] = _decided(
            votes.groupby(table["image_id"], sort=False).mean().to_numpy(), opened.readers
        )
    readers = groups.size()
    opened.notes.append(
        f"{opened.where.name}: {readers.min()} to {readers.max()} readers per image, decided by '{opened.readers}'"
    )
    opened.table = firsts


def _decided(share: "np.ndarray[tuple[int], np.dtype[np.float64]]", rule: str) -> list[str]:
    """Turn the share of readers who saw a class into a label."""
    low, high = {"majority": (0.5, 0.5), "any": (0.0, 0.0), "all": (1.0, 1.0), "unanimous": (0.0, 1.0)}[rule]
    yes = share >= high if rule in ("all", "unanimous") else share > high
    no = share < low if rule in ("all", "majority") else share <= low
    return [str(text) for text in np.where(yes, "1", np.where(no, "0", "-1"))]


register(
    Layout(
        "vindr-cxr", "VinDr-CXR: image_labels_train.csv, image_labels_test.csv", "image_id", CLASSES, _arrange
    )
)
