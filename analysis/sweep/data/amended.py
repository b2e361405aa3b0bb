"""Change the training split image by image: weights of the loss, 0 leaving an image out, and other labels.

The arms of a retraining experiment are made of this. An epoch has as many steps as without: images left out are
replaced by repeats of others, so that no arm learns longer than another. Weights are scaled to a mean of 1 over the
images that are left, so that none learns faster.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.columns import Column, FrameError
from analysis.frames import IGNORED, label_matrix, labels_told, told_of
from analysis.identity import NameClashError
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
    DataError: a file without its columns, an image that is not of the split or has two rows that differ, a label that
        is neither 0, 1 nor blank, a weight that is no number from 0, no image left.
    """
    if train.relabel:
        split = replace(split, labels=relabelled(split, train.relabel, classes)[0])
    if not train.sample_weights:
        return split, None
    given = about_images(split, train.sample_weights, Column("weight", "number", "of the loss", low=0))
    weights = np.ones(len(split.images))
    weights[given.index] = given["weight"]
    if not weights.any():
        raise DataError(f"{train.sample_weights}: expected weights, not all of them 0, got no other")
    return split, (weights / weights[weights > 0].mean()).astype(np.float32)


def relabelled(
    split: Split, file: Path, classes: tuple[str, ...]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Put better labels of some images in the place of the written ones; a blank leaves a label as it was.

    Returns
    -------
    int8, images x classes; the rows of the images of which the file tells a label.

    Raises
    ------
    DataError: as `about_images`; a file that tells no label.
    """
    given = about_images(split, file, *labels_told(classes))
    known = given[given[list(classes)].notna().any(axis=1)]
    if known.empty:
        raise DataError(f"{file}: expected a 0 or 1 in a column of {', '.join(classes)}, got none")
    labels, better = split.labels.copy(), label_matrix(known, classes)
    labels[known.index] = np.where(better == IGNORED, labels[known.index], better)
    return labels, known.index.to_numpy(np.int64)


def about_images(split: Split, file: Path, *columns: Column) -> pd.DataFrame:
    """Read what a file tells of some images of a split, by their places there (`analysis.frames.told_of`).

    Raises
    ------
    DataError: as there; an image that is not of the split.
    """
    table = read_table(file, error=DataError, where=str(file), dtype={"image": str})
    try:
        given = told_of(split.images, table, columns, str(file))
    except (FrameError, NameClashError) as error:
        raise DataError(str(error)) from error
    if -1 in given.index:
        strange = given.loc[[-1], "image"].iloc[0]
        raise DataError(f"{file}: expected images of the training split, got {strange!r}")
    return given


def drawn_order(draw: NDArray[np.int64], weights: NDArray[np.float32] | None) -> NDArray[np.int64]:
    """Return the rows of an epoch: a drawn order of all rows, those that are left out replaced by the first others.

    As many rows as there are images; each image that is left comes as often as any other or once more.
    """
    if weights is None:
        return draw
    left = draw[weights[draw] > 0]
    return np.resize(left, len(draw))
