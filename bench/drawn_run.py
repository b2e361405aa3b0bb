"""A run whose scores are drawn, not predicted: every file that a finished sweep leaves before its metrics.

The plan names checkpoints that do not exist; nothing loads them. `analysis.sweep.run.finish` makes metrics and
provenance.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.durable import json_bytes, sha256_file
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.run.paths import RunPaths
from analysis.sweep.spec import PruneSpec, SweepSpec

RUN_ID = "drawn"


def draw_run(
    folder: Path, classes: tuple[str, ...], *, images: int, seeds: int, sparsities: tuple[float, ...]
) -> None:
    """Write score files, sidecars, tables and plan: pruning mixes noise into good scores, more so for rare classes.

    One seed's scores are in memory at a time.
    """
    rng, paths = np.random.default_rng(0), RunPaths(folder)
    paths.predictions.mkdir(parents=True)
    shares = np.geomspace(0.4, 0.002, len(classes))
    labels = (rng.random((images, len(shares))) < shares).astype(np.uint8)
    labels[rng.integers(0, images, len(shares)), np.arange(len(shares))] = 1
    _write_tables(paths, classes, labels, shares)
    noise = rng.random(labels.shape, dtype=np.float32)
    for seed in range(seeds):
        own = rng.random(labels.shape, dtype=np.float32)
        good = (0.6 * labels + 0.3 * own + 0.1 * noise).astype(np.float32)
        other = np.roll(own, 1, axis=0)
        for k in sparsities:
            mix = (k**3 * np.linspace(0.4, 1, len(shares))).astype(np.float32)
            _write_scores(paths, seed, k, (1 - mix) * good + mix * other)
    spec = SweepSpec(
        data=DataSpec(name="drawn", images=Path(), classes=classes, synthetic=True),
        prune=PruneSpec(sparsities=sparsities),
    )
    plan = {
        "format": 1, "run_id": RUN_ID, "spec": spec.as_dict(), "infer": vars(spec.infer), "digests": {},
        "checkpoints": [{"seed": seed, "file": "none", "sha256": "0" * 64} for seed in range(seeds)],
        "images": {"count": images, "content": "0" * 64, "coloured": 0},
        "cache": {"file": "none", "digest": "0" * 64}, "warnings": [], "class_groups_from": "test split",
        "versions": {}, "tables": {file.name: sha256_file(file) for file in (paths.images, paths.classes)},
    }  # fmt: skip
    paths.plan.write_bytes(json_bytes(plan))


def _write_tables(paths: RunPaths, classes: tuple[str, ...], labels: np.ndarray, shares: np.ndarray) -> None:
    table = pd.DataFrame({"image": [f"{n:08d}_000.png" for n in range(len(labels))]})
    table[list(classes)] = labels
    table.to_csv(paths.images, index=False)
    group = np.where(shares > 0.1, "head", np.where(shares > 0.01, "medium", "tail"))
    positives = labels.sum(axis=0)
    pd.DataFrame(
        {
            "class": classes,
            "train_positives": 4 * positives,
            "test_positives": positives,
            "class_group": group,
        }
    ).to_csv(paths.classes, index=False)


def _write_scores(paths: RunPaths, seed: int, sparsity: float, scores: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, scores.astype(np.float32))
    content = stream.getvalue()
    paths.prediction(seed, sparsity).write_bytes(content)
    note = {
        "format": 1, "run_id": RUN_ID, "seed": seed, "sparsity": sparsity, "seconds": 0.0,
        "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    paths.sidecar(seed, sparsity).write_bytes(json_bytes(note))
