"""What files and labels alone could reveal about the arm: a report for the writer, sealed with the key."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from analysis.caseset.roles import composition

NUMBERS = ("source_bytes", "file_bytes", "rows", "columns", "bits", "n_labels", "n_findings")
"""Numeric features: bytes before and after re-encoding, size in pixels, bits per sample, labels, findings."""

SHUFFLES = 999
"""Of the arms, for the p-value of the coding; fixed seed."""


def leak_report(features: pd.DataFrame) -> dict[str, Any]:
    """Compare the arms on each feature that a reader or an admin could measure without reading.

    Where a case has several images, each kind of them (`role`) is compared with its own, in `roles`.

    Parameters
    ----------
    features: one row per image with `case`, `arm` (0/1), the columns of `NUMBERS`, and `encoding` (text).

    Returns
    -------
    `numbers`: see `compare`; `encodings`: cases of each arm by coding (JPEG files with other tables are of another
    coding); `encoding_auc`: AUC of the best guess from the coding alone, which is above 0.5 by chance, and its p
    against shuffled arms. AUC is None when an arm is empty. `images`: cases of each arm by the images that they have.
    """
    if "role" in features.columns:
        by_role = features.drop(columns="role").groupby(features["role"], sort=False)
        firsts = features[~features["case"].duplicated()].set_index("case")
        return {
            "images": _by_arm(composition(features, features["case"]), firsts["arm"]),
            "roles": {str(role): leak_report(rows) for role, rows in by_role},
        }
    arm = features["arm"].to_numpy(dtype=int)
    numbers = {name: compare(features[name].to_numpy(dtype=float), arm) for name in NUMBERS}
    return {
        "numbers": numbers,
        "encodings": _by_arm(features["encoding"], features["arm"]),
        "encoding_auc": _best_guess(features["encoding"], arm),
    }


def _by_arm(told: pd.Series, arm: pd.Series) -> dict[str, dict[str, int]]:
    """Count the cases of each arm by a text."""
    counts: Mapping[Any, Any] = pd.crosstab(told, arm).to_dict("index")
    return {
        str(name): {"exemplar": int(row.get(1, 0)), "control": int(row.get(0, 0))}
        for name, row in counts.items()
    }


def compare(values: np.ndarray, arm: np.ndarray) -> dict[str, float | None]:
    """Compare a feature between the arms.

    Returns
    -------
    mean_exemplar, mean_control; auc, P(PIE > control) + P(equal) / 2, where 0.5 tells nothing; auc_low and
    auc_high, its 95 % interval (None where an arm has fewer than 2 cases or the estimate has no spread).

    Reference
    ---------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837.
    """
    means = {side: values[arm == code] for side, code in (("exemplar", 1), ("control", 0))}
    report: dict[str, float | None] = {
        f"mean_{side}": float(held.mean()) if held.size else None for side, held in means.items()
    }
    return report | _delong(means["exemplar"], means["control"])


def _delong(ones: np.ndarray, zeros: np.ndarray) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(("auc", "auc_low", "auc_high"))
    if min(len(ones), len(zeros)) < 1:
        return found
    wins = (ones[:, None] > zeros[None, :]) + 0.5 * (ones[:, None] == zeros[None, :])
    found["auc"] = middle = float(wins.mean())
    if min(len(ones), len(zeros)) < 2:
        return found
    error = math.sqrt(wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros))
    half = 1.959963984540054 * error
    return found | ({"auc_low": max(0.0, middle - half), "auc_high": min(1.0, middle + half)} if half else {})


def _best_guess(coding: pd.Series, arm: np.ndarray) -> dict[str, float | None]:
    """Rank each coding by its share of exemplars; compare the AUC with that of shuffled arms."""
    codes, _ = pd.factorize(coding)
    ones = int(arm.sum())
    if ones in {0, len(arm)}:
        return {"auc": None, "p": None}
    rng = np.random.default_rng(0)
    arms = np.stack([arm, *(rng.permutation(arm) for _ in range(SHUFFLES))])  # the first row is what came
    held = np.stack([np.bincount(codes, weights=row) for row in arms]) / np.bincount(codes)
    ranks = rankdata(held[:, codes], axis=1)
    found = ((ranks * arms).sum(axis=1) - ones * (ones + 1) / 2) / (ones * (len(arm) - ones))
    return {"auc": float(found[0]), "p": float((found >= found[0] - 1e-12).mean())}
