"""What files and labels alone could tell about the arm: a report for the writer, sealed with the key."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

NUMBERS = ("source_bytes", "file_bytes", "rows", "columns", "bits", "n_labels")
"""Numeric features: bytes before and after sanitising, size in pixels, bits per sample, labels."""


def leak_report(features: pd.DataFrame) -> dict[str, Any]:
    """Compare the arms on each feature that a reader or an admin could measure without reading.

    Parameters
    ----------
    features: one row per case with `arm` (0/1), the columns of `NUMBERS`, and `encoding` (text).

    Returns
    -------
    `numbers`: for each feature the mean of each arm and the AUC, P(PIE > control) + P(equal) / 2, where 0.5
    tells nothing; `encodings`: cases of each arm by coding. AUC is None when an arm is empty.
    """
    arm = features["arm"].to_numpy(dtype=int)
    numbers = {name: _compare(features[name].to_numpy(dtype=float), arm) for name in NUMBERS}
    counts: Mapping[Any, Any] = pd.crosstab(features["encoding"], arm).to_dict("index")
    encodings = {
        str(name): {"exemplar": int(row.get(1, 0)), "control": int(row.get(0, 0))}
        for name, row in counts.items()
    }
    return {"numbers": numbers, "encodings": encodings}


def auc(values: np.ndarray, arm: np.ndarray) -> float | None:
    """Estimate P(value of an exemplar > value of a control) + P(equal) / 2; None when an arm is empty."""
    ones, zeros = int((arm == 1).sum()), int((arm == 0).sum())
    if not ones or not zeros:
        return None
    ranks = rankdata(values)
    return float((ranks[arm == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _compare(values: np.ndarray, arm: np.ndarray) -> dict[str, float | None]:
    means = {side: values[arm == code] for side, code in (("exemplar", 1), ("control", 0))}
    report: dict[str, float | None] = {
        f"mean_{side}": float(held.mean()) if held.size else None for side, held in means.items()
    }
    return report | {"auc": auc(values, arm)}
