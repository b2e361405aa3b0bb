"""How alike two groups of images are: standardised mean differences before and after matching.

SMD = (mean of exemplars - mean of controls) / sqrt((s1^2 + s0^2) / 2) with the variances of the two groups
that are compared (n - 1); for a level of a category s^2 = p (1 - p). Austin 2009, Stat Med 28:3083.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.selection.covariates import is_blank, is_numeric

BALANCED = 0.1
"""Largest |SMD| that is called balanced (Austin 2009)."""


def balance_table(
    exemplars: pd.DataFrame,
    pool: pd.DataFrame,
    matched: pd.DataFrame,
    controls: pd.DataFrame,
    columns: Sequence[str],
) -> pd.DataFrame:
    """Compare exemplars and controls on each covariate, before and after matching.

    Parameters
    ----------
    exemplars: the drawn exemplars.
    pool: the images that controls may come from.
    matched: exemplars that got a control.
    controls: the controls.
    columns: covariates; numbers by their means, categories level by level.

    Returns
    -------
    One row per covariate and level ('' for numbers): covariate, level, mean_exemplar and mean_control after
    matching, smd_before (exemplars against the pool), smd_after (matched exemplars against their controls),
    smd_unmatched (unmatched exemplars against matched ones; NaN without any), unbalanced (|smd_after| > 0.1).
    Blank cells are left out. An SMD is NaN where a group is empty and infinite where groups that do not vary
    differ.
    """
    unmatched = exemplars[~exemplars["image"].isin(matched["image"])]
    rows = []
    for name in columns:
        for level in _levels(name, exemplars, pool):
            arms = [_values(frame, name, level) for frame in (exemplars, pool, matched, controls, unmatched)]
            before, after = smd(arms[0], arms[1], level != ""), smd(arms[2], arms[3], level != "")
            rows.append(
                {
                    "covariate": name, "level": level,
                    "mean_exemplar": _mean(arms[2]), "mean_control": _mean(arms[3]),
                    "smd_before": before, "smd_after": after,
                    "smd_unmatched": smd(arms[4], arms[2], level != ""),
                    "unbalanced": bool(abs(after) > BALANCED),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def smd(ones: np.ndarray, zeros: np.ndarray, share: bool) -> float:
    """Compute the standardised mean difference of two groups.

    Parameters
    ----------
    ones, zeros: values of the two groups; 0 and 1 when `share`.
    share: whether the values are a level of a category, with variance p (1 - p).
    """
    if not len(ones) or not len(zeros):
        return math.nan
    gap = float(ones.mean() - zeros.mean())
    spread = math.sqrt((_variance(ones, share) + _variance(zeros, share)) / 2)
    if spread == 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / spread


def _variance(values: np.ndarray, share: bool) -> float:
    mean = float(values.mean())
    if share:
        return mean * (1 - mean)
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _levels(name: str, exemplars: pd.DataFrame, pool: pd.DataFrame) -> list[str]:
    if is_numeric(pool[name]):
        return [""]
    present = pd.concat([exemplars[name], pool[name]])
    return sorted({str(value) for value in present[~is_blank(present)]})


def _values(frame: pd.DataFrame, name: str, level: str) -> np.ndarray:
    column = frame[name][~is_blank(frame[name])]
    values: np.ndarray = (
        (column.astype(str) == level).to_numpy(dtype=float) if level else column.to_numpy(float)
    )
    return values


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
