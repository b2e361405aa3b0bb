"""What images are matched on (view, sex, age, patient, what follows from their labels), and how alike two groups are.

SMD = (mean of exemplars - mean of controls) / sqrt((s1^2 + s0^2) / 2) with the variances of the two groups
that are compared (n - 1); for a level of a category s^2 = p (1 - p). Austin 2009, Stat Med 28:3083.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import frames
from analysis.selection.criteria import SelectionError

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
    labels = frames.label_matrix(images, names)
    table = images[["image", *(name for name in METADATA if name in images.columns)]].reset_index(drop=True)
    counts = _counts(classes)
    rarest = np.where(labels == 1, counts, np.inf).argmin(axis=1)
    positive = (labels == 1).any(axis=1)
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
    return values.isna() | (values.astype(str).str.strip() == "")


def is_numeric(values: pd.Series) -> bool:
    """Tell numbers from categories."""
    return bool(pd.api.types.is_numeric_dtype(values))


def _counts(classes: pd.DataFrame) -> np.ndarray:
    counts = pd.to_numeric(classes["train_positives"])
    if counts.isna().any():
        counts = pd.to_numeric(classes["test_positives"])
    return counts.to_numpy(dtype=float)


BALANCED = 0.1
"""Largest |SMD| that is called balanced (Austin 2009)."""


def balance_table(
    exemplars: pd.DataFrame,
    pool: pd.DataFrame,
    matched: pd.DataFrame,
    controls: pd.DataFrame,
    columns: Sequence[str],
) -> pd.DataFrame:
    """Compare exemplars and controls on each covariate, before and after matching.

    Parameters
    ----------
    exemplars: the drawn exemplars.
    pool: the images that controls may come from.
    matched: exemplars that got a control.
    controls: the controls.
    columns: covariates; numbers by their means, categories level by level.

    Returns
    -------
    One row per covariate and level ('' for numbers): covariate, level, mean_exemplar and mean_control after
    matching, smd_before (exemplars against the pool), smd_after (matched exemplars against their controls),
    smd_unmatched (unmatched exemplars against matched ones; NaN without any), unbalanced (|smd_after| > 0.1).
    Blank cells are left out. An SMD is NaN where a group is empty and infinite where groups that do not vary
    differ.
    """
    unmatched = exemplars[~exemplars["image"].isin(matched["image"])]
    rows = []
    for name in columns:
        for level in _levels(name, exemplars, pool):
            arms = [_values(frame, name, level) for frame in (exemplars, pool, matched, controls, unmatched)]
            before, after = smd(arms[0], arms[1], level != ""), smd(arms[2], arms[3], level != "")
            rows.append(
                {
                    "covariate": name, "level": level,
                    "mean_exemplar": _mean(arms[2]), "mean_control": _mean(arms[3]),
                    "smd_before": before, "smd_after": after,
                    "smd_unmatched": smd(arms[4], arms[2], level != ""),
                    "unbalanced": bool(abs(after) > BALANCED),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def smd(ones: np.ndarray, zeros: np.ndarray, share: bool) -> float:
    """Compute the standardised mean difference of two groups.

    Parameters
    ----------
    ones, zeros: values of the two groups; 0 and 1 when `share`.
    share: whether the values are a level of a category, with variance p (1 - p).
    """
    if not len(ones) or not len(zeros):
        return math.nan
    gap = float(ones.mean() - zeros.mean())
    spread = math.sqrt((_variance(ones, share) + _variance(zeros, share)) / 2)
    if spread == 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / spread


def _variance(values: np.ndarray, share: bool) -> float:
    mean = float(values.mean())
    if share:
        return mean * (1 - mean)
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _levels(name: str, exemplars: pd.DataFrame, pool: pd.DataFrame) -> list[str]:
    if is_numeric(pool[name]):
        return [""]
    present = pd.concat([exemplars[name], pool[name]])
    return sorted({str(value) for value in present[~is_blank(present)]})


def _values(frame: pd.DataFrame, name: str, level: str) -> np.ndarray:
    column = frame[name][~is_blank(frame[name])]
    values: np.ndarray = (
        (column.astype(str) == level).to_numpy(dtype=float) if level else column.to_numpy(float)
    )
    return values


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
