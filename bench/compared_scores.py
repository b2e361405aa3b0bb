"""What another engine or precision changes: scores, the order that makes exemplars, and AP."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.ranking import rank_quality
from analysis.metrics.ranks import spearman_rows
from analysis.sweep.run.acceptance import lowest_images

EXEMPLAR_SHARE = 0.05


def compare(
    labels: NDArray[np.integer], mine: NDArray[np.float32], plain: NDArray[np.float32]
) -> dict[str, Any]:
    """Compare two sets of scores: members x (dense, compressed) x images x classes.

    Returns
    -------
    `score_difference`: the largest difference of any score. `rank_agreement`: Spearman's rho between the two orders of
    the images by their agreement of dense and compressed scores, the order that makes exemplars; None where an order is
    constant. `exemplars`, `kept`: images of lowest agreement in fp32, and how many of them are so in the run's
    precision too. `ap_change`, `ap_mean_change`: the largest and the mean change of AP over members, levels and classes
    with positives in the sample.
    """
    agreements = [spearman_rows(*scores.mean(axis=0)) for scores in (mine, plain)]
    some = ~np.isnan(agreements[0]) & ~np.isnan(agreements[1])
    orders = [values[some][None] for values in agreements]
    rho = float(spearman_rows(orders[0], orders[1])[0]) if some.sum() > 1 else np.nan
    count = int(EXEMPLAR_SHARE * labels.shape[0])
    lowest = [lowest_images(values, count) for values in agreements]
    change = rank_quality(labels, mine).ap - rank_quality(labels, plain).ap
    change = change[~np.isnan(change)]
    return {
        "score_difference": float(np.abs(mine - plain).max()),
        "rank_agreement": None if np.isnan(rho) else rho,
        "exemplars": count,
        "kept": len(lowest[0] & lowest[1]),
        "ap_change": float(np.abs(change).max(initial=0.0)),
        "ap_mean_change": float(change.mean()) if change.size else 0.0,
    }
