"""Draw folds that keep patients together and spread rare labels, and random sets that are like a list of images."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.sweep.errors import DataError

Labels = NDArray[np.int8]


def folds_by_patient(labels: Labels, patients: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """Give each image a fold from 0, all images of a patient the same, positives of rare classes spread.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data"), a
    patient at a time: those with the rarest class first, each into the fold that has fewest positives of that class,
    of several the one with fewest images.

    Parameters
    ----------
    labels: images x classes, 1 for a positive. patients: one per image; a blank is a patient of its own.
    seed: of the order among patients alike.

    Raises
    ------
    DataError: fewer patients than folds.
    """
    blank = patients.isna() | (patients.astype(str) == "")
    owner = patients.where(~blank, [f"\0{n}" for n in range(len(labels))])
    groups = [rows.to_numpy() for _, rows in pd.Series(range(len(labels))).groupby(owner)]
    if len(groups) < folds:
        raise DataError(f"expected patients for {folds} folds, got {len(groups)}")
    known = labels == 1
    common = np.where(known.sum(axis=0) > 0, known.sum(axis=0), len(labels) + 1)
    order = np.random.default_rng(seed).permutation(len(groups))
    members = [(known[rows].sum(axis=0), rows) for rows in (groups[place] for place in order)]
    members.sort(key=lambda one: (common[one[0] > 0].min(initial=len(labels) + 1), -len(one[1])))
    given = np.zeros(len(labels), np.int64)
    positives, sizes = np.zeros((folds, known.shape[1])), np.zeros(folds)
    for own, rows in members:
        rarest = int(np.argmin(np.where(own > 0, common, len(labels) + 2)))
        fullness = positives[:, rarest] if own[rarest] else np.zeros(folds)
        fold = min(range(folds), key=lambda one: (fullness[one], sizes[one]))
        given[rows] = fold
        positives[fold] += own
        sizes[fold] += len(rows)
    return given


def matched_set(
    labels: Labels, chosen: NDArray[np.int64], pool: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """Draw as many other images as are chosen, each with the labels of one of them.

    Where no image of the pool with the same labels is left, the nearest takes its place: the one with fewest labels
    that differ.

    Parameters
    ----------
    labels: images x classes. chosen, pool: rows; rows that are in both are left out of the pool.

    Raises
    ------
    DataError: a pool of fewer images than are chosen.
    """
    draw = np.random.default_rng(seed)
    left = list(draw.permutation(np.setdiff1d(pool, chosen)))
    if len(left) < len(chosen):
        raise DataError(f"expected {len(chosen)} images to draw a random set from, got {len(left)}")
    found = []
    for row in draw.permutation(chosen):
        differing = (labels[left] != labels[row]).sum(axis=1)
        found.append(left.pop(int(np.argmin(differing))))
    return np.sort(np.array(found, np.int64))
