"""The images on which dense and pruned networks agree least: pruning-identified exemplars (PIEs).

Hooker et al., "What Do Compressed Deep Neural Networks Forget?" (arXiv 1911.05248), in the form of Holste et
al. (MICCAI 2023, doi 10.1007/978-3-031-43904-9_64).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.selection.criteria import CRITERIA, Criterion
from analysis.selection.errors import SelectionError


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
    """

    ranked: pd.DataFrame
    undefined: pd.DataFrame
    tied: pd.DataFrame
    cut: float | None

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

    Parameters
    ----------
    images: unique names (images).
    dense, pruned: scores at sparsity 0 and at the compared one, 0 to 1: means over seeds (images x classes), or,
        for a criterion that compares seeds, those of every seed (seeds x images x classes).
    criterion: a name of `CRITERIA`.
    fraction: share of the images, above 0 and below 1.

    Raises
    ------
    SelectionError: arrays of other shapes, scores outside 0 to 1, an unknown criterion, a repeated image, or
        fewer images with a score than exemplars wanted.
    """
    names = [str(name) for name in images]
    _check(names, dense, pruned, criterion, fraction)
    rule = CRITERIA[criterion]
    scores = rule.agreement(_typed(dense, rule), _typed(pruned, rule))
    table = pd.DataFrame({"image": names, "score": scores})
    none = table["score"].isna()
    ranked = table[~none].sort_values(["score", "image"], ignore_index=True)
    wanted = int(fraction * len(names))
    if wanted > len(ranked):
        raise SelectionError(f"expected at least {wanted} images with a score, {len(ranked)} came")
    ranked["exemplar"] = np.arange(len(ranked)) < wanted
    undefined = table.loc[none, ["image"]].assign(reason=rule.undefined).reset_index(drop=True)
    cut = float(ranked["score"].iloc[wanted - 1]) if wanted else None
    return Exemplars(ranked, undefined, _tied(ranked, cut), cut)


def _typed(scores: np.ndarray, rule: Criterion) -> np.ndarray:
    return scores if rule.by_seed else np.asarray(scores, dtype=np.float64)


def _tied(ranked: pd.DataFrame, cut: float | None) -> pd.DataFrame:
    at_cut = ranked.loc[ranked["score"] == cut, ["image", "exemplar"]].reset_index(drop=True)
    return at_cut if not at_cut["exemplar"].all() else at_cut.iloc[:0]


def _check(names: list[str], dense: np.ndarray, pruned: np.ndarray, criterion: str, fraction: float) -> None:
    if criterion not in CRITERIA:
        raise SelectionError(f"expected a criterion of {', '.join(CRITERIA)}; {criterion!r} came")
    if not 0 < fraction < 1:
        raise SelectionError(f"expected a fraction above 0 and below 1, {fraction} came")
    if len(set(names)) != len(names):
        raise SelectionError("expected each image once, one came again")
    wanted = 3 if CRITERIA[criterion].by_seed else 2
    layout = "seeds x " * (wanted - 2) + f"{len(names)} images x 2 or more classes"
    for name, scores in (("dense", dense), ("pruned", pruned)):
        shape = scores.shape[-2:]
        if scores.ndim != wanted or shape != dense.shape[-2:] or shape[0] != len(names) or shape[1] < 2:
            raise SelectionError(f"expected {name} scores of {layout}, {scores.shape} came")
        bad = ~((scores >= 0) & (scores <= 1)).all(
            axis=tuple(axis for axis in range(wanted) if axis != wanted - 2)
        )
        if bad.any():
            image = names[int(np.flatnonzero(bad)[0])]
            raise SelectionError(f"expected {name} scores from 0 to 1, others came for image {image!r}")
