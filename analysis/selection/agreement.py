"""Agreement of dense and pruned scores for every image of a run, over all seeds or over resamples of them."""

import numpy as np
import numpy.typing as npt

from analysis.selection.criteria import CRITERIA
from analysis.selection.errors import SelectionError
from analysis.selection.exemplars import Exemplars, rank_exemplars
from analysis.selection.modal import modal_agreement
from analysis.selection.store import Run

CHUNK_BYTES = 32 * 2**20
"""Largest array of mean scores at a time, however many images and resamples; ranks and sums take six times that."""

Floats = npt.NDArray[np.float64]


def find_in_run(run: Run, *, criterion: str, sparsity: float, fraction: float) -> Exemplars:
    """Find the exemplars of a run at one sparsity; see `find_exemplars`.

    Raises
    ------
    SelectionError: the run has no such sparsity, or see `find_exemplars`.
    """
    if criterion in CRITERIA and not CRITERIA[criterion].seedwise:
        rule = CRITERIA[criterion]
        scores = rule.agreement(run.mean_scores(0.0), run.mean_scores(sparsity))
    else:
        scores = agreements(run, np.ones((1, len(run.seeds)), dtype=np.int64), criterion, sparsity)[0]
    return rank_exemplars(list(run.images["image"]), scores, criterion=criterion, fraction=fraction)


def agreements(
    run: Run, counts: npt.NDArray[np.int64], criterion: str, sparsity: float, chunk: int | None = None
) -> Floats:
    """Compute the agreement of every image in every resample of the seeds, some images at a time.

    Parameters
    ----------
    run: whose score files are mapped, not loaded.
    counts: how often each seed counts, draws x seeds, from 0; each draw at least once.
    criterion: a name of `CRITERIA`.
    sparsity: compared with 0.
    chunk: images at a time; by default as many as `CHUNK_BYTES` allow.

    Returns
    -------
    float64, draws x images; NaN where an image has no agreement.
    """
    if criterion not in CRITERIA:
        raise SelectionError(f"expected a criterion of {', '.join(CRITERIA)}; got {criterion!r}")
    rule = CRITERIA[criterion]
    files = [[run.scores(seed, level) for seed in run.seeds] for level in (0.0, sparsity)]
    images, classes = len(run.images), len(run.classes)
    rows = max(len(counts), len(run.seeds))
    chunk = chunk or max(1, CHUNK_BYTES // (8 * rows * classes))
    out = np.empty((len(counts), images))
    weights = counts / counts.sum(axis=1, keepdims=True)
    for start in range(0, images, chunk):
        part = slice(start, min(start + chunk, images))
        dense, pruned = (np.stack([scores[part] for scores in level]) for level in files)
        if rule.seedwise:
            out[:, part] = modal_agreement(dense, pruned, counts)
            continue
        means = [_means(weights, scores) for scores in (dense, pruned)]
        out[:, part] = rule.agreement(*means).reshape(len(counts), -1)
    return out


def _means(weights: Floats, scores: npt.NDArray[np.float32]) -> Floats:
    """Average over seeds, once per draw: (draws x images) x classes."""
    flat = scores.reshape(len(scores), -1).astype(np.float64)
    # The weights sum to 1 but for rounding, which may lead a score of 1 a hair above it.
    means: Floats = np.minimum((weights @ flat).reshape(-1, scores.shape[2]), 1.0)
    return means
