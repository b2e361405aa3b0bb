"""The tables of a run that follow from the label files alone: images.csv and classes.csv. Imports no torch."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.frames import CLASSES, IMAGES, check_table
from analysis.sweep.spec import DataSpec
from analysis.sweep.splits import People, Split


def images_table(split: Split, people: People, data: DataSpec) -> pd.DataFrame:
    """Return images.csv: name, what is known of the patient, and the 0/1 labels, in file order."""
    names = pd.DataFrame({"image": split.images})
    labels = pd.DataFrame(split.labels, columns=list(data.classes))
    known = [c.name for c in IMAGES.columns if c.name in people.frame]
    return check_table(pd.concat([names, people.frame[known], labels], axis=1), IMAGES)


def class_groups(data: DataSpec, split: Split, train: Split | None) -> pd.DataFrame:
    """Group the classes by training positives; without a training split, by their share of the test split."""
    base = train or split
    head, tail = (data.head, data.tail) if train or data.head < 1 else (0.10, 0.01)
    size = len(base.images) if head < 1 else 1
    table = pd.DataFrame(
        {
            "class": data.classes,
            "train_positives": pd.array(train.positives if train else [None] * len(data.classes), "Int64"),
            "test_positives": split.positives,
            "class_group": class_group(base.positives, head * size, tail * size),
        }
    )
    return check_table(table, CLASSES)


def class_group(positives: NDArray[np.int64], head: float, tail: float) -> NDArray[np.str_]:
    """Call a class head above `head` positives, tail below `tail`, else medium."""
    return np.where(positives > head, "head", np.where(positives < tail, "tail", "medium"))
