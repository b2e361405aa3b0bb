"""The images on which dense and pruned networks agree least: pruning-identified exemplars (PIEs).

Hooker et al., "What Do Compressed Deep Neural Networks Forget?" (arXiv 1911.05248), in the form of Holste et
al. (MICCAI 2023, doi 10.1007/978-3-031-43904-9_64).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.selection.criteria import CRITERIA
from analysis.selection.errors import SelectionError

FULL = 1.0
"""Agreement of an image on which nothing changed."""


@dataclass(frozen=True)
class Exemplars:
    """All images by agreement, and which of them are exemplars.

    Attributes
    ----------
    ranked: image, score, exemplar (bool), from the lowest score up; ties by image name. Images without a
        score are not in it.
    undefined: image, reason: those without a score. They are never exemplars.
    tied: image, exemplar: the images whose score equals that at the cut, if the cut goes through them; the
        image name decided which came in. Empty when it does not.
    cut: highest score of an exemplar; None without exemplars.
    wanted: int(fraction * N). There are fewer exemplars where fewer images disagree at all.
    """

    ranked: pd.DataFrame
    undefined: pd.DataFrame
    tied: pd.DataFrame
    cut: float | None
    wanted: int

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
) -> Exemplars:
    """Find the int(fraction * N) images of lowest agreement among N.

    N counts all images, those without a score too, as the published study did. Ties are broken by image name.
    An image in full agreement (1) is never an exemplar, so that a criterion with few values may give fewer: filling
    up by name would call images forgotten on which nothing changed.

    Parameters
    ----------
    images: unique names (images).
    dense, pruned: mean scores over seeds at sparsity 0 and at the compared one (images x classes), 0 to 1.
    criterion: a name of `CRITERIA`.
    fraction: share of the images, above 0 and below 1.

    Raises
    ------
    SelectionError: arrays of other shapes, scores outside 0 to 1, an unknown criterion, a repeated image, or
        fewer images with a score than exemplars wanted.
    """
    _check(images, dense, pruned, criterion)
    rule = CRITERIA[criterion]
    if rule.seedwise:
        raise SelectionError(f"{criterion} needs the scores of each seed, got mean scores: use find_in_run")
    scores = rule.agreement(np.asarray(dense, dtype=np.float64), np.asarray(pruned, dtype=np.float64))
    return rank_exemplars(images, scores, criterion=criterion, fraction=fraction)


def rank_exemplars(
    images: Sequence[str], scores: np.ndarray, *, criterion: str, fraction: float
) -> Exemplars:
    """Rank images by their agreement and mark the lowest; see `find_exemplars`.

    Parameters
    ----------
    images: unique names.
    scores: agreement of each, -1 to 1; NaN where there is none.
    criterion: whose scores they are, for the reason of those without.
    """
    names = [str(name) for name in images]
    if not 0 < fraction < 1:
        raise SelectionError(f"expected a fraction above 0 and below 1, got {fraction}")
    if len(set(names)) != len(names):
        raise SelectionError("expected each image once, got one twice")
    table = pd.DataFrame({"image": names, "score": scores})
    none = table["score"].isna()
    ranked = table[~none].sort_values(["score", "image"], ignore_index=True)
    wanted = int(fraction * len(names))
    if wanted > len(ranked):
        raise SelectionError(f"expected at least {wanted} images with a score, got {len(ranked)}")
    given = min(wanted, int((ranked["score"] < FULL).sum()))
    ranked["exemplar"] = np.arange(len(ranked)) < given
    reason = CRITERIA[criterion].undefined
    undefined = table.loc[none, ["image"]].assign(reason=reason).reset_index(drop=True)
    cut = float(ranked["score"].iloc[given - 1]) if given else None
    return Exemplars(ranked, undefined, _tied(ranked, cut), cut, wanted)


def _tied(ranked: pd.DataFrame, cut: float | None) -> pd.DataFrame:
    at_cut = ranked.loc[ranked["score"] == cut, ["image", "exemplar"]].reset_index(drop=True)
    return at_cut if not at_cut["exemplar"].all() else at_cut.iloc[:0]


def _check(images: Sequence[str], dense: np.ndarray, pruned: np.ndarray, criterion: str) -> None:
    if criterion not in CRITERIA:
        raise SelectionError(f"expected a criterion of {', '.join(CRITERIA)}; got {criterion!r}")
    for name, scores in (("dense", dense), ("pruned", pruned)):
        if (
            scores.ndim != 2
            or scores.shape != dense.shape
            or len(scores) != len(images)
            or scores.shape[1] < 2
        ):
            raise SelectionError(
                f"expected {name} scores of {len(images)} images x 2 or more classes, got {scores.shape}"
            )
        bad = ~((scores >= 0) & (scores <= 1)).all(axis=1)
        if bad.any():
            image = images[int(np.flatnonzero(bad)[0])]
            raise SelectionError(
                f"expected {name} scores from 0 to 1, got different ones for image {image!r}"
            )
