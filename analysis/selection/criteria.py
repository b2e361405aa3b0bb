"""How well two sets of scores agree on an image: the criteria by which exemplars are found, by name.

A criterion takes mean scores of the dense and of the pruned networks (images x classes, probabilities) and
gives one agreement per image: 1 is full agreement, low values make an exemplar, NaN means that there is none.

One compares the label sets that most networks predict, after Hooker et al. 2019 (arXiv 1911.05248): an image is an
exemplar where the modal label of the pruned networks differs from that of the dense ones. An image of several classes
has a modal label set instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import RefusedError
from analysis.metrics.ranks import spearman_rows

THRESHOLD = 0.5
"""A class is predicted at this score or above."""

WIDEST = 62
"""Most classes: a label set is one whole number of 64 bits."""

Codes = npt.NDArray[np.int64]


def label_sets(scores: npt.NDArray[np.floating]) -> Codes:
    """Write each predicted label set as a whole number, one bit per class.

    Parameters
    ----------
    scores: seeds x images x classes, 0 to 1.

    Returns
    -------
    int64, seeds x images.
    """
    if scores.shape[-1] > WIDEST:
        raise SelectionError(
            f"expected at most {WIDEST} classes for modal label sets, got {scores.shape[-1]}"
        )
    bits = np.left_shift(np.int64(1), np.arange(scores.shape[-1], dtype=np.int64))
    return (scores >= THRESHOLD).astype(np.int64) @ bits


def modal_agreement(
    dense: npt.NDArray[np.floating], pruned: npt.NDArray[np.floating], counts: npt.NDArray[np.int64],
    against: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Compute the Jaccard index of the modal label sets of the dense and the pruned networks.

    Two empty sets agree fully. Of label sets that are equally frequent the one that comes first counts, where
    sets are ordered as binary numbers with the first class as the last digit.

    Parameters
    ----------
    dense, pruned: scores, seeds x images x classes.
    counts: how often each seed counts, draws x seeds, from 0; `against`: the same for `pruned`, where it differs.

    Returns
    -------
    float64, draws x images, 0 to 1; 1 where both predict the same set.
    """
    a = _modes(label_sets(dense), counts)
    b = _modes(label_sets(pruned), counts if against is None else against)
    shared, either = _bits(a & b), _bits(a | b)
    return np.divide(shared, either, out=np.ones(a.shape), where=either > 0)


def _bits(codes: Codes) -> npt.NDArray[np.float64]:
    return np.bitwise_count(codes).astype(np.float64)


def _modes(codes: Codes, counts: npt.NDArray[np.int64]) -> Codes:
    same = (codes[:, None] == codes[None]).astype(np.float32)
    modes = np.empty((len(counts), codes.shape[1]), np.int64)
    for mode, count in zip(modes, counts, strict=True):
        votes = np.tensordot(count.astype(np.float32), same, 1)
        mode[:] = np.where(votes == votes.max(axis=0), codes, np.iinfo(np.int64).max).min(axis=0)
    return modes


class SelectionError(RefusedError):
    """A selection cannot be made: the message names the file or column, what was expected and what was found."""


Scores = np.ndarray
"""Mean scores over seeds: images x classes, float64, 0 to 1."""


TOP = 3
"""Number of classes that the top-k criterion compares."""


@dataclass(frozen=True)
class Criterion:
    """A named agreement; `undefined` says in words when an image has none.

    `seedwise`: it looks at each network's scores, not at their mean; see `analysis.selection.exemplars.agreements`.
    """

    name: str
    label: str
    agreement: Callable[[Scores, Scores], np.ndarray]
    undefined: str = ""
    seedwise: bool = False


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
    return np.asarray(np.clip(_divide((a * b).sum(axis=1), scale), -1.0, 1.0))


def jensen_shannon(dense: Scores, pruned: Scores) -> np.ndarray:
    """Compute 1 minus the mean over classes of the Jensen-Shannon divergence of the two Bernoulli scores.

    The divergence is in bits (Lin 1991, IEEE Trans Inf Theory 37:145), so the agreement lies in 0 to 1.
    """
    middle = (dense + pruned) / 2
    divergence = _entropy(middle) - (_entropy(dense) + _entropy(pruned)) / 2
    return np.asarray(1.0 - np.clip(divergence, 0.0, 1.0).mean(axis=1))


def top_classes(dense: Scores, pruned: Scores) -> np.ndarray:
    """Compute the Jaccard index of the sets of `TOP` highest classes; a tie goes to the earlier column."""
    k = min(TOP, dense.shape[1])
    shared = (_top(dense, k) & _top(pruned, k)).sum(axis=1)
    return np.asarray(shared / (2 * k - shared))


def modal_labels(dense: Scores, pruned: Scores) -> np.ndarray:
    """Compute the Jaccard index of the modal label sets over seeds (after Hooker et al., arXiv 1911.05248).

    Parameters
    ----------
    dense, pruned: scores of each network, seeds x images x classes; images x classes counts as one network.
    """
    one, other = (scores if scores.ndim == 3 else scores[None] for scores in (dense, pruned))
    return np.asarray(modal_agreement(one, other, np.ones((1, len(one)), dtype=np.int64))[0])


_CONSTANT = "constant scores: all classes score the same, so there is no correlation"


CRITERIA: Mapping[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion("spearman", "Spearman correlation across classes", spearman_rows, _CONSTANT),
        Criterion("pearson", "Pearson correlation across classes", pearson, _CONSTANT),
        Criterion("jensen-shannon", "1 - mean Jensen-Shannon divergence of the classes", jensen_shannon),
        Criterion("top-k", f"Jaccard index of the {TOP} highest classes", top_classes),
        Criterion("modal-labels", "Jaccard index of the modal label sets", modal_labels, seedwise=True),
    )
}
"""The criteria by name; the published study used `spearman`."""


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    missing = np.full(len(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=missing, where=denominator > 0))


def _entropy(p: np.ndarray) -> np.ndarray:
    """Compute the entropy of Bernoulli(p) in bits; 0 log 0 is 0."""
    q = np.stack([p, 1 - p])
    logs = np.log2(q, out=np.zeros_like(q), where=q > 0)
    return np.asarray(-(q * logs).sum(axis=0))


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return chosen
