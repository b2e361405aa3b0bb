"""How well two sets of scores agree on an image: the criteria by which exemplars are found, by name.

A criterion takes scores of the dense and of the pruned networks (probabilities): their means over seeds (images x
classes), or those of every seed (seeds x images x classes) where `by_seed` says so. It gives one agreement per
image: 1 is full agreement, low values make an exemplar, NaN means that there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.metrics.ranks import spearman_rows

Scores = np.ndarray
"""Mean scores over seeds: images x classes, float64, 0 to 1."""

SeedScores = np.ndarray
"""Scores of every seed: seeds x images x classes, 0 to 1."""

DECISION = 0.5
"""A network names a class when its score is at least this."""

TOP = 3
"""Number of classes that the top-k criterion compares."""


@dataclass(frozen=True)
class Criterion:
    """A named agreement; `undefined` says in words when an image has none."""

    name: str
    label: str
    agreement: Callable[[Scores, Scores], np.ndarray]
    undefined: str = ""
    by_seed: bool = False


def spearman(dense: Scores, pruned: Scores) -> np.ndarray:
    """Correlate the ranks of the classes, row by row, with average ranks for ties (Spearman 1904).

    The sums are exact, so images whose rankings agree alike get the same value to the last bit, and ties at
    the cut are real ties.

    Returns
    -------
    Correlation of each image, -1 to 1 (images); NaN where all scores of a row are equal.
    """
    return spearman_rows(dense, pruned).rho


def pearson(dense: Scores, pruned: Scores) -> np.ndarray:
    """Correlate the scores across the classes, row by row.

    Returns
    -------
    Correlation of each image, -1 to 1 (images); NaN where all scores of a row are equal.
    """
    a = dense - dense.mean(axis=1, keepdims=True)
    b = pruned - pruned.mean(axis=1, keepdims=True)
    varied = (np.ptp(dense, axis=1) > 0) & (np.ptp(pruned, axis=1) > 0)
    scale = np.where(varied, np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)), 0.0)
    correlation: np.ndarray = np.clip(_divide((a * b).sum(axis=1), scale), -1.0, 1.0)
    return correlation


def jensen_shannon(dense: Scores, pruned: Scores) -> np.ndarray:
    """Compute 1 minus the mean over classes of the Jensen-Shannon divergence of the two Bernoulli scores.

    The divergence is in bits (Lin 1991, IEEE Trans Inf Theory 37:145), so the agreement lies in 0 to 1.
    """
    middle = (dense + pruned) / 2
    divergence = _entropy(middle) - (_entropy(dense) + _entropy(pruned)) / 2
    agreement: np.ndarray = 1.0 - np.clip(divergence, 0.0, 1.0).mean(axis=1)
    return agreement


def top_classes(dense: Scores, pruned: Scores) -> np.ndarray:
    """Compute the Jaccard index of the sets of `TOP` highest classes; a tie goes to the earlier column."""
    k = min(TOP, dense.shape[1])
    shared = (_top(dense, k) & _top(pruned, k)).sum(axis=1)
    agreement: np.ndarray = shared / (2 * k - shared)
    return agreement


def modal_labels(dense: SeedScores, pruned: SeedScores) -> np.ndarray:
    """Compute the Jaccard index of the two label sets that most networks give, dense and pruned.

    Hooker et al. (arXiv 1911.05248, section 3) compare the modal label of one label per image. Here a network's
    answer is the set of classes it scores at least `DECISION`; the modal set is the one most networks give; of
    sets given equally often the one with the higher mean score over its classes less that over the others counts,
    then the one that comes first in column order. Two empty sets agree fully.

    Returns
    -------
    Jaccard index of each image, 0 to 1 (images).
    """
    a, b = modal_sets(dense), modal_sets(pruned)
    union = (a | b).sum(axis=1)
    agreement: np.ndarray = np.where(union == 0, 1.0, (a & b).sum(axis=1) / np.maximum(union, 1))
    return agreement


def modal_sets(scores: SeedScores) -> np.ndarray:
    """Return the modal label set of each image, bool images x classes; ties as `modal_labels` says."""
    named = scores >= DECISION
    means = scores.mean(axis=0)
    packed = np.packbits(named, axis=2)
    modal: np.ndarray = named[0].copy()
    differ = np.flatnonzero((packed != packed[:1]).any(axis=(0, 2)))
    for image in differ.tolist():
        _, first, counts = np.unique(packed[:, image], axis=0, return_index=True, return_counts=True)
        best = np.flatnonzero(counts == counts.max())
        if len(best) > 1:
            found = [named[first[place], image] for place in best]
            support = [float(np.where(each, means[image], 1 - means[image]).sum()) for each in found]
            order = [tuple(~each) for each in found]
            chosen = min(range(len(best)), key=lambda place: (-support[place], order[place]))
            best = best[[chosen]]
        modal[image] = named[first[best[0]], image]
    return modal


_CONSTANT = "constant scores: all classes score the same, so there is no correlation"

CRITERIA: Mapping[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion("spearman", "Spearman correlation across classes", spearman, _CONSTANT),
        Criterion("pearson", "Pearson correlation across classes", pearson, _CONSTANT),
        Criterion("jensen-shannon", "1 - mean Jensen-Shannon divergence of the classes", jensen_shannon),
        Criterion("top-k", f"Jaccard index of the {TOP} highest classes", top_classes),
        Criterion(
            "modal-labels",
            "Jaccard index of the label sets that most networks give",
            modal_labels,
            by_seed=True,
        ),
    )
}
"""The criteria by name; the published study used `spearman`."""


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    missing = np.full(len(numerator), np.nan)
    quotient: np.ndarray = np.divide(numerator, denominator, out=missing, where=denominator > 0)
    return quotient


def _entropy(p: np.ndarray) -> np.ndarray:
    """Compute the entropy of Bernoulli(p) in bits; 0 log 0 is 0."""
    q = np.stack([p, 1 - p])
    logs = np.log2(q, out=np.zeros_like(q), where=q > 0)
    bits: np.ndarray = -(q * logs).sum(axis=0)
    return bits


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return chosen
