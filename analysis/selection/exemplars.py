"""The images on which dense and pruned networks agree least: pruning-identified exemplars (PIEs).

Hooker et al., "What Do Compressed Deep Neural Networks Forget?" (arXiv 1911.05248), in the form of Holste et
al. (MICCAI 2023, doi 10.1007/978-3-031-43904-9_64).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.selection.criteria import CRITERIA, SelectionError, modal_agreement
from analysis.selection.store import Run

FULL = 1.0
"""Agreement of an image on which nothing changed."""


@dataclass(frozen=True)
class Exemplars:
    """All images by agreement, and which of them are exemplars.

    Attributes
    ----------
    ranked: image, score, exemplar (bool), from the lowest score up; ties as `tie_order` says. Images without a
        score are not in it.
    undefined: image, reason: those without a score. They are never exemplars.
    tied: image, exemplar: the images whose score (within folds: whose rank in their fold) equals that at the cut, if
        the cut goes through them; the order of ties decided which came in. Empty when it does not.
    cut: highest score of an exemplar; None without exemplars.
    wanted: int(fraction * N). There are fewer exemplars where fewer images disagree at all.
    drawn: whether the order of ties was drawn, rather than that of the names.
    """

    ranked: pd.DataFrame
    undefined: pd.DataFrame
    tied: pd.DataFrame
    cut: float | None
    wanted: int
    drawn: bool

    @property
    def images(self) -> list[str]:
        """Names of the exemplars, from the lowest score up."""
        return list(self.ranked.loc[self.ranked["exemplar"], "image"])


def find_exemplars(
    images: Sequence[str],
    dense: np.ndarray,
    pruned: np.ndarray,
    *,
    criterion: str = "spearman",
    fraction: float = 0.05,
    seed: int | None = 0,
) -> Exemplars:
    """Find the int(fraction * N) images of lowest agreement among N.

    N counts all images, those without a score too, as the published study did. Ties are broken by a draw. An image in
    full agreement (1) is never an exemplar, so that a criterion with few values may give fewer: filling up by lot
    would call images forgotten on which nothing changed.

    Parameters
    ----------
    images: unique names (images).
    dense, pruned: mean scores over seeds of the reference and of the compared condition (images x classes), 0 to 1.
    criterion: a name of `CRITERIA`.
    fraction: share of the images, above 0 and below 1.
    seed: of the order of ties, from 0; None: the order of the names, as the published code has it.

    Raises
    ------
    SelectionError: arrays of other shapes, frames of other rows or columns, scores outside 0 to 1, an unknown
        criterion, a repeated image, or fewer images with a score than exemplars wanted.

    Examples
    --------
    Four images, three classes: pruning reverses the order of the classes of the second image only.

    >>> import numpy as np
    >>> dense = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.9], [0.2, 0.8, 0.4], [0.6, 0.3, 0.1]])
    >>> pruned = np.array([[0.8, 0.4, 0.3], [0.7, 0.5, 0.2], [0.3, 0.9, 0.5], [0.5, 0.1, 0.2]])
    >>> found = find_exemplars(["a", "b", "c", "d"], dense, pruned, fraction=0.25)
    >>> found.images, found.cut
    (['b'], -1.0)
    """
    axes = [getattr(scores, "axes", ()) for scores in (dense, pruned)]  # of frames
    if all(axes) and not all(map(pd.Index.equals, *axes)):
        raise SelectionError("expected frames with the same rows and columns in one order, got others")
    dense, pruned = (np.asarray(scores, np.float64) for scores in (dense, pruned))
    _check(images := list(images), dense, pruned, criterion)
    rule = CRITERIA[criterion]
    if rule.seedwise:
        raise SelectionError(f"{criterion} needs the scores of each seed, got mean scores: use find_in_run")
    scores = rule.agreement(dense, pruned)
    return rank_exemplars(images, scores, criterion=criterion, fraction=fraction, seed=seed)


def tie_order(names: Sequence[str], seed: int | None) -> npt.NDArray[np.int64]:
    """Return the place of each image among images of equal agreement (images).

    A name often begins with the patient's number, so its order is none that ties may be broken by. The draw knows
    neither the names nor the order in which they are given: the same images and seed give the same places.

    Parameters
    ----------
    names: unique names.
    seed: from 0; None: the places in the order of the names.
    """
    count = len(names)
    places = np.arange(count) if seed is None else np.random.default_rng([seed, 4]).permutation(count)
    order = np.empty(count, dtype=np.int64)
    order[np.argsort(np.array(names, dtype=str), kind="stable")] = places
    return order


def rank_exemplars(
    images: Sequence[str], scores: np.ndarray, *, criterion: str, fraction: float, seed: int | None,
    folds: npt.NDArray[np.int64] | None = None,
) -> Exemplars:  # fmt: skip
    """Rank images by their agreement and mark the lowest; see `find_exemplars`.

    Parameters
    ----------
    images: unique names.
    scores: agreement of each, -1 to 1; NaN where there is none.
    criterion: whose scores they are, for the reason of those without.
    seed: of the order of ties, see `tie_order`.
    folds: fold of each image where other networks judged each: agreements are ranked within them before the cut.
    """
    names = [str(name) for name in images]
    if not 0 < fraction < 1:
        raise SelectionError(f"expected a fraction above 0 and below 1, got {fraction}")
    if len(set(names)) != len(names):
        raise SelectionError("expected each image once, got one twice")
    place = tie_order(names, seed)
    rank = within_folds(np.asarray(scores, np.float64), place, folds)
    table = pd.DataFrame({"image": names, "score": scores, "rank": rank, "place": place})
    none = table["score"].isna()
    ranked = table[~none].sort_values(["rank", "place"], ignore_index=True).drop(columns="place")
    wanted = int(fraction * len(names))
    if wanted > len(ranked):
        raise SelectionError(f"expected at least {wanted} images with a score, got {len(ranked)}")
    given = min(wanted, int((ranked["score"] < FULL).sum()))
    ranked["exemplar"] = np.arange(len(ranked)) < given
    reason = CRITERIA[criterion].undefined
    undefined = table.loc[none, ["image"]].assign(reason=reason).reset_index(drop=True)
    cut = float(ranked["score"].iloc[:given].max()) if given else None
    at_cut = ranked["rank"] == (ranked["rank"].iloc[given - 1] if given else np.nan)
    tied = ranked.loc[at_cut, ["image", "exemplar"]].reset_index(drop=True)
    tied = tied if not tied["exemplar"].all() else tied.iloc[:0]
    return Exemplars(ranked.drop(columns="rank"), undefined, tied, cut, wanted, seed is not None)


def within_folds(
    scores: npt.NDArray[np.float64], place: npt.NDArray[np.int64], folds: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.float64]:
    """Return what images are ordered by: their agreement, or its rank within their fold, above 0 up to 1 (images).

    Networks of different folds differ, and so does the level of their agreements.

    Parameters
    ----------
    scores: agreements; NaN is the last of its fold. place: see `tie_order`. folds: see `Run.folds`.
    """
    if folds is None:
        return scores
    rank = np.empty(len(scores))
    for one in np.unique(folds):
        own = np.flatnonzero(folds == one)
        rank[own[np.lexsort((place[own], scores[own]))]] = np.arange(1, len(own) + 1) / len(own)
    return rank


def _check(images: Sequence[str], dense: np.ndarray, pruned: np.ndarray, criterion: str) -> None:
    if criterion not in CRITERIA:
        raise SelectionError(f"expected a criterion of {', '.join(CRITERIA)}; got {criterion!r}")
    for name, scores in (("dense", dense), ("pruned", pruned)):
        whole = scores.ndim == 2 and scores.shape == dense.shape and len(scores) == len(images)
        if not whole or scores.shape[1] < 2:
            raise SelectionError(
                f"expected {name} scores of {len(images)} images x 2 or more classes, got {scores.shape}"
            )
        bad = ~((scores >= 0) & (scores <= 1)).all(axis=1)
        if bad.any():
            image = images[int(np.flatnonzero(bad)[0])]
            raise SelectionError(
                f"expected {name} scores from 0 to 1, got different ones for image {image!r}"
            )


CHUNK_BYTES = 32 * 2**20
"""Largest array of mean scores at a time, however many images and resamples; ranks and sums take six times that."""


Floats = npt.NDArray[np.float64]


def find_in_run(
    run: Run, *, criterion: str, condition: str | float = "", fraction: float, reference: str | float = ""
) -> Exemplars:
    """Find the exemplars of a run between two of its conditions; see `find_exemplars`.

    Parameters
    ----------
    condition, reference: names or shares, see `analysis.conditions.pair_of`.

    Raises
    ------
    SelectionError: the run has no such condition, or see `find_exemplars`.
    """
    pair = run.pair(condition, reference)
    if criterion in CRITERIA and not CRITERIA[criterion].seedwise:
        rule = CRITERIA[criterion]
        scores = rule.agreement(*(run.mean_scores(name) for name in pair))
    else:
        scores = agreements(run, np.ones((1, len(run.seeds)), dtype=np.int64), criterion, pair)[0]
    return rank_in_run(run, scores, criterion, fraction)


def rank_in_run(run: Run, scores: np.ndarray, criterion: str, fraction: float) -> Exemplars:
    """Rank the images of a run by any agreement; see `rank_exemplars`."""
    names = list(run.images["image"])
    return rank_exemplars(
        names, scores, criterion=criterion, fraction=fraction, seed=run.ties, folds=run.folds
    )


def agreements(
    run: Run, counts: npt.NDArray[np.int64], criterion: str, pair: tuple[str, str], chunk: int | None = None,
    against: npt.NDArray[np.int64] | None = None,
) -> Floats:  # fmt: skip
    """Compute the agreement of every image in every resample of the seeds, some images at a time.

    Parameters
    ----------
    run: whose score files are mapped, not loaded.
    counts: how often each seed counts, draws x seeds, from 0; each draw at least once.
    criterion: a name of `CRITERIA`.
    pair: the reference and the condition that is compared with it.
    chunk: images at a time; by default as many as `CHUNK_BYTES` allow.
    against: how often each seed counts among the networks of the condition, where that differs from `counts`.

    Returns
    -------
    float64, draws x images; NaN where an image has no agreement.
    """
    if criterion not in CRITERIA:
        raise SelectionError(f"expected a criterion of {', '.join(CRITERIA)}; got {criterion!r}")
    rule = CRITERIA[criterion]
    files = [[run.scores(seed, level) for seed in run.seeds] for level in pair]
    images, classes = len(run.images), len(run.classes)
    rows = max(len(counts), len(run.seeds))
    chunk = chunk or max(1, CHUNK_BYTES // (8 * rows * classes))
    out = np.empty((len(counts), images))
    other = counts if against is None else against
    for start in range(0, images, chunk):
        part = slice(start, min(start + chunk, images))
        dense, pruned = (np.stack([scores[part] for scores in level]) for level in files)
        if rule.seedwise:
            out[:, part] = modal_agreement(dense, pruned, counts, other)
            continue
        means = [_means(draws, scores) for draws, scores in ((counts, dense), (other, pruned))]
        out[:, part] = rule.agreement(*means).reshape(len(counts), -1)
    return out


def _means(counts: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> Floats:
    """Average over seeds, once per draw: (draws x images) x classes."""
    weights = counts / counts.sum(axis=1, keepdims=True)
    flat = scores.reshape(len(scores), -1).astype(np.float64)
    # The weights sum to 1 but for rounding, which may lead a score of 1 a hair above it.
    return np.asarray(np.minimum((weights @ flat).reshape(-1, scores.shape[2]), 1.0))
