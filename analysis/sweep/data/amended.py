"""Change the training split image by image: weights of the loss, 0 leaving an image out, and other labels.

What the arms of a retraining experiment are made of. An epoch has as many steps as without: where images are left out,
others come again in its place, so that no arm learns longer than another. Weights are scaled to a mean of 1 over the
images that are left, so that none learns faster.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.sweep.data.splits import Split
from analysis.sweep.errors import DataError
from analysis.sweep.spec import TrainSpec
from analysis.tablefile import read_table


def amended(
    split: Split, classes: tuple[str, ...], train: TrainSpec
) -> tuple[Split, NDArray[np.float32] | None]:
    """Put the labels of `relabel` into a training split, and read its `sample_weights`.

    Returns
    -------
    The split, all images in it; and float32, one weight per image with a mean of 1 over those above 0, None where no
    file gives weights. An image that the file does not name weighs 1 before the scaling.

    Raises
    ------
    DataError: a file without its columns, an image that is not of the split or comes twice, a label that is neither 0
        nor 1, a weight that is no number from 0, no image left.
    """
    if train.relabel:
        table, rows = about_images(split, train.relabel, classes)
        if not np.isin(table, (0, 1)).all():
            raise DataError(f"{train.relabel}: expected labels of 0 and 1, got others")
        labels = split.labels.copy()
        labels[rows] = table
        split = replace(split, labels=labels)
    if not train.sample_weights:
        return split, None
    given, rows = about_images(split, train.sample_weights, ("weight",))
    weights = np.ones(len(split.images))
    weights[rows] = given[:, 0]
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise DataError(f"{train.sample_weights}: expected weights from 0, not all of them 0, got others")
    return split, (weights / weights[weights > 0].mean()).astype(np.float32)


def about_images(split: Split, file: Path, columns: tuple[str, ...]) -> tuple[NDArray[np.float64], list[int]]:
    """Read columns of numbers about some images of a split; return them with the images' places there.

    Raises
    ------
    DataError: a column that is missing, an image that is not of the split or comes twice.
    """
    table = read_table(file, error=DataError, where=str(file), dtype={"image": str})
    if absent := [name for name in ("image", *columns) if name not in table]:
        raise DataError(f"{file}: expected the columns image, {', '.join(columns)}; {absent[0]} is missing")
    places = {name: row for row, name in enumerate(split.images)}
    strange = [name for name in table["image"] if name not in places]
    if strange or table["image"].duplicated().any():
        raise DataError(
            f"{file}: expected images of the training split, each once, got {(strange or ['one twice'])[0]!r}"
        )
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return numbers, [places[name] for name in table["image"]]


def drawn_order(draw: NDArray[np.int64], weights: NDArray[np.float32] | None) -> NDArray[np.int64]:
    """Return the rows of an epoch: a drawn order of all rows, those that are left out replaced by the first others.

    As many rows as there are images; each image that is left comes as often as any other or once more.
    """
    if weights is None:
        return draw
    left = draw[weights[draw] > 0]
    return np.resize(left, len(draw))
