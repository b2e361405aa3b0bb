"""MIMIC-CXR-JPG: mimic-cxr-2.0.0-chexpert.csv.gz or -negbio.csv.gz, one row of labels per study.

Johnson et al., 2019 (arXiv 1901.07042); 377,110 images of 227,835 studies, 227,827 of them with labels. The images of a
study come from mimic-cxr-2.0.0-split.csv.gz (dicom_id, study_id, subject_id, split), given as `split_test` and so on;
mimic-cxr-2.0.0-metadata.csv.gz gives the views.
"""

from analysis.sweep.errors import DataError
from analysis.sweep.layouts.chexpert import CLASSES
from analysis.sweep.layouts.registry import Layout, Opened, need_columns, register

KEYS = ["subject_id", "study_id"]


def _arrange(opened: Opened) -> None:
    need_columns(opened, *KEYS)
    images, labels = opened.images, opened.table
    if images is None or not {"dicom_id", *KEYS} <= set(images.columns):
        raise DataError(
            f"{opened.where}: expected the images of each study in [data] split_test (split_train, split_val), a "
            "table with dicom_id, study_id, subject_id and split (mimic-cxr-2.0.0-split.csv.gz), got none"
        )
    again = labels.duplicated(KEYS)
    if again.any():
        row = int(labels.index[again][0])
        raise DataError(
            f"{opened.where}, row {row + 1}, column 'study_id': expected each study once, got "
            f"{labels.loc[row, 'study_id']!r} again"
        )
    joined = images[["dicom_id", *KEYS]].merge(labels.assign(row=labels.index), how="left", on=KEYS)
    lacking = joined["row"].isna()
    if lacking.any():
        opened.notes.append(
            f"{opened.where.name}: {int(lacking.sum())} of {len(joined)} images are left out, their study has no labels"
        )
    joined = joined[~lacking].set_index(joined["row"][~lacking].astype(int))
    subject, study = joined["subject_id"], joined["study_id"]
    folder = "files/p" + subject.str[:2] + "/p" + subject + "/s" + study
    joined["path"] = folder + "/" + joined["dicom_id"] + ".jpg"
    opened.table, opened.images = joined, None


register(
    Layout(
        "mimic-cxr", "MIMIC-CXR-JPG: chexpert or negbio labels, split and metadata", "path", CLASSES, _arrange
    )
)
