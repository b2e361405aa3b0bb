"""Small folders of released predictions, and the run they were made from, with known content."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.frames import NIH_CLASSES
from tests.imports import old_pandas as old

CLASSES = list(NIH_CLASSES)
SEEDS, SPARSITIES = (0, 1, 2), (0.0, 0.5, 0.9)
IMAGES = 40
Write = Callable[[Path, np.ndarray, list[str]], None]


def write_labels(folder: Path, images: int = IMAGES, name: str = "labels.csv") -> Path:
    """Write a label file in the NIH-CXR-LT layout and return its path."""
    rng = np.random.default_rng(3)
    labels = (rng.random((images, 20)) < 0.2).astype(int)
    labels[:, 0] = labels[:, 1:].sum(axis=1) == 0
    labels[:, -1] = 0
    table = pd.DataFrame(labels, columns=CLASSES)
    table.insert(0, "id", [f"{n // 2:08d}_{n % 2:03d}.png" for n in range(images)])
    table["subj_id"] = [n // 2 for n in range(images)]
    path = folder / name
    table.to_csv(path, index=False)
    return path


def label_texts(labels: Path) -> list[str]:
    """Return the texts that the published files carry: names in column order, joined by '|'."""
    matrix = pd.read_csv(labels)[CLASSES].to_numpy()
    return ["|".join(np.array(CLASSES)[row == 1]) for row in matrix]


def made_scores(seed: int, sparsity: float, images: int = IMAGES) -> np.ndarray:
    """Return scores, float32; pruning exchanges those of every fourth image."""
    scores = np.random.default_rng(seed).random((images, 20)).astype(np.float32)
    if sparsity:
        scores[::4] = scores[::4, ::-1] * np.float32(1 - sparsity / 2)
    return scores


def write_old_pickle(path: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Write the published form."""
    path.write_bytes(old.pickled(old.frame(CLASSES, scores, labels)))


def write_new_pickle(path: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Write a frame as the installed pandas does."""
    pd.DataFrame(scores, columns=CLASSES).assign(label=labels).to_pickle(path)


def write_array_pickle(path: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Write the scores alone, pickled."""
    path.write_bytes(old.pickled(old.copied_numbers(scores)))


def write_npy(path: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Write the scores alone."""
    np.save(path.with_suffix(".npy"), scores)


def write_csv(path: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Write columns in another order."""
    frame = pd.DataFrame(scores, columns=CLASSES).assign(label=labels)
    frame[frame.columns[::-1]].to_csv(path.with_suffix(".csv"), index=False)


WRITERS: dict[str, Write] = {
    "old pickle": write_old_pickle,
    "new pickle": write_new_pickle,
    "array pickle": write_array_pickle,
    "npy": write_npy,
    "csv": write_csv,
}


def released_name(seed: int, sparsity: float) -> str:
    """Name a file as the published ones are: prune-0, prune-0.5."""
    return f"nih-cxr-lt_resnet50_seed-{seed}_prune-{sparsity:g}.pkl"


def write_released(folder: Path, labels: Path, write: Write = write_old_pickle) -> Path:
    """Write a whole grid of released predictions and return its folder."""
    place = folder / "nih-cxr-lt_L1-prune_preds"
    place.mkdir()
    for seed in SEEDS:
        for sparsity in SPARSITIES:
            write(place / released_name(seed, sparsity), made_scores(seed, sparsity), label_texts(labels))
    return place
