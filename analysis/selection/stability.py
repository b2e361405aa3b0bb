"""How sure it is that an image is an exemplar: its inclusion probability, and how far criteria agree."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from analysis.selection.criteria import CRITERIA
from analysis.selection.errors import SelectionError
from analysis.selection.exemplars import Exemplars, find_exemplars

DRAWS = 200


def inclusion_probability(
    images: Sequence[str],
    dense: np.ndarray,
    pruned: np.ndarray,
    *,
    criterion: str,
    fraction: float,
    seed: int,
    draws: int = DRAWS,
) -> np.ndarray:
    """Estimate how often each image is an exemplar when the seeds are drawn again.

    A draw takes as many seeds as there are, with replacement, the same for dense and pruned networks (a seed is
    one network, pruned or not), and selects anew. Seeds are the only randomness: it tells how much the choice
    depends on which networks were trained, not on which patients came.

    Parameters
    ----------
    images: unique names (images).
    dense, pruned: scores of every seed (seeds x images x classes), 0 to 1.
    criterion, fraction: as `find_exemplars`.
    seed: of the draws, from 0. draws: their number, from 1.

    Returns
    -------
    Share of the draws in which the image is an exemplar, 0 to 1 (images).

    Raises
    ------
    SelectionError: fewer than 2 seeds, no draw, or as `find_exemplars`.
    """
    if dense.ndim != 3 or len(dense) < 2 or draws < 1:
        raise SelectionError(
            f"expected 2 or more seeds and 1 or more draws, {dense.shape[:1]} and {draws} came"
        )
    names, count = np.asarray(images, dtype=object), len(dense)
    rng, by_seed = np.random.default_rng(seed), CRITERIA[criterion].by_seed
    included = np.zeros(len(names))
    for _ in range(draws):
        drawn = rng.integers(0, count, count)
        if by_seed:
            pair = dense[drawn], pruned[drawn]
        else:
            weights = np.bincount(drawn, minlength=count) / count
            # float32 seeds summed in float64: a mean over 30 seeds keeps its last digit
            pair = tuple(
                np.einsum("s,sic->ic", weights, scores, dtype=np.float64) for scores in (dense, pruned)
            )
        found = find_exemplars(list(names), *pair, criterion=criterion, fraction=fraction)
        included += np.isin(names, found.images)
    probability: np.ndarray = included / draws
    return probability


def overlap_table(found: Mapping[str, Exemplars]) -> pd.DataFrame:
    """Compare the exemplars of each pair of criteria.

    Parameters
    ----------
    found: exemplars by criterion, of the same images.

    Returns
    -------
    criterion_a, criterion_b, exemplars_a, exemplars_b, shared (images), jaccard (0 to 1; None without any), and
    rho, Spearman's correlation of the two agreements over images that have both (-1 to 1; None if constant).
    """
    rows = []
    names = list(found)
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            one, other = set(found[a].images), set(found[b].images)
            both = found[a].ranked.merge(found[b].ranked, on="image", suffixes=("_a", "_b"))
            varied = len(both) > 2 and both["score_a"].nunique() > 1 and both["score_b"].nunique() > 1
            rows.append(
                {
                    "criterion_a": a,
                    "criterion_b": b,
                    "exemplars_a": len(one),
                    "exemplars_b": len(other),
                    "shared": len(one & other),
                    "jaccard": len(one & other) / len(one | other) if one | other else None,
                    "rho": float(spearmanr(both["score_a"], both["score_b"]).statistic) if varied else None,
                }
            )
    return pd.DataFrame(rows, dtype=object)
