"""How much more often planted faults stand among chosen images than among the rest."""

import math
from collections.abc import Collection
from statistics import NormalDist

import pandas as pd

from analysis.phantoms.spec import PhantomError

FAULTS = ("label_noise", "low_quality", "difficult")


def enrichment(
    chosen: Collection[str], images: Collection[str], truth: pd.DataFrame, level: float = 0.95
) -> pd.DataFrame:
    """Compare the share of each planted fault among chosen images with its share among the other images.

    Parameters
    ----------
    chosen: names of the chosen images, such as the exemplars of a sweep.
    images: names of all images that could have been chosen, the chosen ones included.
    truth: the sealed truth file: image and a 0/1 column per fault.
    level: of the interval.

    Returns
    -------
    DataFrame: fault, chosen, chosen_with, rest, rest_with, ratio (of the shares), low, high. The interval is
    Katz's on the log ratio (Katz et al. 1978, Biometrics 34:469); ratio and interval are None where a count
    is 0.

    Raises
    ------
    PhantomError: a chosen image that is not among the images, or an image without a truth.
    """
    strange = set(chosen) - set(images)
    untold = set(images) - set(truth["image"])
    if strange or untold:
        name = sorted(strange or untold)[0]
        raise PhantomError(f"expected every image in the set and in its truth file, {name!r} is not")
    own = truth[truth["image"].isin(set(images))]
    inside = own["image"].isin(set(chosen))
    return pd.DataFrame([_row(fault, own[fault][inside], own[fault][~inside], level) for fault in FAULTS])


def _row(fault: str, chosen: "pd.Series[int]", rest: "pd.Series[int]", level: float) -> dict[str, object]:
    a, n, b, m = int(chosen.sum()), len(chosen), int(rest.sum()), len(rest)
    row: dict[str, object] = {"fault": fault, "chosen": n, "chosen_with": a, "rest": m, "rest_with": b}
    if a == 0 or b == 0:
        return {**row, "ratio": None, "low": None, "high": None}
    ratio = (a / n) / (b / m)
    spread = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    return {**row, "ratio": ratio, "low": ratio * math.exp(-spread), "high": ratio * math.exp(spread)}
