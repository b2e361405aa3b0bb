"""What images are matched on: view, sex, age, patient, and what follows from their labels."""

import numpy as np
import pandas as pd

from analysis import frames
from analysis.selection.errors import SelectionError

UNLABELLED = "none of the classes"
"""Label text of an image without any positive class."""

LOG_FREQUENCY = "log_frequency"
METADATA = ("view", "sex", "age", "patient")
MATCHABLE = ("view", "sex", "age", "labels", "n_findings", "class_group", LOG_FREQUENCY)
"""What controls can be matched on."""


def covariate_table(images: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Derive the covariates of each image.

    Parameters
    ----------
    images: frames.IMAGES with one 0/1 column per class.
    classes: frames.CLASSES, rows in column order.

    Returns
    -------
    image, the metadata columns that are there, and: labels (text), n_findings (count without No Finding),
    class_group (group of the rarest positive class, `none` without one), log_frequency (log10 of that class's
    training positives; of its test positives if no class has training counts; NaN without a positive class).
    """
    names = [str(name) for name in classes["class"]]
    labels = images[names].to_numpy(dtype=np.int64)
    table = images[["image", *(name for name in METADATA if name in images.columns)]].reset_index(drop=True)
    counts = _counts(classes)
    rarest = np.where(labels == 1, counts, np.inf).argmin(axis=1)
    positive = labels.any(axis=1)
    groups = classes["class_group"].to_numpy(dtype=object)
    table["labels"] = [text or UNLABELLED for text in frames.label_text(labels, names)]
    table["n_findings"] = frames.count_findings(labels, names)
    table["class_group"] = np.where(positive, groups[rarest], "none")
    table[LOG_FREQUENCY] = np.where(positive, np.log10(np.maximum(counts[rarest], 1)), np.nan)
    return table


def require(table: pd.DataFrame, name: str, use: str) -> pd.Series:
    """Return a covariate; refuse it when no image has one.

    Raises
    ------
    SelectionError: no such column, or only blanks: says what cannot be done and what to do.
    """
    if name not in table.columns or is_blank(table[name]).all():
        advice = (
            "give the sweep the metadata file of the data set"
            if name in METADATA
            else f"known: {', '.join(column for column in table.columns if column != 'image')}"
        )
        raise SelectionError(f"{use} needs '{name}' of each image, got none; {advice}, or leave it out")
    return table[name]


def is_blank(values: pd.Series) -> "pd.Series[bool]":
    """Tell which cells hold nothing: missing or white space."""
    blank: pd.Series[bool] = values.isna() | (values.astype(str).str.strip() == "")
    return blank


def is_numeric(values: pd.Series) -> bool:
    """Tell numbers from categories."""
    return bool(pd.api.types.is_numeric_dtype(values))


def _counts(classes: pd.DataFrame) -> np.ndarray:
    counts = pd.to_numeric(classes["train_positives"])
    if counts.isna().any():
        counts = pd.to_numeric(classes["test_positives"])
    values: np.ndarray = counts.to_numpy(dtype=float)
    return values
