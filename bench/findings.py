"""Analyse a run of the published study's size from a synthetic prediction store: time and memory.

`python -m bench.findings` draws 54,268 images x 19 classes x 30 seeds x 20 sparsities (600 score files, 2.5 GB; a
temporary folder), computes the metrics as a sweep would, and then times what `analyse_run` does, with its report.
Scores are drawn, not predicted: the figures say how long it takes, nothing else.
"""

import argparse
import hashlib
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.frames import MIMIC_CLASSES
from analysis.metrics.ranking import rank_quality
from analysis.services.findings import Choices, analyse_folder

SPARSITIES = tuple(k / 20 for k in range(20))


def draw_store(folder: Path, images: int, seeds: int) -> None:
    """Write a RUN folder of drawn scores: pruning mixes noise into good scores, more so for rarer classes."""
    rng = np.random.default_rng(0)
    (folder / "predictions").mkdir(parents=True)
    shares = np.geomspace(0.4, 0.002, len(MIMIC_CLASSES))
    labels = (rng.random((images, len(shares))) < shares).astype(np.uint8)
    table = pd.DataFrame({"image": [f"{n:08d}_000.png" for n in range(images)]})
    table[list(MIMIC_CLASSES)] = labels
    table.to_csv(folder / "images.csv", index=False)
    group = np.where(shares > 0.1, "head", np.where(shares > 0.01, "medium", "tail"))
    positives = labels.sum(axis=0)
    pd.DataFrame(
        {
            "class": MIMIC_CLASSES,
            "train_positives": 4 * positives,
            "test_positives": positives,
            "class_group": group,
        }
    ).to_csv(folder / "classes.csv", index=False)
    rows = []
    noise = rng.random(labels.shape, dtype=np.float32)
    for seed in range(seeds):
        own = rng.random(labels.shape, dtype=np.float32)
        good = 0.6 * labels + 0.3 * own + 0.1 * noise
        for k in SPARSITIES:
            mix = (k**3 * np.linspace(0.4, 1, len(shares))).astype(np.float32)
            scores = ((1 - mix) * good + mix * np.roll(own, 1, axis=0)).astype(np.float32)
            np.save(folder / f"predictions/seed-{seed}_sparsity-{k:.2f}.npy", scores)
            found = rank_quality(labels, scores)
            rows.append(
                pd.DataFrame(
                    {"seed": seed, "sparsity": k, "class": MIMIC_CLASSES, "positives": found.positives, "ap": found.ap,
                     "auc": found.auc, "f1": None}
                )
            )  # fmt: skip
    pd.concat(rows).to_csv(folder / "metrics.csv", index=False)
    _seal(folder)


def _seal(folder: Path) -> None:
    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    predictions = {path.name: digest(path) for path in (folder / "predictions").iterdir()}
    listing = "\n".join(f"{name} {one}" for name, one in sorted(predictions.items()))
    content = {
        "format": 1, "run_id": "bench", "synthetic": True, "predictions": predictions,
        "predictions_sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "tables": {path.name: digest(path) for path in folder.glob("*.csv")},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(content))


def main() -> None:
    """Draw, analyse, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=54_268)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where to draw (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        home = Path(name)
        start = time.perf_counter()
        draw_store(home / "run", given.images, given.seeds)
        print(
            f"drawn: {given.images:,} images x {len(MIMIC_CLASSES)} classes x {given.seeds * len(SPARSITIES)} files, "
            f"with metrics, in {time.perf_counter() - start:.0f} s"
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        analysed = analyse_folder(home / "run", Choices())
        middle = time.perf_counter()
        analysed.write(home / "out")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"analysed in {middle - start:.0f} s, tables, figures and report in {time.perf_counter() - middle:.0f} s"
        )
        print(f"peak memory {peak / 2**20:.2f} GiB (before the analysis {before / 2**20:.2f} GiB)")


if __name__ == "__main__":
    main()
