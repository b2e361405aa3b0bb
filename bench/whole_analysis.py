"""The metrics of the full NIH-CXR-LT sweep, for real: 30 seeds x 20 sparsities x 21,081 images x 20 classes.

Draws all scores in memory (float32, 1.01 GB), then times AP, ROC area and F1 of every class in all 600 runs, the mean
scores over the seeds, and Spearman's rho of each image between dense and each sparsity; in as many threads as there
are cores. Prints one JSON line; drawing is not timed.
"""

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.ranking import f1_at, rank_quality
from analysis.metrics.ranks import spearman_rows

Scores = NDArray[np.float32]
SEEDS, SPARSITIES, IMAGES, CLASSES = 30, 20, 21_081, 20


def drawn_labels(images: int, classes: int) -> NDArray[np.uint8]:
    """Draw long-tailed labels, images x classes."""
    draw = np.random.default_rng(0)
    return (draw.random((images, classes)) < np.geomspace(0.3, 0.002, classes)).astype(np.uint8)


def drawn_scores(seeds: int, sparsities: int, images: int, classes: int) -> Scores:
    """Draw scores: seeds x sparsities x images x classes, no two runs alike."""
    scores = np.empty((seeds, sparsities, images, classes), np.float32)
    draw = np.random.default_rng(1)
    for one in scores.reshape(-1, images, classes):
        draw.random(out=one, dtype=np.float32)
    return scores


def whole(labels: NDArray[np.uint8], scores: Scores, threads: int) -> tuple[NDArray[np.float64], ...]:
    """Return AP, ROC area, F1 (seeds x sparsities x classes) and rho (sparsities - 1 x images)."""

    def ranked(run: Scores) -> tuple[NDArray[np.float64], ...]:
        quality = rank_quality(labels, run)
        return quality.ap, quality.auc, f1_at(labels, run)

    def mean(level: int) -> Scores:
        total = scores[0, level].astype(np.float64)
        for member in scores[1:, level]:
            total += member
        return (total / len(scores)).astype(np.float32)

    with ThreadPoolExecutor(threads) as pool:
        runs = list(pool.map(ranked, scores.reshape(-1, *labels.shape)))
        dense = mean(0)
        rho = list(pool.map(lambda k: spearman_rows(dense, mean(k)), range(1, scores.shape[1])))
    ap, auc, f1 = (np.stack(part).reshape(*scores.shape[:2], -1) for part in zip(*runs, strict=True))
    return ap, auc, f1, np.stack(rho)


def main() -> None:
    """Draw, compile, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--images", type=int, default=IMAGES)
    given = parser.parse_args()
    threads = os.cpu_count() or 1
    labels = drawn_labels(given.images, CLASSES)
    scores = drawn_scores(given.seeds, SPARSITIES, given.images, CLASSES)
    whole(labels[:50], scores[:2, :2, :50].copy(), 1)  # compile
    began = time.perf_counter()
    whole(labels, scores, threads)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "threads": threads, "scores_gb": scores.nbytes / 1e9}))


if __name__ == "__main__":
    main()
