"""Compare arms over seeds and patients: estimate, interval, p, detectable difference, and the verdict in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.experiment.study import FEWEST_LISTS, FEWEST_SEEDS
from analysis.metrics.multiplicity import holm
from analysis.metrics.ranking import rank_quality

Floats = NDArray[np.float64]
Row = dict[str, Any]
LEVEL, POWER = 0.05, 0.80
DONE = {"remove": "removed", "relabel": "relabelled"}
PARTS = 100
"""At most this many parts are left out in turn."""


def group_ap(
    labels: NDArray[np.int8],
    scores: NDArray[np.float32],
    classes: NDArray[np.int64],
    patients: Sequence[str],
    seed: int,
) -> tuple[Floats, Floats]:
    """Compute the mean AP of some classes, of all images and without each part of the patients.

    Parameters
    ----------
    labels: images x classes. scores: runs x images x classes. classes: places of those that are averaged; one without
        positives in what is left is passed over.
    patients: one per image. seed: of the parts, `PARTS` or as many as there are patients.

    Returns
    -------
    Runs; parts x runs.
    """
    _, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    parts = min(PARTS, int(patient.max()) + 1)
    part = (np.random.default_rng(seed).permutation(int(patient.max()) + 1) % parts)[patient]
    own, seen = labels[:, classes], np.ascontiguousarray(scores[:, :, classes])
    measured = [
        np.nanmean(rank_quality(own[keep], seen[:, keep]).ap, axis=1)
        for keep in (np.ones(len(labels), bool), *(part != one for one in range(parts if parts > 1 else 0)))
    ]
    return measured[0], np.array(measured[1:]).reshape(-1, len(scores))


def contrast(differences: Floats, lists: Sequence[int], left_out: Floats, alpha: float = LEVEL) -> Row:
    """Estimate a mean difference of two arms, with the variance over seeds and that over patients.

    Seeds: s^2 / n with n - 1 degrees of freedom; where three lists or more take turns, the mean square between lists
    over n, if it is larger, with one degree less than lists, so that what a list adds counts. Patients: the
    delete-a-group jackknife, (G - 1) / G times the sum of squares of the G estimates without a part. Both add up;
    degrees of freedom by Satterthwaite (1946).

    Parameters
    ----------
    differences: one per seed, paired. lists: which list each seed had. left_out: the mean difference without each part
        of the patients (none: their variance counts as 0). alpha: level for `detectable`.

    Returns
    -------
    estimate, se, df, ci_low, ci_high (95 %), p, detectable (difference found with 80 % power at `alpha`), sd (of the
    paired differences), seeds. None where there is no spread.
    """
    n, mean, spread = len(differences), float(differences.mean()), float(differences.var(ddof=1))
    own, df = spread / n, n - 1
    groups = [differences[np.asarray(lists) == one] for one in sorted(set(lists))]
    if len(groups) >= FEWEST_LISTS:
        between = sum(len(g) * (g.mean() - mean) ** 2 for g in groups) / (len(groups) - 1)
        if between > spread:
            own, df = between / n, len(groups) - 1
    parts = len(left_out)
    others = (parts - 1) / parts * float(((left_out - left_out.mean()) ** 2).sum()) if parts > 1 else 0.0
    row: Row = {"estimate": mean, "seeds": n, "sd": spread**0.5}
    total = own + others
    if total <= 0:
        return row | dict.fromkeys(("se", "df", "ci_low", "ci_high", "p", "detectable"))
    freedom = total**2 / (own**2 / df + (others**2 / (parts - 1) if parts > 1 else 0.0))
    se = total**0.5
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * se
    return row | {
        "se": se, "df": freedom, "ci_low": mean - half, "ci_high": mean + half,
        "p": float(2 * stats.t.sf(abs(mean) / se, freedom)), "detectable": detectable(freedom, alpha) * se,
    }  # fmt: skip


def detectable(df: float, alpha: float) -> float:
    """Return how many standard errors a two-sided t test at `alpha` finds with 80 % power (noncentral t)."""
    bound = stats.t.ppf(1 - alpha / 2, df)

    def lacking(shift: float) -> float:
        # Far out the noncentral t has no number in scipy; the power is 1 there.
        return float(np.nan_to_num(stats.nct.sf(bound, df, shift), nan=1.0)) - POWER

    return float(optimize.brentq(lacking, 0.01, 3 * bound + 5))


def adjusted(rows: Sequence[Row]) -> list[Row]:
    """Add p_holm to the primary rows, Holm's adjustment over the actions."""
    return [row | {"p_holm": p} for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True)]


def verdict(primary: Mapping[str, Row], lists: int) -> str:
    """Say by the rule that was fixed beforehand what exemplars are.

    Hard: x2 gains and remove loses. Noisy: remove or relabel gains and x2, which was tested, does not. Both: x2 gains
    and remove or relabel gains. Else undecided. A gain or loss is a primary contrast whose adjusted p is below 5 %.

    Parameters
    ----------
    primary: the primary row of each action, with p_holm.
    """
    least = min(row["seeds"] for row in primary.values())
    known = [row["detectable"] for row in primary.values() if row["detectable"] is not None]
    power = f"; differences of {max(known):.3f} would have been found with 80 % power" if known else ""
    if least < FEWEST_SEEDS:
        return (
            f"No verdict: {least} seeds of at least {FEWEST_SEEDS} (which find .78 SD of the paired difference at 80 % "
            f"power over three tests){power}. This is a pilot: begin the study with a first_seed beyond its seeds, so "
            "that none of its networks is used again."
        )

    def told(action: str, sign: int) -> bool:
        row = primary.get(action, {})
        p = row.get("p_holm")
        return p is not None and p < LEVEL and row["estimate"] * sign > 0

    gained = [done for action, done in DONE.items() if told(action, 1)]
    better, untold = f"better {' or '.join(gained)}", primary.get("upweight", {}).get("p_holm") is None
    if told("upweight", 1):
        hard = "hard: worth upweighting" if told("remove", -1) and not gained else ""
        found = f"both hard and noisy: worth upweighting, and {better}" if gained else hard
    else:
        found = f"noisy: {better}" if gained and not untold else ""
    single = f" for this list ({lists} of at least {FEWEST_LISTS} independent lists)"
    where = single if lists < FEWEST_LISTS else ""
    only = f": {better}, but x2 was not compared" if gained and untold else ""
    return f"The exemplars are {found}{where}." if found else f"Undecided{where}{only}{power}."
