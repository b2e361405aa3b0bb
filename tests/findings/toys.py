"""Small tables with known findings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.frames import NIH_CLASSES
from analysis.metrics.ranking import rank_quality
from tests.selection.runs import seal

RUN_CLASSES = NIH_CLASSES[:6]


def metrics(ap: Mapping[str, Sequence[Sequence[float | None]]], sparsities: Sequence[float]) -> pd.DataFrame:
    """Return frames.METRICS from AP by class: one list per seed, over sparsities; None = no positive image."""
    return pd.DataFrame(
        [
            {"seed": seed, "sparsity": sparsity, "class": name, "positives": 0 if value is None else 9,
             "ap": value, "auc": None, "f1": None}
            for name, seeds in ap.items()
            for seed, row in enumerate(seeds)
            for sparsity, value in zip(sparsities, row, strict=True)
        ]
    )  # fmt: skip


def classes(positives: Mapping[str, int | None]) -> pd.DataFrame:
    """Return frames.CLASSES from training positives."""
    return pd.DataFrame(
        {"class": list(positives), "train_positives": list(positives.values()), "test_positives": 9,
         "class_group": "head"}
    )  # fmt: skip


def write_run(
    folder: Path,
    images: int = 120,
    seeds: int = 3,
    sparsities: Sequence[float] = (0.0, 0.5, 0.9, 0.95),
    ending: str = "000.png",
) -> Path:
    """Write a RUN folder with metrics: pruning mixes noise into good scores, more so for rarer classes."""
    rng = np.random.default_rng(0)
    (folder / "predictions").mkdir(parents=True)
    shares = np.array([0.5, 0.4, 0.3, 0.2, 0.15, 0.1])
    labels = (rng.random((images, len(RUN_CLASSES))) < shares).astype(int)
    labels[:, 0] = labels[:, 1:].sum(axis=1) == 0
    table = pd.DataFrame({"image": [f"{n:08d}_{ending}" for n in range(images)]})
    table[list(RUN_CLASSES)] = labels
    table.to_csv(folder / "images.csv", index=False)
    pd.DataFrame(
        {"class": RUN_CLASSES, "train_positives": [4000, 2000, 600, 300, 60, 20],
         "test_positives": labels.sum(axis=0),
         "class_group": ["head", "head", "medium", "medium", "tail", "tail"]}
    ).to_csv(folder / "classes.csv", index=False)  # fmt: skip
    rows = []
    for seed in range(seeds):
        for k in (0.0, 0.5, 0.9, 0.95):
            mix = k * np.linspace(0.4, 1, len(RUN_CLASSES))
            good = 0.7 * labels + 0.3 * rng.random(labels.shape)
            scores = ((1 - mix) * good + mix * rng.random(labels.shape)).astype(np.float32)
            np.save(folder / f"predictions/seed-{seed}_sparsity-{k:.2f}.npy", scores)
            ranking = rank_quality(labels, scores)
            rows += [
                {
                    "seed": seed,
                    "sparsity": k,
                    "class": name,
                    "positives": count,
                    "ap": ap,
                    "auc": auc,
                    "f1": None,
                }
                for name, count, ap, auc in zip(
                    RUN_CLASSES, ranking.positives, ranking.ap, ranking.auc, strict=True
                )
            ]
    pd.DataFrame(rows).to_csv(folder / "metrics.csv", index=False)
    seal(folder)
    return folder
