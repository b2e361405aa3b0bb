"""The cases of a RUN folder: which row of images.csv stands for each, and its score, the mean over its images.

Without a column `case` (frames.IMAGES) every image is a case.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def one_row_each(images: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of images.csv that stand for a case, in file order."""
    if "case" not in images.columns:
        return images
    return images[images["case"] == images["image"]].reset_index(drop=True)


def mean_scores(images: pd.DataFrame, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the scores of the images of each case.

    Parameters
    ----------
    images: images.csv.
    scores: images x classes, 0 to 1; those of an image without a case are not read.

    Returns
    -------
    Cases x classes, in the order of `one_row_each`.
    """
    if "case" not in images.columns:
        return scores
    cases = pd.Index(one_row_each(images)["image"])
    place = cases.get_indexer(images["case"])
    order = np.argsort(images["image"].to_numpy(dtype=str))  # the same sum in whatever order rows come
    order = order[place[order] >= 0]
    total = np.zeros((len(cases), scores.shape[1]))
    np.add.at(total, place[order], np.asarray(scores, np.float64)[order])
    return np.asarray(total / np.bincount(place[order], minlength=len(cases))[:, None], np.float32)
