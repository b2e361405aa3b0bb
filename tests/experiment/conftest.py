"""A tiny data set with patients, a rare class and a recipe that trains in a moment."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.sweep.tiny import write_images

CLASSES = ("Common", "Rare")
SPEC = """
[data]
name = "tiny"
images = "images"
labels_train = "train.csv"
labels_val = "val.csv"
labels_test = "test.csv"
metadata = "people.csv"
classes = ["Common", "Rare"]
synthetic = true
head = 8
tail = 8
[preprocess]
size = 32
[models]
architecture = "resnet8"
[infer]
threads = 1
[train]
seeds = [0, 1, 2]
epochs = 1
batch_size = 8
learning_rate = 1e-3
threads = 1
"""


@pytest.fixture
def site(tmp_path: Path, settings) -> Path:
    """Write 24 training images of twelve patients, 4 for validation, 12 to test."""
    settings.RUNS_ROOT, settings.IMAGE_CACHE = tmp_path / "site", tmp_path / "cache"
    people = []
    for role, count in (("train", 24), ("val", 4), ("test", 12)):
        names = [f"{role}{n:02}.png" for n in range(count)]
        write_images(tmp_path / "images", names, seed=count)
        labels = np.zeros((count, 2), int)
        labels[::2, 0], labels[::6, 1] = 1, 1
        pd.DataFrame(labels, columns=list(CLASSES), index=pd.Index(names, name="id")).to_csv(
            tmp_path / f"{role}.csv"
        )
        people += [(name, f"{role}-{n // 2}") for n, name in enumerate(names)]
    pd.DataFrame(people, columns=["image", "patient"]).to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "sweep.toml").write_text(SPEC)
    return tmp_path
