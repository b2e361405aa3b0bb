"""Do predictions belong to a label file? Rows, names and every label text are compared with it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.identity import path_key
from analysis.imports.errors import PredictionsError
from analysis.imports.pickled import LABEL, Predictions
from analysis.sweep.data.splits import Split

SEPARATOR = "|"
"""Between the class names in the published label texts; they are in column order, which is not required."""


def matching_scores(found: Predictions, split: Split, classes: tuple[str, ...]) -> NDArray[np.float32]:
    """Check predictions against a split and return its scores, float32, images x classes in the split's order.

    Scores of 64 bits are rounded to 32.

    Raises
    ------
    PredictionsError: another number of rows, other columns, another image or label (row and both texts are
        named), a score that is not a number from 0 to 1.
    """
    if len(found.scores) != len(split.images):
        raise PredictionsError(
            f"expected {len(split.images)} rows, one per image of {split.where.name}, got {len(found.scores)}"
        )
    scores = _in_order(found, classes)
    if found.images is not None:
        _check_images(found.images, split)
    if found.labels is not None:
        _check_labels(found.labels, split, classes)
    _check_range(scores, classes)
    return np.ascontiguousarray(scores, np.float32)


def _in_order(found: Predictions, classes: tuple[str, ...]) -> NDArray[Any]:
    if found.columns is None:
        if found.scores.shape[1] != len(classes):
            raise PredictionsError(f"expected {len(classes)} columns, got {found.scores.shape[1]}")
        return found.scores
    absent = [name for name in classes if name not in found.columns]
    strange = [name for name in found.columns if name not in classes]
    if absent or strange:
        got = f"the column {strange[0][:80]!r}" if strange else "none"
        wanted = f"the column {absent[0]!r}" if absent else f"one column per class and '{LABEL}'"
        raise PredictionsError(f"expected {wanted}, got {got}")
    return found.scores[:, [found.columns.index(name) for name in classes]]


def _check_images(came: list[str], split: Split) -> None:
    for row, (wanted, name) in enumerate(zip(split.images, came, strict=True), 1):
        if path_key(wanted) != path_key(name):
            raise PredictionsError(f"row {row}: expected the image {wanted!r}, got {name[:80]!r}")


def _check_labels(came: list[str], split: Split, classes: tuple[str, ...]) -> None:
    names = np.array(classes, dtype=object)
    for row, (positive, text) in enumerate(zip(split.labels.astype(bool), came, strict=True), 1):
        wanted = list(names[positive])
        if text != SEPARATOR.join(wanted) and sorted(text.split(SEPARATOR)) != sorted(wanted):
            raise PredictionsError(
                f"row {row}, image {split.images[row - 1]}: expected the label {SEPARATOR.join(wanted)!r} "
                f"({split.where.name}), got {text[:200]!r}; "
                f"is this the label file used for the predictions?"
            )


def _check_range(scores: NDArray[Any], classes: tuple[str, ...]) -> None:
    # A nan fails both comparisons, so it counts as outside.
    bad = ~((scores >= 0) & (scores <= 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise PredictionsError(
            f"row {row + 1}, column {classes[column]!r}: expected a score from 0 to 1, got {scores[row, column]}"
        )
