"""Small RUN folders and covariate tables with known content."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.frames import NIH_CLASSES

CLASSES = NIH_CLASSES[:6]


def write_run(folder: Path, images: int = 200, seeds: int = 2, metadata: bool = True, seed: int = 0) -> Path:
    """Write a RUN folder of random scores; pruning shuffles those of every tenth image."""
    rng = np.random.default_rng(seed)
    (folder / "predictions").mkdir(parents=True)
    labels = (rng.random((images, len(CLASSES))) < 0.25).astype(int)
    labels[:, 0] = labels[:, 1:].sum(axis=1) == 0
    table = pd.DataFrame({"image": [f"{n // 2:08d}_{n % 2:03d}.png" for n in range(images)]})
    if metadata:
        table["view"] = rng.choice(["PA", "AP"], images)
        table["sex"] = rng.choice(["F", "M"], images)
        table["age"] = rng.integers(20, 90, images)
        table["patient"] = table["image"].str[:8]
    table[list(CLASSES)] = labels
    table.to_csv(folder / "images.csv", index=False)
    groups = ["head", "head", "medium", "medium", "tail", "tail"]
    pd.DataFrame(
        {
            "class": CLASSES, "train_positives": [4000, 2000, 600, 300, 60, 20],
            "test_positives": labels.sum(axis=0), "class_group": groups,
        }
    ).to_csv(folder / "classes.csv", index=False)  # fmt: skip
    for one in range(seeds):
        dense = rng.random((images, len(CLASSES))).astype(np.float32)
        pruned = dense * np.float32(0.5)
        pruned[::10] = rng.permuted(pruned[::10], axis=1)
        np.save(folder / f"predictions/seed-{one}_sparsity-0.00.npy", dense)
        np.save(folder / f"predictions/seed-{one}_sparsity-0.90.npy", pruned)
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Write the provenance of what lies in a RUN folder."""
    predictions = {path.name: digest(path.read_bytes()) for path in (folder / "predictions").iterdir()}
    listing = "\n".join(f"{name} {one}" for name, one in sorted(predictions.items()))
    content = {
        "format": 1, "run_id": "toy-run", "synthetic": True, "predictions": predictions,
        "predictions_sha256": digest(listing.encode()),
        "tables": {path.name: digest(path.read_bytes()) for path in folder.glob("*.csv")},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(content))


def digest(data: bytes) -> str:
    """Compute a SHA-256."""
    return hashlib.sha256(data).hexdigest()
