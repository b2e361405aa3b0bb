"""How sure it is that an image is an exemplar (PIE): over resamples of the seeds, and from criterion to criterion."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.selection.criteria import CRITERIA, SelectionError
from analysis.selection.exemplars import agreements, find_in_run, tie_order, within_folds
from analysis.selection.store import Run

Row = dict[str, Any]

DRAWS = 200
"""Resamples of the seeds. The standard error of an inclusion probability is at most 0.035."""

MARKS = (0.5, 0.8, 0.95)


def inclusion(
    run: Run, *, criterion: str, fraction: float, seed: int, draws: int = DRAWS, **pair: str | float
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Compute the share of resamples of the seeds in which each image is an exemplar.

    A resample takes as many seeds as the run has, with replacement; the dense and the pruned networks of a seed
    stay together. In each one the exemplars are found as in the run itself, ties in its order. The share tells
    how far the list depends on which networks happened to be trained; the images are taken as given.

    Parameters
    ----------
    run: with two or more seeds.
    criterion, fraction, and condition and reference: see `find_in_run`.
    seed: of the resamples, from 0.
    draws: resamples, at least 1.

    Returns
    -------
    float64, images in file order, 0 to 1.

    Raises
    ------
    SelectionError: fewer than two seeds.

    Reference
    ---------
    Selection frequency under the bootstrap: Sauerbrei and Schumacher 1992, Stat Med 11:2093.
    """
    if len(run.seeds) < 2 or draws < 1:
        raise SelectionError(
            f"expected two or more seeds and one or more resamples, got {len(run.seeds)} and {draws}"
        )
    picks = np.random.default_rng([seed, 3]).integers(len(run.seeds), size=(draws, len(run.seeds)))
    counts = np.stack([np.bincount(pick, minlength=len(run.seeds)) for pick in picks]).astype(np.int64)
    scores = agreements(run, counts, criterion, run.pair(**pair))
    place = tie_order(list(run.images["image"]), run.ties)
    wanted = int(fraction * scores.shape[1])
    times = np.zeros(scores.shape[1])
    for own in scores:
        # NaN sorts last, and an image in full agreement is never an exemplar.
        lowest = np.lexsort((place, within_folds(own, place, run.folds)))[:wanted]
        times[lowest[own[lowest] < 1]] += 1
    return times / draws


def stability_rows(included: npt.NDArray[np.float64], exemplar: npt.NDArray[np.bool_]) -> list[Row]:
    """Count exemplars and other images by inclusion probability.

    Returns
    -------
    measure (mean, at least 0.5, ...), exemplars, of_exemplars, others, of_others; the first row holds the means.
    """
    sets = {"exemplars": included[exemplar], "others": included[~exemplar]}
    size = {f"of_{name}": len(values) for name, values in sets.items()}
    means = {name: float(values.mean()) if len(values) else None for name, values in sets.items()}
    rows: list[Row] = [{"measure": "mean inclusion probability"} | means | size]
    for mark in MARKS:
        counts = {name: int((values >= mark).sum()) for name, values in sets.items()}
        rows.append({"measure": f"inclusion probability of {mark:g} or more"} | counts | size)
    return rows


def overlap_rows(run: Run, *, fraction: float, **pair: str | float) -> list[Row]:
    """Compare the exemplars that any two criteria find between two conditions, at one fraction.

    Returns
    -------
    criterion_a, criterion_b, exemplars_a, exemplars_b, both, jaccard (both / either; None without any), and
    jaccard_chance: that of two sets of these sizes drawn at random, from the expected size of what they share.
    """
    found = {
        name: set(find_in_run(run, criterion=name, fraction=fraction, **pair).images) for name in CRITERIA
    }
    rows: list[Row] = []
    for a, b in combinations(found, 2):
        one, other = len(found[a]), len(found[b])
        both = len(found[a] & found[b])
        by_chance = one * other / len(run.images)
        rows.append(
            {"criterion_a": a, "criterion_b": b, "exemplars_a": one, "exemplars_b": other, "both": both,
             "jaccard": both / (one + other - both) if one or other else None,
             "jaccard_chance": by_chance / (one + other - by_chance) if one or other else None}
        )  # fmt: skip
    return rows


def exemplar_table(
    run: Run, ranked: pd.DataFrame, included: npt.NDArray[np.float64] | None, covariates: pd.DataFrame
) -> pd.DataFrame:
    """List the exemplars with what is known of each, from the lowest agreement up.

    Returns
    -------
    rank (from 1), image, score, inclusion (None with one seed), labels, n_findings, class_group and the metadata.
    """
    share = pd.DataFrame({"image": run.images["image"], "inclusion": included})
    table = ranked[ranked["exemplar"]].drop(columns="exemplar").merge(share, on="image", validate="1:1")
    table = table.merge(covariates, on="image", validate="1:1")
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    first = ["rank", "image", "score", "inclusion", "labels", "n_findings", "class_group"]
    rest = [name for name in ("view", "sex", "age") if name in table.columns]
    out = table[[*first, *rest]].astype(object)
    return out.where(table[[*first, *rest]].notna(), None)
