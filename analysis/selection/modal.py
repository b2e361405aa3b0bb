"""The label set that most networks predict for an image, and how far those of two populations agree.

After Hooker et al. 2019 (arXiv 1911.05248): an image is an exemplar where the modal label of the pruned networks
differs from that of the dense ones. An image of several classes has a modal label set instead.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from analysis.selection.criteria import SelectionError

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
            f"expected at most {WIDEST} classes for modal label sets, {scores.shape[-1]} came"
        )
    bits = np.left_shift(np.int64(1), np.arange(scores.shape[-1], dtype=np.int64))
    codes: Codes = (scores >= THRESHOLD).astype(np.int64) @ bits
    return codes


def modal_agreement(
    dense: npt.NDArray[np.floating], pruned: npt.NDArray[np.floating], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Compute the Jaccard index of the modal label sets of the dense and the pruned networks.

    Two empty sets agree fully. Of label sets that are equally frequent the one that comes first counts, where
    sets are ordered as binary numbers with the first class as the last digit.

    Parameters
    ----------
    dense, pruned: scores, seeds x images x classes.
    counts: how often each seed counts, draws x seeds, from 0.

    Returns
    -------
    float64, draws x images, 0 to 1; 1 where both predict the same set.
    """
    a, b = (_modes(label_sets(scores), counts) for scores in (dense, pruned))
    shared, either = _bits(a & b), _bits(a | b)
    return np.divide(shared, either, out=np.ones(a.shape), where=either > 0)


def _bits(codes: Codes) -> npt.NDArray[np.float64]:
    return np.bitwise_count(codes).astype(np.float64)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _modes(codes: Codes, counts: npt.NDArray[np.int64]) -> Codes:
    seeds, images = codes.shape
    out = np.empty((len(counts), images), np.int64)
    slot = np.empty(seeds, np.int64)
    for i in range(images):
        for s in range(seeds):
            slot[s] = s
            for t in range(s):
                if codes[t, i] == codes[s, i]:
                    slot[s] = t
                    break
        for d in range(len(counts)):
            votes = np.zeros(seeds, np.int64)
            for s in range(seeds):
                votes[slot[s]] += counts[d, s]
            out[d, i] = _elected(codes[:, i], votes)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _elected(codes: Codes, votes: npt.NDArray[np.int64]) -> int:
    most = votes.max()
    smallest = codes.max()
    for s in range(len(codes)):
        if votes[s] == most and codes[s] < smallest:
            smallest = codes[s]
    return int(smallest)
